// Accumulation with weights over workers: micro-batches of tokens, weights of 0, steps where nothing counts. Asserted by every worker itself; ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, SGD, tensor } from "accelerate-ts";
import { Linear, mseLoss } from "accelerate-ts/nn";
import { gradient, type Line, lineOf, lossOf, made, near, ones, read } from "./lines.js";

// x = 1..8, y = 2x: 4 micro-batches of 2 are one batch of 8, by accumulate and by weights.
for (const weighted of [false, true]) {
  await using accelerator = new Accelerator({ gradientAccumulationSteps: 4 });
  const model = new Linear(1, 1, { bias: false });
  model.weight.set(Float32Array.of(0));
  const optimizer = new SGD(model.parameters(), { lr: 0.02 });
  await accelerator.prepare(model, optimizer);
  for (const x of [1, 3, 5, 7])
    await accelerator.accumulate(model, async () => {
      const loss = mseLoss(model(tensor([[x], [x + 1]])), tensor([[2 * x], [2 * (x + 1)]]));
      await accelerator.backward(loss, weighted ? { weight: 2 } : {});
      await optimizer.step();
      optimizer.zeroGrad();
    });
  assert.equal(model.weight.values()[0]!.toFixed(5), "2.04000");
}

// Losses that are means over tokens: 52 and 84 of them on two workers, 136 together, end where one batch of all ends; so do others on other numbers of workers.
{
  const { accelerator, model, optimizer } = await made({ gradientAccumulationSteps: 3 });
  await using _ = accelerator;
  const { processIndex: rank, numProcesses: world } = accelerator;
  const counts = (r: number) => (r === 0 ? [10, 17, 25] : [40, 31, 13 + (r - 1)]);
  const tokens = (r: number, m: number) => Array.from({ length: counts(r)[m]! }, (__, i) => Math.sin(100 * r + 10 * m + i));
  const total = counts(0).reduce((a, b) => a + b) + (world > 1 ? counts(1).reduce((a, b) => a + b) : 0);
  if (world === 2) assert.equal(total, 136);
  let line: Line = { a: 0, b: 0 };
  for (let step = 0; step < 3; step++) {
    const all = Array.from({ length: world }, (__, r) => [0, 1, 2].flatMap((m) => tokens(r, m))).flat();
    const g = gradient(line, all);
    line = { a: line.a - 0.02 * g.a, b: line.b - 0.02 * g.b };
    for (let m = 0; m < 3; m++)
      await accelerator.accumulate(model, async () => {
        const x = tokens(rank, m);
        await accelerator.backward(lossOf(model, x), { weight: x.length });
        if (accelerator.syncGradients) near(await read(model), g);
        await optimizer.step();
        optimizer.zeroGrad();
      });
    near(lineOf(model), line);
  }
}

// A weight of 0 counts nothing, also where the loss is not finite; where nothing counts there is no step.
{
  const { accelerator, model, optimizer, loss, finish, grad } = await ones();
  await using _ = accelerator;
  const { processIndex: rank, numProcesses: world } = accelerator;
  const counts = rank === 0 || world === 1;
  const x = loss(counts ? 3 : Number.NaN);
  await accelerator.backward(x, { weight: counts ? 2 : 0 });
  assert.equal(Number.isNaN(await x.item()), !counts);
  assert.equal(await grad(), 3);
  assert.equal(await accelerator.clipGradNorm(model.parameters(), 1e9), 3);
  assert.equal(await finish(), 3);
  // In a loop that counts for itself, weights add up until the step.
  await accelerator.backward(loss(rank), { weight: 1 });
  await accelerator.backward(loss(1), { weight: 3 });
  const mean = (world - 1) / 2;
  assert.ok(Math.abs((await finish()) - (mean + 3) / 4) < 1e-6);
  await accelerator.backward(loss(Number.POSITIVE_INFINITY), { weight: 0 });
  assert.equal(await accelerator.clipGradNorm(model.parameters(), 1), 0);
  assert.equal(await finish(), 0);
  assert.deepEqual([optimizer.stepWasSkipped, accelerator.optimizerStepWasSkipped, optimizer.stepCount], [true, true, 2]);
  await accelerator.backward(loss(4), { weight: 0.5 });
  assert.equal(await finish(), 4);
  assert.deepEqual([optimizer.stepWasSkipped, optimizer.stepCount], [false, 3]);
  await assert.rejects(accelerator.backward(loss(1), { weight: -1 }), /weight is -1/);
  // Two optimizers in turn, each with weights of its own.
  const critic = new Linear(1, 1, { bias: false });
  critic.weight.set(Float32Array.of(0));
  const other = new SGD(critic.parameters(), { lr: 1 });
  await accelerator.prepare(critic, other);
  for (let step = 1; step <= 2; step++) {
    await accelerator.backward(critic(tensor([[5]])).sum(), { weight: 10 });
    await other.step();
    other.zeroGrad();
    await accelerator.backward(loss(rank + 1), { weight: rank + 1 });
    const squares = Array.from({ length: world }, (__, r) => (r + 1) ** 2).reduce((a, b) => a + b);
    assert.ok(Math.abs((await finish()) - squares / ((world * (world + 1)) / 2)) < 1e-6);
    assert.ok(Math.abs(critic.weight.values()[0]! + 5 * step) < 1e-5);
  }
  accelerator.print("ok");
}
