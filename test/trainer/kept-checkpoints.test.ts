// Which checkpoints of the Trainer are kept, and which is the best.
import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AutoModelForSequenceClassification } from "accelerate-ts/models";
import { getLastCheckpoint, Trainer, TrainerCallback } from "accelerate-ts/trainer";
import { sortCheckpoints } from "../../src/trainer/checkpoints/rotation.js";
import { quietArguments, tinyBert, tinyCollate, tinyDataset } from "./support.js";
import { place, make, checkpointsIn, read, weightsOf, fails, said, copied, resume, Scores } from "./checkpoint-runs.js";

describe("old checkpoints", () => {
  const stands = (outputDir: string, steps: readonly (readonly [step: number, seconds: number])[]): void => {
    for (const [step, seconds] of steps) {
      mkdirSync(join(outputDir, `checkpoint-${step}`), { recursive: true });
      utimesSync(join(outputDir, `checkpoint-${step}`), seconds, seconds);
    }
  };
  const order = (outputDir: string, best?: number): string[] =>
    sortCheckpoints(outputDir, { best: best === undefined ? undefined : join(outputDir, `checkpoint-${best}`) }).map((path) => path.split("-").at(-1)!);

  it("are sorted by their times, by their steps where these lie within a second; the best is moved before the last", () => {
    const outputDir = place();
    stands(outputDir, [
      [5, 1000],
      [10, 900],
      [15, 800],
    ]);
    mkdirSync(join(outputDir, "checkpoint-07"));
    mkdirSync(join(outputDir, "checkpoint-x"));
    assert.deepEqual(order(outputDir), ["15", "10", "5"]);
    assert.deepEqual(order(outputDir, 15), ["10", "15", "5"]);
    assert.deepEqual(order(outputDir, 5), ["15", "10", "5"]);
    stands(outputDir, [
      [5, 1000],
      [10, 999.5],
      [15, 999.1],
    ]);
    assert.deepEqual(order(outputDir), ["5", "10", "15"]);
    assert.deepEqual(order(outputDir, 5), ["10", "5", "15"]);
  });

  it("go as new ones come, so that saveTotalLimit are left", async () => {
    const outputDir = place();
    await make(outputDir, { saveSteps: 1, saveTotalLimit: 2 }).train();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-5", "checkpoint-6"]);
  });

  it("that cannot be deleted stay, which is told and ends no training", async (t) => {
    const outputDir = place();
    const lines = said(t);
    // What it would be called while it is deleted is longer than names may be.
    const stuck = `checkpoint-${"9".repeat(230)}`;
    mkdirSync(join(outputDir, stuck));
    utimesSync(join(outputDir, stuck), 1000, 1000);
    await make(outputDir, { saveTotalLimit: 1 }).train();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-6", stuck]);
    assert.ok(
      lines.some((line) => /checkpoint-9+ cannot be deleted and stays: ENAMETOOLONG/.test(line)),
      lines.join("\n"),
    );
  });

  it("may be links to folders on other disks", async () => {
    const elsewhere = await copied([2, 4]);
    const outputDir = place();
    for (const name of checkpointsIn(elsewhere)) symlinkSync(join(elsewhere, name), join(outputDir, name));
    symlinkSync(join(elsewhere, "nowhere"), join(outputDir, "checkpoint-5"));
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-4"));
    await resume(outputDir, { resumeFromCheckpoint: true }, { saveTotalLimit: 1 });
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-5", "checkpoint-6"]);
    assert.deepEqual(checkpointsIn(elsewhere), ["checkpoint-2", "checkpoint-4"]);
  });

  it("go only when the new one is whole on disk", async () => {
    const outputDir = place();
    class Damages extends Trainer {
      override async saveModel(directory?: string): Promise<void> {
        await super.saveModel(directory);
      }
    }
    const trainer = new Damages({
      model: tinyBert(),
      args: quietArguments(outputDir, { saveStrategy: "steps", saveSteps: 1, maxSteps: 3, saveTotalLimit: 1 }),
      trainDataset: tinyDataset(24),
      dataCollator: tinyCollate,
    } as never);
    trainer.accelerator.checkpoints.onPoint = (point) => {
      if (point === "renamed" && trainer.state.globalStep === 3) appendFileSync(join(outputDir, "checkpoint-3", "optimizer.safetensors"), "x");
    };
    await assert.rejects(trainer.train(), fails("ERR_CHECKPOINT_DAMAGED", /checkpoint-3.optimizer.safetensors has \d+ bytes/));
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-2", "checkpoint-3"]);
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-2"));
  });
});

