// The loop of the Trainer: what it trains, counts and logs, and what a subclass can change of it.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AdamW, DataLoader, getScheduler, SGD, IterableDataset, type Tensor } from "accelerate-ts";
import { crossEntropy, Linear, Module } from "accelerate-ts/nn";
import {
  type ComputeLossOptions,
  type ModelInputs,
  type TrainableModel,
  Trainer,
  TrainerCallback,
  type TrainerControl,
  type TrainerState,
  type TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { quietArguments, spokenCollate, temporaryFolder, tinyBert, tinyCollate, tinyDataset, tinyGpt2, tinyRows } from "./support.js";

const folder = temporaryFolder();
const quiet = (options: TrainingArgumentsOptions = {}): TrainingArguments => quietArguments(folder, { loggingSteps: 1, maxSteps: 6, ...options });
class Quiet<R = unknown> extends Trainer<R> {
  override async callEvent(...event: Parameters<Trainer["callEvent"]>): Promise<void> {
    await super.callEvent(...event);
  }
}
const make = (options: TrainingArgumentsOptions = {}, more: object = {}) =>
  new Quiet({ model: tinyBert(), args: quiet(options), trainDataset: tinyDataset(30), dataCollator: tinyCollate, ...more });
const logged = (trainer: Trainer<never> | Trainer, name: string): number[] =>
  trainer.state.logHistory.flatMap((entry) => (name in entry ? [entry[name]!] : []));
const weightsOf = async (model: { namedParameters(): Iterable<readonly [string, Tensor]> }) => {
  const values: number[] = [];
  for (const [, parameter] of model.namedParameters()) for (const value of (await parameter.data()) as Iterable<number>) values.push(value);
  return values;
};
const close = (a: readonly number[], b: readonly number[], tolerance = 1e-5) => {
  assert.equal(a.length, b.length);
  for (const [i, x] of a.entries()) assert.ok(Math.abs(x - b[i]!) <= tolerance, `[${i}] ${x} and ${b[i]}`);
};

/** [x, y] -> { loss }: a model that is no model of the library. */
class Own extends Module {
  readonly layer = new Linear(2, 1);
  forward({ x, y }: { readonly x: Tensor; readonly y: Tensor }) {
    const difference = (this.layer(x) as Tensor).squeeze(-1).sub(y) as Tensor;
    return { loss: difference.mul(difference).mean() };
  }
}

describe("the loop of the Trainer", () => {
  it("trains as the loop written by hand: same losses, norms and weights", async () => {
    const trainer = make({ gradientAccumulationSteps: 2, numTrainEpochs: 2, maxSteps: -1 });
    await trainer.train();

    const model = tinyBert();
    const { accelerator } = make();
    const loader = (
      await accelerator.prepare(
        new Quiet({ model, args: quiet(), trainDataset: tinyDataset(30), dataCollator: tinyCollate }).getTrainDataloader() as DataLoader<ModelInputs>,
      )
    )[0];
    const optimizer = new AdamW(model.parameters(), { lr: 1e-3, weightDecay: 0 });
    await accelerator.prepare(model, optimizer);
    const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 8 });
    const [losses, norms]: number[][] = [[], []];
    accelerator.gradientAccumulationSteps = 2;
    model.train();
    for (let epoch = 0; epoch < 2; epoch++) {
      let window: number[] = [];
      for await (const batch of loader)
        await accelerator
          .accumulate(model, async () => {
            const { loss } = (model as unknown as TrainableModel)(batch);
            await accelerator.backward(loss);
            window.push(await loss.item());
            if (window.length < 2) return;
            norms!.push(await accelerator.clipGradNorm(model.parameters(), 1));
            losses!.push(window.reduce((a, b) => a + b) / window.length);
            window = [];
            await optimizer.step();
            scheduler.step();
            optimizer.zeroGrad();
          })
          .then(() => {});
    }
    close(logged(trainer, "loss"), losses!);
    close(logged(trainer, "grad_norm"), norms!);
    close(await weightsOf(trainer.model as never), await weightsOf(model as never));
  });

  it("ends an epoch with a short group, and divides it by its own size", async () => {
    const sizes: number[] = [];
    class Sizes extends Quiet {
      override async trainingStep(...step: Parameters<Trainer["trainingStep"]>) {
        sizes.push(this.currentGradientAccumulationSteps);
        return super.trainingStep(...step);
      }
    }
    const trainer = new Sizes({
      model: tinyBert(),
      args: quiet({ maxSteps: -1, numTrainEpochs: 1, gradientAccumulationSteps: 3 }),
      trainDataset: tinyDataset(30),
      dataCollator: tinyCollate,
    });
    const { globalStep, metrics } = await trainer.train();
    assert.deepEqual(sizes, [3, 3, 3, 3, 3, 3, 2, 2]);
    assert.equal(globalStep, 3);
    assert.equal(metrics.epoch, 1);
    assert.deepEqual(logged(trainer, "epoch"), [3 / 8, 6 / 8, 1, 1]);
  });

  it("logs the rate that a step was made with, and what Python logs at the end", async () => {
    const trainer = make({ warmupSteps: 2 });
    const { metrics, trainingLoss } = await trainer.train();
    close(logged(trainer, "learning_rate"), [0, 0.5e-3, 1e-3, 0.75e-3, 0.5e-3, 0.25e-3], 1e-12);
    assert.deepEqual(Object.keys(metrics), ["train_runtime", "train_samples_per_second", "train_steps_per_second", "total_flos", "train_loss", "epoch"]);
    const losses = logged(trainer, "loss");
    assert.ok(Math.abs(trainingLoss - losses.reduce((a, b) => a + b) / losses.length) < 1e-9);
    assert.deepEqual(Object.keys(trainer.state.logHistory[0]!), ["loss", "grad_norm", "learning_rate", "epoch", "step"]);
  });

  it("counts six operations for each token and each parameter outside of embeddings", async () => {
    const trainer = make({ maxSteps: 1, includeNumInputTokensSeen: "all", perDeviceTrainBatchSize: 30 });
    const { metrics } = await trainer.train();
    const tokens = 30 * Math.max(...tinyRows(30).map((row) => row.input_ids.length));
    const parameters = tinyBert().numParameters({ excludeEmbeddings: true });
    assert.equal(metrics.total_flos, 6 * tokens * parameters);
    assert.equal(metrics.num_input_tokens_seen, tokens);
  });

  it("weighs the tokens of a causal language model alike, however batches are cut", async () => {
    const run = async (perDeviceTrainBatchSize: number, gradientAccumulationSteps: number) => {
      const args = quiet({ perDeviceTrainBatchSize, gradientAccumulationSteps, maxSteps: 4, trainSamplingStrategy: "sequential" });
      const trainer = new Quiet({ model: tinyGpt2(), args, trainDataset: tinyDataset(32), dataCollator: spokenCollate });
      await trainer.train();
      return { losses: logged(trainer, "loss"), norms: logged(trainer, "grad_norm") };
    };
    const [whole, cut] = [await run(8, 1), await run(2, 4)];
    close(cut.losses, whole.losses, 1e-4);
    close(cut.norms, whole.norms, 1e-4);
  });

  it("gives computeLossFunc the labels of the whole step, and takes its loss as divided", async () => {
    const items: (number | undefined)[] = [];
    const sum = (
      { logits }: { readonly logits: Tensor },
      labels: Tensor | undefined,
      { numItemsInBatch }: { readonly numItemsInBatch: number | undefined },
    ) => {
      items.push(numItemsInBatch);
      return crossEntropy(logits, labels!, { reduction: "sum" }).div(numItemsInBatch!);
    };
    const own = make({ gradientAccumulationSteps: 2 }, { computeLossFunc: sum });
    const usual = make({ gradientAccumulationSteps: 2 });
    await own.train();
    await usual.train();
    assert.deepEqual(items.slice(0, 4), [8, 8, 8, 8]);
    close(logged(own, "loss").slice(0, 3), logged(usual, "loss").slice(0, 3));
    close(logged(own, "grad_norm").slice(0, 3), logged(usual, "grad_norm").slice(0, 3));
  });

  it("leaves out losses that are not finite, unless the filter is off", async () => {
    class Broken extends Quiet {
      override async trainingStep(...step: Parameters<Trainer["trainingStep"]>) {
        const loss = await super.trainingStep(...step);
        return this.state.globalStep === 2 ? Number.NaN : loss;
      }
    }
    const run = async (loggingNanInfFilter: boolean) => {
      const trainer = new Broken({
        model: tinyBert(),
        args: quiet({ loggingSteps: 3, loggingNanInfFilter }),
        trainDataset: tinyDataset(30),
        dataCollator: tinyCollate,
      });
      await trainer.train();
      return logged(trainer, "loss");
    };
    assert.ok((await run(true)).every(Number.isFinite));
    assert.ok(Number.isNaN((await run(false))[0]));
  });

  it("smooths labels as torch does", async () => {
    const trainer = make({ labelSmoothingFactor: 0.2, maxSteps: 1, perDeviceTrainBatchSize: 30 });
    const model = tinyBert().eval();
    const { labels, ...inputs } = tinyCollate(tinyRows(30));
    const expected = await crossEntropy(model(inputs).logits, labels, { labelSmoothing: 0.2 }).item();
    await trainer.train();
    close(logged(trainer, "loss"), [expected]);
  });

  it("adds noise to embeddings while it trains, and leaves the model as it was", async () => {
    const [noisy, plain] = [make({ neftuneNoiseAlpha: 20 }), make()];
    const before = [...noisy.model.namedParameters()].map(([name]) => name);
    const table = noisy.model as unknown as ReturnType<typeof tinyBert>;
    const embedding = table.inputEmbeddings();
    await noisy.train();
    await plain.train();
    assert.equal(table.inputEmbeddings(), embedding);
    assert.deepEqual(
      [...noisy.model.namedParameters()].map(([name]) => name),
      before,
    );
    assert.notDeepEqual(logged(noisy, "loss"), logged(plain, "loss"));
    const again = make({ neftuneNoiseAlpha: 20 });
    await again.train();
    assert.deepEqual(logged(again, "loss"), logged(noisy, "loss"));
    const other = new Quiet({ model: new Own(), args: quiet({ neftuneNoiseAlpha: 1 }), trainDataset: [{ x: [1, 2], y: 1 }], dataCollator: () => ({}) });
    await assert.rejects(other.train(), { code: "ERR_TRAINER_NEFTUNE", message: /Own does not say which table/ });
  });

  it("trains modules of one's own that give a loss, on rows of one's own", async () => {
    const rows = Array.from({ length: 16 }, (_, i) => ({ x: [i / 16, 1], y: i / 4 }));
    const trainer = new Quiet({ model: new Own(), args: quiet({ learningRate: 0.1, maxSteps: 40, optim: "sgd", maxGradNorm: 0 }), trainDataset: rows });
    const { trainingLoss, metrics } = await trainer.train();
    const losses = logged(trainer, "loss");
    assert.ok(losses.at(-1)! < losses[0]! / 2 && trainingLoss > 0);
    assert.equal(metrics.total_flos, 0);
  });

  it("trains on streams for maxSteps, beginning anew at their end", async () => {
    const stream = IterableDataset.fromGenerator(function* () {
      yield* tinyRows(10);
    });
    const trainer = make({ maxSteps: 5 }, { trainDataset: stream });
    const { globalStep } = await trainer.train();
    assert.equal(globalStep, 5);
    await assert.rejects(make({ maxSteps: -1 }, { trainDataset: stream }).train(), { code: "ERR_TRAINER_STEPS" });
  });

  it("trains again from where it is, with a schedule of its own", async () => {
    const trainer = make();
    await trainer.train();
    const first = logged(trainer, "learning_rate");
    const { globalStep } = await trainer.train();
    assert.equal(globalStep, 6);
    assert.deepEqual(logged(trainer, "learning_rate"), first);
    assert.equal(trainer.optimizer!.schedulers.length, 1);
  });
});

