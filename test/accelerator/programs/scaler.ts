// Loss scaling over workers, asserted by every worker itself: overflows in one micro-batch of one worker, windows, clipping, several optimizers, schedules. Ends with "ok" from the main process.
import assert from "node:assert/strict";
import { Accelerator, type AcceleratorOptions, AdamW, GradScaler, LambdaScheduler, SGD, tensor } from "accelerate-ts";
import { Linear, mseLoss } from "accelerate-ts/nn";

/** The gradient of the weight is x. */
const made = async (options: AcceleratorOptions = {}) => {
  const accelerator = new Accelerator({ seed: 1, gradScaler: {}, ...options });
  const model = new Linear(1, 1, { bias: false });
  model.weight.set(Float32Array.of(1));
  const optimizer = new AdamW(model.parameters(), { lr: 0.1 });
  await accelerator.prepare(model, optimizer);
  const scheduler = new LambdaScheduler(optimizer, (t) => 1 / (1 + t));
  const loss = (x: number) => model(tensor([[x]])).sum();
  const grad = async () => (await model.weight.grad!.data())[0]!;
  const step = async () => {
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    return optimizer.stepWasSkipped;
  };
  const state = () => JSON.stringify([model.weight.values()[0], optimizer.stateDict(), scheduler.lastEpoch, optimizer.stepCount]);
  const { processIndex: rank, numProcesses: world } = accelerator;
  /** What one worker has instead of the others' x. */
  const bad = (value: number, x = 1) => loss(rank === world - 1 ? value : x);
  return { accelerator, model, optimizer, scheduler, scaler: accelerator.scaler!, loss, bad, grad, step, state, rank, world };
};

// Clean, NaN, infinite, clean again; the scale is halved, nothing else moves.
{
  const { accelerator, optimizer, scheduler, scaler, loss, bad, step, state, grad } = await made();
  await using _ = accelerator;
  assert.equal(scaler.scale, 65536);
  await accelerator.backward(loss(0.01));
  assert.ok(Math.abs((await grad()) - 0.01) < 1e-9);
  assert.equal(await step(), false);
  const before = state();
  for (const [value, scale] of [
    [Number.NaN, 32768],
    [Number.POSITIVE_INFINITY, 16384],
    // Large enough to overflow once it is scaled, and not before: 3e38 / 65536 < x.
    [3e35, 8192],
  ] as const) {
    await accelerator.backward(bad(value));
    assert.equal(await step(), true);
    assert.equal(accelerator.optimizerStepWasSkipped, true);
    assert.equal(state(), before);
    assert.equal(scaler.scale, scale);
  }
  await accelerator.backward(loss(0.01));
  assert.equal(await step(), false);
  assert.deepEqual([optimizer.stepCount, scheduler.lastEpoch, accelerator.optimizerStepWasSkipped], [2, 2, false]);
  await accelerator.unscaleGradients();
}

// One micro-batch of one worker overflows: the window's step is skipped everywhere; the scale stays the same within it.
for (const at of [0, 1, 2]) {
  const { accelerator, model, scaler, loss, bad, step, state, grad, rank } = await made({ gradientAccumulationSteps: 3 });
  await using _ = accelerator;
  const before = state();
  for (let window = 0; window < 2; window++) {
    const scale = scaler.scale;
    for (let m = 0; m < 3; m++)
      await accelerator.accumulate(model, async () => {
        await accelerator.backward(window === 0 && m === at ? bad(Number.POSITIVE_INFINITY, rank + 1) : loss(rank + 1));
        if (m < 2 && window === 1) assert.equal(await grad(), (m + 1) * (rank + 1));
        assert.equal(scaler.scale, scale);
        const skipped = await step();
        if (m === 2) assert.equal(skipped, window === 0);
      });
    if (window === 0) assert.equal(state(), before);
    else assert.notEqual(state(), before);
  }
  assert.equal(scaler.scale, 32768);
}

// With a scale the same bits come out as without, clipped too; and as with weights that are all the same.
{
  const train = async (options: AcceleratorOptions, weight?: number): Promise<readonly number[]> => {
    await using accelerator = new Accelerator({ seed: 3, gradientAccumulationSteps: 3, ...options });
    const model = new Linear(3, 2);
    const optimizer = new AdamW(model.parameters(), { lr: 0.05 });
    await accelerator.prepare(model, optimizer);
    const norms: number[] = [];
    for (let i = 0; i < 13; i++)
      await accelerator.accumulate(model, async () => {
        const x = tensor([[Math.sin(i), accelerator.processIndex + 1, Math.cos(i)]]);
        await accelerator.backward(mseLoss(model(x), tensor([[i / 13, 1]])), weight === undefined ? {} : { weight });
        norms.push(await accelerator.clipGradNorm(model.parameters(), 0.7));
        if (i % 2) await accelerator.clipGradValue(model.parameters(), 0.3);
        await optimizer.step();
        optimizer.zeroGrad();
      });
    return [...norms, ...[...model.parameters()].flatMap((p) => [...p.values()])];
  };
  const plain = await train({});
  assert.deepEqual(await train({ gradScaler: {} }), plain);
  assert.deepEqual(await train({ gradScaler: { enabled: false } }), plain);
  assert.deepEqual(await train({}, 4), plain);
  assert.deepEqual(await train({ gradScaler: { initScale: 1024 } }, 0.5), plain);
}

