// hyperparameterSearch: which values are tried, and which of them are told as the best.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Trainer, type Trial } from "accelerate-ts/trainer";
import { defaultObjective } from "../../src/trainer/search/index.js";
import { trialsOf } from "../../src/trainer/search/space.js";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

describe("the trials of a search", () => {
  it("are all combinations of lists, and draws within ranges, the same for the same seed", () => {
    assert.deepEqual(trialsOf({ a: [1, 2], b: ["x", "y"] }, { nTrials: 4, seed: 0 }), [
      { a: 1, b: "x" },
      { a: 1, b: "y" },
      { a: 2, b: "x" },
      { a: 2, b: "y" },
    ]);
    assert.equal(trialsOf({ a: [1, 2], b: ["x", "y"] }, { nTrials: 3, seed: 0 }).length, 3);
    const ranges = fc.record({
      min: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      width: fc.double({ min: 0, max: 5, noNaN: true }),
      log: fc.boolean(),
      seed: fc.nat(),
    });
    fc.assert(
      fc.property(ranges, ({ min, width, log, seed }) => {
        const space = { rate: { min, max: min + width, log }, whole: { min: 2, max: 9, step: 3 } };
        const trials = trialsOf(space, { nTrials: 5, seed });
        assert.deepEqual(trials, trialsOf(space, { nTrials: 5, seed }));
        for (const { rate, whole } of trials as { rate: number; whole: number }[]) {
          assert.ok(min <= rate && rate <= min + width);
          assert.ok([2, 5, 8].includes(whole));
        }
      }),
    );
  });
  it("are refused where there is nothing to try", () => {
    for (const space of [{}, { a: [] }, { a: { min: 2, max: 1 } }, { a: { min: 0, max: 1, log: true } }, { a: { min: 0, max: 1, step: 0 } }])
      assert.throws(() => trialsOf(space, { nTrials: 2, seed: 0 }), { code: "ERR_SEARCH_SPACE" });
  });
});

describe("a search", () => {
  it("trains each trial anew in a folder of its own and gives the best", async () => {
    const folder = temporaryFolder("search");
    const begun: (Trial | undefined)[] = [];
    const trainer = new Trainer({
      modelInit: (trial) => {
        begun.push(trial);
        return tinyBert();
      },
      args: quietArguments(folder, { maxSteps: 2, saveStrategy: "steps", saveSteps: 2, loggingSteps: 1 }),
      trainDataset: tinyDataset(16),
      evalDataset: tinyDataset(8, 3),
      dataCollator: tinyCollate,
    });
    const own = trainer.args;
    const losses: number[] = [];
    const best = await trainer.hyperparameterSearch({
      hpSpace: { learningRate: [1e-4, 0.05, 1e-3], size: ["tiny"] },
      computeObjective: (metrics) => {
        losses.push(metrics.eval_loss!);
        return metrics.eval_loss!;
      },
    });
    assert.deepEqual(begun, [undefined, ...[1e-4, 0.05, 1e-3].map((learningRate) => ({ learningRate, size: "tiny" }))]);
    const at = losses.indexOf(Math.min(...losses));
    assert.deepEqual(best, { runId: String(at), objective: losses[at], hyperparameters: begun[at + 1] });
    assert.equal(trainer.args, own);
    for (const run of ["run-0", "run-1", "run-2"]) assert.ok(existsSync(join(folder, run, "checkpoint-2", "trainer_state.json")));
  });
  it("needs modelInit", async () => {
    const trainer = new Trainer({
      model: tinyBert(),
      args: quietArguments(temporaryFolder("search")),
      trainDataset: tinyDataset(8),
      dataCollator: tinyCollate,
    });
    await assert.rejects(trainer.hyperparameterSearch(), { code: "ERR_TRAINER_SEARCH", message: /give modelInit/ });
  });
  it("looks at the scores where there are any, else at the loss", () => {
    assert.equal(defaultObjective({ eval_loss: 0.5, eval_runtime: 3, eval_steps_per_second: 2, epoch: 1 }), 0.5);
    assert.equal(defaultObjective({ eval_loss: 0.5, eval_f1: 0.75, eval_accuracy: 0.25, epoch: 1 }), 1);
  });
});
