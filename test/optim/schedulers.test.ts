// Schedules against transformers and torch, how schedulers follow their optimizer, and what they refuse.
import assert from "node:assert/strict";
import { test } from "node:test";
import { getScheduler, LambdaScheduler, type Ramp, type ScheduleName, type ScheduleOptions, SGD, schedulerNames } from "../../src/optim/index.js";
import { golden, parameterOf, setGrad } from "./fixtures.js";

interface Golden {
  readonly lr: readonly [number, number];
  readonly cases: readonly {
    name: ScheduleName;
    num_warmup_steps: number | null;
    num_training_steps: number | null;
    options: Record<string, number | Ramp>;
    lrs: number[][];
  }[];
  readonly plateaus: readonly { options: Record<string, number | string>; metrics: number[]; lrs: number[][] }[];
}
const file = golden<Golden>("optim-schedulers.json");

const camel = (options: object): object =>
  Object.fromEntries(Object.entries(options).map(([key, value]) => [key.replace(/_(\w)/g, (_, c: string) => c.toUpperCase()), value]));
const sgd = (lrs: readonly number[] = file.lr) =>
  new SGD(
    lrs.map((lr, i) => ({ params: [parameterOf(`p${i}`, [1], [0])], lr })),
    { lr: lrs[0]! },
  );
const close = (actual: readonly number[], expected: readonly number[], where: string) => {
  for (const [i, lr] of expected.entries())
    assert.ok(Math.abs(actual[i]! - lr) <= 1e-12 * Math.max(Math.abs(lr), 1e-3), `${where}: ${actual[i]} instead of ${lr}`);
};

for (const { name, num_warmup_steps, num_training_steps, options, lrs } of file.cases) {
  test(`${name} with ${JSON.stringify({ num_warmup_steps, num_training_steps, ...options })} equals transformers'`, async () => {
    const optimizer = sgd();
    const counts = {
      ...(num_warmup_steps === null ? {} : { numWarmupSteps: num_warmup_steps }),
      ...(num_training_steps === null ? {} : { numTrainingSteps: num_training_steps }),
    };
    const scheduler = getScheduler(name, optimizer, { ...counts, ...camel(options) } as ScheduleOptions[ScheduleName] as never);
    for (const [t, expected] of lrs.entries()) {
      assert.equal(scheduler.lastEpoch, t);
      close(scheduler.getLastLr(), expected, `step ${t}`);
      await optimizer.step();
      scheduler.step();
    }
  });
}

for (const { options, metrics, lrs } of file.plateaus) {
  test(`reduce_lr_on_plateau with ${JSON.stringify(options)} equals torch's, also when it is saved and loaded on the way`, async () => {
    let optimizer = sgd();
    let scheduler = getScheduler("reduce_lr_on_plateau", optimizer, camel(options));
    for (const [t, metric] of metrics.entries()) {
      await optimizer.step();
      scheduler.step(metric);
      close(scheduler.getLastLr(), lrs[t]!, `metric ${t}`);
      const saved = JSON.parse(JSON.stringify(optimizer.stateDict()));
      optimizer = sgd();
      scheduler = getScheduler("reduce_lr_on_plateau", optimizer, camel(options));
      optimizer.loadStateDict(saved);
    }
  });
}

test("there is a golden value for every name", () => {
  assert.deepEqual([...new Set<string>(file.cases.map((c) => c.name)), "reduce_lr_on_plateau"].sort(), [...schedulerNames].sort());
});

test("a scheduler does nothing when its optimizer made no step, and one step for one or more of its steps", async () => {
  const optimizer = sgd([1]);
  const scheduler = new LambdaScheduler(optimizer, (t) => 1 / (1 + t));
  scheduler.step();
  assert.equal(scheduler.lastEpoch, 0);
  let skip = true;
  const remove = optimizer.beforeStep(() => ({ skip }));
  await optimizer.step();
  scheduler.step();
  assert.deepEqual([optimizer.stepCount, scheduler.lastEpoch, scheduler.getLastLr()], [0, 0, [1]]);
  skip = false;
  await optimizer.step();
  await optimizer.step();
  scheduler.step();
  scheduler.step();
  assert.deepEqual([optimizer.stepCount, scheduler.lastEpoch, scheduler.getLastLr()], [2, 1, [0.5]]);
  remove();
});

