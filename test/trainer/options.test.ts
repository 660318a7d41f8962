// What a Trainer and its methods are given: names and values that are none are told, and not ignored.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Trainer, type TrainerOptions, TrainingArguments } from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

const folder = temporaryFolder("options");
const model = tinyBert();
const dataset = tinyDataset(4);
const good = { model, args: quietArguments(folder, { maxSteps: 1 }), trainDataset: dataset, evalDataset: dataset, dataCollator: tinyCollate };
const made = (options: object): Trainer => new Trainer({ ...good, ...options } as TrainerOptions);
const wrong = (message: RegExp, code = "ERR_TRAINER_OPTIONS") => ({ name: "ArgumentError", code, message });

describe("the constructor", () => {
  test("names the option that was meant", () => {
    assert.throws(() => made({ trainDatset: dataset }), wrong(/the Trainer has no option trainDatset \(did you mean trainDataset\?\)/, "ERR_OPTIONS"));
    assert.throws(() => made({ train_dataset: dataset }), wrong(/no option train_dataset: write trainDataset/, "ERR_OPTIONS"));
    for (const nothing of [undefined, null, "out"]) assert.throws(() => new Trainer(nothing as never), wrong(/in the place of options/, "ERR_OPTIONS"));
    assert.throws(() => new Trainer(model as never), wrong(/write new Trainer\(\{ model, args, \.\.\. \}\)/));
  });

  test("says which option has no value for it", () => {
    assert.throws(() => made({ args: { outputDir: folder } }), wrong(/args is an object, not TrainingArguments/));
    assert.throws(() => made({ args: "out" }), wrong(/write new TrainingArguments\("out"\)/));
    assert.throws(() => made({ computeMetrics: "accuracy" }), wrong(/computeMetrics is "accuracy": give a function/));
    assert.throws(() => made({ callbacks: {} }), wrong(/write callbacks: \[callback\]/));
    assert.throws(() => made({ optimizers: {} }), wrong(/write optimizers: \[optimizer, scheduler\]/));
    assert.throws(() => made({ processingClass: "bert" }), wrong(/processingClass is "bert"/));
    assert.throws(() => made({ model: undefined }), wrong(/neither model nor modelInit/));
  });

  test("takes tokenizer, the old name of processingClass, with one warning", async () => {
    const told: string[] = [];
    const listen = (warning: Error): void => void told.push(warning.message);
    process.on("warning", listen);
    const tokenizer = { savePretrained: async () => [] };
    for (let i = 0; i < 2; i++) assert.equal(made({ tokenizer }).processingClass, tokenizer);
    await new Promise(setImmediate);
    process.off("warning", listen);
    assert.deepEqual(told, ["tokenizer is an old name of the Trainer's options: write processingClass"]);
    assert.throws(() => made({ tokenizer, processingClass: tokenizer }), wrong(/both given/));
  });

  test("has arguments of its own where none are given", () => {
    const { args } = new Trainer({ model, dataCollator: tinyCollate });
    assert.ok(args instanceof TrainingArguments);
    assert.equal(args.outputDir, "tmp_trainer");
  });
});

test("methods name the option that was meant", async () => {
  const trainer = made({});
  await assert.rejects(
    trainer.train({ resumeFromCheckpont: true } as never),
    wrong(/trainer\.train has no option resumeFromCheckpont \(did you mean resumeFromCheckpoint\?\)/, "ERR_OPTIONS"),
  );
  await assert.rejects(trainer.train("checkpoint-5" as never), wrong(/trainer\.train was given "checkpoint-5" in the place of options/, "ERR_OPTIONS"));
  await assert.rejects(
    trainer.evaluate(dataset as never),
    wrong(/trainer\.evaluate was given a Dataset in the place of options: write trainer\.evaluate\(\{ evalDataset \}\)/, "ERR_OPTIONS"),
  );
  await assert.rejects(trainer.evaluate([1] as never), wrong(/a list in the place of options/, "ERR_OPTIONS"));
  await assert.rejects(trainer.predict(dataset, { metricPrefix: "x" } as never), wrong(/did you mean metricKeyPrefix\?/, "ERR_OPTIONS"));
});
