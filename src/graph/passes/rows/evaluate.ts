// Evaluates small expressions of a graph over the numbers that a run feeds: masks, labels, positions. No engine is needed, and hidden states are never touched.
import type { DType, TypedArray } from "../../dtype.js";
import { dtypeFromOnnx, dtypes } from "../../dtype.js";
import type { Node, Value } from "../../graph.js";
import type { FedData } from "../assumptions.js";
import {
  broadcastShape,
  choose,
  expandTo,
  fold,
  join,
  map,
  nonZero,
  type Numbers,
  numbers,
  pick,
  runningSum,
  sizeOf,
  stridesOf,
  take,
  vector,
  zip,
} from "./numbers.js";

type Rule = (inputs: readonly (Numbers | undefined)[], node: Node) => Numbers;
const attribute = (node: Node, name: string, fallback: number): number => (typeof node.attributes[name] === "number" ? node.attributes[name] : fallback);
const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);
const flag = (yes: boolean): number => (yes ? 1 : 0);
const sum = (line: Float64Array): number => line.reduce((a, b) => a + b, 0);
const isInt = (node: Node): boolean => dtypes[node.outputs[0]!.dtype].kind === "int";

const unary =
  (f: (a: number) => number): Rule =>
  ([x]) =>
    map(x!, f);
const binary =
  (f: (a: number, b: number) => number): Rule =>
  ([x, y]) =>
    zip(x!, y!, f);
const variadic =
  (f: (a: number, b: number) => number): Rule =>
  (inputs) =>
    inputs.reduce((a, b) => zip(a!, b!, f))!;

function cast(x: Numbers, to: DType): Numbers {
  const { kind } = dtypes[to];
  return kind === "float" ? x : map(x, kind === "bool" ? (a) => flag(a !== 0) : Math.trunc);
}

function reshape([x, target]: readonly (Numbers | undefined)[]): Numbers {
  const dims = Array.from(target!.data, (d, i) => (d === 0 ? x!.shape[i]! : d));
  const known = dims.reduce((a, d) => (d === -1 ? a : a * d), 1);
  return numbers(
    dims.map((d) => (d === -1 ? x!.data.length / known : d)),
    x!.data,
  );
}

function slice([x, starts, ends, axes, steps]: readonly (Numbers | undefined)[]): Numbers {
  const shape = [...x!.shape];
  const strides = stridesOf(shape);
  let start = 0;
  for (let i = 0; i < starts!.data.length; i++) {
    const axis = axisOf(axes?.data[i] ?? i, shape.length);
    const step = steps?.data[i] ?? 1;
    const size = shape[axis]!;
    const clamp = (at: number, low: number, high: number): number => Math.min(Math.max(at < 0 ? at + size : at, low), high);
    const from = clamp(starts!.data[i]!, 0, step > 0 ? size : size - 1);
    const end = ends!.data[i]!;
    const to = step < 0 && end < -size ? -1 : clamp(end, step > 0 ? 0 : -1, size);
    shape[axis] = Math.max(0, Math.ceil((to - from) / step));
    start += from * strides[axis]!;
    strides[axis]! *= step;
  }
  return pick(x!, shape, start, strides);
}

function transpose([x]: readonly (Numbers | undefined)[], node: Node): Numbers {
  const perm = (node.attributes.perm as readonly number[] | undefined) ?? x!.shape.map((_, i, all) => all.length - 1 - i);
  const strides = stridesOf(x!.shape);
  return pick(
    x!,
    perm.map((p) => x!.shape[p]!),
    0,
    perm.map((p) => strides[p]!),
  );
}

const reduce =
  (f: (line: Float64Array) => number): Rule =>
  ([x, axes], node) => {
    const keep = attribute(node, "keepdims", 1) !== 0;
    if (!axes && x!.shape.length > 0) return numbers(keep ? x!.shape.map(() => 1) : [], Float64Array.of(f(x!.data)));
    const all = Array.from(axes?.data ?? [], (a) => axisOf(a, x!.shape.length)).sort((a, b) => b - a);
    return all.reduce((y, axis) => fold(y, axis, keep, f), x!);
  };
