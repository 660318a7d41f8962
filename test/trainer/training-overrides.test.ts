// What a subclass of the Trainer, its callbacks and its options change of the loop, and which of them are refused.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { AdamW, DataLoader, getScheduler, SGD, type Tensor } from "accelerate-ts";
import { crossEntropy } from "accelerate-ts/nn";
import {
  type ComputeLossOptions,
  type ModelInputs,
  type TrainableModel,
  Trainer,
  TrainerCallback,
  type TrainerControl,
  type TrainerState,
  type TrainingArguments,
} from "accelerate-ts/trainer";
import { tinyBert, tinyCollate, tinyDataset, tinyRows } from "./support.js";
import { close, logged, make, Quiet, quiet } from "./tiny-trainings.js";

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
