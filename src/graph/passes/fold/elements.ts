// Small tensors as JavaScript numbers: int64 as bigint, the others as number, with the rounding of their dtype.
import { type DType, dtypes, sizeOf, type TensorData } from "../../dtype.js";

export type Element = number | bigint;

/** Elements of a tensor that was folded, before they are stored. */
export interface Elements {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: ArrayLike<Element>;
}

/** Dtypes whose elements JavaScript's numbers are; half precision is left to the engine. */
export const foldable = (dtype: DType): boolean => dtype !== "float16" && dtype !== "bfloat16";

/** Stores elements; the typed array rounds float32 and wraps integers. */
export function stored({ dtype, shape, data }: Elements): TensorData {
  const array = new dtypes[dtype].array(data.length);
  for (let i = 0; i < data.length; i++) {
    const value = data[i]!;
    array[i] = (dtype === "int64" ? BigInt.asIntN(64, BigInt(value)) : dtype === "bool" ? Number(Boolean(value)) : Number(value)) as never;
  }
  return { dtype, shape: [...shape], data: array };
}

/** Steps in memory from one index of each dim to the next. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

/** The shape that shapes broadcast to; undefined where they do not. */
export function broadcastShape(shapes: readonly (readonly number[])[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((s) => s.length));
  const out = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (const [i, d] of shape.entries()) {
      const at = rank - shape.length + i;
      if (out[at] === 1) out[at] = d;
      else if (d !== 1 && d !== out[at]) return undefined;
    }
  }
  return out;
}

/** Where each element of a shape comes from, by steps per dim. */
export function placesOf(shape: readonly number[], steps: readonly number[], offset = 0): number[] {
  const places = [offset];
  for (const [axis, size] of shape.entries()) {
    const before = places.splice(0);
    for (const place of before) for (let i = 0; i < size; i++) places.push(place + i * steps[axis]!);
  }
  return places;
}

/** Where each element of a broadcast tensor comes from. */
export function broadcastPlaces(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  const extra = to.length - from.length;
  return placesOf(
    to,
    to.map((_, i) => (i < extra || from[i - extra] === 1 ? 0 : strides[i - extra]!)),
  );
}

/** The elements at some places. */
export const pick = (x: TensorData, shape: readonly number[], places: readonly number[]): Elements => ({
  dtype: x.dtype,
  shape,
  data: places.map((at) => x.data[at]!),
});

/** The same elements in another shape. */
export const reshaped = (x: TensorData, shape: readonly number[]): Elements | undefined =>
  sizeOf(shape) === x.data.length ? { dtype: x.dtype, shape, data: x.data as ArrayLike<Element> } : undefined;
