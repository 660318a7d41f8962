// How long runs are: as transformers' Trainer says (test/golden/make/trainer_steps.py), and what holds for all of them.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { packageRoot } from "../../src/package-root.js";
import { trainingValues } from "../../src/trainer/training/steps.js";

interface Golden {
  readonly batch: number;
  readonly world: number;
  readonly rows: readonly (readonly [
    batches: number | null,
    rows: number,
    maxSteps: number,
    epochs: number,
    accumulated: number,
    values: readonly (number | null)[],
  ])[];
}
const golden = JSON.parse(readFileSync(join(packageRoot(), "test", "golden", "trainer-steps.json"), "utf8")) as Golden;

describe("steps of a run", () => {
  it("are those of Python's Trainer for all lengths and arguments", () => {
    assert.ok(golden.rows.length > 500);
    for (const [batches, rows, maxSteps, numTrainEpochs, gradientAccumulationSteps, expected] of golden.rows) {
      const values = trainingValues(
        { maxSteps, numTrainEpochs, gradientAccumulationSteps },
        { length: batches ?? undefined, numExamples: () => rows, totalTrainBatchSize: golden.batch * golden.world * gradientAccumulationSteps },
      );
      const given = [
        values.numTrainEpochs === Number.POSITIVE_INFINITY ? null : values.numTrainEpochs,
        values.numUpdateStepsPerEpoch,
        values.numExamples,
        values.numTrainSamples,
        values.totalTrainBatchSize,
        values.stepsInEpoch,
        values.maxSteps,
      ];
      assert.deepEqual(given, expected, JSON.stringify({ batches, rows, maxSteps, numTrainEpochs, gradientAccumulationSteps }));
    }
  });

  it("fill whole epochs: the epochs that are begun hold the steps, one fewer does not", () => {
    const run = fc.record({
      length: fc.integer({ min: 1, max: 1000 }),
      gradientAccumulationSteps: fc.integer({ min: 1, max: 40 }),
      maxSteps: fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 5000 })),
      numTrainEpochs: fc.double({ min: 0.01, max: 20, noNaN: true }),
    });
    fc.assert(
      fc.property(run, ({ length, ...args }) => {
        const { numTrainEpochs, numUpdateStepsPerEpoch, maxSteps, stepsInEpoch } = trainingValues(args, {
          length,
          numExamples: () => length,
          totalTrainBatchSize: args.gradientAccumulationSteps,
        });
        assert.equal(stepsInEpoch, length);
        assert.ok((numUpdateStepsPerEpoch - 1) * args.gradientAccumulationSteps < length && length <= numUpdateStepsPerEpoch * args.gradientAccumulationSteps);
        assert.ok(numTrainEpochs * numUpdateStepsPerEpoch >= maxSteps);
        assert.ok((numTrainEpochs - 1) * numUpdateStepsPerEpoch < maxSteps);
      }),
    );
  });

  it("are refused without a length and without maxSteps, and without a batch", () => {
    const args = { maxSteps: -1, numTrainEpochs: 3, gradientAccumulationSteps: 1 };
    const facts = { numExamples: () => 0, totalTrainBatchSize: 8 };
    assert.throws(() => trainingValues(args, { ...facts, length: undefined }), { code: "ERR_TRAINER_STEPS", message: /have no length.*set maxSteps/ });
    assert.throws(() => trainingValues(args, { ...facts, length: 0 }), { code: "ERR_TRAINER_STEPS", message: /give no batch/ });
  });
});
