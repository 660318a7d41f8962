// Ops in the terms of engines that lack them: what several devices need.
import type { Builder } from "../../builder.js";
import { reshapeTo } from "../../reshape.js";
import type { Dim } from "../../dims.js";
import type { DType } from "../../dtype.js";
import { type AttributeValue, float, type Node, type Value } from "../../graph.js";

/** What stands in a node's place; undefined leaves it. `inputs` are the node's, as far as they were rewritten before it. */
export type Form = (b: Builder, node: Node, inputs: readonly Value[]) => readonly Value[] | undefined;
/** By domain and op: ":MatMul", "com.microsoft:FusedMatMul". */
export type Forms = Readonly<Record<string, Form>>;

export const number = (value: AttributeValue | undefined, fallback: number): number =>
  typeof value === "number" ? value : typeof value === "object" && "float" in value ? value.float : fallback;

const lastTwo = (b: Builder, x: Value): Value => {
  const perm = x.shape.map((_, i) => i);
  return b.transpose(x, [...perm.slice(0, -2), x.rank - 1, x.rank - 2]);
};

/** A product of two matrices is a Gemm, which has the flags; of stacks of them a MatMul of what is turned round first. */
export const fusedMatMul: Form = (b, { attributes }, [x, y]) => {
  const [transposeA, transposeB, alpha] = [attributes.transA === 1, attributes.transB === 1, number(attributes.alpha, 1)];
  if (x!.rank === 2 && y!.rank === 2) return [b.gemm(x!, y!, undefined, { transposeA, transposeB, alpha })];
  // Rows of a stack on one matrix are rows of one.
  const width = x!.shape.at(-1)!;
  if (y!.rank === 2 && x!.rank > 2 && !transposeA) {
    const rows = reshapeTo(b, x!, [b.graph.env.product(x!.shape.slice(0, -1)), width], [x!]);
    return [reshapeTo(b, b.gemm(rows, y!, undefined, { transposeB, alpha }), [...x!.shape.slice(0, -1), y!.shape[transposeB ? 0 : 1]!], [x!])];
  }
  const [left, right] = [transposeA && x!.rank > 1 ? lastTwo(b, x!) : x!, transposeB && y!.rank > 1 ? lastTwo(b, y!) : y!];
  // The smaller side is scaled: for scores of attention these are the queries.
  return [b.matmul(b.mulScalar(left, alpha), right)];
};

const axisOf = (node: Node, x: Value): number => {
  const axis = number(node.attributes.axis, -1);
  return axis < 0 ? axis + x.rank : axis;
};

/** x - max - log(sum(exp(x - max))) */
export const logSoftmax: Form = (b, node, [x]) => {
  const axis = axisOf(node, x!);
  const shifted = b.sub(x!, b.reduce("ReduceMax", x!, [axis], true));
  return [b.sub(shifted, b.unary("Log", b.reduce("ReduceSum", b.unary("Exp", shifted), [axis], true)))];
};

/** log(sum(exp(x - max))) + max */
export const logSumExp: Form = (b, node, [x, axes]) => {
  const keepdims = number(node.attributes.keepdims, 1) !== 0;
  const known = axes?.content ?? x!.shape.map((_, i) => i);
  if (!known.every((d): d is number => typeof d === "number")) return undefined;
  const max = b.reduce("ReduceMax", x!, known, true);
  const sum = b.reduce("ReduceSum", b.unary("Exp", b.sub(x!, max)), known, true);
  const y = b.add(b.unary("Log", sum), max);
  return [
    keepdims
      ? y
      : b.squeeze(
          y,
          known.map((axis) => (axis < 0 ? axis + x!.rank : axis)),
        ),
  ];
};

/** Sum of several values, two at a time. */
export const sum: Form = (b, _, inputs) => [inputs.reduce((a, x) => b.add(a, x))];

/** 1 where x > 0, -1 where x < 0; a NaN becomes 0. */
export const sign: Form = (b, _, [x]) => {
  const zero = b.scalar(0, x!.dtype);
  return [b.sub(b.cast(b.op("Greater", [x!, zero]), x!.dtype), b.cast(b.op("Less", [x!, zero]), x!.dtype))];
};

/** A condition as a number, computed with and made a condition again. */
const byNumbers =
  (make: (b: Builder, a: Value, c: Value) => Value): Form =>
  (b, _, [x, y]) => [b.op("Greater", [make(b, b.cast(x!, "float32"), b.cast(y!, "float32")), b.scalar(0.5, "float32")])];
export const or = byNumbers((b, x, y) => b.add(x, y));
export const and = byNumbers((b, x, y) => b.mul(x, y));
export const xor = byNumbers((b, x, y) => b.unary("Abs", b.sub(x, y)));

