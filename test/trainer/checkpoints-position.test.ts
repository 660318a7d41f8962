// Where a training goes on in its data, for any cut of an epoch before and after.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { type Cut, positionFor } from "../../src/trainer/checkpoints/position.js";
import type { SavedPosition } from "../../src/trainer/checkpoints/position-file.js";

const small = fc.integer({ min: 1, max: 7 });
const cuts = fc.record({ batchSize: small, worldSize: fc.integer({ min: 1, max: 4 }), gradientAccumulationSteps: small });
type Sizes = { readonly batchSize: number; readonly worldSize: number; readonly gradientAccumulationSteps: number };

const cutOf = (rows: number, { batchSize, worldSize, gradientAccumulationSteps }: Sizes): Cut => ({
  batchesPerEpoch: Math.ceil(rows / (batchSize * worldSize)),
  rows,
  batchSize,
  totalBatchSize: batchSize * worldSize,
  dropLast: false,
  gradientAccumulationSteps,
  worldSize,
});
const savedAt = (rows: number, { batchSize, worldSize, gradientAccumulationSteps }: Sizes, epoch: number, batch: number): SavedPosition => ({
  epoch,
  batch,
  consumed: Math.min(rows, batch * batchSize * worldSize),
  step: 0,
  world_size: worldSize,
  gradient_accumulation_steps: gradientAccumulationSteps,
  per_device_train_batch_size: batchSize,
  rows,
  seed: 42,
  losses: { sums: [], total: 0, last_step: 0 },
});

describe("the place that a training goes on from", () => {
  it("has as many batches before it as leave those that the rows behind it give, on any number of workers and with any batch size", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), cuts, cuts, fc.nat(60), (rows, before, after, steps) => {
        const [then, now] = [cutOf(rows, before), cutOf(rows, after)];
        const batch = Math.min(then.batchesPerEpoch!, steps);
        const saved = savedAt(rows, before, 1, batch);
        const { epoch, batches, consumed } = positionFor(saved, steps, now);
        const left = rows - saved.consumed;
        assert.equal(epoch, left === 0 ? 2 : 1);
        if (left === 0) return assert.deepEqual([batches, consumed], [0, 0]);
        assert.equal(consumed, saved.consumed);
        assert.equal(now.batchesPerEpoch! - batches, Math.ceil(left / now.totalBatchSize));
        if (before.batchSize === after.batchSize && before.worldSize === after.worldSize) assert.equal(batches, batch);
      }),
    );
  });

  it("follows from the number of steps where a checkpoint says no more", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), cuts, fc.nat(200), (rows, sizes, steps) => {
        const cut = cutOf(rows, sizes);
        const updates = Math.ceil(cut.batchesPerEpoch! / sizes.gradientAccumulationSteps);
        const { epoch, batches } = positionFor(undefined, steps, cut);
        assert.deepEqual([epoch * updates + batches / sizes.gradientAccumulationSteps, batches < cut.batchesPerEpoch!], [steps, true]);
      }),
    );
  });
});
