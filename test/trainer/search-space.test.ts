// What hyperparameterSearch draws from: suggestions of a trial, grids, the best of many trials, pruning.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { defaultComputeObjective, defaultHpSpace, type FinishedTrial, MedianPruner, type Trial } from "accelerate-ts/trainer";
import { gridBackend, randomBackend } from "../../src/trainer/search/backends.js";
import { bestOf } from "../../src/trainer/search/objective.js";
import { fixedTrial, Trial as TrialClass } from "../../src/trainer/search/trial.js";

const randomTrial = (seed: number, number = 0): Trial => {
  const { suggest } = randomBackend(seed);
  return new TrialClass({ number, draw: (name, distribution) => suggest!(name, distribution, number) });
};
const space = { code: "ERR_SEARCH_SPACE" };

describe("what a trial suggests", () => {
  it("lies within its bounds and on its steps, the same for the same seed, trial and name", () => {
    const bounds = fc.record({
      low: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      width: fc.double({ min: 0, max: 5, noNaN: true }),
      first: fc.integer({ min: 1, max: 50 }),
      count: fc.nat(50),
      step: fc.integer({ min: 1, max: 7 }),
      seed: fc.nat(),
      number: fc.nat(100),
    });
    fc.assert(
      fc.property(bounds, ({ low, width, first, count, step, seed, number }) => {
        const draw = (trial: Trial) => {
          for (const log of [false, true]) {
            const float = trial.suggestFloat(`float ${log}`, low, low + width, { log });
            assert.ok(low <= float && float <= low + width);
            const int = trial.suggestInt(`int ${log}`, first, first + count, { log });
            assert.ok(Number.isInteger(int) && first <= int && int <= first + count);
          }
          const stepped = trial.suggestInt("stepped", first, first + count, { step });
          assert.equal((stepped - first) % step, 0);
          assert.ok(stepped <= first + count);
          const tenths = trial.suggestFloat("tenths", 0.1, 0.1 + count / 10, { step: 0.1 });
          assert.equal(tenths, Math.round(tenths * 10) / 10);
          assert.ok(tenths <= 0.1 + count / 10 + 1e-9);
          assert.ok(["a", true, 3, null].includes(trial.suggestCategorical("one of", ["a", true, 3, null])));
          return trial.params;
        };
        assert.deepEqual(draw(randomTrial(seed, number)), draw(randomTrial(seed, number)));
        const alone = randomTrial(seed, number);
        assert.equal(alone.suggestInt("stepped", first, first + count, { step }), draw(randomTrial(seed, number)).stepped);
      }),
      // A bound that was added up lies below the step that it is.
      { examples: [[{ low: 1e-6, width: 0, first: 1, count: 48, step: 1, seed: 813580981, number: 95 }]] },
    );
  });
  it("may begin and end at bounds whose last bits no step has", () => {
    for (let number = 0; number < 50; number++) {
      const value = randomTrial(7, number).suggestFloat("hundredths", 1 / 3, 1 / 3 + 0.03, { step: 0.01 });
      assert.ok(value > 0.3333 && value < 0.3634, String(value));
    }
  });
  it("is spread evenly: by value, or by size", () => {
    const trials = Array.from({ length: 2000 }, (_, number) => randomTrial(7, number));
    const share = (values: readonly unknown[], wanted: unknown) => values.filter((value) => value === wanted).length / values.length;
    const near = (value: number, wanted: number) => assert.ok(Math.abs(value - wanted) < 0.04, `${value}, not ${wanted}`);
    const ints = trials.map((trial) => trial.suggestInt("int", 1, 4));
    for (const wanted of [1, 2, 3, 4]) near(share(ints, wanted), 0.25);
    near(
      share(
        trials.map((trial) => trial.suggestFloat("log", 1e-6, 1e-2, { log: true }) < 1e-4),
        true,
      ),
      0.5,
    );
    near(
      share(
        trials.map((trial) => trial.suggestFloat("flat", 0, 10) < 3),
        true,
      ),
      0.3,
    );
    near(
      share(
        trials.map((trial) => trial.suggestCategorical("of", ["x", "y"])),
        "x",
      ),
      0.5,
    );
    // 0.5 to 1.5 by size, of 0.5 to 10.5
    near(
      share(
        trials.map((trial) => trial.suggestInt("sizes", 1, 10, { log: true })),
        1,
      ),
      Math.log(3) / Math.log(21),
    );
  });
  it("is the same when it is asked for again, and refused from other values", () => {
    const trial = randomTrial(1);
    const value = trial.suggestFloat("rate", 0, 1);
    assert.equal(trial.suggestFloat("rate", 0, 1), value);
    assert.throws(() => trial.suggestFloat("rate", 0, 2), { ...space, message: /rate is suggested twice/ });
  });
  it("is refused for bounds that are none", () => {
    const wrong: readonly ((trial: Trial) => unknown)[] = [
      (trial) => trial.suggestFloat("x", 2, 1),
      (trial) => trial.suggestFloat("x", 0, 1, { log: true }),
      (trial) => trial.suggestFloat("x", 0, 1, { step: 0 }),
      (trial) => trial.suggestFloat("x", 1, 2, { step: 0.5, log: true }),
      (trial) => trial.suggestFloat("x", 0, Number.POSITIVE_INFINITY),
      (trial) => trial.suggestFloat("", 0, 1),
      (trial) => trial.suggestInt("x", 0.5, 3),
      (trial) => trial.suggestInt("x", 1, 3, { step: 0.5 }),
      (trial) => trial.suggestInt("x", 1, 9, { step: 2, log: true }),
      (trial) => trial.suggestCategorical("x", []),
      (trial) => trial.suggestCategorical("x", [Number.NaN]),
    ];
    for (const suggest of wrong) assert.throws(() => suggest(randomTrial(0)), space);
    assert.throws(() => fixedTrial(3, { x: 5 }, "").suggestInt("x", 1, 4), { ...space, message: /x is to be 5/ });
  });
  it("is transformers' space for optuna where nothing is said", () => {
    const { learningRate, numTrainEpochs, seed, perDeviceTrainBatchSize } = defaultHpSpace(randomTrial(0));
    assert.ok(learningRate >= 1e-6 && learningRate <= 1e-4 && numTrainEpochs >= 1 && numTrainEpochs <= 5 && seed >= 1 && seed <= 40);
    assert.ok([4, 8, 16, 32, 64].includes(perDeviceTrainBatchSize));
  });
});

