// What the type checker must know of the Trainer, and what it must refuse. Compiled with the rest, never run.
import { DataCollatorWithPadding, loadDataset, type Tensor } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { type EvalPrediction, type Metrics, Trainer, TrainingArguments } from "accelerate-ts/trainer";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;

export async function trainer(): Promise<void> {
  const tokenizer = await AutoTokenizer.fromPretrained("x");
  const tokenized = await (await loadDataset("glue", "mrpc")).map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { batched: true });
  const model = await AutoModelForSequenceClassification.fromPretrained("x", { numLabels: 2 });
  const args = new TrainingArguments("test-trainer", { evalStrategy: "epoch", numTrainEpochs: 1, loggingSteps: 5 });
  // @ts-expect-error there is no such strategy
  new TrainingArguments("test-trainer", { evalStrategy: "epochs" });
  // @ts-expect-error there is no such argument
  new TrainingArguments("test-trainer", { numberOfEpochs: 1 });
  // @ts-expect-error arguments stay as they are
  args.learningRate = 1;

  same<EvalPrediction["predictions"], Tensor<2, "float32">>(true);
  same<EvalPrediction["labelIds"], Tensor<1, "int64">>(true);
  const computeMetrics = ({ predictions, labelIds }: EvalPrediction): Metrics => ({ ranks: predictions.rank + labelIds.rank });
  const made = new Trainer({
    model,
    args,
    trainDataset: tokenized.train,
    evalDataset: tokenized.validation,
    dataCollator: new DataCollatorWithPadding(tokenizer),
    processingClass: tokenizer,
    computeMetrics,
  });
  // @ts-expect-error there is no such split
  new Trainer({ model, args, trainDataset: tokenized.valid });
  const output = await made.train();
  same<typeof output, { readonly globalStep: number; readonly trainingLoss: number; readonly metrics: Metrics }>(true);
  same<Metrics, Awaited<ReturnType<typeof made.evaluate>>>(true);
  const { predictions, labelIds, metrics } = await made.predict(tokenized.validation);
  same<number, (typeof metrics)[string]>(true);
  const logits: number[][] = await predictions.toArray();
  const labels: number[] = await labelIds.toArray();
  console.log(logits, labels);
}
