// Mistakes that are easily made with a Trainer: each is told, and none is passed over.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DataCollatorWithPadding, defaultDataCollator, getScheduler, SGD, type Tensor } from "accelerate-ts";
import { crossEntropy, Linear, Module } from "accelerate-ts/nn";
import {
  type ModelInputs,
  type PreprocessLogits,
  type TrainableModel,
  Trainer,
  TrainerCallback,
  type TrainerControl,
  type TrainerOptions,
  type TrainerState,
  type TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset, tinyRows } from "./support.js";

const folder = temporaryFolder("misuse");
const quiet = (options: TrainingArgumentsOptions = {}): TrainingArguments => quietArguments(folder, { maxSteps: 2, logLevel: "error", ...options });
const dataset = tinyDataset(12);
const model = tinyBert();
const made = (options: object = {}): Trainer =>
  new Trainer({ model, args: quiet(), trainDataset: dataset, evalDataset: dataset, dataCollator: tinyCollate, ...options } as TrainerOptions);
const wrong = (message: RegExp, code = "ERR_TRAINER_OPTIONS") => ({ name: "ArgumentError", code, message });

/** What is said on stderr while a body runs. */
async function saidIn(body: () => Promise<unknown>): Promise<string> {
  const said: string[] = [];
  const { error } = console;
  console.error = (...lines: unknown[]) => void said.push(lines.join(" "));
  try {
    await body();
  } finally {
    console.error = error;
  }
  return said.join("\n");
}

