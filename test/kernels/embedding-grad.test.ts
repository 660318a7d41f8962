// The gradient of an embedding against the plain loop: exact, with the same bits for any number of threads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { type Floats, testKernels } from "./fixtures.js";

interface Case {
  readonly outer: number;
  readonly rows: number;
  readonly inner: number;
  readonly indices: readonly number[];
  readonly padding: number;
}

function plain<T extends Floats>(c: Case, dy: T): T {
  const out = new (dy.constructor as new (n: number) => T)(c.outer * c.rows * c.inner);
  for (let o = 0; o < c.outer; o++) {
    for (const [i, index] of c.indices.entries()) {
      const row = index < 0 ? index + c.rows : index;
      if (row === c.padding) continue;
      for (let k = 0; k < c.inner; k++) out[(o * c.rows + row) * c.inner + k]! += dy[(o * c.indices.length + i) * c.inner + k]!;
    }
  }
  return out;
}
async function kernel<T extends Floats>(c: Case, dy: T, threads: number, narrow: boolean): Promise<T> {
  const out = new (dy.constructor as new (n: number) => T)(c.outer * c.rows * c.inner).fill(Number.NaN) as T;
  const indices = narrow ? Int32Array.from(c.indices) : BigInt64Array.from(c.indices, BigInt);
  assert.equal(await testKernels().embeddingGrad(indices, dy, c.outer, c.rows, c.inner, c.padding, out, threads), -1);
  return out;
}

const cases: fc.Arbitrary<Case> = fc.integer({ min: 1, max: 12 }).chain((rows) =>
  fc.record({
    outer: fc.integer({ min: 1, max: 3 }),
    rows: fc.constant(rows),
    inner: fc.integer({ min: 1, max: 70 }),
    indices: fc.array(fc.integer({ min: -rows, max: rows - 1 }), { maxLength: 60 }),
    padding: fc.integer({ min: -1, max: rows - 1 }),
  }),
);

test("the kernel equals the plain loop bit for bit", async () => {
  const run = async (c: Case, threads: number, narrow: boolean) => {
    const n = c.outer * c.indices.length * c.inner;
    const values = Array.from({ length: n }, (_, i) => Math.sin(i * 1.7) * 10 ** (i % 7));
    assert.deepEqual(await kernel(c, Float32Array.from(values), threads, narrow), plain(c, Float32Array.from(values)));
    assert.deepEqual(await kernel(c, Float64Array.from(values), threads, narrow), plain(c, Float64Array.from(values)));
  };
  await fc.assert(fc.asyncProperty(cases, fc.integer({ min: 1, max: 4 }), fc.boolean(), run), { numRuns: 100 });
});

test("a large table with often repeated rows has the same bits with 1 to 4 threads", async () => {
  const c = { outer: 1, rows: 5000, inner: 384, indices: Array.from({ length: 900 }, (_, i) => (i % 3 === 0 ? 101 : (i * 7919) % 5000)), padding: 0 };
  const dy = Float32Array.from({ length: 900 * 384 }, (_, i) => Math.sin(i));
  const reference = plain(c, dy);
  for (const threads of [1, 2, 3, 4]) assert.deepEqual(await kernel(c, dy, threads, false), reference);
  const types = { ...c, rows: 2, indices: c.indices.map((i) => i % 2), padding: -1 };
  for (const threads of [1, 4]) assert.deepEqual(await kernel(types, dy, threads, true), plain(types, dy));
});

test("an index outside the table is told by its place and never followed", async () => {
  const out = new Float32Array(6).fill(7);
  for (const bad of [3, -4, 2 ** 40]) {
    assert.equal(await testKernels().embeddingGrad(BigInt64Array.of(0n, BigInt(bad), 99n), new Float32Array(6), 1, 3, 2, -1, out, 2), 1);
    assert.deepEqual(out, new Float32Array(6));
  }
});