describe("the best model", () => {
  it("survives rotation, is loaded at the end, and with saveTotalLimit 1 stays alone", async () => {
    const outputDir = place();
    const kept: string[][] = [];
    const trainer = new Scores([0.5, 0.9, 0.7, 0.8], outputDir, { saveTotalLimit: 1, loadBestModelAtEnd: true });
    trainer.addCallback(
      new (class extends TrainerCallback {
        override onSave(): void {
          kept.push(checkpointsIn(outputDir));
        }
      })(),
    );
    const { globalStep } = await trainer.train();
    assert.equal(globalStep, 4);
    assert.deepEqual(kept, [["checkpoint-1"], ["checkpoint-2"], ["checkpoint-2", "checkpoint-3"], ["checkpoint-2", "checkpoint-4"]]);
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-2"]);
    const { bestMetric, bestGlobalStep, bestModelCheckpoint } = trainer.state;
    assert.deepEqual([bestMetric, bestGlobalStep, bestModelCheckpoint], [0.9, 2, join(outputDir, "checkpoint-2")]);
    const best = await AutoModelForSequenceClassification.fromPretrained(join(outputDir, "checkpoint-2"));
    assert.deepEqual(
      weightsOf(trainer),
      [...best.parameters()].flatMap((p) => [...p.values()]),
    );
  });

  it("is known by any path, and where somebody has deleted it the others stay", async (t) => {
    const outputDir = place();
    await new Scores([0.9, 0.7], outputDir, { saveTotalLimit: 2 }).train();
    const link = join(place(), "link");
    symlinkSync(outputDir, link);
    // The state names the folder itself.
    await new Scores([0.5], link, { saveTotalLimit: 1, maxSteps: 3 }).train({ resumeFromCheckpoint: true });
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-1"]);

    const lines = said(t);
    const other = place();
    const trainer = new Scores([0.9, 0.7], other, { saveTotalLimit: 1, loadBestModelAtEnd: true });
    trainer.addCallback({
      onSave: (_args, { globalStep }) => {
        if (globalStep === 2) rmSync(join(other, "checkpoint-1"), { recursive: true });
      },
    });
    await trainer.train();
    assert.deepEqual(checkpointsIn(other), ["checkpoint-2"]);
    assert.ok(
      lines.some((line) => /best model is not in .*checkpoint-1 any more/.test(line)),
      lines.join("\n"),
    );
  });

  it("is all that saveStrategy best saves", async () => {
    const outputDir = place();
    await new Scores([0.5, 0.4, 0.7, 0.7], outputDir, { saveStrategy: "best" }).train();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-1", "checkpoint-3"]);
    const { best_metric, best_global_step, best_model_checkpoint } = read(join(outputDir, "checkpoint-3", "trainer_state.json"));
    assert.deepEqual([best_metric, best_global_step, best_model_checkpoint], [0.7, 3, join(outputDir, "checkpoint-3")]);
  });

  it("can have the least metric, and names one that there is", async () => {
    const outputDir = place();
    const trainer = new Scores([0.5, 0.4, 0.7], outputDir, { greaterIsBetter: false, metricForBestModel: "eval_score" });
    await trainer.train();
    assert.equal(trainer.state.bestGlobalStep, 2);
    await assert.rejects(new Scores([1], place(), { metricForBestModel: "f1" }).train(), /metricForBestModel is "f1", and the evaluation gave no eval_f1/);
    await assert.rejects(new Scores(["0.5" as never], place(), {}).train(), {
      code: "ERR_METRIC_NAME",
      message: /metricForBestModel is "score", but the evaluation gave "0.5" for eval_score/,
    });
  });

  it("is found where the folder of the run was moved to, and is forgotten where it is gone", async (t) => {
    const outputDir = place();
    await new Scores([0.5, 0.9, 0.7], outputDir, {}).train();
    const moved = place();
    cpSync(outputDir, moved, { recursive: true });
    rmSync(outputDir, { recursive: true });
    const lines = said(t);
    const goes = async () => {
      const trainer = new Scores([0.6], moved, { maxSteps: 4 });
      await trainer.train({ resumeFromCheckpoint: join(moved, "checkpoint-3") });
      return trainer.state.bestModelCheckpoint;
    };
    assert.equal(await goes(), join(moved, "checkpoint-2"));
    rmSync(join(moved, "checkpoint-2"), { recursive: true });
    assert.equal(await goes(), undefined);
    assert.ok(
      lines.some((line) => /best checkpoint .*checkpoint-2 of the resumed state is not there any more/.test(line)),
      lines.join("\n"),
    );
  });
});
