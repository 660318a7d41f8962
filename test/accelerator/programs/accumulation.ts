// Windows of accumulation over workers, asserted by every worker itself against sums in double precision: when gradients are whole, what divides them, noSync, loops inside loops.
// Ends with "ok" from the main process.
import assert from "node:assert/strict";
import { DataLoader, SGD, tensor } from "accelerate-ts";
import { Linear } from "accelerate-ts/nn";
import { apart, gradient, type Line, lineOf, lossOf, type Made, made, meanOf, near, ones, read, sumOf } from "./lines.js";

/** 80 samples, 16 per worker, windows of 2: gradients are whole at every second iteration and the last, and not in between. */
async function windows({ accelerator, model, optimizer, loader }: Made, each = false): Promise<void> {
  let own: Line[] = [];
  let all: Line[] = [];
  const wholes: boolean[] = [];
  let count = 0;
  for await (const x of loader) {
    const at = lineOf(model);
    all.push(...(await accelerator.gatherObject([x])).map((rows) => gradient(at, rows)));
    own.push(gradient(at, x));
    const last = ++count === loader.length;
    await accelerator.accumulate(model, async () => {
      assert.equal(accelerator.syncGradients, count % 2 === 0 || last);
      await accelerator.backward(lossOf(model, x));
      assert.equal((await accelerator.clipGradNorm(model.parameters(), 1e9)) > 0, accelerator.syncGradients);
    });
    const whole = accelerator.syncGradients;
    wholes.push(whole);
    const now = await read(model);
    const mean = meanOf(all.map((g) => [1, g]));
    near(now, whole || each ? mean : sumOf(own), `iteration ${count}`);
    if (accelerator.numProcesses > 1 && !whole && !each) apart(now, mean, `iteration ${count} is this worker's own`);
    // Behind the body, too: nothing is done within a window.
    await optimizer.step();
    optimizer.zeroGrad();
    near(lineOf(model), whole ? { a: at.a - 0.02 * mean.a, b: at.b - 0.02 * mean.b } : at, `parameters at ${count}`);
    if (whole) [own, all] = [[], []];
  }
  assert.equal(wholes.at(-1), true);
}

{
  await using accelerator = (await made()).accelerator;
  assert.ok(accelerator.syncGradients);
}
for (const [each, options] of [
  [false, { gradientAccumulationSteps: 2 }],
  [true, { gradientAccumulationPlugin: { numSteps: 2, syncEachBatch: true } }],
] as const) {
  const run = await made(options);
  await using _ = run.accelerator;
  for (let epoch = 0; epoch < 2; epoch++) await windows(run, each);
}

// noSync: whole on the iteration without it only.
{
  const { accelerator, model, optimizer, loader } = await made({}, 96);
  await using _ = accelerator;
  const at = lineOf(model);
  let count = 0;
  for await (const x of loader) {
    if (++count > 3) break;
    const mean = meanOf((await accelerator.gatherObject([x])).map((rows) => [1, gradient(at, rows)]));
    if (count % 2 === 1) {
      await accelerator.noSync(model, async () => {
        assert.equal(accelerator.syncGradients, false);
        await accelerator.backward(lossOf(model, x));
        await assert.rejects(optimizer.step(), { code: "ERR_NO_SYNC" });
        assert.equal(await accelerator.clipGradNorm(model.parameters(), 1), 0);
      });
      const now = await read(model);
      near(now, gradient(at, x));
      if (accelerator.numProcesses > 1) apart(now, mean, "own gradients");
    } else {
      await accelerator.backward(lossOf(model, x));
      near(await read(model), mean);
    }
    optimizer.zeroGrad();
  }
}
// What was gathered without sync is brought together by the backward behind it, or by a step.
{
  const { accelerator, model, optimizer, loss, finish, grad } = await ones();
  await using _ = accelerator;
  const { processIndex: rank, numProcesses: world } = accelerator;
  const mean = (world - 1) / 2;
  await accelerator.noSync(model, () => accelerator.backward(loss(rank)));
  assert.equal(await grad(), rank);
  await accelerator.backward(loss(rank));
  assert.equal(await grad(), 2 * mean);
  assert.equal(await finish(), 2 * mean);
  await accelerator.noSync(model, () => accelerator.backward(loss(rank)));
  assert.equal(await finish(), mean);
  await accelerator.noSync(model, async () => {
    accelerator.triggerSyncInBackward(model);
    await accelerator.backward(loss(rank));
    assert.equal(await grad(), mean);
    assert.equal(await finish(), mean);
  });
  // Chosen by the program.
  accelerator.syncGradients = false;
  await accelerator.backward(loss(rank));
  await optimizer.step();
  optimizer.zeroGrad();
  accelerator.syncGradients = true;
  await accelerator.backward(loss(rank));
  assert.equal(await finish(), 2 * mean);
}

