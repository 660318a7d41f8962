// Optimizers with real modules: lazy layers, frozen ones, groups by the no-decay rule, and a run that is resumed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LayerNorm, LazyLinear, Linear, Module } from "../../src/nn/index.js";
import { AdamW, clipGradNorm, getScheduler, parameterGroups, type SchedulerName } from "../../src/optim/index.js";
import { setSeed, type Tensor, tensor } from "../../src/tensor/index.js";

class Net extends Module {
  readonly input = new Linear(3, 16);
  readonly norm = new LayerNorm(16);
  readonly output = new LazyLinear(1);
  forward(x: Tensor): Tensor {
    return this.output(this.norm(this.input(x)).relu());
  }
}
const rows = Array.from({ length: 32 }, (_, i) => [Math.sin(i), Math.cos(i), i / 32]);
const x = tensor(rows);
const y = tensor(rows.map(([a, b, c]) => [a! * b! + c!]));

function make(schedule: SchedulerName = "linear") {
  setSeed(3);
  const net = new Net();
  const optimizer = new AdamW(parameterGroups(net, { weightDecay: 0.01 }), { lr: 0.02 });
  const scheduler = getScheduler(schedule as "linear", optimizer, { numWarmupSteps: 5, numTrainingSteps: 60 });
  const step = async () => {
    const difference = net(x).sub(y);
    const loss = difference.mul(difference).mean();
    await loss.backward();
    await clipGradNorm(net.parameters(), 1);
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    return loss.item();
  };
  return { net, optimizer, scheduler, step };
}

test("a lazy layer made after the optimizer is trained with the rest, and the loss falls", async () => {
  const { optimizer, step } = make();
  assert.deepEqual(
    optimizer.paramGroups.map((g) => g.params.length),
    [1, 3],
  );
  const first = await step();
  let last = first;
  for (let t = 1; t < 60; t++) last = await step();
  assert.deepEqual(
    optimizer.paramGroups.map((g) => g.params.map((p) => p.name)),
    [
      ["input.weight", "output.weight"],
      ["input.bias", "norm.weight", "norm.bias", "output.bias"],
    ],
  );
  assert.ok(last < first / 20, `loss went from ${first} to ${last}`);
});

test("a frozen layer stays as it is, and is trained again once it is thawed", async () => {
  const { net, optimizer, step } = make();
  net.input.requiresGrad(false);
  const before = net.input.weight.values().slice();
  await step();
  assert.deepEqual(net.input.weight.values(), before);
  assert.ok(!("input.weight" in optimizer.stateDict().state));
  net.input.requiresGrad(true);
  await step();
  assert.notDeepEqual(net.input.weight.values(), before);
  const { state } = optimizer.stateDict();
  assert.deepEqual([state["input.weight"]!.step, state["output.weight"]!.step], [1, 2]);
});

test("weights, optimizer and scheduler taken to another run give the same losses bit for bit", async () => {
  const whole = make();
  const losses: number[] = [];
  for (let t = 0; t < 5; t++) losses.push(await whole.step());
  const weights = [...whole.net.namedParameters()].map(([name, p]) => [name, p.values().slice()] as const);
  const saved = whole.optimizer.stateDict();
  for (let t = 5; t < 12; t++) losses.push(await whole.step());

  const resumed = make();
  await resumed.net(x).data(); // sizes the lazy layer
  const parameters = new Map(resumed.net.namedParameters());
  for (const [name, values] of weights) parameters.get(name)!.set(values);
  resumed.optimizer.loadStateDict(saved);
  for (let t = 5; t < 12; t++) assert.equal(await resumed.step(), losses[t]);
  assert.deepEqual(resumed.scheduler.getLastLr(), whole.scheduler.getLastLr());
});