test("a scheduler is saved with its optimizer, whether it is made before or after the state is loaded", async () => {
  const make = () => sgd([1, 2]);
  const schedule = (o: SGD) => getScheduler("linear", o, { numWarmupSteps: 2, numTrainingSteps: 10 });
  const optimizer = make();
  const scheduler = schedule(optimizer);
  for (let t = 0; t < 5; t++) {
    await optimizer.step();
    scheduler.step();
  }
  await optimizer.step(); // not seen by the scheduler yet
  const saved = JSON.parse(JSON.stringify(optimizer.stateDict()));
  for (const first of [true, false]) {
    const other = make();
    const early = first ? schedule(other) : undefined;
    other.loadStateDict(saved);
    const resumed = early ?? schedule(other);
    assert.deepEqual([resumed.lastEpoch, resumed.getLastLr(), other.stepCount], [5, scheduler.getLastLr(), 6]);
    resumed.step();
    assert.equal(resumed.lastEpoch, 6);
    resumed.step();
    assert.equal(resumed.lastEpoch, 6);
  }
});

test("a state whose scheduler does not fit changes nothing", async () => {
  const [optimizer, other] = [sgd([1, 2]), sgd([1, 2])];
  const schedule = (o: SGD) => getScheduler("linear", o, { numWarmupSteps: 0, numTrainingSteps: 10 });
  const [first, second] = [schedule(other), schedule(other)];
  await optimizer.step();
  const state = schedule(optimizer).stateDict();
  assert.throws(() => other.loadStateDict({ ...optimizer.stateDict(), schedulers: [{ ...state, last_epoch: 5 }, { last_epoch: "five" }] }), {
    code: "ERR_SCHEDULER_STATE",
  });
  assert.deepEqual([other.stepCount, first.lastEpoch, second.lastEpoch, first.getLastLr()], [0, 0, 0, [1, 2]]);
});

test("missing options, unknown names and impossible values are refused by name", () => {
  const optimizer = sgd();
  const get = getScheduler as unknown as (name: string, o: SGD, options?: object) => unknown;
  assert.throws(() => get("linear", optimizer, { numTrainingSteps: 10 }), /linear requires `numWarmupSteps`/);
  assert.throws(() => get("cosine", optimizer, { numWarmupSteps: 1 }), /cosine requires `numTrainingSteps`/);
  assert.throws(() => get("constant_with_warmup", optimizer), /constant_with_warmup requires `numWarmupSteps`/);
  assert.throws(() => get("warmup_stable_decay", optimizer, { numWarmupSteps: 1, numTrainingSteps: 5 }), /warmup_stable_decay requires `numDecaySteps`/);
  assert.throws(() => get("warmup_stable_decay", optimizer, { numWarmupSteps: 1, numDecaySteps: 5 }), /`numTrainingSteps` or `numStableSteps`/);
  assert.throws(
    () => get("warmup_stable_decay", optimizer, { numWarmupSteps: 1, numDecaySteps: 5, numStableSteps: 1, decayType: "steep" }),
    /Unknown decay type: steep/,
  );
  assert.throws(() => get("polynomial", optimizer, { numWarmupSteps: 1, numTrainingSteps: 5, lrEnd: 1 }), /must be smaller than initial lr/);
  assert.throws(() => get("cosine_with_min_lr", optimizer, { numWarmupSteps: 1, numTrainingSteps: 5 }), /requires minLr or minLrRate/);
  assert.throws(() => get("cosine_with_min_lr", optimizer, { numWarmupSteps: 1, numTrainingSteps: 5, minLr: 0, minLrRate: 0 }), /only one of them/);
  assert.throws(() => get("linear", optimizer, { numWarmupSteps: Number.NaN, numTrainingSteps: 5 }), /numWarmupSteps is NaN/);
  assert.throws(() => get("cosine", optimizer, { numWarmupSteps: 0, numTrainingSteps: 5, numCycles: "many" }), /cosine: numCycles is "many"/);
  assert.throws(() => get("reduce_lr_on_plateau", optimizer, { patience: "x" }), /patience is "x"/);
  assert.throws(() => get("reduce_lr_on_plateau", optimizer, { minLr: [-1] }), /minLr is \[-1\]/);
  assert.throws(() => get("lineal", optimizer, {}), { code: "ERR_SCHEDULER_NAME", message: /there is no scheduler lineal.*linear/ });
  assert.throws(() => get("toString", optimizer, {}), { code: "ERR_SCHEDULER_NAME" });
  assert.throws(() => getScheduler("reduce_lr_on_plateau", optimizer).step(), /requires the metric/);
});

test("with nothing but zero steps a parameter without gradient stays as it is", async () => {
  const parameter = parameterOf("p", [2], [1, 2]);
  const optimizer = new SGD([parameter], { lr: 1 });
  setGrad(parameter, undefined);
  await optimizer.step();
  assert.deepEqual([...parameter.values()], [1, 2]);
});