describe("a grid", () => {
  it("holds all combinations of lists and of ranges with steps", async () => {
    const grid = gridBackend({ a: [1, 2], b: ["x", "y"], c: { low: 0.1, high: 0.3, step: 0.1 } });
    assert.equal(grid.size, 12);
    const all = await Promise.all(Array.from({ length: 13 }, (_, number) => grid.ask!(number, [])));
    assert.deepEqual(all.slice(0, 4), [
      { a: 1, b: "x", c: 0.1 },
      { a: 1, b: "x", c: 0.2 },
      { a: 1, b: "x", c: 0.3 },
      { a: 1, b: "y", c: 0.1 },
    ]);
    assert.equal(new Set(all.slice(0, 12).map((values) => JSON.stringify(values))).size, 12);
    assert.equal(all[12], undefined);
  });
  it("is refused without values", () => {
    for (const lists of [{}, { a: [] }, { a: { low: 0, high: 1 } }, { a: { low: 0, high: 1, step: -1 } }, { a: 3 as never }, [] as never])
      assert.throws(() => gridBackend(lists), space);
  });
});

const finished = (number: number, values: readonly number[], more: Partial<FinishedTrial> = {}): FinishedTrial => ({
  number,
  outcome: "complete",
  values,
  params: {},
  intermediateValues: {},
  ...more,
});

describe("the best trials", () => {
  it("are the first of the best, or all that no other one is better than in everything", () => {
    const one = [finished(0, [3]), finished(1, [1]), finished(2, [1]), finished(3, [-9], { outcome: "pruned" })];
    assert.deepEqual(bestOf(one, ["minimize"]), [one[1]]);
    assert.deepEqual(bestOf(one, ["maximize"]), [one[0]]);
    const two = [finished(0, [1, 1]), finished(1, [2, 2]), finished(2, [1.5, 1]), finished(3, [0, Number.NEGATIVE_INFINITY])];
    assert.deepEqual(bestOf(two, ["minimize", "maximize"]), [two[0], two[1], two[3]]);
    assert.deepEqual(bestOf([finished(0, [Number.NaN], { outcome: "failed" })], ["minimize"]), []);
  });
  it("are those of the scores where there are any, else of the loss", () => {
    assert.equal(defaultComputeObjective({ eval_loss: 0.5, eval_runtime: 3, eval_steps_per_second: 2, epoch: 1 }), 0.5);
    assert.equal(defaultComputeObjective({ eval_loss: 0.5, eval_f1: 0.75, eval_accuracy: 0.25, eval_samples_per_second: 9, epoch: 1 }), 1);
  });
});

describe("MedianPruner", () => {
  const others = [1, 2, 3, 4].map((value, number) => finished(number, [value], { intermediateValues: { 10: value, 20: value / 2 } }));
  const prunes = (reports: Readonly<Record<number, number>>, direction: "minimize" | "maximize", options = {}, trials = others): boolean => {
    const trial = randomTrial(0, 9);
    for (const [step, value] of Object.entries(reports)) trial.report(value, Number(step));
    return new MedianPruner({ nStartupTrials: 4, ...options }).shouldPrune(trial, trials, direction);
  };
  it("compares the best so far with the median of the others at the step", () => {
    assert.equal(prunes({ 10: 2.6 }, "minimize"), true);
    assert.equal(prunes({ 10: 2.5 }, "minimize"), false);
    assert.equal(prunes({ 10: 2.4 }, "maximize"), true);
    assert.equal(prunes({ 10: 2.5 }, "maximize"), false);
    assert.equal(prunes({ 10: 1, 20: 9 }, "minimize"), false, "it was good once");
    assert.equal(prunes({ 15: 9 }, "minimize"), false, "the others were not evaluated there");
    assert.equal(prunes({ 10: Number.NaN }, "minimize"), true);
    assert.equal(prunes({}, "minimize"), false);
  });
  it("waits for trials, for steps, and from one look to the next", () => {
    assert.equal(prunes({ 10: 9 }, "minimize", { nStartupTrials: 5 }), false);
    assert.equal(prunes({ 10: 9 }, "minimize", { nWarmupSteps: 11 }), false);
    assert.equal(prunes({ 10: 9, 20: 9 }, "minimize", { nWarmupSteps: 11 }), true);
    assert.equal(prunes({ 10: 9, 20: 9 }, "minimize", { intervalSteps: 30 }), false);
    assert.equal(prunes({ 10: 9 }, "minimize", { nMinTrials: 5 }), false);
    assert.equal(prunes({ 10: 9 }, "minimize", { nStartupTrials: 0 }, []), false);
    assert.throws(() => new MedianPruner({ intervalSteps: 0 }), { code: "ERR_SEARCH_OPTIONS" });
  });
});
