// accelerate_ts.BiasGelu: GELU of a sum with a bias, and its gradient.
import { ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { type DType, dtypes } from "../dtype.js";
import { float, type Value } from "../graph.js";
import { define, meet, need, needKind, sameDtype, stringAttribute } from "./common.js";

const domain = "accelerate_ts";

/** Throws unless a bias, where there is one, is a vector over the last dim of x. */
function checkBias(ctx: InferContext, x: Value, bias: Value | undefined): void {
  needKind(ctx, x, "float");
  stringAttribute(ctx, "approximate", ["none", "tanh"]);
  if (!bias) return;
  sameDtype(ctx, x, bias);
  if (bias.shape.length !== 1 || x.shape.length < 1 || meet(ctx.env, bias.shape[0]!, x.shape.at(-1)!) === undefined)
    throw new ShapeError(`the bias ${ctx.env.show(bias.shape)} must be one number for each of the last dim of ${ctx.env.show(x.shape)}`);
}

/** x [.., C], bias [C]? -> gelu(x + bias); attribute approximate, "none" (erf) or "tanh". */
function biasGelu(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  checkBias(ctx, x, ctx.inputs[1]);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** dy like x, x [.., C], bias [C]? -> dx, and dbias [C], which a node without a bias has not. */
function biasGeluGrad(ctx: InferContext): readonly OutputSpec[] {
  const [dy, x] = [need(ctx, 0), need(ctx, 1)];
  const bias = ctx.inputs[2];
  sameDtype(ctx, dy, x);
  checkBias(ctx, x, bias);
  const dx = { dtype: x.dtype, shape: x.shape };
  return bias ? [dx, { dtype: x.dtype, shape: bias.shape }] : [dx];
}

/**
 * d/dx x P(x) = P(x) + x p(x) with the normal distribution's P(x) = (1 + erf(x/sqrt 2))/2 and density p(x) = exp(-x^2/2)/sqrt(2 pi), times dy.
 * In float32, HardSigmoid makes P of erf in one pass (0.5 e + 0.5 is within [0, 1], so its clamp does nothing).
 */
function erfGeluGrad(b: Builder, dy: Value, x: Value): Value {
  const erf = b.unary("Erf", b.mulScalar(x, Math.SQRT1_2));
  const cdf = x.dtype === "float32" ? b.op("HardSigmoid", [erf], { alpha: float(0.5), beta: float(0.5) }) : b.addScalar(b.mulScalar(erf, 0.5), 0.5);
  const half = b.mulScalar(x, -0.5);
  const bell = b.mul(half, b.unary("Exp", b.mul(x, half)));
  return b.mul(dy, b.sub(cdf, b.mulScalar(bell, 2 / Math.sqrt(2 * Math.PI))));
}

const cubic = 0.044715;
const linear = 2 * Math.sqrt(2 / Math.PI);

/**
 * y = x s(v) with the logistic function s and v = x (linear + cubic linear x^2), since (1 + tanh u)/2 = s(2u).
 * d/dx = s + s (1 - s) x v', where x v' = 3 v - 2 linear x; times dy.
 */
function tanhGeluGrad(b: Builder, dy: Value, x: Value): Value {
  const v = b.mul(x, b.addScalar(b.mulScalar(b.mul(x, x), cubic * linear), linear));
  const s = b.unary("Sigmoid", v);
  const slope = b.sub(b.mulScalar(v, 3), b.mulScalar(x, 2 * linear));
  return b.mul(dy, b.add(s, b.mul(b.sub(s, b.mul(s, s)), slope)));
}

const to = (b: Builder, x: Value, dtype: DType): Value => (x.dtype === dtype ? x : b.op("Cast", [x], { to: dtypes[dtype].onnx, _autocast: 1 }));
const isNarrow = ({ dtype }: Value): boolean => dtype === "float16" || dtype === "bfloat16";

/** The gradient of Gelu composed of ONNX's ops. A narrow type is rounded once, not after each of a dozen ops. */
export function geluGrad(b: Builder, dy: Value, x: Value, approximate: unknown): Value {
  const make = approximate === "tanh" ? tanhGeluGrad : erfGeluGrad;
  return isNarrow(x) ? to(b, make(b, to(b, dy, "float32"), to(b, x, "float32")), x.dtype) : make(b, dy, x);
}

const decomposed: Decomposition = ({ b, node, inputs: [x, bias] }) => [
  b.op("Gelu", [bias ? b.add(x!, bias) : x!], { approximate: node.attributes.approximate ?? "none" }),
];

const decomposedGrad: Decomposition = ({ b, node, inputs: [dy, x, bias] }) => {
  const type = isNarrow(x!) ? "float32" : x!.dtype;
  const sum = to(b, bias ? b.add(x!, bias) : x!, type);
  const dx = geluGrad(b, to(b, dy!, type), sum, node.attributes.approximate);
  return (bias ? [dx, b.reduceTo(dx, bias.shape, bias)] : [dx]).map((value) => to(b, value, x!.dtype));
};

export const geluOps: readonly OpDef[] = [
  { ...define("BiasGelu", [1, 2], biasGelu, { domain }), decompose: decomposed },
  { ...define("BiasGeluGrad", [2, 3], biasGeluGrad, { domain, outputs: [0, 2] }), decompose: decomposedGrad },
];