describe("what a subclass or an option changes of the loop", () => {
  it("a loss of one's own is divided by the micro-batches where it says so", async () => {
    class Weighted extends Quiet {
      override lossIsScaledForGa = false;
      override async computeLoss(model: TrainableModel, { labels, ...inputs }: ModelInputs, options: ComputeLossOptions = {}) {
        const outputs = model(inputs);
        const loss = crossEntropy(outputs.logits, labels!).mul(2) as Tensor;
        return options.returnOutputs ? { loss, outputs } : loss;
      }
    }
    const own = new Weighted({
      model: tinyBert(),
      args: quiet({ gradientAccumulationSteps: 2, maxGradNorm: 0 }),
      trainDataset: tinyDataset(30),
      dataCollator: tinyCollate,
    });
    const usual = make({ gradientAccumulationSteps: 2, maxGradNorm: 0 });
    await own.train();
    await usual.train();
    close([logged(own, "loss")[0]!, logged(own, "grad_norm")[0]!], [2 * logged(usual, "loss")[0]!, 2 * logged(usual, "grad_norm")[0]!]);
  });

  it("loader, optimizer and schedule can be made by a subclass", async () => {
    let loaders = 0;
    class Made extends Quiet {
      override getTrainDataloader() {
        loaders++;
        return new DataLoader(tinyRows(8) as never[], { batchSize: 2, collateFn: tinyCollate as never }) as DataLoader<ModelInputs>;
      }
      override createOptimizer() {
        this.optimizer ??= new AdamW(this.model.parameters(), { lr: 0.5 });
        return this.optimizer;
      }
      override createScheduler(_steps: number, optimizer = this.createOptimizer()) {
        this.lrScheduler ??= getScheduler("constant", optimizer);
        return this.lrScheduler;
      }
    }
    const trainer = new Made({ model: tinyBert(), args: quiet({ maxSteps: -1, numTrainEpochs: 2 }) });
    const { globalStep } = await trainer.train();
    assert.deepEqual([globalStep, loaders, ...logged(trainer, "learning_rate")], [8, 1, ...Array(8).fill(0.5)]);
  });

  it("optimizers that are given are used; modelInit makes the model for each run, also when it is async", async () => {
    const model = tinyBert();
    const optimizer = new AdamW(model.parameters(), { lr: 0.25 });
    const scheduler = getScheduler("constant", optimizer);
    const given = new Quiet({
      model,
      args: quiet({ maxSteps: 1 }),
      trainDataset: tinyDataset(8),
      dataCollator: tinyCollate,
      optimizers: [optimizer, scheduler],
    });
    await given.train();
    assert.deepEqual([given.optimizer, given.lrScheduler, logged(given, "learning_rate")[0]], [optimizer, scheduler, 0.25]);

    let made = 0;
    const modelInit = async () => {
      await Promise.resolve();
      made++;
      return tinyBert({ seed: 5 });
    };
    const trainer = make({}, { model: undefined, modelInit });
    assert.throws(() => trainer.model, { code: "ERR_TRAINER_MODEL", message: /await trainer.ready\(\)/ });
    await trainer.train();
    const first = logged(trainer, "loss");
    await trainer.train();
    assert.deepEqual([made, logged(trainer, "loss")], [3, first]);
  });

  it("an optimizer of a part of the model leaves nothing that grows: norms are those of one step each", async () => {
    const model = tinyBert();
    const part = [...model.namedParameters()].flatMap(([name, parameter]) => (name.startsWith("classifier") ? [parameter] : []));
    const trainer = new Quiet({
      model,
      args: quiet({ maxSteps: 3 }),
      trainDataset: tinyDataset(4),
      dataCollator: tinyCollate,
      optimizers: [new SGD(part, { lr: 0 }), undefined],
    });
    await trainer.train();
    const [first, ...others] = logged(trainer, "grad_norm");
    for (const norm of others) close([norm], [first!]);
  });

  it("handlers may be async, and end the epoch or the training", async () => {
    const met: string[] = [];
    class Stops extends TrainerCallback {
      override async onInitEnd() {
        await Promise.resolve();
        met.push("init");
      }
      override async onStepEnd(_args: TrainingArguments, state: TrainerState, control: TrainerControl) {
        await Promise.resolve();
        if (state.globalStep === 3) control.shouldEpochStop = true;
        if (state.globalStep === 5) control.shouldTrainingStop = true;
      }
      override onEpochEnd(_args: TrainingArguments, state: TrainerState) {
        met.push(`epoch ${state.globalStep}`);
      }
    }
    const trainer = make({ maxSteps: 20 }, { callbacks: [new Stops()] });
    const { globalStep } = await trainer.train();
    assert.deepEqual([globalStep, met], [5, ["init", "epoch 3", "epoch 5"]]);
    assert.equal(trainer.isInTrain, false);
  });

  it("options that do not go together are refused, and what is no model", async () => {
    const [model, args] = [tinyBert(), quiet()];
    const modelInit = () => tinyBert();
    const optimizer = new AdamW(model.parameters(), { lr: 1 });
    const refusals: readonly (readonly [options: object, message: RegExp])[] = [
      [{ args }, /neither model nor modelInit/],
      [{ args, model, modelInit }, /both given/],
      [{ args, modelInit, optimizers: [optimizer, undefined] }, /optimizers together with modelInit/],
      [{ args: quiet({ evalStrategy: "epoch" }), model }, /there is no evalDataset/],
      [{ args, model: {} }, /the model is object/],
      [{ args, model: tinyBert().bert }, /BertModel only computes hidden states/],
    ];
    for (const [options, message] of refusals) assert.throws(() => new Trainer(options as never), message);
    await assert.rejects(make({}, { trainDataset: undefined }).train(), /trainDataset/);
    const none = make({}, { dataCollator: (rows: never[]) => ({ ...tinyCollate(rows), labels: undefined }) });
    await assert.rejects(none.train());
    assert.equal(none.isInTrain, false);
    await assert.rejects(make().pushToHub(), { code: "ERR_HUB_PUSH" });
  });
});
