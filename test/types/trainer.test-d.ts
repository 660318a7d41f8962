// What the type checker must know of the Trainer, and what it must refuse. Compiles as it is; never run.
import { Dataset, type Tensor } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { crossEntropy } from "accelerate-ts/nn";
import {
  type ComputeLossOptions,
  EarlyStoppingCallback,
  type EvalPrediction,
  type Metrics,
  type ModelInputs,
  type TrainableModel,
  Trainer,
  TrainerCallback,
  type TrainerControl,
  type TrainerState,
  TrainingArguments,
} from "accelerate-ts/trainer";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;

class Weighted extends Trainer {
  override lossIsScaledForGa = false;
  override async computeLoss(model: TrainableModel, { labels, ...inputs }: ModelInputs, { returnOutputs }: ComputeLossOptions = {}) {
    const outputs = model(inputs);
    const loss = crossEntropy(outputs.logits, labels!);
    return returnOutputs ? { loss, outputs } : loss;
  }
  override async log(logs: Metrics, startTime?: number): Promise<void> {
    await super.log({ ...logs, more: 1 }, startTime);
  }
}
class Stops extends TrainerCallback {
  override async onStepEnd(args: TrainingArguments, state: TrainerState, control: TrainerControl): Promise<void> {
    if (state.globalStep > args.maxSteps) control.shouldTrainingStop = true;
  }
}

export async function trained(): Promise<void> {
  const model = new BertForSequenceClassification(bertConfig({}));
  const rows = Dataset.fromRows([{ input_ids: [1, 2], label: 1 }]);
  const args = new TrainingArguments("out", { evalStrategy: "epoch", numTrainEpochs: 1.5, loggingSteps: 0.1 });
  const trainer = new Weighted({
    model,
    args,
    trainDataset: rows,
    evalDataset: { one: rows, two: rows },
    callbacks: [new Stops(), new EarlyStoppingCallback({ earlyStoppingPatience: 2 }), Stops],
    computeMetrics: async ({ predictions, labelIds }: EvalPrediction) => {
      same<typeof predictions, Tensor<2, "float32">>(true);
      same<typeof labelIds, Tensor<1, "int64">>(true);
      return { accuracy: 1 };
    },
  });
  const { globalStep, trainingLoss, metrics } = await trainer.train({ resumeFromCheckpoint: true });
  same<[typeof globalStep, typeof trainingLoss, typeof metrics], [number, number, Metrics]>(true);
  same<Awaited<ReturnType<typeof trainer.evaluate>>, Metrics>(true);
  const predicted = await trainer.predict(rows.removeColumns(["label"]));
  same<typeof predicted.predictions.shape, readonly number[]>(true);
  new Trainer({ modelInit: () => model, trainDataset: [{ input_ids: [1], label: 0 }] });
  new Trainer({ modelInit: async (trial) => (trial?.params.small ? model : model), trainDataset: rows });

  // @ts-expect-error a strategy that there is not
  new TrainingArguments("out", { evalStrategy: "sometimes" });
  // @ts-expect-error an option that there is not
  new Trainer({ model, trainData: rows });
  // @ts-expect-error scores are numbers
  new Trainer({ model, computeMetrics: () => ({ accuracy: "good" }) });
  // @ts-expect-error a model is a Module
  new Trainer({ model: {} });
  // @ts-expect-error a path, or true
  await trainer.train({ resumeFromCheckpoint: 3 });
}
