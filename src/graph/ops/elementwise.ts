// Element-wise arithmetic: one operand, two under broadcasting, any number under broadcasting.
import { ArgumentError } from "../../errors.js";
import type { Dim, Shape, ShapeEnv } from "../dims.js";
import { type DType, dtypeFromOnnx, dtypes } from "../dtype.js";
import type { Value } from "../graph.js";
import { type InferContext, maxVariadic, type OpDef, type OutputSpec } from "../op-def.js";
import { broadcast, broadcastsTo, carried, define, intAttribute, type Kind, literals, need, needAll, needKind, sameDtype } from "./common.js";

/** Output like the input. [..] -> [..] */
const unaryKinds: Readonly<Record<string, Kind>> = {
  ...Object.fromEntries(
    [
      [
        "Exp",
        "Log",
        "Sqrt",
        "Reciprocal",
        "Tanh",
        "Sigmoid",
        "Erf",
        "Softplus",
        "Softsign",
        "Elu",
        "LeakyRelu",
        "Selu",
        "Celu",
        "HardSigmoid",
        "HardSwish",
        "Mish",
        "ThresholdedRelu",
        "Shrink",
      ],
      ["Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "Floor", "Ceil", "Round"],
    ].flatMap((ops) => ops.map((op): [string, Kind] => [op, "float"])),
  ),
  Relu: "number",
  Neg: "number",
  Abs: "number",
  Sign: "number",
  Not: "bool",
  Identity: "any",
};

/** The ops of one operand whose every output element is a function of the input element at its place. */
export const unaryOps: readonly string[] = Object.keys(unaryKinds);

/** What becomes of the elements of a size vector. */
const unaryContent: Readonly<Record<string, (x: Value) => readonly Dim[] | undefined>> = {
  Identity: (x) => x.content,
  Neg: (x) => literals(x)?.map((n) => 0 - n),
};

type ContentRule = (env: ShapeEnv, a: Dim, b: Dim) => Dim | undefined;
/** What arithmetic does to sizes. ONNX divides integers towards zero. */
const contentRules: Readonly<Record<string, ContentRule>> = {
  Add: (env, a, b) => env.add(a, b),
  Sub: (env, a, b) => env.sub(a, b),
  Mul: (env, a, b) => env.mul(a, b),
  Div: (env, a, b) => (env.resolve(b) === 0 ? undefined : typeof a === "number" && typeof b === "number" ? Math.trunc(a / b) : env.div(a, b)),
  Mod: (env, a, b) => (env.resolve(b) === 0 ? undefined : env.sub(a, env.mul(env.div(a, b), b))),
  Min: (env, a, b) => env.min(a, b),
  Max: (env, a, b) => env.max(a, b),
};

function binaryContent(env: ShapeEnv, rule: ContentRule | undefined, a: Value, b: Value, dtype: DType, shape: Shape): readonly Dim[] | undefined {
  const [x, y] = [a.content, b.content];
  if (!rule || !x || !y || shape.length > 1 || (x.length !== y.length && x.length !== 1 && y.length !== 1)) return undefined;
  const n = x.length === 1 ? y.length : x.length;
  const out: Dim[] = [];
  for (let i = 0; i < n; i++) {
    const d = rule(env, x[x.length === 1 ? 0 : i]!, y[y.length === 1 ? 0 : i]!);
    if (d === undefined) return undefined;
    out.push(d);
  }
  return carried(dtype, shape, out);
}

function binary(op: string, kind: Kind): OpDef {
  const rule = contentRules[op];
  return define(op, [2, 2], (ctx) => {
    const a = need(ctx, 0);
    const b = need(ctx, 1);
    needKind(ctx, a, kind);
    const dtype = op === "Pow" ? a.dtype : sameDtype(ctx, a, b);
    const shape = broadcast(ctx.env, a.shape, b.shape);
    return a.content && b.content ? [{ dtype, shape, content: binaryContent(ctx.env, rule, a, b, dtype, shape) }] : [{ dtype, shape }];
  });
}

/** Sum, Mean, Max, Min of one or more operands. */
function variadic(op: string): OpDef {
  const rule = contentRules[op];
  return define(op, [1, maxVariadic], (ctx) => {
    const inputs = needAll(ctx);
    const first = inputs[0]!;
    needKind(ctx, first, op === "Mean" || op === "Sum" ? "float" : "number");
    let shape = first.shape;
    for (let i = 1; i < inputs.length; i++) {
      sameDtype(ctx, first, inputs[i]!);
      shape = broadcast(ctx.env, shape, inputs[i]!.shape);
    }
    const content = inputs.length === 1 ? first.content : inputs.length === 2 ? binaryContent(ctx.env, rule, first, inputs[1]!, first.dtype, shape) : undefined;
    return [{ dtype: first.dtype, shape, content }];
  });
}

/** condition, a, b -> broadcast of the three. */
function where(ctx: InferContext): readonly OutputSpec[] {
  const condition = need(ctx, 0);
  const [a, b] = [need(ctx, 1), need(ctx, 2)];
  needKind(ctx, condition, "bool");
  const dtype = sameDtype(ctx, a, b);
  const shape = broadcast(ctx.env, broadcast(ctx.env, condition.shape, a.shape), b.shape);
  let content: Dim[] | undefined;
  if (condition.content && a.content && b.content && shape.length <= 1) {
    const n = Math.max(condition.content.length, a.content.length, b.content.length);
    const pick = (list: readonly Dim[], i: number) => list[list.length === 1 ? 0 : i];
    const picked = Array.from({ length: n }, (_, i) => pick((pick(condition.content!, i) === 0 ? b : a).content!, i));
    if (picked.every((d) => d !== undefined)) content = picked as Dim[];
  }
  return [{ dtype, shape, content: carried(dtype, shape, content) }];
}

function cast(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  const to = intAttribute(ctx, "to", 0);
  const dtype = dtypeFromOnnx(to);
  if (!dtype)
    throw new ArgumentError(`node ${ctx.name} (Cast): attribute to is ${to}, which is no dtype of this library`, {
      code: "ERR_OP_ATTRIBUTE",
      hint: `known: ${Object.keys(dtypes).join(", ")}`,
    });
  const whole = (dtype === "int64" || dtype === "int32") && (x.dtype === "int64" || x.dtype === "int32" || x.dtype === "bool");
  return [{ dtype, shape: x.shape, content: whole ? x.content : undefined }];
}

/** x, min?, max? (scalars) -> like x. */
function clip(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  needKind(ctx, x, "number");
  for (const bound of [ctx.inputs[1], ctx.inputs[2]]) {
    if (!bound) continue;
    sameDtype(ctx, x, bound);
    broadcastsTo(ctx.env, bound.shape, []);
  }
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** x, slope (broadcasts to x) -> like x. */
function prelu(ctx: InferContext): readonly OutputSpec[] {
  const [x, slope] = [need(ctx, 0), need(ctx, 1)];
  broadcastsTo(ctx.env, slope.shape, x.shape);
  return [{ dtype: sameDtype(ctx, x, slope), shape: x.shape }];
}

export const elementwiseOps: readonly OpDef[] = [
  ...Object.entries(unaryKinds).map(([op, kind]) =>
    define(op, [1, 1], (ctx) => {
      const x = need(ctx, 0);
      needKind(ctx, x, kind);
      return [{ dtype: x.dtype, shape: x.shape, content: x.content && unaryContent[op]?.(x) }];
    }),
  ),
  ...["Add", "Sub", "Mul", "Div", "Pow", "Mod", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift"].map((op) => binary(op, "number")),
  ...["Sum", "Mean", "Max", "Min"].map(variadic),
  define("Where", [3, 3], where),
  define("Cast", [1, 1], cast),
  // x, any value of the dtype that is wanted -> like x, of that dtype.
  define("CastLike", [2, 2], (ctx) => [{ dtype: need(ctx, 1).dtype, shape: need(ctx, 0).shape }]),
  define("BitwiseNot", [1, 1], (ctx) => [{ dtype: need(ctx, 0).dtype, shape: need(ctx, 0).shape }]),
  define("Clip", [1, 3], clip),
  define("PRelu", [2, 2], prelu),
];