const best =
  (better: (a: number, b: number) => boolean): Rule =>
  ([x], node) => {
    const last = attribute(node, "select_last_index", 0) !== 0;
    return fold(x!, axisOf(attribute(node, "axis", 0), x!.shape.length), attribute(node, "keepdims", 1) !== 0, (line) => {
      let at = 0;
      for (let i = 1; i < line.length; i++) if (better(line[i]!, line[at]!) || (last && line[i] === line[at])) at = i;
      return at;
    });
  };

function squeeze([x, axes]: readonly (Numbers | undefined)[]): Numbers {
  const gone = axes ? Array.from(axes.data, (a) => axisOf(a, x!.shape.length)) : x!.shape.flatMap((d, i) => (d === 1 ? [i] : []));
  return numbers(
    x!.shape.filter((_, i) => !gone.includes(i)),
    x!.data,
  );
}
function unsqueeze([x, axes]: readonly (Numbers | undefined)[]): Numbers {
  const rank = x!.shape.length + axes!.data.length;
  const shape = [...x!.shape];
  for (const axis of Array.from(axes!.data, (a) => axisOf(a, rank)).sort((a, b) => a - b)) shape.splice(axis, 0, 1);
  return numbers(shape, x!.data);
}

const rules: Readonly<Record<string, Rule>> = {
  Identity: ([x]) => x!,
  Cast: ([x], node) => cast(x!, dtypeFromOnnx(attribute(node, "to", 1))!),
  Not: unary((a) => flag(a === 0)),
  Neg: unary((a) => -a),
  Abs: unary(Math.abs),
  Sign: unary(Math.sign),
  Add: binary((a, b) => a + b),
  Sub: binary((a, b) => a - b),
  Mul: binary((a, b) => a * b),
  Div: ([x, y], node) => zip(x!, y!, isInt(node) ? (a, b) => Math.trunc(a / b) : (a, b) => a / b),
  Mod: binary((a, b) => a - Math.floor(a / b) * b),
  Min: variadic(Math.min),
  Max: variadic(Math.max),
  And: binary((a, b) => a && b),
  Or: binary((a, b) => a || b),
  Xor: binary((a, b) => flag(a !== b)),
  Equal: binary((a, b) => flag(a === b)),
  Greater: binary((a, b) => flag(a > b)),
  GreaterOrEqual: binary((a, b) => flag(a >= b)),
  Less: binary((a, b) => flag(a < b)),
  LessOrEqual: binary((a, b) => flag(a <= b)),
  Where: ([c, x, y]) => choose(c!, x!, y!),
  Clip: ([x, low, high]) => map(x!, (a) => Math.min(Math.max(a, low?.data[0] ?? -Infinity), high?.data[0] ?? Infinity)),
  Squeeze: squeeze,
  Unsqueeze: unsqueeze,
  Reshape: reshape,
  Transpose: transpose,
  Slice: slice,
  Expand: ([x, target]) => expandTo(x!, broadcastShape(x!.shape, Array.from(target!.data))),
  Concat: (inputs, node) => join(inputs as readonly Numbers[], axisOf(attribute(node, "axis", 0), inputs[0]!.shape.length)),
  Gather: ([x, indices], node) => take(x!, indices!, axisOf(attribute(node, "axis", 0), x!.shape.length)),
  NonZero: ([x]) => nonZero(x!),
  CumSum: ([x, axis], node) => {
    if (attribute(node, "exclusive", 0) !== 0 || attribute(node, "reverse", 0) !== 0) throw new RangeError("another kind of CumSum");
    return runningSum(x!, axisOf(axis!.data[0]!, x!.shape.length));
  },
  ArgMax: best((a, b) => a > b),
  ArgMin: best((a, b) => a < b),
  ReduceSum: reduce(sum),
  ReduceMax: reduce((line) => line.reduce((a, b) => Math.max(a, b), -Infinity)),
  ReduceMin: reduce((line) => line.reduce((a, b) => Math.min(a, b), Infinity)),
  Shape: ([x], node) => vector(x!.shape.slice(attribute(node, "start", 0), attribute(node, "end", x!.shape.length))),
  Size: ([x]) => numbers([], Float64Array.of(x!.data.length)),
  Range: ([start, limit, delta]) => {
    const [a, b, d] = [start!.data[0]!, limit!.data[0]!, delta!.data[0]!];
    return vector(Array.from({ length: Math.max(0, Math.ceil((b - a) / d)) }, (_, i) => a + i * d));
  },
  ConstantOfShape: ([target], node) => {
    const fill = node.attributes.value;
    const value = typeof fill === "object" && "data" in fill ? Number(fill.data[0]) : 0;
    const shape = Array.from(target!.data);
    return numbers(shape, new Float64Array(sizeOf(shape)).fill(value));
  },
};

