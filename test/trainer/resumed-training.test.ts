// What a training goes on from, and what SIGTERM leaves.
import assert from "node:assert/strict";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { getLastCheckpoint, type Trainer, TrainerCallback } from "accelerate-ts/trainer";
import { tinyBert, tinyDataset } from "./support.js";
import { place, make, checkpointsIn, weightsOf, fails, said, done, copied, resume } from "./checkpoint-runs.js";

describe("a training that goes on", () => {
  it("from any of its checkpoints ends with the same weights and the same log, bit for bit", async () => {
    const { trainer: whole } = await done();
    const losses = ({ state }: Trainer<never> | Trainer) => state.logHistory.filter((row) => "loss" in row);
    for (const step of [2, 4]) {
      const trainer = await resume(await copied([step]));
      assert.deepEqual(weightsOf(trainer), weightsOf(whole), `from ${step}`);
      assert.deepEqual(losses(trainer), losses(whole), `from ${step}`);
    }
    const over = await resume(await copied([6]));
    assert.deepEqual([over.state.globalStep, weightsOf(over)], [6, weightsOf(whole)], "nothing is left to do");
  });

  it("takes the newest that is whole, and tells of those that are not", async (t) => {
    const { trainer: whole } = await done();
    const outputDir = await copied([2, 4, 6]);
    truncateSync(join(outputDir, "checkpoint-6", "model.safetensors"), 1000);
    rmSync(join(outputDir, "checkpoint-4", "manifest.json"));
    mkdirSync(join(outputDir, "checkpoint-8.tmp-00000000-1-1-00000000"));
    const lines = said(t);
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-2"));
    const trainer = await resume(outputDir);
    assert.deepEqual(weightsOf(trainer), weightsOf(whole));
    assert.match(lines[0]!, /checkpoint-6 was passed over: .*model.safetensors has 1000 bytes/);
    assert.match(lines[1]!, /checkpoint-4 was passed over: .*has no manifest.json/);
    assert.match(lines[2]!, /continuing training from .*checkpoint-2: epoch 0, global step 2/);
  });

  it("says what is wrong where there is none, or none that is whole, or not the one that was named", async (t) => {
    const lines = said(t);
    const empty = place();
    await assert.rejects(resume(empty), fails("ERR_CHECKPOINT_NOT_FOUND", /there is no checkpoint in/, /leave resumeFromCheckpoint out/));
    await assert.rejects(resume(join(empty, "none")), fails("ERR_CHECKPOINT_NOT_FOUND"));
    const outputDir = await copied([2, 4]);
    await assert.rejects(
      resume(outputDir, { resumeFromCheckpoint: join(outputDir, "checkpoint-3") }),
      fails("ERR_CHECKPOINT_NOT_FOUND", /there is no .*checkpoint-3/, /there are checkpoint-2, checkpoint-4 beside it/),
    );
    for (const step of [2, 4]) writeFileSync(join(outputDir, `checkpoint-${step}`, "optimizer.json"), "{}");
    await assert.rejects(
      resume(outputDir, { resumeFromCheckpoint: join(outputDir, "checkpoint-4") }),
      fails("ERR_CHECKPOINT_DAMAGED", /optimizer.json has 2 bytes/),
    );
    await assert.rejects(resume(outputDir), fails("ERR_CHECKPOINT_DAMAGED", /none of the 2 checkpoints in .* can be loaded/));
    assert.equal(lines.filter((line) => line.includes("passed over")).length, 2);
    mkdirSync(join(empty, "other"));
    await assert.rejects(resume(empty, { resumeFromCheckpoint: join(empty, "other") }), fails("ERR_CHECKPOINT_DAMAGED", /has no trainer_state.json/));
  });

  it("goes on in the next epoch where a callback has broken off the one that was saved", async () => {
    class Breaks extends TrainerCallback {
      override onStepEnd(_args: unknown, state: { readonly globalStep: number }, control: { shouldEpochStop: boolean }): void {
        if (state.globalStep === 2) control.shouldEpochStop = true;
      }
    }
    const outputDir = place();
    const whole = make(outputDir, {}, { callbacks: [new Breaks()] });
    await whole.train();
    const second = make(place(), {}, { callbacks: [new Breaks()] });
    await second.train({ resumeFromCheckpoint: join(outputDir, "checkpoint-2") });
    assert.deepEqual(weightsOf(second), weightsOf(whole));
    assert.equal(second.state.epoch, whole.state.epoch);
  });

  it("with other batches takes the rows that are left, tells of other rows and seeds, and refuses what names no checkpoint", async (t) => {
    const lines = said(t);
    t.mock.method(console, "warn", () => {});
    const outputDir = await copied([4]);
    // 16 of 24 rows are done: 8 are left, in batches of 3.
    const trainer = await resume(outputDir, { resumeFromCheckpoint: true }, { perDeviceTrainBatchSize: 3, maxSteps: -1, numTrainEpochs: 1, seed: 7 });
    assert.deepEqual([trainer.state.globalStep, trainer.state.maxSteps, trainer.state.epoch], [7, 7, 1]);
    assert.ok(
      lines.some((line) => /shuffled with the seed 42 before and with 7 now/.test(line)),
      lines.join("\n"),
    );
    const fewer = make(outputDir, {}, { trainDataset: tinyDataset(20) });
    await fewer.train({ resumeFromCheckpoint: join(outputDir, "checkpoint-4") });
    assert.ok(
      lines.some((line) => /had 24 rows when the checkpoint was made and have 20 now/.test(line)),
      lines.join("\n"),
    );
    for (const wrong of ["", 3 as never]) await assert.rejects(resume(outputDir, { resumeFromCheckpoint: wrong }), /resumeFromCheckpoint is (""|3)/);
  });

  it("tells which arguments differ from the checkpoint's", async (t) => {
    const lines = said(t);
    await resume(await copied([4]), { resumeFromCheckpoint: true }, { perDeviceTrainBatchSize: 8, loggingSteps: 5, saveSteps: 3 });
    const text = lines.find((line) => line.includes("do not match"));
    assert.match(text!, /\n\tloggingSteps: 5 \(from args\) != 1 .*\n\tsaveSteps: 3 \(from args\) != 2 .*\n\tperDeviceTrainBatchSize: 8 \(from args\) != 4/);
  });

  it("from its end makes no step, and tells nothing that is not so", async () => {
    const outputDir = place();
    // Two losses wait for a log that never comes.
    const whole = make(outputDir, { maxSteps: 5, saveSteps: 5, loggingSteps: 3, lrSchedulerType: "constant" });
    await whole.train();
    const trainer = make(outputDir, { maxSteps: 5, saveSteps: 5, loggingSteps: 3, lrSchedulerType: "constant" });
    const { globalStep, trainingLoss } = await trainer.train({ resumeFromCheckpoint: true });
    assert.deepEqual([globalStep, trainingLoss, trainer.state.maxSteps], [5, 0, 5]);
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-5"]);
    assert.deepEqual(weightsOf(trainer), weightsOf(whole));
    assert.deepEqual(await resume(outputDir, { resumeFromCheckpoint: true }, { maxSteps: 3 }).then(({ state }) => [state.globalStep, state.maxSteps]), [5, 5]);
  });
  it("begins the epoch anew with ignoreDataSkip", async (t) => {
    const lines = said(t);
    const trainer = await resume(await copied([4]), { resumeFromCheckpoint: true }, { ignoreDataSkip: true, maxSteps: 10 });
    assert.equal(trainer.state.globalStep, 10);
    assert.ok(
      lines.some((line) => line.includes("ignoreDataSkip")),
      lines.join("\n"),
    );
  });

  it("of another model, or with another optimizer, says so", async () => {
    const outputDir = await copied([4]);
    const other = make(outputDir, {}, { model: tinyBert({ labels: 5 }) });
    await assert.rejects(other.train({ resumeFromCheckpoint: true }), /classifier.(weight|bias) is \[2/);
    await assert.rejects(
      resume(outputDir, { resumeFromCheckpoint: true }, { optim: "sgd" }),
      fails("ERR_CHECKPOINT_MISMATCH", /optimizer 0 \(SGD\): it is AdamW there/),
    );
  });
});

describe("SIGTERM", () => {
  it("behind the last step is told, since the program goes on", async (t) => {
    const lines = said(t);
    const before = process.listenerCount("SIGTERM");
    const onTrainEnd = () => {
      assert.equal(process.listenerCount("SIGTERM"), before + 1);
      (process.listeners("SIGTERM").at(-1) as () => void)();
    };
    const { globalStep } = await make(place(), { maxSteps: 1, saveStrategy: "no" }, { callbacks: [{ onTrainEnd }] }).train();
    assert.equal(globalStep, 1);
    assert.equal(process.listenerCount("SIGTERM"), before);
    assert.ok(
      lines.some((line) => /SIGTERM came when the last step was made: the training is over, and the program goes on/.test(line)),
      lines.join("\n"),
    );
    // Without it the signal ends the program, as always.
    await make(
      place(),
      { maxSteps: 1, saveStrategy: "no", enableJitCheckpoint: false },
      { callbacks: [{ onTrainEnd: () => assert.equal(process.listenerCount("SIGTERM"), before) }] },
    ).train();
  });
});
