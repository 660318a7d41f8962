// The loop of the Trainer: what it trains, counts and logs.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AdamW, type DataLoader, getScheduler, IterableDataset, type Tensor } from "accelerate-ts";
import { crossEntropy } from "accelerate-ts/nn";
import type { ModelInputs, TrainableModel, Trainer } from "accelerate-ts/trainer";
import { spokenCollate, tinyBert, tinyCollate, tinyDataset, tinyGpt2, tinyRows } from "./support.js";
import { close, logged, make, Own, Quiet, quiet, weightsOf } from "./tiny-trainings.js";

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