// The last window is short: divided by its real size, or as Accelerate does; another number of steps on the way.
for (const [divideBy, expected] of [
  ["window", [1, 1, 1]],
  ["configured", [1, 1, 0.5]],
] as const) {
  const { accelerator, model, loss, finish } = await ones({ gradientAccumulationPlugin: { numSteps: 2, divideBy } });
  await using _ = accelerator;
  const loader = new DataLoader(
    Array.from({ length: 5 * accelerator.numProcesses }, () => 1),
    { batchSize: 1, collateFn: (x: number[]) => x },
  );
  await accelerator.prepare(loader);
  const moves: number[] = [];
  for await (const [x] of loader)
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(loss(x!));
      if (accelerator.syncGradients) moves.push(await finish());
    });
  assert.deepEqual(moves, expected);
  accelerator.gradientAccumulationSteps = 5;
  let whole = 0;
  for await (const [x] of loader)
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(loss(x!));
      if (accelerator.syncGradients) whole += await finish();
    });
  assert.equal(whole, 1);
}

// zeroGrad at the beginning, inside the body or before it, forgets what was stepped and nothing that waits for the step of its window.
for (const inside of [true, false]) {
  const { accelerator, model, optimizer, loss, value } = await ones({ gradientAccumulationSteps: 3 });
  await using _ = accelerator;
  const values: number[] = [];
  for (const x of [1, 2, 3, 4, 5, 6]) {
    if (!inside) optimizer.zeroGrad();
    await accelerator.accumulate(model, async () => {
      if (inside) optimizer.zeroGrad();
      await accelerator.backward(loss(x));
      await optimizer.step();
    });
    values.push(value());
  }
  assert.deepEqual(values, [0, 0, -2, -2, -2, -7]);
  // What a program drops at the end of a window, instead of a step, is gone.
  for (const x of [100, 100, 100, 1, 2, 3])
    await accelerator.accumulate(model, async () => {
      await accelerator.backward(loss(x));
      if (x < 100) await optimizer.step();
      optimizer.zeroGrad();
    });
  assert.equal(value(), -9);
}
// Two optimizers in turn, each of which calls it before its own backward.
{
  const { accelerator, model, optimizer, loss, value } = await ones({ gradientAccumulationSteps: 2 });
  await using _ = accelerator;
  const critic = new Linear(1, 1, { bias: false });
  critic.weight.set(Float32Array.of(0));
  const other = new SGD(critic.parameters(), { lr: 1 });
  await accelerator.prepare(critic, other);
  for (const x of [1, 3, 5, 7])
    await accelerator.accumulate([model, critic], async () => {
      other.zeroGrad();
      await accelerator.backward(critic(tensor([[x]])).sum());
      await other.step();
      optimizer.zeroGrad();
      await accelerator.backward(loss(10 * x));
      await optimizer.step();
    });
  assert.deepEqual([critic.weight.values()[0], value()], [-8, -80]);
}
// An optimizer that was not prepared is refused on every worker, also on those that have no part in its only parameter.
{
  const { accelerator, model, loss } = await ones();
  await using _ = accelerator;
  const stranger = new SGD(model.parameters(), { lr: 1 });
  await accelerator.backward(loss(1));
  if (accelerator.numProcesses > 1) await assert.rejects(stranger.step(), { code: "ERR_NOT_PREPARED" });
  await accelerator.waitForEveryone();
}

