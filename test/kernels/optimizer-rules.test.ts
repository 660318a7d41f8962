// RMSprop, Adagrad, Lion and Adafactor over instruction sets and numbers of threads, against the formulas in double precision.
import assert from "node:assert/strict";
import { test } from "node:test";
import { instructionSets, testKernels } from "./fixtures.js";

const wave = (n: number, a: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(a + i * 0.7));
const close = (actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance: number, what: string) => {
  for (let i = 0; i < expected.length; i++) {
    const apart = Math.abs(actual[i]! - expected[i]!);
    if (!(apart <= tolerance * (1 + Math.abs(expected[i]!)))) assert.fail(`${what}, element ${i}: ${actual[i]} instead of ${expected[i]}`);
  }
};
/** Runs of all instruction sets and numbers of threads; those with fused multiply-add give the same bits. */
async function everywhere(run: (threads: number, isa: number) => Promise<readonly Float32Array[]>): Promise<readonly Float32Array[][]> {
  const results: Float32Array[][] = [];
  for (const isa of instructionSets()) {
    const own: Float32Array[][] = [];
    for (const threads of [1, 2, 3, 4]) own.push([...(await run(threads, isa))]);
    for (const other of own.slice(1)) assert.deepEqual(other, own[0], `instruction set ${isa}`);
    results.push(own[0]!);
  }
  for (const other of results.slice(2)) assert.deepEqual(other, results[1]);
  return results;
}
const lengths = [1, 15, 17, 200_203];

const rules = {
  rmsprop: {
    row: { gradScale: 0.5, l2: 0.01, alpha: 0.9, oneMinusAlpha: 0.1, eps: 1e-3, momentum: 0.7, lr: 0.01 },
    step: (g0: number, [p, s, b, a]: readonly number[], r: Readonly<Record<string, number>>): number[] => {
      const g = r.gradScale! * g0 + r.l2! * p!;
      const square = r.alpha! * s! + r.oneMinusAlpha! * g * g;
      const average = a! + r.oneMinusAlpha! * (g - a!);
      const buffer = r.momentum! * b! + g / (Math.sqrt(Math.max(0, square - average * average)) + r.eps!);
      return [p! - r.lr! * buffer, square, buffer, average];
    },
  },
  adagrad: {
    row: { gradScale: 0.5, l2: 0.01, initial: 0.25, stepSize: 0.1, eps: 1e-6 },
    step: (g0: number, [p, s, b, a]: readonly number[], r: Readonly<Record<string, number>>): number[] => {
      const g = r.gradScale! * g0 + r.l2! * p!;
      const sum = s! + r.initial! + g * g;
      return [p! - (r.stepSize! * g) / (Math.sqrt(sum) + r.eps!), sum, b!, a!];
    },
  },
  lion: {
    row: { gradScale: 0.5, beta1: 0.9, oneMinusBeta1: 0.1, beta2: 0.99, oneMinusBeta2: 0.01, lr: 0.01, decay: 0.999 },
    step: (g0: number, [p, m, b, a]: readonly number[], r: Readonly<Record<string, number>>): number[] => {
      const g = r.gradScale! * g0;
      return [r.decay! * p! - r.lr! * Math.sign(r.beta1! * m! + r.oneMinusBeta1! * g), r.beta2! * m! + r.oneMinusBeta2! * g, b!, a!];
    },
  },
} as const;

for (const [name, { row, step }] of Object.entries(rules)) {
  test(`a step of ${name} is the same bits for any number of threads and vector width, and equals the formula`, async () => {
    for (const n of lengths) {
      const start = [wave(n, 1), wave(n, 3).map((x) => x * x + 0.5), wave(n, 4), wave(n, 5).map((x) => x / 9)];
      const g = wave(n, 2);
      const results = await everywhere(async (threads, isa) => {
        const [p, s, b, a] = start.map((x) => x.slice());
        await testKernels()[name as keyof typeof rules](p!, g.slice(), s!, b, a, Float64Array.from(Object.values(row)), threads, isa);
        return [p!, s!, b!, a!];
      });
      // Of long ones a sample.
      const places = Array.from({ length: Math.min(n, 2000) }, (_, i) => (n <= 2000 ? i : i * 100 + (i % 7)));
      const expected = places.map((i) =>
        step(
          g[i]!,
          start.map((x) => x[i]!),
          row,
        ),
      );
      for (const result of results)
        for (const [k, array] of result.entries())
          close(
            places.map((i) => array[i]!),
            expected.map((e) => e[k]!),
            2e-6,
            `${name} of ${n}, array ${k}`,
          );
    }
  });
}

