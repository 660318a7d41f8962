// Ops on constants that move elements or make them from sizes.
import { dtypes, sizeOf, type TensorData } from "../../dtype.js";
import type { Node } from "../../graph.js";
import type { Evaluate } from "./arithmetic.js";
import { broadcastPlaces, broadcastShape, type Element, pick, placesOf, reshaped, stridesOf } from "./elements.js";

const numbers = (x: TensorData): number[] => Array.from(x.data as ArrayLike<Element>, Number);
const axisOf = (axis: unknown, rank: number, fallback: number): number => {
  const at = typeof axis === "number" ? axis : fallback;
  return at < 0 ? at + rank : at;
};

const reshape: Evaluate = ([x, shape], node) => {
  const dims = numbers(shape!).map((d, i) => (d === 0 && node.attributes.allowzero !== 1 ? x!.shape[i]! : d));
  const known = sizeOf(dims.filter((d) => d !== -1));
  return reshaped(
    x!,
    dims.map((d) => (d === -1 ? (known === 0 ? 0 : x!.data.length / known) : d)),
  );
};

const unsqueeze: Evaluate = ([x, axes]) => {
  if (!axes) return undefined;
  const rank = x!.shape.length + axes.data.length;
  const ones = new Set(numbers(axes).map((a) => axisOf(a, rank, 0)));
  const rest = [...x!.shape];
  return reshaped(
    x!,
    Array.from({ length: rank }, (_, i) => (ones.has(i) ? 1 : rest.shift()!)),
  );
};

const squeeze: Evaluate = ([x, axes]) => {
  const gone = axes && new Set(numbers(axes).map((a) => axisOf(a, x!.shape.length, 0)));
  return reshaped(
    x!,
    x!.shape.filter((d, i) => (gone ? !gone.has(i) : d !== 1)),
  );
};

const transpose: Evaluate = ([x], node) => {
  const perm = (node.attributes.perm as readonly number[] | undefined) ?? x!.shape.map((_, i) => x!.shape.length - 1 - i);
  const strides = stridesOf(x!.shape);
  const shape = perm.map((p) => x!.shape[p]!);
  return pick(
    x!,
    shape,
    placesOf(
      shape,
      perm.map((p) => strides[p]!),
    ),
  );
};

const expand: Evaluate = ([x, shape]) => {
  const to = broadcastShape([x!.shape, numbers(shape!)]);
  return to && pick(x!, to, broadcastPlaces(x!.shape, to));
};

/** Along the first axis of anything, or any axis of vectors: what sizes are made with. */
const concat: Evaluate = (inputs, node) => {
  const rank = inputs[0]!.shape.length;
  if (axisOf(node.attributes.axis, rank, 0) !== 0) return undefined;
  const data = inputs.flatMap((x) => Array.from(x.data as ArrayLike<Element>));
  return { dtype: inputs[0]!.dtype, shape: [inputs.reduce((sum, x) => sum + x.shape[0]!, 0), ...inputs[0]!.shape.slice(1)], data };
};

const gather: Evaluate = ([x, indices], node) => {
  const rank = x!.shape.length;
  const axis = axisOf(node.attributes.axis, rank, 0);
  const size = x!.shape[axis]!;
  const at = numbers(indices!).map((i) => (i < 0 ? i + size : i));
  if (at.some((i) => !(i >= 0 && i < size))) return undefined;
  const inner = sizeOf(x!.shape.slice(axis + 1));
  const outer = sizeOf(x!.shape.slice(0, axis));
  const places: number[] = [];
  for (let o = 0; o < outer; o++) for (const i of at) for (let k = 0; k < inner; k++) places.push((o * size + i) * inner + k);
  return pick(x!, [...x!.shape.slice(0, axis), ...indices!.shape, ...x!.shape.slice(axis + 1)], places);
};

const slice: Evaluate = ([x, starts, ends, axes, steps]) => {
  const [from, to] = [numbers(starts!), numbers(ends!)];
  const along = axes ? numbers(axes).map((a) => axisOf(a, x!.shape.length, 0)) : from.map((_, i) => i);
  const by = steps ? numbers(steps) : from.map(() => 1);
  if (by.includes(0)) return undefined;
  const strides = stridesOf(x!.shape);
  const shape = [...x!.shape];
  let offset = 0;
  for (const [i, axis] of along.entries()) {
    const size = x!.shape[axis]!;
    // Backwards, the first place is the last element at most, and the end may lie before the first one.
    const back = by[i]! < 0 ? 1 : 0;
    const place = (at: number, low: number): number => Math.min(Math.max(at < 0 ? at + size : at, low), size - back);
    const first = place(from[i]!, 0);
    shape[axis] = Math.max(0, Math.ceil((place(to[i]!, -back) - first) / by[i]!));
    offset += first * strides[axis]!;
    strides[axis]! *= by[i]!;
  }
  return pick(x!, shape, placesOf(shape, strides, offset));
};

const range: Evaluate = ([start, limit, delta]) => {
  const [a, b, d] = [start, limit, delta].map((x) => numbers(x!)[0]!) as [number, number, number];
  if (d === 0 || dtypes[start!.dtype].kind !== "int") return undefined;
  const data = Array.from({ length: Math.max(0, Math.ceil((b - a) / d)) }, (_, i) => a + i * d);
  return { dtype: start!.dtype, shape: [data.length], data };
};

const constantOfShape: Evaluate = ([shape], node) => {
  const value = node.attributes.value;
  const fill = typeof value === "object" && "dtype" in value && "shape" in value ? value : undefined;
  const dims = numbers(shape!);
  return { dtype: fill?.dtype ?? "float32", shape: dims, data: new Array<Element>(sizeOf(dims)).fill(fill ? (fill.data[0] as Element) : 0) };
};

/** The numbers of the node's attribute, in each of its forms. */
function constant(node: Node): ReturnType<Evaluate> {
  const { value, value_float: real, value_floats: reals, value_int: whole, value_ints: wholes } = node.attributes;
  if (typeof value === "object" && "dtype" in value && "shape" in value) return { ...value, data: value.data as ArrayLike<Element> };
  if (typeof whole === "number") return { dtype: "int64", shape: [], data: [whole] };
  if (Array.isArray(wholes)) return { dtype: "int64", shape: [wholes.length], data: wholes as number[] };
  if (real !== undefined) return { dtype: "float32", shape: [], data: [typeof real === "object" && "float" in real ? real.float : Number(real)] };
  if (typeof reals === "object" && "floats" in reals) return { dtype: "float32", shape: [reals.floats.length], data: reals.floats };
  return undefined;
}

export const layout: Readonly<Record<string, Evaluate>> = {
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Transpose: transpose,
  Expand: expand,
  Concat: concat,
  Gather: gather,
  Slice: slice,
  Range: range,
  ConstantOfShape: constantOfShape,
  Constant: (_, node) => constant(node),
};
