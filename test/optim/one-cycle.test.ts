// OneCycleScheduler against torch's, how it is saved, and what it refuses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AdamW, type OneCycleOptions, OneCycleScheduler, type Optimizer, SGD } from "../../src/optim/index.js";
import { golden, parameterOf } from "./fixtures.js";

interface Golden {
  readonly cases: readonly {
    readonly kind: "sgd" | "adamw";
    readonly options: Readonly<Record<string, unknown>>;
    readonly rows: readonly (readonly (readonly [number, number])[])[];
  }[];
}
const camel = (options: object): OneCycleOptions =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key.replace(/_(\w)/g, (_, c: string) => c.toUpperCase()), value]),
  ) as unknown as OneCycleOptions;
const groups = () => ["a", "b"].map((name) => ({ params: [parameterOf(name, [1], [0])] }));
const make = (kind: "sgd" | "adamw"): Optimizer => (kind === "sgd" ? new SGD(groups(), { lr: 1, momentum: 0.5 }) : new AdamW(groups(), { lr: 1 }));
const seen = (optimizer: Optimizer): number[] =>
  optimizer.paramGroups.flatMap((g) => [g.lr, (g as unknown as { momentum?: number }).momentum ?? (g as unknown as { betas: readonly number[] }).betas[0]!]);

for (const { kind, options, rows } of golden<Golden>("optim-one-cycle.json").cases) {
  test(`${kind} with ${JSON.stringify(options)} equals torch's, also when it is saved and loaded on the way`, async () => {
    let optimizer = make(kind);
    let scheduler = new OneCycleScheduler(optimizer, camel(options));
    assert.equal(scheduler.totalSteps, rows.length);
    for (const [t, row] of rows.entries()) {
      for (const [i, value] of seen(optimizer).entries()) {
        const expected = row.flat()[i]!;
        assert.ok(Math.abs(value - expected) <= 1e-12 * Math.max(1, Math.abs(expected)), `step ${t}: ${seen(optimizer)} instead of ${row.flat()}`);
      }
      await optimizer.step();
      scheduler.step();
      if (t !== 3) continue;
      const saved = JSON.parse(JSON.stringify(optimizer.stateDict()));
      optimizer = make(kind);
      scheduler = new OneCycleScheduler(optimizer, camel(options));
      optimizer.loadStateDict(saved);
    }
  });
}

test("stays at its lowest rate behind the last step", async () => {
  const optimizer = make("adamw");
  const scheduler = new OneCycleScheduler(optimizer, { maxLr: 1, totalSteps: 4, annealStrategy: "linear" });
  for (let i = 0; i < 7; i++) {
    await optimizer.step();
    scheduler.step();
  }
  assert.equal(scheduler.lastEpoch, 4);
  for (const lr of scheduler.getLastLr()) assert.ok(Math.abs(lr - 4e-6) < 1e-15);
});

test("what makes no sense is refused, with torch's words", () => {
  const refused = (options: object, message: RegExp, optimizer = make("adamw")) =>
    assert.throws(() => new OneCycleScheduler(optimizer, { maxLr: 1, ...options }), { code: "ERR_SCHEDULER_OPTION", message });
  refused({}, /You must define either totalSteps OR \(epochs AND stepsPerEpoch\)/);
  refused({ totalSteps: 0 }, /Expected positive integer totalSteps, but got 0/);
  refused({ epochs: 1.5, stepsPerEpoch: 2 }, /Expected positive integer epochs, but got 1\.5/);
  refused({ totalSteps: 5, pctStart: 1.1 }, /Expected float between 0 and 1 pctStart/);
  refused({ totalSteps: 5, annealStrategy: "cosine" }, /annealStrategy must be one of/);
  refused({ totalSteps: 5, maxLr: [1, 2, 3] }, /maxLr has 3 values for 2 groups/);
  refused({ totalSteps: 5 }, /optimizer must support momentum/, new SGD(groups(), { lr: 1 }));
});
