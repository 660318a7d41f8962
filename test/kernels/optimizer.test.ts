// The optimizer kernels over instruction sets and numbers of threads, against the formulas in double precision.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { instructionSets, testKernels } from "./fixtures.js";

const row = {
  gradScale: 0.5,
  l2: 0.01,
  oneMinusBeta1: 0.1,
  beta2: 0.999,
  oneMinusBeta2: 0.001,
  decayBefore: 0.999,
  stepSize: 0.01,
  rootScale: 1.5,
  eps: 1e-6,
  decayAfter: 0.9995,
};
const wave = (n: number, a: number) => Float32Array.from({ length: n }, (_, i) => Math.sin(a + i * 0.7));

test("an Adam step is the same bits for any number of threads and vector width, and equals the formula", async () => {
  const run = async (n: number) => {
    const start = [wave(n, 1), wave(n, 2), wave(n, 3), wave(n, 4).map(Math.abs)] as const;
    const results: Float32Array[][] = [];
    for (const isa of instructionSets()) {
      for (const threads of [1, 2, 3, 4]) {
        const [p, g, m, v] = start.map((x) => x.slice()) as [Float32Array, Float32Array, Float32Array, Float32Array];
        await testKernels().adam(p, g, m, v, Float64Array.from(Object.values(row)), threads, isa);
        if (isa > 0) results.push([p, g, m, v]);
        // Of long ones a sample.
        for (let i = 0; i < n; i += n > 1000 ? 61 : 1) {
          const [p0, g0, m0, v0] = start.map((x) => x[i]!) as [number, number, number, number];
          const grad = row.gradScale * g0 + row.l2 * p0;
          const m1 = m0 + row.oneMinusBeta1 * (grad - m0);
          const v1 = row.beta2 * v0 + row.oneMinusBeta2 * grad * grad;
          const p1 = row.decayAfter * (row.decayBefore * p0 - (row.stepSize * m1) / (Math.sqrt(v1) * row.rootScale + row.eps));
          for (const [actual, expected] of [
            [p[i]!, p1],
            [m[i]!, m1],
            [v[i]!, v1],
          ] as const)
            assert.ok(Math.abs(actual - expected) < 1e-6 * (1 + Math.abs(expected)), `element ${i}: ${actual} instead of ${expected}`);
        }
      }
    }
    for (const other of results.slice(1)) assert.deepEqual(other, results[0]);
  };
  await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 100 }), run), { numRuns: 15 });
  await run(200_003);
});

test("a sum of squares is the same bits for any number of threads and vector width", async () => {
  for (const n of [1, 15, 16, 17, 16384, 16385, 300_001]) {
    const x = wave(n, 5);
    const exact = x.reduce((a, b) => a + b * b, 0);
    const sums = new Set<number>();
    for (const isa of instructionSets()) for (const threads of [1, 2, 3, 4]) sums.add(await testKernels().squares(x, threads, isa));
    assert.equal(sums.size, 1);
    assert.ok(Math.abs([...sums][0]! / exact - 1) < 1e-12);
  }
});

test("a sum of squares does not overflow where float32 would", async () => {
  assert.equal(await testKernels().squares(new Float32Array(32).fill(2 ** 100), 1, -1), 32 * 2 ** 200);
});
