// What training takes per worker, by rule.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { trainingMemory } from "../../src/accelerator/memory/training-memory.js";

describe("memory of training", () => {
  const sizes = { parameters: 400, states: 800 };
  it("is what one worker alone has, however its state is shared out", () => {
    for (const sharding of ["none", "host", "world"] as const)
      assert.deepEqual(trainingMemory({ ...sizes, workers: 1, sharding }), { parameters: 400, gradients: 400, sums: 0, states: 800, total: 1600 });
  });
  it("shrinks with the workers that share it", () => {
    const states = (workers: number, hosts: number) =>
      (["none", "host", "world"] as const).map((sharding) => trainingMemory({ ...sizes, workers, hosts, sharding }).states);
    assert.deepEqual(
      [states(2, 1), states(4, 1), states(2, 2)],
      [
        [800, 400, 400],
        [800, 200, 200],
        [800, 400, 200],
      ],
    );
    assert.deepEqual(trainingMemory({ ...sizes, workers: 4 }), { parameters: 100, gradients: 400, sums: 0, states: 200, total: 700 });
  });
  it("has sums of their own where gradients are clipped, between hosts, and where every worker updates all", () => {
    assert.equal(trainingMemory({ ...sizes, workers: 4, sums: true }).sums, 100);
    assert.equal(trainingMemory({ ...sizes, workers: 4, hosts: 2 }).sums, 100);
    assert.equal(trainingMemory({ ...sizes, workers: 4, sharding: "none" }).sums, 100);
    assert.equal(trainingMemory({ ...sizes, workers: 4, sharesParameters: false }).parameters, 500);
    assert.equal(trainingMemory({ ...sizes, workers: 4, accumulates: true, gradients: 40 }).gradients, 80);
  });
  it("lies on each device whole but for the state, and sums have a set of their own", () => {
    const cuda = { ...sizes, device: "cuda" } as const;
    assert.deepEqual(trainingMemory({ ...cuda, workers: 1 }), { parameters: 400, gradients: 400, sums: 0, states: 800, total: 1600 });
    assert.deepEqual(trainingMemory({ ...cuda, workers: 4 }), { parameters: 400, gradients: 400, sums: 400, states: 200, total: 1400 });
    assert.equal(trainingMemory({ ...cuda, workers: 4, accumulates: true, sharding: "none" }).total, 2000);
    assert.equal(trainingMemory({ ...sizes, workers: 2, device: "webgpu" }).total, 800 + 400 + 400 + 1600);
  });
});
