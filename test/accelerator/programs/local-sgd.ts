// LocalSGD on several workers against a simulation of all of them in this process, and against Accelerate's own. Every worker asserts it; ends with "ok" from the main process.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { Accelerator, AdamW, type Optimizer, SGD, type Tensor, tensor } from "accelerate-ts";
import { Linear, Module, type Parameter } from "accelerate-ts/nn";

interface Settings {
  readonly shareParameters?: boolean;
  /** Only this: a worker that does something else. */
  readonly astray?: "steps" | "end";
  readonly golden?: string;
}
const { shareParameters = true, astray, golden } = JSON.parse(process.argv[2] ?? "{}") as Settings;
await using accelerator = new Accelerator({ seed: 3, shareParameters });
const { processIndex: rank, numProcesses: world } = accelerator;
const ranks = Array.from({ length: world }, (_, r) => r);

const rows = 4;
const input = (r: number, step: number) =>
  tensor(Array.from({ length: rows }, (_, i) => [Math.sin(r + 3 * step + i), Math.cos(2 * r + step * i), (r - step + i) / 5]));
const target = (r: number, step: number) => tensor(Array.from({ length: rows }, (_, i) => [Math.cos(r * step + i), (r + step) / 7]));
const weights = Float32Array.of(0.1, -0.2, 0.3, 0.4, 0.5, -0.6);
const make = () => {
  const model = new Linear(3, 2);
  model.weight.set(weights);
  model.bias!.set(Float32Array.of(0.05, -0.05));
  return model;
};
const lossOf = (model: Linear, r: number, step: number) => model(input(r, step)).sub(target(r, step)).pow(2).mean();
const numbers = (model: Linear) => [...model.parameters()].flatMap((p: Parameter) => [...p.values()]);
const near = (actual: readonly number[], expected: readonly number[], within = 1e-6) => {
  assert.equal(actual.length, expected.length);
  for (const [i, e] of expected.entries()) assert.ok(Math.abs(actual[i]! - e) <= within, `${actual} instead of ${expected}`);
};
const alike = async (value: unknown) => new Set(await accelerator.gatherObject([JSON.stringify(value)])).size === 1;
const mean = (lists: readonly (readonly number[])[]) => lists[0]!.map((_, i) => lists.reduce((sum, list) => sum + list[i]!, 0) / lists.length);
const stateOf = (optimizer: Optimizer) =>
  Object.values(optimizer.stateDict().state).map(({ step, ...arrays }) => ({ step, arrays: Object.values(arrays).map((a) => [...(a as Float32Array)]) }));

/** All workers, one after the other, each with a model of its own that nobody prepares. */
class Simulation {
  readonly models = ranks.map(make);
  readonly optimizers: readonly Optimizer[];
  constructor(optimizerOf: (model: Linear) => Optimizer) {
    this.optimizers = this.models.map(optimizerOf);
  }
  async step(step: number): Promise<void> {
    for (const [r, model] of this.models.entries()) {
      await lossOf(model, r, step).backward();
      await this.optimizers[r]!.step();
      this.optimizers[r]!.zeroGrad();
    }
  }
  average(): void {
    const lists = this.models.map((model) => [...model.parameters()]);
    for (const i of lists[0]!.keys()) {
      const values = Float32Array.from(mean(lists.map((list) => [...list[i]!.values()])));
      for (const list of lists) list[i]!.set(values);
    }
  }
}

const kinds: readonly (readonly [name: string, make: (model: Linear) => Optimizer])[] = [
  ["sgd", (model) => new SGD(model.parameters(), { lr: 0.1 })],
  ["momentum", (model) => new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 })],
  ["adamw", (model) => new AdamW(model.parameters(), { lr: 0.05 })],
];

if (astray) {
  const model = make();
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  await accelerator.prepare(model, optimizer);
  const localSgd = await accelerator.localSgd({ model, localSgdSteps: 2 });
  for (let step = 0; step < (astray === "end" && rank === 1 ? 3 : 6); step++) {
    await accelerator.backward(lossOf(model, rank, step));
    await optimizer.step();
    optimizer.zeroGrad();
    if (astray !== "steps" || rank === 0 || step % 2 === 0) await localSgd.step();
  }
  await localSgd.end();
}

