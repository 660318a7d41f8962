// The dropout kernel against its oracle, over shapes, keys, element types, instruction sets and numbers of threads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { type CallKey, dropoutMask } from "../../src/runtime/philox.js";
import { type Floats, instructionSets, testKernels } from "./fixtures.js";

const sizeOf = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const words = ({ seed, rank, microStep, callOrdinal }: CallKey) => BigInt64Array.of(seed, BigInt(rank), microStep, BigInt(callOrdinal));

async function drop<T extends Floats>(x: T, key: CallKey, site: number, ratio: number, shape: readonly number[], threads = 1, isa = -1): Promise<T> {
  const y = new (x.constructor as new (n: number) => T)(x.length).fill(Number.NaN) as T;
  await testKernels().dropout(x, words(key), site, ratio, BigInt64Array.from(shape, BigInt), y, threads, isa);
  return y;
}
function expected<T extends Floats>(x: T, key: CallKey, site: number, ratio: number, shape: readonly number[]): T {
  const mask = dropoutMask(key, site, ratio, shape);
  const single = Math.fround(ratio);
  const factor = x instanceof Float32Array ? Math.fround(1 / (1 - single)) : 1 / (1 - single);
  return x.map((v: number, i: number) => (mask[i] ? v * factor : 0)) as T;
}

const keys: fc.Arbitrary<CallKey> = fc.record({
  seed: fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }),
  rank: fc.nat(1000),
  microStep: fc.bigInt({ min: 0n, max: 2n ** 40n }),
  callOrdinal: fc.nat(50),
});
const shapes = fc.oneof(
  fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 2 }),
  fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 100 })),
  fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 70 })),
);

test("the kernel equals the oracle bit for bit", async () => {
  const run = async (shape: readonly number[], key: CallKey, site: number, ratio: number, threads: number) => {
    for (const x of [
      Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i + 1)),
      Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.cos(i)),
    ]) {
      for (const isa of instructionSets())
        assert.deepEqual(await drop(x, key, site, ratio, shape, threads, isa), expected(x, key, site, ratio, shape), `instruction set ${isa}`);
    }
  };
  const ratios = fc.oneof(fc.constantFrom(0, 2 ** -54, 2 ** -33, 0.1, 0.5, 1 - 2 ** -24, 1), fc.double({ min: 0, max: 1, noNaN: true }));
  await fc.assert(fc.asyncProperty(shapes, keys, fc.nat(0xffffffff), ratios, fc.integer({ min: 1, max: 4 }), run), { numRuns: 60 });
});

test("large tensors give the same bits with 1 to 4 threads", async () => {
  const key = { seed: 42n, rank: 1, microStep: 3n, callOrdinal: 0 };
  for (const shape of [[70001], [9, 8193], [3, 67, 384], [2, 12, 53, 53]]) {
    const x = Float32Array.from({ length: sizeOf(shape) }, (_, i) => i % 13);
    const reference = expected(x, key, 5, 0.1, shape);
    for (const threads of [1, 2, 3, 4]) assert.deepEqual(await drop(x, key, 5, 0.1, shape, threads), reference);
  }
});

test("a batch that is padded to be longer and has more rows keeps its masks", async () => {
  const key = { seed: 7n, rank: 0, microStep: 11n, callOrdinal: 1 };
  const mask = async (shape: readonly number[]) => drop(new Float32Array(sizeOf(shape)).fill(1), key, 2, 0.3, shape);
  const [short, long] = [await mask([2, 5, 32]), await mask([3, 9, 32])];
  for (let b = 0; b < 2; b++) assert.deepEqual(short.subarray(b * 160, (b + 1) * 160), long.subarray(b * 9 * 32, b * 9 * 32 + 160));
  const [narrow, wide] = [await mask([2, 3, 5, 5]), await mask([2, 3, 8, 8])];
  for (let r = 0; r < 6; r++)
    for (let i = 0; i < 5; i++) assert.deepEqual(narrow.subarray((r * 5 + i) * 5, (r * 5 + i) * 5 + 5), wide.subarray((r * 8 + i) * 8, (r * 8 + i) * 8 + 5));
});

test("seed, rank, micro-step, call and site give different masks, and the share that is dropped is the ratio", async () => {
  const n = 40_000;
  const base = { seed: 1n, rank: 0, microStep: 0n, callOrdinal: 0 };
  const variants: readonly (readonly [CallKey, number])[] = [
    [base, 0],
    [base, 1],
    [{ ...base, seed: 2n }, 0],
    [{ ...base, rank: 1 }, 0],
    [{ ...base, microStep: 1n }, 0],
    [{ ...base, microStep: 2n ** 32n }, 0],
    [{ ...base, callOrdinal: 1 }, 0],
    [{ ...base, seed: 1n + 2n ** 32n }, 0],
  ];
  const masks = await Promise.all(variants.map(([key, site]) => drop(new Float32Array(n).fill(1), key, site, 0.25, [n])));
  for (const [i, a] of masks.entries()) {
    const dropped = a.filter((v) => v === 0).length / n;
    assert.ok(Math.abs(dropped - 0.25) < 0.011, `${dropped} dropped`);
    for (const b of masks.slice(i + 1)) {
      const agree = a.filter((v, k) => v === b[k]).length / n;
      assert.ok(Math.abs(agree - 0.625) < 0.0125, `masks agree in ${agree} of the places`); // 0.75² + 0.25²
    }
  }
});

test("what is dropped is zero, even where x is not finite; ratio 0 copies and ratio 1 gives zeros", async () => {
  const key = { seed: 1n, rank: 0, microStep: 0n, callOrdinal: 0 };
  const x = new Float32Array(1000).fill(Number.NaN);
  const y = await drop(x, key, 0, 0.5, [1000]);
  assert.ok(y.some((v) => v === 0) && y.some((v) => Number.isNaN(v)));
  assert.deepEqual(await drop(x, key, 0, 0, [1000]), x);
  assert.deepEqual(await drop(x, key, 0, 1, [1000]), new Float32Array(1000));
  assert.deepEqual(await drop(new Float32Array(0), key, 0, 0.5, [3, 0]), new Float32Array(0));
});
