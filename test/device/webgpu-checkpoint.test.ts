// What is kept of a training on WebGPU: checkpoints go on bit for bit, weights are read and written, windows accumulate, overflows are seen.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { Accelerator, type AcceleratorOptions } from "../../src/accelerator/index.js";
import { BatchNorm1d, Dropout, Linear, Module } from "../../src/nn/index.js";
import { AdamW, type Optimizer } from "../../src/optim/index.js";
import { defaultExecutor, fromData, type Tensor } from "../../src/tensor/index.js";
import { testDevices } from "../support/devices.js";

class Net extends Module {
  readonly one = new Linear(3, 4);
  readonly norm = new BatchNorm1d(4);
  readonly dropout = new Dropout(0.2);
  readonly two = new Linear(4, 1);
  forward(x: Tensor): Tensor {
    return this.two(this.dropout(this.norm(this.one(x)).tanh()));
  }
}

const batch = (step: number): Tensor =>
  fromData(
    Float32Array.from({ length: 15 }, (_, i) => Math.sin(1.3 * i + step)),
    [5, 3],
  );

interface Run {
  readonly accelerator: Accelerator;
  readonly model: Net;
  readonly optimizer: Optimizer;
}

const [{ device, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];
const folder = mkdtempSync(join(tmpdir(), "webgpu-"));
after(() => rmSync(folder, { recursive: true }));

async function start(options: AcceleratorOptions = {}): Promise<Run> {
  const accelerator = new Accelerator({ device, seed: 5, ...options });
  const model = new Net();
  const optimizer = new AdamW(model.parameters(), { lr: 0.05 });
  await accelerator.prepare(model, optimizer);
  return { accelerator, model, optimizer };
}
async function steps({ accelerator, model, optimizer }: Run, from: number, to: number): Promise<number[]> {
  const losses: number[] = [];
  for (let step = from; step < to; step++)
    await accelerator.accumulate(model, async () => {
      const y = model(batch(step));
      const loss = y.mul(y).mean();
      await accelerator.backward(loss);
      await optimizer.step();
      optimizer.zeroGrad();
      losses.push(await loss.item());
    });
  return losses;
}
const left = async ({ model, optimizer }: Run) => ({
  parameters: [...model.parameters()].map((p) => p.values().slice()),
  buffers: await Promise.all([...model.namedBuffers()].map(async ([, b]) => (await b.data()).slice())),
  state: optimizer.stateDict().state,
});

suite("A training on WebGPU", { skip }, () => {
  for (const [where, gradientAccumulationSteps, at] of [
    ["behind a step", 1, 2],
    ["inside a window", 2, 3],
  ] as const)
    test(`goes on bit for bit from a checkpoint ${where}`, async () => {
      const run = await start({ gradientAccumulationSteps });
      await steps(run, 0, at);
      const place = join(folder, where);
      await run.accelerator.saveState(place);
      const losses = await steps(run, at, 6);
      const end = await left(run);
      const other = await start({ gradientAccumulationSteps, seed: 9 });
      await steps(other, 0, 2 * gradientAccumulationSteps);
      await other.accelerator.loadState(place);
      assert.deepEqual(await steps(other, at, 6), losses);
      assert.deepEqual(await left(other), end);
    });

  test("what is written to parameters and buffers counts, what is read is what the device has", async () => {
    const run = await start();
    await steps(run, 0, 2);
    const { weight } = run.model.two;
    const before = weight.values().slice();
    await steps(run, 2, 3);
    assert.notDeepEqual(weight.values(), before);
    weight.set(new Float32Array(4));
    run.model.two.bias!.values()[0] = 3;
    run.model.two.bias!.changed();
    run.model.eval();
    assert.deepEqual(await run.model(batch(0)).toArray(), new Array(5).fill([3]));
    // Written to in place, without a word.
    const running = run.model.norm.runningMean!;
    ((await running.data()) as Float32Array).fill(100);
    run.model.two.weight.set(Float32Array.of(1, 1, 1, 1));
    assert.deepEqual(await run.model(batch(0)).toArray(), new Array(5).fill([-1]));
    run.model.train();
  });

  test("results are fed on without a trip, and come down once", async () => {
    const x = batch(0).mul(2);
    // Hangs on what is asked for: it is computed with it, and stays there.
    const [y, asked] = [x.add(1), x.sub(1)];
    await asked.data();
    const context = defaultExecutor().context!;
    const { uploads, downloads } = context.counters;
    const z = y.mul(y.detach());
    assert.equal((await z.data()).length, 15);
    assert.equal((await z.data()).length, 15);
    const now = context.counters;
    assert.deepEqual([now.uploads - uploads, now.downloads - downloads], [0, 1]);
  });

  test("windows add up on the device, as one batch of all", async () => {
    const run = await start({ gradientAccumulationSteps: 3 });
    run.model.eval();
    const before = [...run.model.parameters()].map((p) => p.values().slice());
    await steps(run, 0, 2);
    assert.deepEqual(
      [...run.model.parameters()].map((p) => p.values().slice()),
      before,
    );
    const gradient = run.model.one.weight.grad!;
    const sum = (await gradient.data()).slice();
    const alone = await start();
    for (const [i, p] of [...alone.model.parameters()].entries()) p.set(before[i]!);
    alone.model.eval();
    const ys = [0, 1].map((step) => alone.model(batch(step)));
    await ys
      .map((y) => y.mul(y).mean())
      .reduce((a, b) => a.add(b))
      .backward();
    const whole = await alone.model.one.weight.grad!.data();
    for (const [i, g] of whole.entries()) assert.ok(Math.abs(sum[i]! - g) < 1e-6 * Math.max(1, Math.abs(g)), `${sum[i]} and ${g}`);
  });

  test("a step whose gradients overflow under the scale is skipped", async () => {
    const run = await start({ gradScaler: { initScale: 2 ** 127, growthInterval: 2 } });
    const before = [...run.model.parameters()].map((p) => p.values().slice());
    const y = run.model(batch(0));
    await run.accelerator.backward(y.mul(y).mean().mul(1e6));
    await run.optimizer.step();
    assert.ok(run.optimizer.stepWasSkipped);
    assert.deepEqual(
      [...run.model.parameters()].map((p) => p.values().slice()),
      before,
    );
    assert.equal(run.accelerator.scaler!.scale, 2 ** 126);
  });

  test("another device is refused once one is open", () => {
    assert.throws(() => new Accelerator({ device: "cpu" }), { code: "ERR_DEVICE_CHANGED" });
    assert.throws(() => new Accelerator({ device: "cuda", cpu: true }), { code: "ERR_DEVICE" });
    assert.throws(() => new Accelerator({ device: "tpu" }), { code: "ERR_DEVICE" });
    assert.equal(`${new Accelerator().device}`, "webgpu:0");
  });
});
