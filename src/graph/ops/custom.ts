// The library's own ops (domain accelerate_ts); their kernels are in the native addon.
import { ShapeError } from "../../errors.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { define, need, needKind, unknownShape, vectorLength } from "./common.js";

export const customDomain = "accelerate_ts";

/** x of rank 1 to 4, key int64 [4] {seed, rank, micro-step, ordinal of the call} -> like x; attributes ratio, site. */
function dropout(ctx: InferContext): readonly OutputSpec[] {
  const [x, key] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  needKind(ctx, key, "index");
  if (x.shape.length < 1 || x.shape.length > 4) throw new ShapeError(`dropout takes 1 to 4 dims, the input is ${ctx.env.show(x.shape)}`);
  if (vectorLength(ctx, key) !== 4) throw new ShapeError(`the key must be int64 [4], it is ${ctx.env.show(key.shape)}`);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** indices [i..], dY [a.., i.., b..], shape int64 [n] (of the table) -> the gradient of the table; attributes axis, padding_idx. */
function embeddingGrad(ctx: InferContext): readonly OutputSpec[] {
  const [indices, dY, shape] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  needKind(ctx, indices, "index");
  needKind(ctx, dY, "float");
  needKind(ctx, shape, "index");
  const rank = vectorLength(ctx, shape);
  if (dY.shape.length !== rank - 1 + indices.shape.length) {
    throw new ShapeError(`dY ${ctx.env.show(dY.shape)} does not fit indices ${ctx.env.show(indices.shape)} and a table of ${rank} dims`);
  }
  return [{ dtype: dY.dtype, shape: shape.content ?? unknownShape(ctx.env, rank) }];
}

export const customOps: readonly OpDef[] = [
  define("Dropout", [2, 2], dropout, { domain: customDomain }),
  define("EmbeddingGrad", [3, 3], embeddingGrad, { domain: customDomain }),
];