// The scale grows after clean steps; a scaler of the program's own; what is saved.
{
  const scaler = new GradScaler({ initScale: 4, growthInterval: 2, growthFactor: 4 });
  const { accelerator, loss, bad, step } = await made({ gradScaler: scaler });
  await using _ = accelerator;
  assert.equal(accelerator.scaler, scaler);
  const scales: number[] = [];
  for (const clean of [true, true, true, false, true, true, true]) {
    await accelerator.backward(clean ? loss(1) : bad(Number.NaN));
    assert.equal(await step(), !clean);
    scales.push(scaler.scale);
  }
  assert.deepEqual(scales, [4, 16, 16, 8, 8, 32, 32]);
  const saved = structuredClone(scaler.stateDict());
  assert.deepEqual(saved, { scale: 32, growth_factor: 4, backoff_factor: 0.5, growth_interval: 2, _growth_tracker: 1 });
  const other = new GradScaler();
  other.loadStateDict(saved);
  other.update({ overflow: false });
  assert.equal(other.scale, 128);
}

// Clipping tells of an overflow, hides none, and does not look twice; a weight of 0 keeps one out.
{
  const { accelerator, model, scaler, loss, bad, step, grad, rank, world } = await made();
  await using _ = accelerator;
  await accelerator.backward(bad(Number.POSITIVE_INFINITY));
  assert.equal(await accelerator.clipGradNorm(model.parameters(), 1), Number.POSITIVE_INFINITY);
  assert.equal(await step(), true);
  await accelerator.backward(bad(Number.POSITIVE_INFINITY));
  await accelerator.clipGradValue(model.parameters(), 1);
  assert.equal(await step(), true);
  assert.equal(scaler.scale, 16384);
  const mean = (world + 1) / 2;
  await accelerator.backward(loss(rank + 1));
  assert.ok(Math.abs((await accelerator.clipGradNorm(model.parameters(), 0.5)) - mean) < 1e-6);
  assert.ok(Math.abs((await grad()) - 0.5) < 1e-5);
  await accelerator.clipGradValue(model.parameters(), 0.25);
  assert.ok(Math.abs((await grad()) - 0.25) < 1e-6);
  assert.equal(await step(), false);
  const last = rank === world - 1 && world > 1;
  await accelerator.backward(loss(last ? Number.NaN : 2), { weight: last ? 0 : 3 });
  assert.equal(await grad(), 2);
  assert.equal(await step(), false);
  await accelerator.backward(loss(Number.NaN), { weight: 0 });
  assert.equal(await step(), true);
  // Nothing had overflowed.
  assert.equal(scaler.scale, 16384);
}

// Two optimizers: only the one whose gradients have overflowed is skipped; gradients that were scaled before the scale has moved are unscaled with theirs.
{
  const { accelerator, model, optimizer, scaler, loss, bad } = await made();
  await using _ = accelerator;
  const critic = new Linear(1, 1, { bias: false });
  critic.weight.set(Float32Array.of(0));
  const other = new SGD(critic.parameters(), { lr: 1 });
  await accelerator.prepare(critic, other);
  const before = model.weight.values()[0];
  await accelerator.backward(bad(Number.NaN).add(critic(tensor([[3]])).sum()));
  await optimizer.step();
  assert.equal(scaler.scale, 32768);
  await other.step();
  assert.deepEqual([optimizer.stepWasSkipped, other.stepWasSkipped, accelerator.optimizerStepWasSkipped], [true, false, true]);
  assert.deepEqual([model.weight.values()[0], critic.weight.values()[0]], [before, -3]);
  optimizer.zeroGrad();
  other.zeroGrad();
  await accelerator.backward(loss(1));
  await optimizer.step();
  assert.deepEqual([optimizer.stepWasSkipped, accelerator.optimizerStepWasSkipped], [false, false]);
  // A norm over both that is not finite would spoil both.
  optimizer.zeroGrad();
  await accelerator.backward(bad(Number.NaN).add(critic(tensor([[3]])).sum()));
  await accelerator.clipGradNorm([...model.parameters(), ...critic.parameters()], 1);
  await other.step();
  assert.deepEqual([other.stepWasSkipped, critic.weight.values()[0]], [true, -3]);
  // What was not scaled is not taken for scaled.
  await model(tensor([[1]]))
    .sum()
    .backward();
  await assert.rejects(optimizer.step(), { code: "ERR_UNSCALED" });
  accelerator.print("ok");
}
// What was not prepared is neither scaled nor weighted.
if (process.env.WORLD_SIZE === "1" || process.env.WORLD_SIZE === undefined) {
  await using accelerator = new Accelerator({ gradScaler: {} });
  const model = new Linear(1, 1, { bias: false });
  await accelerator.backward(model(tensor([[3]])).sum(), { weight: 5 });
  assert.equal((await model.weight.grad!.data())[0], 3);
}
