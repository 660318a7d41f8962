// Attention and AttentionGrad (domain accelerate_ts): scaled dot-product attention of all heads in one op that stores no weights; each side dense or packed.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Dim, Shape } from "../dims.js";
import type { Value } from "../graph.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { define, intAttribute, meet, need, needKind, sameDtype } from "./common.js";
import { customDomain } from "./custom.js";
import { decomposeAttention, decomposeAttentionGrad } from "./fused-attention-parts.js";

/** Rows of one side: [B, S] of a dense one, [T] of a packed one. */
function rowsOf(ctx: InferContext, x: Value, places: Value | undefined, side: string): Shape {
  const { env } = ctx;
  if (!places) {
    if (x.rank !== 3) throw new ShapeError(`${side} must be [B, S, heads * d] unless it has places, it is ${env.show(x.shape)}`);
    return x.shape.slice(0, 2);
  }
  needKind(ctx, places, "index");
  if (x.rank !== 2) throw new ShapeError(`${side} must be [T, heads * d] where it has places, it is ${env.show(x.shape)}`);
  if (places.rank !== 2 || meet(env, places.shape[1]!, 2) === undefined || meet(env, places.shape[0]!, x.shape[0]!) === undefined)
    throw new ShapeError(`places must be int64 [T, 2] for ${side} ${env.show(x.shape)}, they are ${env.show(places.shape)}`);
  return x.shape.slice(0, 1);
}

/** The last dim of q, k or v, which is a known multiple of the heads. */
function widthOf(ctx: InferContext, x: Value, heads: number): number {
  const width = ctx.env.resolve(x.shape.at(-1)!);
  if (typeof width !== "number" || width < heads || width % heads !== 0)
    throw new ShapeError(`${x.name} ${ctx.env.show(x.shape)} does not hold ${heads} heads of one size side by side`);
  return width;
}

/** The inputs that both ops have in common: q, k, v at `at`, then the others at `more`. Returns the rows of both sides and the width of v. */
function checkSides(ctx: InferContext, at: number, more: number): { heads: number; qRows: Shape; kRows: Shape; valueWidth: number } {
  const { env } = ctx;
  const [q, k, v] = [need(ctx, at), need(ctx, at + 1), need(ctx, at + 2)];
  const [keyBias, key, qPlaces, kPlaces] = [0, 1, 2, 3].map((i) => ctx.inputs[more + i]);
  needKind(ctx, q, "float");
  sameDtype(ctx, q, k);
  sameDtype(ctx, q, v);
  const heads = intAttribute(ctx, "heads", 0);
  if (heads < 1) throw new ArgumentError(`node ${ctx.name} (${ctx.op}): attribute heads must be 1 or more, it is ${heads}`, { code: "ERR_OP_ATTRIBUTE" });
  const qRows = rowsOf(ctx, q, qPlaces, "q");
  const kRows = rowsOf(ctx, k, kPlaces, "k");
  const same = (a: Dim, b: Dim) => meet(env, a, b) !== undefined;
  const vRows = v.shape.slice(0, -1);
  if (vRows.length !== kRows.length || !vRows.every((d, i) => same(d, kRows[i]!)))
    throw new ShapeError(`k ${env.show(k.shape)} and v ${env.show(v.shape)} must have the same rows`);
  if (qRows.length === 2 && kRows.length === 2 && !same(qRows[0]!, kRows[0]!))
    throw new ShapeError(`q ${env.show(q.shape)} and k ${env.show(k.shape)} are of different batches`);
  if (widthOf(ctx, q, heads) !== widthOf(ctx, k, heads)) throw new ShapeError(`q ${env.show(q.shape)} and k ${env.show(k.shape)} must be of one width`);
  if (keyBias) {
    sameDtype(ctx, q, keyBias);
    const fits =
      keyBias.rank === kRows.length &&
      same(keyBias.shape.at(-1)!, kRows.at(-1)!) &&
      (kRows.length === 1 || env.resolve(keyBias.shape[0]!) === 1 || same(keyBias.shape[0]!, kRows[0]!));
    if (!fits) throw new ShapeError(`the key bias ${env.show(keyBias.shape)} must have the rows of k ${env.show(k.shape)}`);
  }
  if (key) {
    needKind(ctx, key, "index");
    if (key.rank !== 1 || !same(key.shape[0]!, 4)) throw new ShapeError(`the dropout key must be int64 [4], it is ${env.show(key.shape)}`);
  }
  return { heads, qRows, kRows, valueWidth: widthOf(ctx, v, heads) };
}

/**
 * q [B, Sq, heads * d] or [T, heads * d], k and v likewise, keyBias? [B | 1, Sk] or [T], dropout key? int64 [4], qPlaces? and kPlaces? int64 [T, 2] -> y (rows of q, width of v),
 * lse? (rows of q, heads): the logarithm of the sum of exp(scores).
 */
export function attention(ctx: InferContext): readonly OutputSpec[] {
  const { heads, qRows, valueWidth } = checkSides(ctx, 0, 3);
  const { dtype } = need(ctx, 0);
  const specs = [
    { dtype, shape: [...qRows, valueWidth] },
    { dtype, shape: [...qRows, heads] },
  ];
  return specs.slice(0, ctx.outputs);
}

/** dy, q, k, v, then as Attention from keyBias on -> dq, dk, dv. */
export function attentionGrad(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const { qRows, valueWidth } = checkSides(ctx, 1, 4);
  const dy = need(ctx, 0);
  const fits = dy.rank === qRows.length + 1 && [...qRows, valueWidth].every((d, axis) => meet(env, d, dy.shape[axis]!) !== undefined);
  if (!fits) throw new ShapeError(`dy is ${env.show(dy.shape)}, not ${env.show([...qRows, valueWidth])}`);
  return [1, 2, 3].map((i) => ({ dtype: need(ctx, i).dtype, shape: need(ctx, i).shape }));
}

/**
 * y = dropout(softmax(scale q k^T + keyBias)) v for each batch entry and head. Attributes: heads, scale, causal (1: a query sees the keys of its own token and before), ratio and site of the dropout,
 * which is as Dropout's on weights [B, heads, Sq, Sk] at their logical places.
 *
 * A side is packed where its places are given: row t is token places[t][1] of batch entry places[t][0]; rows are sorted by batch entry. A query that sees no key gets zeros.
 * The kernels are float32's; other dtypes have the decomposition.
 */
export const attentionOps: readonly OpDef[] = [
  { ...define("Attention", [3, 7], attention, { domain: customDomain, outputs: [1, 2] }), decompose: decomposeAttention },
  { ...define("AttentionGrad", [4, 8], attentionGrad, { domain: customDomain, outputs: [3, 3] }), decompose: decomposeAttentionGrad },
];
