// Every optimizer's update as a graph on WebGPU: values and states are those of the CPU's kernel.
import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { sizeOf } from "../../src/graph/dtype.js";
import { Adafactor, Adagrad, Adam, AdamW, clipGradNorm, clipGradValue, Lion, type Optimizer, RMSprop, SGD } from "../../src/optim/index.js";
import { defaultExecutor, type Parameter, ParameterArena } from "../../src/tensor/index.js";
import { parameterOf, relativeDifference } from "../optim/fixtures.js";
import { testDevices } from "../support/devices.js";

const shapes: readonly (readonly number[])[] = [[3, 4], [5], [], [2, 3, 4], [1]];
type Make = (groups: { params: Parameter[]; weightDecay?: number; lr?: number }[]) => Optimizer;

const optimizers: { readonly [name: string]: Make } = {
  AdamW: (g) => new AdamW(g, { lr: 1e-2 }),
  "AdamW of transformers": (g) => new AdamW(g, { lr: 1e-2, variant: "transformers" }),
  "AdamW without bias correction": (g) => new AdamW(g, { lr: 1e-2, variant: "transformers", correctBias: false, weightDecay: 0.1 }),
  Adam: (g) => new Adam(g, { lr: 1e-2, weightDecay: 0.1 }),
  SGD: (g) => new SGD(g, { lr: 0.1 }),
  "SGD with momentum": (g) => new SGD(g, { lr: 0.1, momentum: 0.9, dampening: 0.3 }),
  "SGD with Nesterov's momentum": (g) => new SGD(g, { lr: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 }),
  RMSprop: (g) => new RMSprop(g, { lr: 1e-2 }),
  "RMSprop, centered, with momentum": (g) => new RMSprop(g, { lr: 1e-2, momentum: 0.9, centered: true }),
  Adagrad: (g) => new Adagrad(g, { lr: 1e-2, lrDecay: 0.1, initialAccumulatorValue: 0.1 }),
  Lion: (g) => new Lion(g, { lr: 1e-2 }),
  Adafactor: (g) => new Adafactor(g.map(({ params }) => ({ params }))),
  "Adafactor with a learning rate and a moment": (g) =>
    new Adafactor(
      g.map(({ params }) => ({ params })),
      { lr: 1e-2, relativeStep: false, beta1: 0.9, weightDecay: 0.1, scaleParameter: false },
    ),
};

const numbers = (n: number, seed: number): Float32Array => Float32Array.from({ length: n }, (_, i) => Math.sin(1.7 * i + 2.3 * seed) * 0.5 + 0.01 * seed);

interface Left {
  readonly values: readonly Float32Array[];
  readonly states: Readonly<Record<string, unknown>>;
  readonly norms: readonly number[];
}

/** Four steps; the last parameter has no gradient in the first, the third is clipped, and to the gradient of the fourth another is added. */
async function run(make: Make): Promise<Left> {
  const parameters = shapes.map((shape, i) => parameterOf(`p${i}`, shape, numbers(sizeOf(shape), i)));
  const optimizer = make([
    { params: parameters.slice(0, 2), weightDecay: 0.1 },
    { params: parameters.slice(2), weightDecay: 0, lr: 0.02 },
  ]);
  const norms: number[] = [];
  ParameterArena.adopt(parameters);
  for (let step = 0; step < 4; step++) {
    for (const [i, p] of parameters.entries()) {
      const segment = p.segment()!;
      segment.hasGrad = step > 0 || i < 4;
      if (!segment.hasGrad) continue;
      segment.grad.set(numbers(sizeOf(p.shape), 10 * step + i));
      segment.gradWritten();
    }
    if (step === 2) norms.push(await clipGradNorm(parameters, 0.7));
    if (step === 3) {
      for (const normType of [1, 3, Number.POSITIVE_INFINITY]) norms.push(await clipGradNorm(parameters, 1e9, { normType }));
      await clipGradValue(parameters, 0.3);
    }
    await optimizer.step();
    optimizer.zeroGrad();
  }
  return { values: parameters.map((p) => p.values().slice()), states: optimizer.stateDict().state, norms };
}

const [{ device, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];

suite("Optimizers on WebGPU", { skip }, () => {
  const expected = new Map<string, Left>();
  before(async () => {
    for (const [name, make] of Object.entries(optimizers)) expected.set(name, await run(make));
    defaultExecutor().device = device;
    await defaultExecutor().open();
  });

  for (const [name, make] of Object.entries(optimizers))
    test(`${name} makes the CPU's steps`, async () => {
      const [found, other] = [await run(make), expected.get(name)!];
      for (const [i, values] of other.values.entries()) {
        const difference = relativeDifference(found.values[i]!, values);
        assert.ok(difference <= 1e-6, `parameter ${i} differs by ${difference}: ${found.values[i]}, ${values} on the CPU`);
      }
      for (const [i, norm] of other.norms.entries())
        assert.ok(Math.abs(found.norms[i]! - norm) <= 1e-6 * norm, `norm ${i}: ${found.norms[i]}, ${norm} on the CPU`);
      assert.deepEqual(Object.keys(found.states), Object.keys(other.states));
      for (const [parameter, state] of Object.entries(other.states as Record<string, Record<string, Float32Array>>)) {
        const own = (found.states as Record<string, Record<string, Float32Array>>)[parameter]!;
        assert.deepEqual(Object.keys(own), Object.keys(state));
        for (const [key, values] of Object.entries(state)) {
          if (typeof values === "number") assert.equal(own[key], values);
          else assert.ok(relativeDifference(own[key]!, values) <= 1e-6, `${key} of ${parameter}: ${own[key]}, ${values} on the CPU`);
        }
      }
    });

  test("elements that are not finite are counted, and make the norm no number", async () => {
    const p = parameterOf("p", [6], numbers(6, 1));
    ParameterArena.adopt([p]);
    const segment = p.segment()!;
    segment.hasGrad = true;
    segment.grad.set([1, Number.NaN, 2, Number.POSITIVE_INFINITY, 3, 4]);
    segment.gradWritten();
    await assert.rejects(clipGradNorm([p], 1, { normType: Number.POSITIVE_INFINITY, errorIfNonfinite: true }), {
      code: "ERR_GRADIENT_NONFINITE",
      message: /2 of/,
    });
    assert.ok(!Number.isFinite(await clipGradNorm([p], 1)));
  });

  test("an optimizer goes on from a state that was saved, bit for bit", async () => {
    const train = async (steps: number, optimizer: Optimizer, p: Parameter, from = 0) => {
      for (let step = from; step < from + steps; step++) {
        const segment = p.segment()!;
        segment.hasGrad = true;
        segment.grad.set(numbers(6, step));
        segment.gradWritten();
        await optimizer.step();
      }
    };
    const p = parameterOf("p", [2, 3], numbers(6, 1));
    ParameterArena.adopt([p]);
    const optimizer = new AdamW([p], { lr: 0.1 });
    await train(2, optimizer, p);
    const [saved, values] = [optimizer.stateDict(), p.values().slice()];
    await train(2, optimizer, p, 2);
    const other = parameterOf("p", [2, 3], values);
    const again = new AdamW([other], { lr: 0.1 });
    again.loadStateDict(saved);
    await train(2, again, other, 2);
    assert.deepEqual(other.values(), p.values());
    assert.deepEqual(again.stateDict(), optimizer.stateDict());
  });
});