/** Numbers of any dtype; those of int64 are taken by halves, which is many times as fast as by bigints. */
function plain(data: TypedArray): Float64Array {
  if (data instanceof Float64Array) return data;
  const out = new Float64Array(data.length);
  if (data instanceof BigInt64Array) {
    const halves = new Int32Array(data.buffer, data.byteOffset, 2 * data.length);
    for (let i = 0; i < out.length; i++) out[i] = halves[2 * i + 1]! * 2 ** 32 + (halves[2 * i]! >>> 0);
  } else for (let i = 0; i < out.length; i++) out[i] = data[i]!;
  return out;
}

/** Values whose elements are bits, not numbers. */
const readable = (dtype: DType): boolean => dtype !== "float16" && dtype !== "bfloat16";
const rule = (node: Node): Rule | undefined => (node.domain === "" && node.outputs.length === 1 ? rules[node.op] : undefined);

/** More elements than this are no mask and no labels. */
const maxElements = 1 << 21;

/**
 * The inputs of the graph that values are computed from; undefined when they are no expressions that can be evaluated: another op is part of them, or they are too large.
 *
 * @param elements of a value in the run at hand
 */
export function inputsOf(values: readonly Value[], elements: (value: Value) => number): Value[] | undefined {
  const seen = new Set<Value>(values);
  const inputs: Value[] = [];
  for (const value of seen) {
    if (value.constant) continue;
    if (!readable(value.dtype) || elements(value) > maxElements) return undefined;
    if (!value.producer) inputs.push(value);
    else if (!rule(value.producer)) return undefined;
    for (const input of value.producer?.inputs ?? []) if (input) seen.add(input);
  }
  return inputs;
}

/**
 * Values of a graph for the numbers of one run; each is computed once.
 *
 * @example
 * const values = new Evaluation(new Map([[mask, { shape: [2, 3], data }]]));
 * values.of(keyBias).data;
 */
export class Evaluation {
  readonly #fed: ReadonlyMap<Value, FedData>;
  readonly #values = new Map<Value, Numbers>();

  constructor(fed: ReadonlyMap<Value, FedData>) {
    this.#fed = fed;
  }

  of(value: Value): Numbers {
    const known = this.#values.get(value);
    if (known) return known;
    const made = this.#compute(value);
    this.#values.set(value, made);
    return made;
  }

  #compute(value: Value): Numbers {
    const given = value.constant ?? this.#fed.get(value);
    if (given) return numbers(given.shape, plain(given.data));
    const node = value.producer;
    const found = node && rule(node);
    if (!node || !found) throw new RangeError(`${value.name} cannot be evaluated`);
    // Sizes of what is fed are known without its numbers.
    const inputs = node.inputs.map((x) => x && (node.op === "Shape" && this.#fed.has(x) ? { shape: this.#fed.get(x)!.shape, data: none } : this.of(x)));
    return found(inputs, node);
  }
}
const none = new Float64Array();