describe("options of wrong kinds are refused when the Trainer is made", () => {
  it("a collator that is no function, or a class", () => {
    assert.throws(() => made({ dataCollator: "pad" }), wrong(/dataCollator is "pad": give a function of rows/));
    assert.throws(() => made({ dataCollator: DataCollatorWithPadding }), wrong(/dataCollator is a class: give an object of it/));
  });
  it("optimizers that are none, and choices without a class", () => {
    assert.throws(() => made({ optimizers: [1] }), wrong(/the first of optimizers is 1/));
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    assert.throws(() => made({ optimizers: [optimizer, "linear"] }), wrong(/the second of optimizers is "linear"/));
    assert.throws(() => made({ optimizerClsAndKwargs: [SGD, { lr: 0.1 }] }), wrong(/names no optimizerClass: write \{ optimizerClass: SGD/));
  });
  it("evaluation sets that are no data", () => {
    assert.throws(() => made({ evalDataset: "validation" }), wrong(/evalDataset is "validation"/));
  });
});

describe("methods", () => {
  it("take lists of keys, not a text of which each letter would be one", async () => {
    await assert.rejects(made().evaluate({ ignoreKeys: "logits" as never }), wrong(/trainer.evaluate: ignoreKeys is "logits"/, "ERR_OPTIONS"));
    await assert.rejects(made().train({ ignoreKeysForEval: "logits" as never }), wrong(/ignoreKeysForEval/, "ERR_OPTIONS"));
  });
  it("train refuses to run twice at once, and runs again afterwards", async () => {
    const trainer = made();
    const first = trainer.train();
    await assert.rejects(trainer.train(), wrong(/while a training of this Trainer runs/, "ERR_TRAINER_BUSY"));
    assert.equal((await first).globalStep, 2);
    assert.equal((await trainer.train()).globalStep, 2);
  });
});

describe("what a run says", () => {
  it("of labels that are missing names what the model gave beside the loss", async () => {
    const rows = tinyRows(8).map(({ input_ids }) => ({ input_ids: input_ids.slice(0, 3) }));
    await assert.rejects(
      made({ trainDataset: rows, dataCollator: undefined }).train(),
      wrong(/gave no loss for a batch of input_ids, only logits: batches need labels/, "ERR_TRAINER_LOSS"),
    );
  });
  it("of a schedule that follows a metric which no evaluation gives names those that there are", async () => {
    const args = quiet({ lrSchedulerType: "reduce_lr_on_plateau", evalStrategy: "epoch", maxSteps: -1, numTrainEpochs: 1 });
    await assert.rejects(
      made({ args, evalDataset: { a: dataset } }).train(),
      wrong(/the evaluation gave no eval_loss: give one of eval_a_loss/, "ERR_METRIC_NAME"),
    );
  });
  it("of rows that are null names the collator", async () => {
    await assert.rejects(made({ trainDataset: [null, null], dataCollator: undefined }).train(), { code: "ERR_COLLATE", message: /a row is no object/ });
    await assert.rejects(defaultDataCollator([{ label: 1 }, null as never]), { code: "ERR_COLLATE" });
  });
  it("of a callback that stops before the first step is not that there are no data", async () => {
    class Stops extends TrainerCallback {
      override onTrainBegin(_args: TrainingArguments, _state: TrainerState, control: TrainerControl) {
        control.shouldTrainingStop = true;
      }
    }
    let steps = -1;
    const said = await saidIn(async () => {
      steps = (await made({ args: quiet({ logLevel: "warning" }), callbacks: [new Stops()] }).train()).globalStep;
    });
    assert.equal(steps, 0);
    assert.doesNotMatch(said, /no batch/);
  });
  it("of labels that cannot be smoothed goes by the log level", async () => {
    const multi = tinyBert();
    (multi.config as { problem_type?: string }).problem_type = "multi_label_classification";
    const told = async (logLevel: "warning" | "error") =>
      saidIn(async () => made({ model: multi, args: quiet({ labelSmoothingFactor: 0.1, logLevel }) }).ready());
    assert.match(await told("warning"), /is not smoothed/);
    assert.equal(await told("error"), "");
  });
});

describe("an evaluation", () => {
  class Bare extends Module {
    readonly layer = new Linear(2, 2);
    forward({ x }: { readonly x: Tensor }) {
      return this.layer(x) as Tensor;
    }
  }
  const rows = [
    { x: [0.1, 0.2], label: 0 },
    { x: [0.3, 0.1], label: 1 },
  ];

  it("without labels says that it gives no loss, once", async () => {
    class Own extends Trainer {
      override async computeLoss(net: TrainableModel, { labels, ...inputs }: ModelInputs) {
        return crossEntropy(net(inputs) as never, labels as never);
      }
    }
    const trainer = new Own({
      model: new Bare(),
      args: quiet({ logLevel: "info" }),
      evalDataset: rows,
      computeMetrics: () => ({ accuracy: 1 }),
    });
    const said = await saidIn(async () => {
      for (let i = 0; i < 2; i++) assert.equal((await trainer.evaluate()).eval_accuracy, undefined);
    });
    assert.equal(said.match(/the evaluation gives no loss and no metrics: Bare names no labels: set labelNames in the arguments/g)?.length, 1);
    const unlabelled = tinyRows(4).map(({ label, ...row }) => row);
    assert.match(
      await saidIn(() =>
        made({
          args: quiet({ logLevel: "info" }),
          dataCollator: undefined,
          evalDataset: unlabelled.map((row) => ({ input_ids: row.input_ids.slice(0, 3) })),
        }).evaluate(),
      ),
      /the evaluation gives no loss: its batches have no labels/,
    );
  });
  it("whose preprocessLogitsForMetrics forgets to return is refused", async () => {
    const preprocessLogitsForMetrics: PreprocessLogits = () => undefined as never;
    await assert.rejects(made({ preprocessLogitsForMetrics, computeMetrics: () => ({}) }).evaluate(), {
      code: "ERR_EVALUATION_OUTPUTS",
      message: /preprocessLogitsForMetrics gave undefined: return a tensor/,
    });
  });
  it("that is asked to stop ends with the batch that runs", async () => {
    class Asks extends TrainerCallback {
      batches = 0;
      trainer: Trainer | undefined;
      override onPredictionStep() {
        if (++this.batches === 2) this.trainer!.accelerator.requestStop("SIGINT");
      }
    }
    const asks = new Asks();
    const trainer = made({ evalDataset: tinyDataset(60), callbacks: [asks], args: quiet({ perDeviceEvalBatchSize: 4 }) });
    asks.trainer = trainer;
    await assert.rejects(trainer.evaluate(), { code: "ERR_STOPPED", message: /SIGINT/ });
    assert.equal(asks.batches, 2);
  });
});

describe("overrides that leave something out", () => {
  const overridden = (methods: object): Trainer => {
    class Overridden extends Trainer {}
    Object.assign(Overridden.prototype, methods);
    return new Overridden({ model, args: quiet({ loggingSteps: 1 }), trainDataset: dataset, evalDataset: dataset, dataCollator: tinyCollate as never });
  };
  it("a step without its loss, or with a tensor, is refused: it would be logged as 0", async () => {
    const { trainingStep } = Trainer.prototype;
    async function forgets(this: Trainer, ...step: Parameters<Trainer["trainingStep"]>) {
      await trainingStep.apply(this, step);
    }
    await assert.rejects(overridden({ trainingStep: forgets }).train(), wrong(/trainingStep gave undefined, not the loss as a number/, "ERR_TRAINER_LOSS"));
    async function whole(this: Trainer, net: TrainableModel, inputs: ModelInputs) {
      const { loss } = net(inputs);
      await this.accelerator.backward(loss);
      return loss;
    }
    await assert.rejects(overridden({ trainingStep: whole }).train(), wrong(/trainingStep gave a tensor/, "ERR_TRAINER_LOSS"));
  });
  it("an evaluation without metrics is refused", async () => {
    const trainer = overridden({ evaluate: async () => undefined });
    trainer.args = trainer.args.with({ evalStrategy: "steps", evalSteps: 1 });
    await assert.rejects(trainer.train(), wrong(/evaluate gave undefined: return the metrics/, "ERR_METRIC_VALUES"));
  });
  it("an optimizer and a schedule that are only returned are used", async () => {
    function createOptimizer(this: Trainer) {
      return new SGD(this.model.parameters(), { lr: 0.25 });
    }
    const createScheduler = (_steps: number, optimizer: SGD) => getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 4 });
    const trainer = overridden({ createOptimizer, createScheduler });
    await trainer.train();
    assert.ok(trainer.optimizer instanceof SGD);
    assert.deepEqual(
      trainer.state.logHistory.flatMap(({ learning_rate: rate }) => rate ?? []),
      [0.25, 0.1875],
    );
    await assert.rejects(overridden({ createOptimizer: () => undefined }).train(), wrong(/createOptimizer made no optimizer/, "ERR_TRAINER_OPTIMIZER"));
  });
});

it("a forward that is async and fails is one error, not the end of the program", async () => {
  class Late extends Module {
    readonly layer = new Linear(2, 2);
    async forward({ x, labels }: { readonly x: Tensor; readonly labels: Tensor }) {
      const loss = crossEntropy(this.layer(x) as Tensor, labels as never);
      throw new Error(`no ${loss.rank}`);
    }
  }
  const trainer = new Trainer({ model: new Late(), args: quiet(), trainDataset: [{ x: [0.5, 0.25], label: 1 }] });
  await assert.rejects(trainer.train(), { code: "ERR_TRACE_ASYNC" });
  await new Promise(setImmediate);
});
