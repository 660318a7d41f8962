// Products by the library's own kernel: operands rounded to bfloat16 on wish, bias, activation and residual with them.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import { type AttributeValue, float, type Value } from "../graph.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { broadcastsTo, define, intAttribute, meet, need, sameDtype } from "./common.js";
import { customDomain } from "./custom.js";

/** What a Gemm does with each number before the residual is added: the numbers of its attribute `activation`. */
export const gemmActivations = ["none", "relu", "gelu", "gelu_tanh"] as const;
export type GemmActivation = (typeof gemmActivations)[number];

/** a [.., m, k] ([k, m] with transA), b [k, n] ([n, k] with transB), bias? [n], residual? like y -> y [.., m, n] = activation(alpha a b + bias) + residual; a and b float32 or bfloat16, all else float32. */
function gemm(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [a, b] = [need(ctx, 0), need(ctx, 1)];
  const dtype = sameDtype(ctx, a, b);
  if (dtype !== "float32" && dtype !== "bfloat16")
    throw new ArgumentError(`node ${ctx.name} (Gemm): operands are ${dtype}`, { code: "ERR_DTYPE", hint: "float32 or bfloat16" });
  const [transA, transB] = [intAttribute(ctx, "transA", 0) !== 0, intAttribute(ctx, "transB", 0) !== 0];
  const shown = `${env.show(a.shape)} x ${env.show(b.shape)}`;
  if (a.rank < 2 || b.rank !== 2 || (transA && a.rank !== 2)) throw new ShapeError(`Gemm takes rows and a matrix: ${shown}`);
  const inner = transA ? a.shape[0]! : a.shape.at(-1)!;
  const [k, n] = transB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  if (meet(env, inner, k) === undefined) throw new ShapeError(`inner sizes ${env.showDim(inner)} and ${env.showDim(k)} differ: ${shown}`);
  const shape = transA ? [a.shape[1]!, n] : [...a.shape.slice(0, -1), n];
  const [bias, residual] = [ctx.inputs[2], ctx.inputs[3]];
  if (bias) broadcastsTo(env, bias.shape, [n]);
  if (residual && !(residual.rank === shape.length && residual.shape.every((d, i) => meet(env, d, shape[i]!) !== undefined)))
    throw new ShapeError(`the residual ${env.show(residual.shape)} is not like the product ${env.show(shape)}`);
  if (intAttribute(ctx, "activation", 0) >= gemmActivations.length)
    throw new ArgumentError(`node ${ctx.name} (Gemm): unknown activation`, { code: "ERR_OP_ATTRIBUTE" });
  return [{ dtype: "float32", shape }];
}

const number = (value: AttributeValue | undefined, fallback: number): number =>
  typeof value === "number" ? value : typeof value === "object" && "float" in value ? value.float : fallback;

const activate: { readonly [A in GemmActivation]: (b: Builder, x: Value) => Value } = {
  none: (_, x) => x,
  relu: (b, x) => b.op("Relu", [x]),
  gelu: (b, x) => b.op("Gelu", [x]),
  gelu_tanh: (b, x) => b.op("Gelu", [x], { approximate: "tanh" }),
};

const inOtherOps: Decomposition = ({ b, node, inputs: [left, right, bias, residual] }) => {
  const { attributes } = node;
  const wide = (x: Value) => (x.dtype === "float32" ? x : b.cast(x, "float32"));
  let y = b.matmul(wide(left!), wide(right!), { transposeA: attributes.transA === 1, transposeB: attributes.transB === 1, alpha: number(attributes.alpha, 1) });
  if (bias) y = b.add(y, bias);
  y = activate[gemmActivations[number(attributes.activation, 0)]!](b, y);
  return [residual ? b.add(y, residual) : y];
};

/** x float32 -> the nearest bfloat16; of two equally near ones the even one. */
const toBfloat16 = (ctx: InferContext): readonly OutputSpec[] => {
  const x = need(ctx, 0);
  if (x.dtype !== "float32") throw new ArgumentError(`node ${ctx.name} (ToBfloat16): ${x.name} is ${x.dtype}`, { code: "ERR_DTYPE", hint: "give float32" });
  return [{ dtype: "bfloat16", shape: x.shape }];
};

export const gemmOps: readonly OpDef[] = [
  { ...define("Gemm", [2, 4], gemm, { domain: customDomain }), decompose: inOtherOps },
  { ...define("ToBfloat16", [1, 1], toBfloat16, { domain: customDomain }), decompose: ({ b, inputs: [x] }) => [b.cast(x!, "bfloat16")] },
];

export interface GemmOptions {
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  readonly alpha?: number;
  readonly activation?: GemmActivation;
  readonly bias?: Value | undefined;
  readonly residual?: Value | undefined;
}

/** Adds a Gemm. */
export function addGemm(b: Builder, left: Value, right: Value, options: GemmOptions = {}): Value {
  const { transposeA = false, transposeB = false, alpha = 1, activation = "none", bias, residual } = options;
  const inputs: (Value | undefined)[] = [left, right, bias, residual];
  while (inputs.at(-1) === undefined) inputs.pop();
  const attributes = {
    ...(transposeA && { transA: 1 }),
    ...(transposeB && { transB: 1 }),
    ...(alpha !== 1 && { alpha: float(alpha) }),
    ...(activation !== "none" && { activation: gemmActivations.indexOf(activation) }),
  };
  return b.op("Gemm", inputs, attributes, { domain: customDomain });
}