// An evaluation inside a body, in the middle of a window and at its end, and a training loop of another model: the outer window does not notice.
{
  const { accelerator, model, loss, finish, grad } = await ones({ gradientAccumulationSteps: 3 });
  await using _ = accelerator;
  const world = accelerator.numProcesses;
  const { batches, evaluation, inner } = Object.fromEntries(
    Object.entries({ batches: 7, evaluation: 2, inner: 3 }).map(([name, n]) => [
      name,
      new DataLoader(
        Array.from({ length: n * world }, () => 1),
        { batchSize: 1, collateFn: (x: number[]) => x },
      ),
    ]),
  ) as Record<"batches" | "evaluation" | "inner", DataLoader<number[]>>;
  const critic = new Linear(1, 1, { bias: false });
  critic.weight.set(Float32Array.of(0));
  const other = new SGD(critic.parameters(), { lr: 1 });
  await accelerator.prepare(batches, evaluation, inner, critic, other);
  const seen: string[] = [];
  let count = 0;
  for await (const [x] of batches) {
    count++;
    const sync = count % 3 === 0 || count === 7;
    await accelerator.accumulate(model, async () => {
      assert.equal(accelerator.syncGradients, sync);
      for await (const [y] of evaluation) await accelerator.gather(loss(y!));
      assert.equal(accelerator.syncGradients, sync);
      await accelerator.backward(loss(x!));
      for await (const [y] of inner)
        await accelerator.accumulate(critic, async () => {
          await accelerator.backward(critic(tensor([[y!]])).sum());
          await other.step();
          other.zeroGrad();
        });
      assert.equal(accelerator.syncGradients, sync);
      for await (const _batch of evaluation) break;
      if (sync) seen.push(`${count}: ${await finish()}`);
    });
    assert.equal(accelerator.syncGradients, sync);
    if (!sync) assert.equal(await grad(), ((count - 1) % 3) + 1);
    for await (const [y] of evaluation) await accelerator.gather(loss(y!));
    assert.equal(accelerator.syncGradients, sync);
  }
  assert.deepEqual(seen, ["3: 1", "6: 1", "7: 1"]);
  assert.equal(critic.weight.values()[0], -7);
}

// A part of the model that the second micro-batch does not reach has the window's mean all the same, also when it was read before.
{
  const { accelerator, model, loss, grad, finish } = await ones({ gradientAccumulationPlugin: { numSteps: 2, syncEachBatch: true } });
  await using _ = accelerator;
  const branch = new Linear(1, 1, { bias: false });
  branch.weight.set(Float32Array.of(0));
  const other = new SGD(branch.parameters(), { lr: 1 });
  await accelerator.prepare(branch, other);
  const of = (x: number) => branch(tensor([[x]])).sum();
  const mean = (accelerator.numProcesses + 1) / 2;
  for (const clips of [false, true]) {
    await accelerator.accumulate([model, branch], async () => {
      await accelerator.backward(loss(4).add(of(2 * (accelerator.processIndex + 1))));
      assert.deepEqual([await grad(), (await branch.weight.grad!.data())[0]], [4, 2 * mean]);
    });
    await accelerator.accumulate([model, branch], async () => {
      await accelerator.backward(loss(6));
      assert.deepEqual([await grad(), (await branch.weight.grad!.data())[0]], [5, mean]);
      if (clips) await accelerator.clipGradValue([...model.parameters(), ...branch.parameters()], 0.5);
      assert.equal(await finish(), clips ? 0.5 : 5);
      await other.step();
      other.zeroGrad();
    });
    assert.equal(branch.weight.values()[0], clips ? -mean - 0.5 : -mean);
  }
}
if ((process.env.RANK ?? "0") === "0") console.log("ok");
