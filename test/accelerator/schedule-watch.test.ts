// What is said of schedules and runs that do not fit: when, and above all when not.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ScheduleWatch } from "../../src/accelerator/gradients/schedule-watch.js";
import { getScheduler, OneCycleScheduler, type Optimizer, SGD } from "../../src/optim/index.js";
import { parameterOf } from "../optim/fixtures.js";

interface Run {
  readonly workers?: number;
  readonly accumulation?: number;
  /** Batches of one worker. */
  readonly length: number;
  readonly epochs: number;
  readonly total: number;
  /** Schedule steps per optimizer step. */
  readonly perStep?: number;
  /** Steps of the last epoch that are left out. */
  readonly short?: number;
  /** The schedule is made before the loader is prepared. */
  readonly early?: boolean;
  readonly name?: "linear" | "constant" | "cosine_with_min_lr";
}

/** Trains as said; what was told and warned of. */
async function watched({ workers = 1, accumulation = 1, length, epochs, total, perStep = 1, short = 0, early = false, name = "linear" }: Run) {
  const said = { told: [] as string[], warned: [] as string[] };
  const pace = { withOptimizer: true, perStep, adjusts: false, holds: false };
  const watch = new ScheduleWatch({
    numProcesses: workers,
    pace,
    steps: () => accumulation,
    tell: (line) => said.told.push(line),
    warn: (line) => said.warned.push(line),
  });
  const optimizer: Optimizer = new SGD([parameterOf("p", [1], [0])], { lr: 1 });
  optimizer.pace = pace;
  const make = () =>
    getScheduler(name as "linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: total, ...(name === "cosine_with_min_lr" && { minLr: 0.1 }) });
  const before = early ? make() : undefined;
  watch.prepared([optimizer], { loader: false });
  watch.prepared([optimizer], { loader: true });
  const scheduler = before ?? make();
  let position = { epoch: 0, batch: 0 };
  const loader = { length, state: () => position };
  const perEpoch = Math.ceil(length / accumulation);
  for (let step = 0; step < epochs * perEpoch - short; step++) {
    await optimizer.step();
    watch.stepped([optimizer], loader);
    scheduler.step();
  }
  position = short > 0 ? { epoch: epochs - 1, batch: length - 1 } : { epoch: epochs, batch: 0 };
  watch.ended([optimizer], loader);
  return said;
}

describe("the plan", () => {
  it("is told at the first step, where there are several workers or micro-batches", async () => {
    assert.deepEqual((await watched({ workers: 2, accumulation: 4, length: 186, epochs: 3, total: 141 })).told, [
      "plan: 47 optimizer steps per epoch (2 workers, 4 micro-batches each); the schedule's 141 steps are 3 epochs",
    ]);
    assert.deepEqual((await watched({ workers: 2, length: 10, epochs: 1, total: 25 })).told, [
      "plan: 10 optimizer steps per epoch (2 workers); the schedule's 25 steps are 2.5 epochs",
    ]);
    assert.deepEqual((await watched({ workers: 2, length: 10, epochs: 1, total: 20, perStep: 2 })).told, [
      "plan: 10 optimizer steps per epoch (2 workers); the schedule's 20 steps, 2 per optimizer step, are 1 epoch",
    ]);
  });
  it("is not worth a line for one worker, nor for a schedule without end", async () => {
    assert.deepEqual((await watched({ length: 10, epochs: 1, total: 10 })).told, []);
    assert.deepEqual((await watched({ workers: 2, length: 10, epochs: 1, total: 10, name: "constant" })).told, []);
  });
});

describe("a schedule that does not fit is warned of", () => {
  it("when it has ended and training goes on with a learning rate of 0", async () => {
    const { warned } = await watched({ workers: 2, length: 100, epochs: 3, total: 300, perStep: 2 });
    assert.equal(warned.length, 1);
    assert.match(
      warned[0]!,
      /optimizer step 154 has a learning rate of 0.*ended after 300 steps, 2 of which are made per optimizer step \(schedulerStepping: "process"\)/,
    );
    assert.match((await watched({ length: 100, epochs: 3, total: 100 })).warned[0]!, /optimizer step 103 has a learning rate of 0/);
  });
  it("when the run has ended and its total counts the batches of all workers, or micro-batches", async () => {
    const all = await watched({ workers: 2, length: 50, epochs: 3, total: 300, early: true });
    assert.match(all.warned[0]!, /made for 300 steps, and 3 epochs had 150 optimizer steps: it has come 50 % of its way.*batches of all workers/);
    assert.match((await watched({ workers: 2, length: 50, epochs: 3, total: 297, early: true })).warned[0]!, /made for 297 steps/);
    assert.match((await watched({ workers: 2, accumulation: 2, length: 50, epochs: 2, total: 100, early: true })).warned[0]!, /batches of all workers/);
    assert.match(
      (await watched({ accumulation: 4, length: 50, epochs: 2, total: 100 })).warned[0]!,
      /made for 100 steps, and 2 epochs had 26 optimizer steps.*micro-batches/,
    );
  });
});

describe("nothing is warned of", () => {
  const fits: Readonly<Record<string, Run>> = {
    "when the schedule fits": { workers: 2, accumulation: 3, length: 50, epochs: 3, total: 51 },
    "when it fits by process": { workers: 2, length: 50, epochs: 3, total: 300, perStep: 2 },
    "when it was rounded down": { length: 51, epochs: 2, total: 101 },
    "when it was rounded down by process": { workers: 3, length: 34, epochs: 1, total: 100, perStep: 3 },
    "when the run was stopped within an epoch": { workers: 2, length: 50, epochs: 3, total: 300, short: 1, early: true },
    "when it was stopped early, after whole epochs": { workers: 2, length: 50, epochs: 2, total: 150 },
    "when it was stopped half-way, the schedule being made for the prepared loader": { workers: 2, length: 50, epochs: 3, total: 300 },
    "when the run goes on with a small rate": { length: 50, epochs: 3, total: 100, name: "cosine_with_min_lr" },
    "of a schedule without end": { workers: 2, length: 50, epochs: 3, total: 10, name: "constant" },
    "when a maximum of steps is no multiple of an epoch": { workers: 2, length: 50, epochs: 2, total: 90, short: 10 },
  };
  for (const [name, run] of Object.entries(fits)) {
    it(name, async () => assert.deepEqual((await watched(run)).warned, []));
  }
  it("of streams, whose length nobody knows", async () => {
    const watch = new ScheduleWatch({
      numProcesses: 2,
      pace: { withOptimizer: true, perStep: 1 },
      steps: () => 1,
      tell: assert.fail,
      warn: assert.fail,
    });
    const optimizer = new SGD([parameterOf("p", [1], [0])], { lr: 1, momentum: 0.5 });
    new OneCycleScheduler(optimizer, { maxLr: 1, totalSteps: 5 });
    const stream = {
      get length(): number {
        throw Object.assign(new Error("no length"), { code: "ERR_NO_LENGTH" });
      },
      state: () => ({ epoch: 1, batch: 0 }),
    };
    watch.stepped([optimizer], stream);
    watch.ended([optimizer], stream);
    watch.ended([optimizer], undefined);
  });
});
