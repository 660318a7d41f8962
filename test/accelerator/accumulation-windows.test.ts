// Windows of accumulation by themselves: which micro-batches belong to a step, what they weigh, whose loops they follow.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Accumulation, accumulationOf } from "../../src/accelerator/gradients/accumulation.js";

describe("accumulation windows", () => {
  const plain = { pending: false };
  const micro = (window: Accumulation, weight?: number) => {
    window.check(weight, { pending: true });
    window.count(weight);
  };

  it("sync at every n-th body and at the last of a loader, and count what they really hold", async () => {
    const window = new Accumulation({ numSteps: 2 });
    const seen: string[] = [];
    for (let i = 1; i <= 5; i++)
      await window.run(
        async () => {
          seen.push(`${window.syncs ? "step" : "hold"} ${window.weight}`);
        },
        { endOfLoader: i === 5 },
      );
    assert.deepEqual(seen, ["hold 1", "step 2", "hold 1", "step 2", "step 1"]);
    assert.deepEqual([window.syncs, window.weight], [true, 1]);
  });
  it("say after the body what they said in it", async () => {
    const window = new Accumulation({ numSteps: 2 });
    const said: boolean[] = [];
    for (let i = 0; i < 4; i++) {
      await window.run(async () => {}, { endOfLoader: false });
      said.push(window.syncs);
    }
    assert.deepEqual(said, [false, true, false, true]);
    await window.run(async () => {}, { endOfLoader: false });
    // A backward outside of any body belongs to a loop that counts for itself.
    micro(window);
    assert.equal(window.syncs, true);
  });
  it("do not end with their loader, and divide by what was configured, by option", async () => {
    const window = new Accumulation({ numSteps: 2, syncWithDataloader: false, divideBy: "configured" });
    await window.run(
      async () => {
        assert.deepEqual([window.syncs, window.weight], [false, 2]);
      },
      { endOfLoader: true },
    );
  });
  it("a loop that counts for itself is divided by the steps it said", () => {
    assert.equal(new Accumulation({ numSteps: 4 }).weight, 4);
  });
  it("add up weights; a micro-batch without one weighs 1", async () => {
    const window = new Accumulation({ numSteps: 3 });
    for (const weight of [5, undefined, 0]) await window.run(async () => micro(window, weight), { endOfLoader: false });
    assert.equal(window.weight, 6);
    await window.run(
      async () => {
        micro(window, 7);
        micro(window, 7);
        assert.throws(() => micro(window, 8), { code: "ERR_WEIGHTS" });
        assert.throws(() => micro(window), { code: "ERR_WEIGHTS" });
      },
      { endOfLoader: false },
    );
    assert.equal(window.weight, 7);
    for (const weight of [-1, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => window.check(weight, plain), /weight is/);
  });
  it("without accumulate every backward weighs, from the first after a step on", () => {
    const window = new Accumulation();
    for (const [pending, weight] of [
      [false, 3],
      [true, 4],
    ] as const) {
      window.check(weight, { pending });
      window.count(weight);
    }
    assert.equal(window.weight, 7);
    window.check(2, { pending: false });
    window.count(2);
    assert.equal(window.weight, 2);
  });
  it("of a loop inside another one leave the outer one's as they were", async () => {
    const window = new Accumulation({ numSteps: 3 });
    const [outer, inner] = [{}, {}];
    const steps: string[] = [];
    for (let i = 0; i < 6; i++) {
      await window.run(
        async () => {
          for (let j = 0; j < 2; j++)
            await window.run(
              async () => {
                if (window.syncs) steps.push(`inner ${window.weight}`);
              },
              { endOfLoader: j === 1, loader: inner },
            );
          if (window.syncs) steps.push(`outer ${window.weight}`);
        },
        { endOfLoader: false, loader: outer },
      );
      await window.run(async () => {}, { endOfLoader: true, loader: inner });
    }
    const rounds = ["inner 2", "inner 2", "inner 2", "outer 3"];
    assert.deepEqual(steps, [...rounds, ...rounds]);
  });
  it("go on from what was saved", async () => {
    const window = new Accumulation({ numSteps: 3 });
    await window.run(async () => micro(window, 5), { endOfLoader: false });
    const saved = structuredClone(window.stateDict());
    const other = new Accumulation({ numSteps: 3 });
    other.loadStateDict(saved);
    assert.deepEqual(other.stateDict(), saved);
    assert.equal(other.syncs, false);
    await other.run(async () => micro(other, 2), { endOfLoader: false });
    assert.deepEqual([other.syncs, other.weight], [false, 7]);
    await other.run(async () => micro(other, 3), { endOfLoader: false });
    assert.deepEqual([other.syncs, other.weight], [true, 10]);
    assert.deepEqual(other.stateDict().window, { bodies: 0, weight: 0, weighted: false });
    const loop = new Accumulation({ numSteps: 3 });
    loop.loadStateDict(saved);
    micro(loop, 4);
    assert.deepEqual([loop.weight, loop.syncs], [9, true]);
  });
  it("noSync holds nothing, refuses steps, and lasts until a backward outside of it", async () => {
    const window = new Accumulation();
    await window.withoutSync(() => {
      assert.deepEqual([window.syncs, window.holds, window.readsOwn], [false, false, true]);
      assert.throws(() => window.refuseUnsynced("optimizer.step"), { code: "ERR_NO_SYNC", message: /optimizer\.step inside noSync/ });
      micro(window);
    });
    assert.deepEqual([window.syncs, window.readsOwn], [true, true]);
    micro(window);
    assert.equal(window.readsOwn, false);
    await window.withoutSync(() => {
      window.trigger();
      assert.deepEqual([window.syncs, window.readsOwn], [true, false]);
    });
  });
  it("a body that fails leaves a window that goes on", async () => {
    const window = new Accumulation({ numSteps: 2 });
    await assert.rejects(
      window.run(() => Promise.reject(new Error("no")), { endOfLoader: false }),
      /no/,
    );
    await window.run(
      async () => {
        assert.equal(window.syncs, true);
      },
      { endOfLoader: false },
    );
  });
  it("a window inside a window, and steps that are no number, are errors", async () => {
    const window = new Accumulation({ numSteps: 2 });
    const inner = () => window.run(async () => {}, { endOfLoader: false });
    await assert.rejects(window.run(inner, { endOfLoader: false }), /accumulate inside accumulate/);
    assert.throws(() => new Accumulation({ numSteps: 0 }), /gradientAccumulationSteps is 0/);
    assert.throws(() => {
      window.steps = 1.5;
    }, /gradientAccumulationSteps is 1\.5/);
    assert.throws(() => accumulationOf({ gradientAccumulationSteps: 2, gradientAccumulationPlugin: { numSteps: 2 } }, {}), /both given/);
    assert.deepEqual(accumulationOf({}, { gradientAccumulationSteps: 3 }), { numSteps: 3 });
  });
});