test("a direction of 0, or of NaN, is no step of Lion", async () => {
  for (const isa of instructionSets()) {
    const p = new Float32Array(20).fill(1);
    const g = Float32Array.from({ length: 20 }, (_, i) => [0, -0, Number.NaN, 2e-38, -2e-38][i % 5]!);
    await testKernels().lion(p, g, new Float32Array(20), undefined, undefined, Float64Array.of(1, 0, 1, 0, 1, 0.5, 1), 1, isa);
    assert.deepEqual([...p.subarray(0, 5)], [1, 1, 1, 0.5, 1.5], `instruction set ${isa}`);
  }
});

const row = {
  gradScale: 0.5,
  beta2: 0.75,
  oneMinusBeta2: 0.25,
  epsSquare: 1e-12,
  epsScale: 1e-3,
  clipThreshold: 0.5,
  lr: 0.01,
  scales: 1,
  beta1: 0.9,
  oneMinusBeta1: 0.1,
  weightDecay: 0.1,
};

/** transformers.Adafactor in double precision. */
function adafactor(
  p0: Float32Array,
  grad: Float32Array,
  rows0: Float32Array,
  columns0: Float32Array,
  average0: Float32Array | undefined,
  matrices: number,
  rows: number,
) {
  const columns = p0.length / matrices / rows;
  const rms = (x: ArrayLike<number>) => Math.sqrt(Array.from(x).reduce((sum, v) => sum + v * v, 0) / x.length);
  const g = Float64Array.from(grad, (x) => row.gradScale * x);
  const rowMeans = Float64Array.from(rows0, (x) => row.beta2 * x);
  const columnMeans = Float64Array.from(columns0, (x) => row.beta2 * x);
  for (let i = 0; i < g.length; i++) {
    const [line, m] = [Math.floor(i / columns), Math.floor(i / columns / rows)];
    const square = row.oneMinusBeta2 * (g[i]! ** 2 + row.epsSquare);
    rowMeans[line]! += square / columns;
    columnMeans[m * columns + (i % columns)]! += square / rows;
  }
  const means = Array.from({ length: matrices }, (_, m) => rowMeans.subarray(m * rows, (m + 1) * rows).reduce((a, b) => a + b, 0) / rows);
  const u = g.map((x, i) => {
    const [line, m] = [Math.floor(i / columns), Math.floor(i / columns / rows)];
    return x / Math.sqrt(rowMeans[line]! / means[m]!) / Math.sqrt(columnMeans[m * columns + (i % columns)]!);
  });
  const lr = row.lr * Math.max(row.epsScale, rms(p0));
  const scale = lr / Math.max(1, rms(u) / row.clipThreshold);
  const step = u.map((x, i) => (average0 ? row.beta1 * average0[i]! + row.oneMinusBeta1 * scale * x : scale * x));
  const values = Float64Array.from(p0, (p, i) => (1 - row.weightDecay * lr) * p - step[i]!);
  return [values, rowMeans, columnMeans, Float64Array.of(rms(p0)), ...(average0 ? [step] : [])];
}

test("a step of Adafactor is the same bits for any number of threads and vector width, and equals the formula", async () => {
  // Tiles of all kinds: one, many in rows, wider than a tile, many matrices, columns that are few.
  for (const [matrices, rows, columns] of [
    [1, 1, 1],
    [1, 3, 7],
    [2, 5, 17],
    [1, 700, 300],
    [1, 20, 5000],
    [3, 90, 600],
    [1, 9000, 3],
  ] as const) {
    const n = matrices * rows * columns;
    const [p0, g, rows0, columns0, average0] = [wave(n, 1), wave(n, 2), wave(matrices * rows, 3), wave(matrices * columns, 4), wave(n, 5)];
    for (const means of [rows0, columns0]) for (const [i, x] of means.entries()) means[i] = 0.5 + x * x;
    for (const average of [undefined, average0]) {
      const expected = adafactor(p0, g, rows0, columns0, average, matrices, rows);
      const results = await everywhere(async (threads, isa) => {
        const arrays = [p0, rows0, columns0, new Float32Array(1), ...(average ? [average] : [])].map((x) => x.slice());
        await testKernels().adafactor(
          arrays[0]!,
          g.slice(),
          arrays[1]!,
          arrays[2]!,
          arrays[4],
          arrays[3]!,
          matrices,
          rows,
          Float64Array.from(Object.values(row)),
          threads,
          isa,
        );
        return arrays;
      });
      for (const result of results)
        for (const [k, array] of result.entries()) close(array, expected[k]!, 4e-6, `${matrices} x ${rows} x ${columns}, array ${k}`);
    }
  }
});
