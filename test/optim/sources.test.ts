// Gradients of several workers, added up on the way into an update.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { adafactorFields, adagradFields, adamFields, kernelsOf, lionFields, rmspropFields, sgdFields } from "../../src/optim/kernels.js";
import { Engine } from "../../src/runtime/index.js";

const kernels = () => kernelsOf(Engine.default());
const random = (seed: number, n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.fround(Math.sin(seed * 131.7 + i * 0.731) * (1 + (i % 7))));
const f32 = Math.fround;

/** factor * (sum of those with their bit set), in the order of the arrays, as float32 adds. */
function added(arrays: readonly Float32Array[], contributors: number, factor: number, i: number): number {
  const own = arrays.filter((_, k) => (contributors >> k) & 1);
  if (own.length === 0) return 0;
  return f32(f32(factor) * own.slice(1).reduce((sum, a) => f32(sum + a[i]!), own[0]![i]!));
}

const layout = fc.record({
  workers: fc.integer({ min: 1, max: 5 }),
  ranges: fc.array(fc.record({ gap: fc.integer({ min: 0, max: 20 }), length: fc.integer({ min: 1, max: 5000 }), contributors: fc.nat(31) }), {
    minLength: 1,
    maxLength: 4,
  }),
  factor: fc.constantFrom(1, 0.5, 1 / 3),
});

/** Quadruples with row 0, and the length of the arena. */
function place(ranges: readonly { gap: number; length: number; contributors: number }[], workers: number): { quads: Float64Array; total: number } {
  let at = 0;
  const quads = ranges.flatMap(({ gap, length, contributors }) => {
    const quad = [at + gap, length, 0, contributors % 2 ** workers];
    at += gap + length;
    return quad;
  });
  return { quads: Float64Array.from(quads), total: at };
}

describe("gradients of several workers", () => {
  it("are added up in the order of ranks, with those who have one, and are zero where nobody has", async () => {
    await fc.assert(
      fc.asyncProperty(layout, async ({ workers, ranges, factor }) => {
        const { quads, total } = place(ranges, workers);
        const arrays = Array.from({ length: workers }, (_, k) => random(k + 1, total));
        const out = new Float32Array(total).fill(7);
        await kernels().sum(out, { arrays, factor }, quads);
        const expected = new Float32Array(total).fill(7);
        for (let q = 0; q < quads.length; q += 4)
          for (let i = quads[q]!; i < quads[q]! + quads[q + 1]!; i++) expected[i] = added(arrays, quads[q + 3]!, factor, i);
        assert.deepEqual(out, expected);
      }),
      { numRuns: 40 },
    );
  });

  it("give Adam and SGD the same bits as their sum does", async () => {
    const adam = {
      gradScale: 0.5,
      l2: 0,
      oneMinusBeta1: 0.1,
      beta2: 0.999,
      oneMinusBeta2: 0.001,
      decayBefore: 0.99,
      stepSize: 0.01,
      rootScale: 1,
      eps: 1e-8,
      decayAfter: 1,
    };
    const sgd = { gradScale: 2, l2: 0.1, momentum: 0.9, oneMinusDampening: 1, lr: 0.1, gFactor: 0, bFactor: 1 };
    const rows = (fields: readonly string[], values: object) => Float64Array.from(fields, (name) => (values as Record<string, number>)[name]!);
    await fc.assert(
      fc.asyncProperty(layout, async ({ workers, ranges, factor }) => {
        const { quads, total } = place(ranges, workers);
        const arrays = Array.from({ length: workers }, (_, k) => random(k + 1, total));
        const summed = new Float32Array(total);
        await kernels().sum(summed, { arrays, factor }, quads);
        const run = async (gradients: Float32Array | { arrays: Float32Array[]; factor: number }) => {
          const [values, m, v, momentum] = [random(50, total), new Float32Array(total), new Float32Array(total), random(60, total)];
          await kernels().adamStep(values, gradients, m, v, quads, rows(adamFields, adam));
          await kernels().sgdStep(values, gradients, momentum, quads, rows(sgdFields, sgd));
          await kernels().sgdStep(values, gradients, undefined, quads, rows(sgdFields, { ...sgd, momentum: 0, gFactor: 1, bFactor: 0 }));
          return [values, m, v, momentum];
        };
        assert.deepEqual(await run({ arrays, factor }), await run(summed));
      }),
      { numRuns: 25 },
    );
  });

  it("give RMSprop, Adagrad, Lion and Adafactor the same bits as their sum does", async () => {
    const rmsprop = { gradScale: 2, l2: 0.1, alpha: 0.9, oneMinusAlpha: 0.1, eps: 1e-3, momentum: 0.5, lr: 0.1 };
    const adagrad = { gradScale: 0.5, l2: 0, initial: 0.25, stepSize: 0.1, eps: 1e-6 };
    const lion = { gradScale: 2, beta1: 0.9, oneMinusBeta1: 0.1, beta2: 0.99, oneMinusBeta2: 0.01, lr: 0.1, decay: 0.9 };
    const [first, weights] = [
      { beta1: 0.5, oneMinusBeta1: 0.5 },
      { lr: 0.1, scales: 1, weightDecay: 0.1 },
    ];
    const adafactor = { gradScale: 0.5, beta2: 0.5, oneMinusBeta2: 0.5, epsSquare: 1e-30, epsScale: 1e-3, clipThreshold: 1, ...first, ...weights };
    const rows = (fields: readonly string[], values: object) => Float64Array.from(fields, (name) => (values as Record<string, number>)[name]!);
    await fc.assert(
      fc.asyncProperty(layout, async ({ workers, ranges, factor }) => {
        const { quads, total } = place(ranges, workers);
        const arrays = Array.from({ length: workers }, (_, k) => random(k + 1, total));
        const summed = new Float32Array(total);
        await kernels().sum(summed, { arrays, factor }, quads);
        // A vector, and one matrix of a row of 3 and as many columns as there are, of the others.
        const parameters = Float64Array.from(
          Array.from({ length: quads.length / 4 }, (_, q) => [...quads.subarray(4 * q, 4 * q + 4)]).flatMap(([offset, length, row, contributors], q) => {
            const columns = Math.floor(length! / 3);
            const cut = q % 2 === 0 || columns === 0 ? [1, 0, length!] : [1, 3, columns];
            return [offset!, row!, contributors!, ...cut, offset!, offset!, offset!, q];
          }),
        );
        const run = async (gradients: Float32Array | { arrays: Float32Array[]; factor: number }) => {
          const values = random(50, total);
          const state = Array.from({ length: 8 }, () => new Float32Array(total));
          await kernels().rmspropStep(values, gradients, state[0]!, state[1]!, state[2]!, quads, rows(rmspropFields, rmsprop));
          await kernels().adagradStep(values, gradients, state[3]!, quads, rows(adagradFields, adagrad));
          await kernels().lionStep(values, gradients, state[4]!, quads, rows(lionFields, lion));
          const states = { rows: state[5]!, columns: state[6]!, squares: state[7]!, average: new Float32Array(total), rms: new Float32Array(8) };
          await kernels().adafactorStep(values, gradients, states, parameters, rows(adafactorFields, adafactor));
          return [values, ...state, states.average, states.rms];
        };
        assert.deepEqual(await run({ arrays, factor }), await run(summed));
      }),
      { numRuns: 25 },
    );
  });

  it("ranges that leave the shortest array are refused", () => {
    assert.throws(() => kernels().sum(new Float32Array(8), { arrays: [new Float32Array(4)], factor: 1 }, Float64Array.of(0, 8, 0, 1)), /leaves its memory/);
  });
});
