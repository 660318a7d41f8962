// Checkpoints of the Trainer: what is in them, and folders that take none.
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AutoModelForSequenceClassification, AutoTokenizer, trainWordPiece } from "accelerate-ts/models";
import { getLastCheckpoint, Trainer, TrainerState, TrainingArguments } from "accelerate-ts/trainer";
import { inTmpfs, tmpfsMissing } from "../checkpoint/tmpfs.js";
import { quietArguments, tinyBert, tinyCollate, tinyDataset } from "./support.js";
import { place, make, checkpointsIn, read, weightsOf, fails, said, done, resume } from "./checkpoint-runs.js";

describe("a checkpoint", () => {
  it("is a folder of the model, its arguments, the state of the training and all that goes on with it", async () => {
    const { outputDir, trainer } = await done();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-2", "checkpoint-4", "checkpoint-6"]);
    const directory = join(outputDir, "checkpoint-6");
    assert.deepEqual(readdirSync(directory).sort(), [
      "config.json",
      "manifest.json",
      "model.safetensors",
      "optimizer.json",
      "optimizer.safetensors",
      "position.json",
      "random_states_0.json",
      "state.json",
      "trainer_state.json",
      "training_args.json",
    ]);
    const loaded = await AutoModelForSequenceClassification.fromPretrained(directory);
    assert.deepEqual(
      [...loaded.parameters()].flatMap((p) => [...p.values()]),
      weightsOf(trainer),
    );
    const weights = readFileSync(join(directory, "model.safetensors"));
    const header = JSON.parse(weights.toString("utf8", 8, 8 + Number(weights.readBigUInt64LE(0)))) as { readonly __metadata__: unknown };
    assert.deepEqual(header.__metadata__, { format: "pt" }, "as Python's from_pretrained asks for");
    assert.equal(TrainingArguments.fromJSON(readFileSync(join(directory, "training_args.json"), "utf8")).learningRate, 1e-3);
    const state = await TrainerState.loadFromJson(join(directory, "trainer_state.json"));
    assert.deepEqual([state.globalStep, state.epoch, state.maxSteps, state.logHistory.length], [6, 1, 6, 6]);
    assert.deepEqual(read(join(directory, "position.json")).losses, { sums: [0], total: trainer.lossesLogged.total, last_step: 6 });
  });

  it("holds the tokenizer, which is the processing class or the collator's", async () => {
    const tokenizer = await trainWordPiece(["some words, and some more words"], { vocabSize: 60 });
    const outputDir = place();
    await make(outputDir, { maxSteps: 1, saveSteps: 1 }, { processingClass: tokenizer }).train();
    assert.equal((await AutoTokenizer.fromPretrained(join(outputDir, "checkpoint-1"))).vocabSize, tokenizer.vocabSize);
  });

  it("is the model alone with saveOnlyModel; the training goes on from its weights, and says what begins anew", async (t) => {
    const outputDir = place();
    await make(outputDir, { saveOnlyModel: true, maxSteps: 2 }).train();
    const directory = join(outputDir, "checkpoint-2");
    assert.deepEqual(readdirSync(directory).sort(), [
      "config.json",
      "manifest.json",
      "model.safetensors",
      "position.json",
      "trainer_state.json",
      "training_args.json",
    ]);
    const lines = said(t);
    const trainer = await resume(outputDir, { resumeFromCheckpoint: directory }, { maxSteps: 3 });
    assert.equal(trainer.state.globalStep, 3);
    assert.ok(
      lines.some((line) => /without optimizer and schedule, which begin anew \(it was saved with saveOnlyModel\)/.test(line)),
      lines.join("\n"),
    );
  });

  it("takes the place of one of the same step, and a subclass's saveModel counts", async () => {
    const outputDir = place();
    class Own extends Trainer {
      override async saveModel(directory?: string): Promise<void> {
        await super.saveModel(directory);
        if (directory) writeFileSync(join(directory, "own.txt"), "mine");
      }
    }
    const own = () =>
      new Own({
        model: tinyBert(),
        args: quietArguments(outputDir, { saveStrategy: "steps", saveSteps: 1, maxSteps: 1 }),
        trainDataset: tinyDataset(8),
        dataCollator: tinyCollate,
      } as never);
    await own().train();
    rmSync(join(outputDir, "checkpoint-1", "own.txt"));
    await own().train();
    assert.equal(readFileSync(join(outputDir, "checkpoint-1", "own.txt"), "utf8"), "mine");
    assert.deepEqual(readdirSync(outputDir), ["checkpoint-1"], "nothing is left over");
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-1"));
  });

  it("saveModel and saveState write into outputDir", async () => {
    const outputDir = join(place(), "deep", "out");
    const trainer = make(outputDir, { maxSteps: 1, saveStrategy: "no" });
    await trainer.train();
    await trainer.saveModel();
    await trainer.saveState();
    await trainer.createModelCard({ dataset: "tiny", finetunedFrom: "tiny-bert" });
    await assert.rejects(trainer.createModelCard({ modelname: "x" } as never), { code: "ERR_OPTIONS", message: /no option modelname/ });
    await assert.rejects(trainer.saveModel(5 as never), { code: "ERR_ARGUMENT", message: /saveModel: the folder is 5/ });
    assert.deepEqual(readdirSync(outputDir).sort(), ["README.md", "config.json", "model.safetensors", "trainer_state.json", "training_args.json"]);
    const card = readFileSync(join(outputDir, "README.md"), "utf8");
    assert.match(card, /^---\nlibrary_name: transformers\nbase_model: "tiny-bert"\n/);
    assert.match(card, /- learning_rate: 0.001\n/);
  });
});

describe("a folder that takes no checkpoint", () => {
  it("that is a file is an error that says so", async () => {
    const file = join(place(), "file");
    writeFileSync(file, "");
    await assert.rejects(make(file).train(), fails("ERR_CHECKPOINT_WRITE", /outputDir .*file is a file/, /give the path of a folder/));
    await assert.rejects(make(file, { saveStrategy: "no", maxSteps: 1 }).saveModel(), /file.*cannot be written/);
    await assert.rejects(make(join(file, "deep")).train(), fails("ERR_CHECKPOINT_WRITE", /ENOTDIR/, /a part of the path is a file/));
  });

  it("that is full leaves what was there before", { skip: tmpfsMissing() }, async () => {
    await inTmpfs(1, async (outputDir) => {
      await make(outputDir, { maxSteps: 2 }).train();
      // Room for a part of the weights, and for those but not for the rest.
      for (const kilobytes of [8, 48]) {
        writeFileSync(join(outputDir, "filler"), "");
        const { bavail, bsize } = statfsSync(outputDir);
        writeFileSync(join(outputDir, "filler"), Buffer.alloc(Number(bavail) * Number(bsize) - (kilobytes << 10)));
        await assert.rejects(resume(outputDir), fails("ERR_CHECKPOINT_DISK_FULL", /checkpoint-4.* cannot be written: no space is left/, /saveTotalLimit/));
        assert.deepEqual(readdirSync(outputDir).sort(), ["checkpoint-2", "filler"]);
        assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-2"));
      }
    });
  });
});