for (const [name, optimizerOf] of astray ? [] : kinds) {
  const simulation = new Simulation(optimizerOf);
  const model = make();
  const optimizer = optimizerOf(model);
  const parameters = [...model.parameters()];
  await accelerator.prepare(model, optimizer);
  // One step together first, so that there is state to take along.
  const together = async (step: number) => {
    await accelerator.backward(lossOf(model, rank, step));
    await optimizer.step();
    optimizer.zeroGrad();
  };
  await together(0);
  const gradients = ranks.map(() => [] as number[]);
  for (const r of ranks) {
    const lone = make();
    await lossOf(lone, r, 0).backward();
    gradients[r] = [...lone.parameters()].flatMap((p) => [...((p.segment()?.grad ?? []) as Float32Array)]);
  }
  for (const [r, simulated] of simulation.models.entries()) {
    await lossOf(simulated, r, 0).backward();
    let at = 0;
    const all = mean(gradients);
    for (const p of simulated.parameters()) {
      const { grad } = p.segment()!;
      grad.set(all.slice(at, at + grad.length));
      at += grad.length;
    }
    await simulation.optimizers[r]!.step();
    simulation.optimizers[r]!.zeroGrad();
  }
  near(numbers(model), numbers(simulation.models[0]!));

  {
    await using localSgd = await accelerator.localSgd({ model, localSgdSteps: 3 });
    assert.equal(localSgd.enabled, world > 1);
    for (let step = 1; step <= 7; step++) {
      await accelerator.backward(lossOf(model, rank, step));
      // Clipping is each worker's own.
      const norm = await accelerator.clipGradNorm(model.parameters(), 1e9);
      assert.ok(norm > 0);
      await optimizer.step();
      optimizer.zeroGrad();
      await localSgd.step();
      await simulation.step(step);
      if (step % 3 === 0) simulation.average();
      near(numbers(model), numbers(simulation.models[rank]!));
      assert.equal(await alike(numbers(model)), world === 1 || step % 3 === 0, `${name}, step ${step}`);
    }
    assert.deepEqual([...model.parameters()], parameters);
  }
  simulation.average();
  near(numbers(model), numbers(simulation.models[0]!));
  assert.ok(await alike(numbers(model)));
  // State: the mean over the workers.
  const states = simulation.optimizers.map(stateOf);
  for (const [i, own] of stateOf(optimizer).entries()) {
    assert.equal(own.step, 8);
    for (const [a, array] of own.arrays.entries()) near(array, mean(states.map((theirs) => theirs[i]!.arrays[a]!)));
  }
  assert.ok(await alike(stateOf(optimizer)));
  // And on together.
  for (let step = 8; step < 10; step++) {
    await together(step);
    assert.ok(await alike(numbers(model)));
  }
  near([await accelerator.clipGradNorm(model.parameters(), 1)], [0]);

  // Not enabled: nothing is local.
  await using off = await accelerator.localSgd({ model, localSgdSteps: 2, enabled: false });
  assert.equal(off.enabled, false);
  await together(10);
  await off.step();
  assert.ok(await alike(numbers(model)));
}

if (golden && world === 2) {
  interface Golden {
    readonly x: readonly number[][][][];
    readonly y: readonly number[][][][];
    readonly weight: readonly number[][];
    readonly bias: readonly number[];
    readonly cases: readonly {
      readonly every: number;
      readonly momentum: number;
      readonly steps: readonly number[][][][];
      readonly end: readonly number[][];
    }[];
  }
  const { x, y, weight, bias, cases } = JSON.parse(await readFile(golden, "utf8")) as Golden;
  for (const { every, momentum, steps, end } of cases) {
    const model = new Linear(3, 2);
    model.weight.set(Float32Array.from(weight.flat()));
    model.bias!.set(Float32Array.from(bias));
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum });
    await accelerator.prepare(model, optimizer);
    const localSgd = await accelerator.localSgd({ model, localSgdSteps: every });
    for (const [step, expected] of steps[rank]!.entries()) {
      await accelerator.backward(model(tensor(x[rank]![step]!)).sub(tensor(y[rank]![step]!)).pow(2).mean());
      await optimizer.step();
      optimizer.zeroGrad();
      await localSgd.step();
      near(numbers(model), expected.flat());
    }
    await localSgd.end();
    near(numbers(model), end.flat());
  }
}