/** x is no number where it is not itself. */
export const notANumber: Form = (b, _, [x]) => [b.unary("Not", b.op("Equal", [x!, x!]))];
export const infinite: Form = (b, node, [x]) => {
  const [positive, negative] = [number(node.attributes.detect_positive, 1) !== 0, number(node.attributes.detect_negative, 1) !== 0];
  const of = positive && negative ? b.unary("Abs", x!) : negative ? b.neg(x!) : x!;
  return [b.op("Greater", [of, b.scalar(3.4028234663852886e38, x!.dtype)])];
};

/** A number that only the run knows to be 0: what is made of it is not kept as a constant of the size of a vocabulary. [1]. */
export function runtimeZero(b: Builder, from: Value, dtype: DType): Value {
  // Cast first: slices of int64 are computed on the host by some devices.
  const flat = b.op("Reshape", [b.cast(from, dtype), b.int64([-1])]);
  return b.mulScalar(b.slice(flat, 0, 0, 1), 0);
}

/** A tensor of one number. */
export const constantOfShape: Form = (b, node, [shape]) => {
  const given = node.attributes.value;
  const value = given && typeof given === "object" && "dtype" in given ? given : { dtype: "float32" as const, shape: [1], data: Float32Array.of(0) };
  return [b.expand(b.constant({ ...value, shape: [] }), shape!)];
};

/** Where over conditions: (c and x) or (not c and y). */
export const whereOfConditions: Form = (b, _, [c, x, y]) => {
  if (x!.dtype !== "bool") return undefined;
  return [b.op("Greater", [b.where(c!, b.cast(x!, "float32"), b.cast(y!, "float32")), b.scalar(0.5, "float32")])];
};

/** on where the classes along a new axis are the index, else off. Indices below 0 count from the end. */
export const oneHot: Form = (b, node, [indices, depth, values]) => {
  const count = depth!.content?.[0] ?? (depth!.constant ? Number(depth!.constant.data[0]) : undefined);
  if (count === undefined || typeof count !== "number") return undefined;
  const rank = indices!.rank + 1;
  const given = number(node.attributes.axis, -1);
  const axis = given < 0 ? given + rank : given;
  const whole = b.cast(indices!, "int32");
  const wrapped = b.where(b.op("Less", [whole, b.scalar(0, "int32")]), b.add(whole, b.scalar(count, "int32")), whole);
  const classes = b.constant({
    dtype: "int32",
    shape: Array.from({ length: rank }, (_, i) => (i === axis ? count : 1)),
    data: Int32Array.from({ length: count }, (_, i) => i),
  });
  const [off, on] = [0, 1].map((i) => b.squeeze(b.slice(values!, 0, i, i + 1), [0])) as [Value, Value];
  return [b.where(b.op("Equal", [b.unsqueeze(wrapped, [axis]), classes]), on, off)];
};

/** Sizes of a shape that are numbers. */
export const numbers = (dims: readonly Dim[]): readonly number[] | undefined =>
  dims.every((d) => typeof d === "number") ? (dims as readonly number[]) : undefined;

export const mean: Form = (b, _, inputs) => [
  b.mulScalar(
    inputs.reduce((a, x) => b.add(a, x)),
    1 / inputs.length,
  ),
];

/** The product of all sizes. */
export const size: Form = (b, _, [x]) => [x!.rank === 0 ? b.scalar(1, "int64") : b.op("ReduceProd", [b.shapeOf(x!)], { keepdims: 0 })];

/** scale (x where x > 0, else alpha (exp(x) - 1)): Elu has the alpha. */
export const selu: Form = (b, { attributes }, [x]) => [
  b.mulScalar(b.op("Elu", [x!], { alpha: float(number(attributes.alpha, 1.6732632423543772)) }), number(attributes.gamma, 1.0507009873554805)),
];
/** max(0, x) + min(0, alpha (exp(x / alpha) - 1)) */
export const celu: Form = (b, { attributes }, [x]) => {
  const alpha = number(attributes.alpha, 1);
  return [b.mulScalar(b.op("Elu", [b.divScalar(x!, alpha)]), alpha)];
};
/** x / (1 + |x|) */
export const softsign: Form = (b, _, [x]) => [b.div(x!, b.addScalar(b.unary("Abs", x!), 1))];

export const tan: Form = (b, _, [x]) => [b.div(b.unary("Sin", x!), b.unary("Cos", x!))];
const halves = (b: Builder, x: Value): readonly [Value, Value] => [b.mulScalar(b.unary("Exp", x), 0.5), b.mulScalar(b.unary("Exp", b.neg(x)), 0.5)];
export const sinh: Form = (b, _, [x]) => [b.sub(...halves(b, x!))];
export const cosh: Form = (b, _, [x]) => [b.add(...halves(b, x!))];
