// What a training does when memory runs out, when it is asked to stop, and when its data are not what they should be.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setSeed, type Tensor } from "accelerate-ts";
import { crossEntropy, Linear, Module } from "accelerate-ts/nn";
import { Trainer, TrainerCallback, type TrainerControl, type TrainerState, type TrainingArguments, type TrainingArgumentsOptions } from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset, type TinyRow } from "./support.js";

const folder = temporaryFolder("trouble");
const quiet = (options: TrainingArgumentsOptions = {}): TrainingArguments =>
  quietArguments(folder, { loggingSteps: 1, maxSteps: 4, logLevel: "error", ...options });
const data = { trainDataset: tinyDataset(40), dataCollator: tinyCollate };
/** What V8 throws when an array does not fit. */
const allocate = (): Float32Array => new Float32Array(2 ** 50);

describe("memory that runs out", () => {
  it("makes autoFindBatchSize try smaller batches, each with a schedule of its own", async () => {
    const tried: number[] = [];
    class Small extends Trainer {
      override async trainingStep(...step: Parameters<Trainer["trainingStep"]>) {
        const rows = step[1].labels!.shape[0]!;
        tried.push(rows);
        if (rows > 6) allocate();
        return super.trainingStep(...step);
      }
    }
    const trainer = new Small({
      model: tinyBert(),
      args: quiet({ perDeviceTrainBatchSize: 8, autoFindBatchSize: true, maxSteps: -1, numTrainEpochs: 1 }),
      ...data,
    });
    const { globalStep } = await trainer.train();
    assert.deepEqual(tried.slice(0, 3), [8, 7, 6]);
    assert.equal(globalStep, Math.ceil(40 / 6));
    assert.equal(trainer.state.trainBatchSize, 6);
    const rates = trainer.state.logHistory.flatMap(({ learning_rate: rate }) => (rate === undefined ? [] : [rate]));
    assert.deepEqual(rates.length, 7);
    assert.equal(rates[0], 1e-3);
  });
  it("in an evaluation does not: the batches of the training are not what is too large", async () => {
    class Large extends Trainer {
      override async evaluate(): Promise<never> {
        allocate();
        throw new Error("it fitted");
      }
    }
    const trainer = new Large({
      model: tinyBert(),
      args: quiet({ autoFindBatchSize: true, evalStrategy: "steps", evalSteps: 1 }),
      ...data,
      evalDataset: tinyDataset(8),
    });
    await assert.rejects(trainer.train(), { code: "ERR_TRAINER_EVALUATION_MEMORY", message: /lower perDeviceEvalBatchSize, 8/ });
  });
  it("without autoFindBatchSize ends the training", async () => {
    class Large extends Trainer {
      override async computeLoss(): Promise<never> {
        allocate();
        throw new Error("it fitted");
      }
    }
    const trainer = new Large({ model: tinyBert(), args: quiet(), ...data });
    await assert.rejects(trainer.train(), RangeError);
  });
});

describe("a training that is asked to stop", () => {
  it("ends after the step that runs, and says so", async () => {
    class Asks extends TrainerCallback {
      steps = 0;
      trainer: Trainer | undefined;
      override onPreOptimizerStep(_args: TrainingArguments, state: TrainerState) {
        if (state.globalStep === 1) this.trainer!.accelerator.requestStop("SIGINT");
      }
      override onStepEnd(_args: TrainingArguments, _state: TrainerState, _control: TrainerControl) {
        this.steps++;
      }
    }
    const asks = new Asks();
    const trainer = new Trainer({ model: tinyBert(), args: quiet(), ...data, callbacks: [asks] });
    asks.trainer = trainer;
    await assert.rejects(trainer.train(), { code: "ERR_STOPPED", message: /stopped after step 2/ });
    assert.equal(asks.steps, 2);
    assert.equal(trainer.isInTrain, false);
  });
});

describe("models that declare what their loss is", () => {
  /** A loss over labels, some of which do not count. */
  class Tagger extends Module {
    readonly lossIsMeanOverLabels = true;
    readonly layer = new Linear(1, 3);
    forward({ input_ids, labels }: { readonly input_ids: Tensor; readonly labels: Tensor }) {
      const logits = this.layer(input_ids.to("float32").unsqueeze(-1)) as Tensor;
      return { loss: crossEntropy(logits, labels), logits };
    }
  }
  it("weigh micro-batches by their labels, those without any as nothing", async () => {
    const rows = Array.from({ length: 8 }, (_, i) => ({
      input_ids: [i, i + 1, 3],
      labels: i === 0 || i === 1 ? [-100, -100, -100] : [i % 3, -100, i > 4 ? 1 : -100],
    }));
    const run = async (perDeviceTrainBatchSize: number, gradientAccumulationSteps: number) => {
      setSeed(3);
      const model = new Tagger();
      const args = quiet({ perDeviceTrainBatchSize, gradientAccumulationSteps, maxSteps: 2, trainSamplingStrategy: "sequential", maxGradNorm: 0 });
      const trainer = new Trainer({ model, args, trainDataset: rows });
      await trainer.train();
      return trainer.state.logHistory.flatMap(({ loss, grad_norm: norm }) => (loss === undefined ? [] : [loss, norm!]));
    };
    const [whole, cut] = [await run(8, 1), await run(2, 4)];
    for (const [i, value] of whole.entries()) assert.ok(Math.abs(value - cut[i]!) < 1e-5, `${whole} and ${cut}`);
  });
});

describe("data that are not what they should be", () => {
  it("without labels are an error that names what the model gave", async () => {
    const collate = (rows: readonly TinyRow[]) => {
      const { labels: _, ...inputs } = tinyCollate(rows);
      return inputs;
    };
    const trainer = new Trainer({ model: tinyBert(), args: quiet(), trainDataset: tinyDataset(8), dataCollator: collate });
    await assert.rejects(trainer.train(), { code: "ERR_TRAINER_LOSS", message: /gave no loss for a batch of input_ids, attention_mask/ });
  });
  it("that are a stream which gives nothing end the training with a warning", async () => {
    const empty = { async *[Symbol.asyncIterator]() {} };
    const trainer = new Trainer({ model: tinyBert(), args: quiet(), trainDataset: empty, dataCollator: tinyCollate });
    const { globalStep, trainingLoss } = await trainer.train();
    assert.deepEqual([globalStep, trainingLoss], [0, 0]);
  });
});
