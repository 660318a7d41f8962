// Numbers of every dtype for tests of collectives, and what a reduction over ranks must give: computed one rank after the other.
import { createHash } from "node:crypto";
import type { CollectiveArray, ReduceOp } from "../../src/distributed/process-group.js";
import { type DType, dtypes, isFloat, type TypedArray } from "../../src/graph/dtype.js";
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from "../../src/graph/half.js";

/** Whole random numbers of 32 bits (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const unit = (bits: number): number => bits / 2 ** 31 - 1;
const makers: { readonly [D in DType]: (next: () => number) => number | bigint } = {
  float32: (next) => unit(next()),
  float64: (next) => unit(next()),
  float16: (next) => numberToFloat16(unit(next()) * 8),
  bfloat16: (next) => numberToBfloat16(unit(next()) * 8),
  int64: (next) => BigInt.asIntN(64, (BigInt(next()) << 32n) | BigInt(next())),
  int32: (next) => next() | 0,
  uint8: (next) => next() & 255,
  int8: (next) => (next() << 24) >> 24,
  bool: (next) => next() & 1,
};

/** count numbers that depend on the seed and the rank only. */
export function numbers(dtype: DType, count: number, seed: number, rank: number): CollectiveArray {
  const data = new dtypes[dtype].array(count) as TypedArray;
  const next = random(seed * 7919 + rank * 104_729 + 1);
  const make = makers[dtype];
  // A period is enough for large arrays, and is odd, so that no two windows are alike.
  const period = Math.min(count, 65_537);
  for (let i = 0; i < period; i++) data[i] = make(next) as never;
  for (let done = period; done < count; done *= 2) data.copyWithin(done, 0, Math.min(done, count - done));
  return { dtype, data };
}

/** The sum and the maximum of two, in the dtype's own arithmetic; 16-bit floats are added in float32 and rounded at the end. */
const widened: { readonly [D in DType]?: { readonly from: (bits: number) => number; readonly to: (value: number) => number } } = {
  float16: { from: float16ToNumber, to: numberToFloat16 },
  bfloat16: { from: bfloat16ToNumber, to: numberToBfloat16 },
};
const add: { readonly [D in DType]: (a: never, b: never) => number | bigint } = {
  float32: (a: number, b: number) => Math.fround(a + b),
  float64: (a: number, b: number) => a + b,
  float16: (a: number, b: number) => Math.fround(a + b),
  bfloat16: (a: number, b: number) => Math.fround(a + b),
  int64: (a: bigint, b: bigint) => BigInt.asIntN(64, a + b),
  int32: (a: number, b: number) => (a + b) | 0,
  uint8: (a: number, b: number) => (a + b) & 255,
  int8: (a: number, b: number) => ((a + b) << 24) >> 24,
  bool: () => {
    throw new Error("bool has no sum");
  },
};

/** What every rank must hold after the reduction of these, in the order of ranks. */
export function reduced(arrays: readonly CollectiveArray[], op: ReduceOp): CollectiveArray {
  const { dtype, data: first } = arrays[0]!;
  const wide = widened[dtype];
  const out = new dtypes[dtype].array(first.length) as TypedArray;
  const sum = add[dtype] as (a: number | bigint, b: number | bigint) => number | bigint;
  const divide = dtype === "float64" ? (value: number) => value / arrays.length : (value: number) => Math.fround(value / arrays.length);
  for (let i = 0; i < first.length; i++) {
    let value: number | bigint | undefined;
    for (const { data } of arrays) {
      const next = wide ? wide.from(data[i] as number) : data[i]!;
      value = value === undefined ? next : op === "max" ? (next > value ? next : value) : sum(value, next);
    }
    if (op === "mean") value = divide(value as number);
    out[i] = (wide ? wide.to(value as number) : value) as never;
  }
  return { dtype, data: out };
}

/** What may be asked of a dtype. */
export const reduceOps = (dtype: DType): readonly ReduceOp[] => (dtype === "bool" ? ["max"] : isFloat(dtype) ? ["sum", "mean", "max"] : ["sum", "max"]);

const asNumber = (dtype: DType, value: number | bigint): number => widened[dtype]?.from(value as number) ?? Number(value);

/** Largest relative difference of two arrays, against the larger of 1 and the expected value. */
export function difference(actual: CollectiveArray, expected: CollectiveArray): number {
  if (actual.data.length !== expected.data.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < expected.data.length; i++) {
    const [a, b] = [asNumber(actual.dtype, actual.data[i]!), asNumber(expected.dtype, expected.data[i]!)];
    if (!Object.is(a, b)) largest = Math.max(largest, Math.abs(a - b) / Math.max(1, Math.abs(b)) || Number.POSITIVE_INFINITY);
  }
  return largest;
}

/** Rounding that a sum in another order may differ by. */
export const tolerance: { readonly [D in DType]: number } = {
  float32: 1e-6,
  float64: 1e-14,
  float16: 4e-3,
  bfloat16: 3e-2,
  int64: 0,
  int32: 0,
  uint8: 0,
  int8: 0,
  bool: 0,
};

export const hash = ({ data }: CollectiveArray): string =>
  createHash("sha256")
    .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    .digest("hex")
    .slice(0, 16);