// An accumulation window is one step.
if (!astray) {
  const model = make();
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  await using windows = new Accelerator({ gradientAccumulationSteps: 2, shareParameters });
  await windows.prepare(model, optimizer);
  const localSgd = await windows.localSgd({ model, localSgdSteps: 2 });
  const seen: boolean[] = [];
  for (let body = 0; body < 8; body++) {
    await windows.accumulate(model, async () => {
      await windows.backward(lossOf(model, rank, body));
      await optimizer.step();
      optimizer.zeroGrad();
      await localSgd.step();
    });
    seen.push(await alike(numbers(model)));
  }
  // Workers are alike before the first step, and after steps 2 and 4.
  assert.deepEqual(seen, world === 1 ? seen : [true, false, false, true, true, false, false, true]);
  await localSgd.end();
}
// A layer that comes in the middle, beside a model that is trained together.
if (!astray) {
  class Growing extends Module {
    readonly layers: Linear[] = [new Linear(3, 3)];
    forward(x: Tensor): Tensor {
      return this.layers.reduce<Tensor>((y, layer) => layer(y), x).sum();
    }
  }
  const all = (model: Module) => [...model.parameters()].flatMap((p: Parameter) => [...p.values()]);
  const [model, other] = [new Growing(), make()];
  const [optimizer, second] = [new AdamW(model.parameters(), { lr: 0.01 }), new SGD(other.parameters(), { lr: 0.01 })];
  await accelerator.prepare(model, optimizer, other, second);
  const localSgd = await accelerator.localSgd({ model, localSgdSteps: 2 });
  for (let step = 0; step < 6; step++) {
    if (step === 3) model.layers.push(new Linear(3, 3));
    await accelerator.backward(model(input(rank, step)));
    await optimizer.step();
    optimizer.zeroGrad();
    await localSgd.step();
    assert.equal(await alike(all(model)), world === 1 || step % 2 === 1, `step ${step}`);
    await accelerator.backward(lossOf(other, rank, step));
    await second.step();
    second.zeroGrad();
    assert.ok(await alike(all(other)));
  }
  await localSgd.end();
  for (let step = 6; step < 9; step++) {
    await accelerator.backward(model(input(rank, step)));
    await optimizer.step();
    optimizer.zeroGrad();
    assert.ok(await alike(all(model)));
  }
  assert.ok(await alike(optimizer.stateDict()));
}

// An overflow on one worker is its own; behind the block all have one scale.
if (!astray) {
  await using scaled = new Accelerator({ gradScaler: { initScale: 1024, growthInterval: 2 }, shareParameters });
  const model = make();
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  await scaled.prepare(model, optimizer);
  const localSgd = await scaled.localSgd({ model, localSgdSteps: 2 });
  for (let step = 0; step < 4; step++) {
    const overflows = step === 1 && rank === world - 1;
    await scaled.backward(lossOf(model, rank, step).mul(overflows ? Number.POSITIVE_INFINITY : 1));
    await optimizer.step();
    optimizer.zeroGrad();
    await localSgd.step();
    assert.equal(optimizer.stepWasSkipped, overflows);
  }
  if (world > 1) assert.ok(!(await alike(scaled.scaler!.scale)));
  await localSgd.end();
  assert.ok(await alike([scaled.scaler!.stateDict(), numbers(model)]));
  assert.ok(numbers(model).every(Number.isFinite));
}
accelerator.print("ok");
