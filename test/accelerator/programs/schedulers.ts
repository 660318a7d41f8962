// How schedules follow optimizer steps over workers: one step each by default, or as Accelerate's. Asserted by every worker itself; ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, type AcceleratorOptions, AdamW, getScheduler, LambdaScheduler, OneCycleScheduler, type Optimizer, SGD, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";

const made = async (options: AcceleratorOptions = {}, lr = 1) => {
  const accelerator = new Accelerator({ seed: 1, gradScaler: {}, ...options });
  const model = new Linear(2, 4);
  const optimizer = new AdamW(model.parameters(), { lr });
  await accelerator.prepare(model, optimizer);
  const backward = (value = 1) => accelerator.backward(model(tensor([[value, 1]])).sum());
  /** With gradients that are finite or, on the last worker, are not. */
  const step = async (o: Optimizer = optimizer, value = 1) => {
    await backward(accelerator.processIndex === accelerator.numProcesses - 1 ? value : 1);
    await o.step();
    o.zeroGrad();
  };
  return { accelerator, model, optimizer, step, world: accelerator.numProcesses };
};
const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} instead of ${expected}`);
const tenth = (t: number) => 1 - t / 10;

// One schedule step per optimizer step; a skipped one moves nothing; prepared or not.
for (const gives of [true, false]) {
  const { accelerator, optimizer, step } = await made();
  await using _ = accelerator;
  const scheduler = new LambdaScheduler(optimizer, tenth);
  if (gives) assert.equal((await accelerator.prepare(scheduler))[0], scheduler);
  near(scheduler.getLastLr()[0]!, 1);
  await step();
  scheduler.step();
  near(scheduler.getLastLr()[0]!, 0.9);
  await step(optimizer, Number.NaN);
  assert.equal(accelerator.optimizerStepWasSkipped, true);
  scheduler.step();
  near(scheduler.getLastLr()[0]!, 0.9);
}

// As Accelerate does: a step per process (0.8 for two), one with splitBatches, none for a skipped step.
for (const splitBatches of [false, true]) {
  const { accelerator, optimizer, step, world } = await made({ schedulerStepping: "process", dataloaderConfig: { splitBatches } });
  await using _ = accelerator;
  const scheduler = new LambdaScheduler(optimizer, tenth);
  await step();
  scheduler.step();
  near(scheduler.getLastLr()[0]!, splitBatches ? 0.9 : 1 - world / 10);
  await step(optimizer, Number.POSITIVE_INFINITY);
  scheduler.step();
  near(scheduler.getLastLr()[0]!, splitBatches ? 0.9 : 1 - world / 10);
}

// Whatever the optimizer does.
for (const schedulerStepping of ["optimizer", "process"] as const) {
  const { accelerator, optimizer, step } = await made({ schedulerStepping, stepSchedulerWithOptimizer: false });
  await using _ = accelerator;
  const scheduler = new LambdaScheduler(optimizer, tenth);
  await step();
  scheduler.step();
  near(scheduler.getLastLr()[0]!, 0.9);
  await step(optimizer, Number.NaN);
  scheduler.step();
  near(scheduler.getLastLr()[0]!, 0.8);
}

// A cycle of two steps: done after one optimizer step of two processes, and not gone on with.
{
  const { accelerator, optimizer, step, world } = await made({ schedulerStepping: "process" });
  await using _ = accelerator;
  const scheduler = new OneCycleScheduler(optimizer, { maxLr: 0.01, totalSteps: 2 });
  await step();
  scheduler.step();
  assert.equal(scheduler.lastEpoch, Math.min(2, world));
  for (let i = 0; i < 2; i++) {
    await step();
    scheduler.step();
  }
  assert.equal(scheduler.lastEpoch, 2);
}
{
  const { accelerator, model } = await made();
  await using _ = accelerator;
  const sgd = new SGD(model.parameters(), { lr: 1, momentum: 0.5 });
  await accelerator.prepare(sgd);
  const scheduler = new OneCycleScheduler(sgd, { maxLr: 0.01, epochs: 1, stepsPerEpoch: 2 });
  for (const epoch of [1, 2, 2]) {
    await accelerator.backward(model(tensor([[1, 1]])).sum());
    await sgd.step();
    sgd.zeroGrad();
    scheduler.step();
    assert.equal(scheduler.lastEpoch, epoch);
  }
}

// A linear decay over 20 steps and windows of 1, 2, 4: after 10 * window calls (of two processes) the rate is 0, before the last it is not. By default it takes 20 optimizer steps on any number.
for (const numSteps of [1, 2, 4]) {
  for (const schedulerStepping of ["optimizer", "process"] as const) {
    const { accelerator, model, optimizer, step, world } = await made(
      { schedulerStepping, gradientAccumulationPlugin: { numSteps, adjustScheduler: numSteps > 1 } },
      10,
    );
    await using _ = accelerator;
    const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: 20 });
    await accelerator.prepare(scheduler);
    const calls = Math.ceil(20 / (schedulerStepping === "process" ? world : 1)) * numSteps;
    for (let i = 0; i < calls; i++) {
      await accelerator.accumulate(model, async () => {
        await step();
        scheduler.step();
      });
      if (i === calls - 2) assert.notEqual(scheduler.getLastLr()[0], 0);
    }
    assert.equal(scheduler.getLastLr()[0], 0);
  }
}

// By option calls within a window count towards a total: torch's _step_count goes on, so that a schedule ends by micro-batches.
for (const adjustScheduler of [true, false]) {
  const { accelerator, model, optimizer, step, world } = await made({
    schedulerStepping: "process",
    gradientAccumulationPlugin: { numSteps: 2, adjustScheduler },
  });
  await using _ = accelerator;
  const scheduler = new OneCycleScheduler(optimizer, { maxLr: 1, totalSteps: 12 });
  for (let i = 0; i < 24; i++)
    await accelerator.accumulate(model, async () => {
      await step();
      scheduler.step();
    });
  // 12 is what accelerate 1.15 gives for both: it never sees its adjust_scheduler.
  assert.equal(scheduler.lastEpoch, adjustScheduler ? { 1: 6, 2: 8, 3: 9 }[world] : 12);
}
{
  await using accelerator = (await made()).accelerator;
  assert.throws(() => new Accelerator({ schedulerStepping: "epoch" as never }), /schedulerStepping is epoch/);
  accelerator.print("ok");
}
