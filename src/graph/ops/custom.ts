// The library's own ops (domain accelerate_ts); their kernels are in the native addon.
import { ShapeError } from "../../errors.js";
import type { Value } from "../graph.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { define, meet, need, needKind, unknownShape, vectorLength } from "./common.js";

export const customDomain = "accelerate_ts";

/**
 * Throws unless x can be dropped from: of rank 1 to 4 with a key int64 [4]; or of any rank with the places int64 [rows, k] of its rows, k = 1 to 3.
 * With places, the mask of row r is that which a tensor of rank k + 1 draws at places[r].
 */
export function checkDropout(ctx: InferContext, x: Value, key: Value, places: Value | undefined): void {
  needKind(ctx, x, "float");
  needKind(ctx, key, "index");
  if (vectorLength(ctx, key) !== 4) throw new ShapeError(`the key must be int64 [4], it is ${ctx.env.show(key.shape)}`);
  if (!places) {
    if (x.shape.length < 1 || x.shape.length > 4) throw new ShapeError(`dropout takes 1 to 4 dims, the input is ${ctx.env.show(x.shape)}`);
    return;
  }
  needKind(ctx, places, "index");
  const coordinates = places.shape.length === 2 ? ctx.env.resolve(places.shape[1]!) : undefined;
  if (x.shape.length < 1 || typeof coordinates !== "number" || coordinates < 1 || coordinates > 3)
    throw new ShapeError(`dropout takes int64 [rows, 1 to 3] as the places of rows, got ${ctx.env.show(places.shape)} for ${ctx.env.show(x.shape)}`);
  if (x.shape.length === 2 && meet(ctx.env, x.shape[0]!, places.shape[0]!) === undefined)
    throw new ShapeError(`places ${ctx.env.show(places.shape)} are not one for each row of ${ctx.env.show(x.shape)}`);
}

/** x of rank 1 to 4, key int64 [4] {seed, rank, micro-step, ordinal of the call}, places int64 [rows, k]? -> like x; attributes ratio, site. See checkDropout. */
function dropout(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  checkDropout(ctx, x, need(ctx, 1), ctx.inputs[2]);
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

/** As embeddingGrad along axis 0 -> rows int64 [n] that were looked up, ascending, and what they hold [n, ..]; n is known to the run alone. */
function sparseEmbeddingGrad(ctx: InferContext): readonly OutputSpec[] {
  const [whole] = embeddingGrad(ctx);
  const count = ctx.env.unknown();
  return [
    { dtype: "int64", shape: [count] },
    { dtype: whole!.dtype, shape: [count, ...whole!.shape.slice(1)] },
  ];
}

export const customOps: readonly OpDef[] = [
  define("Dropout", [2, 3], dropout, { domain: customDomain }),
  define("EmbeddingGrad", [3, 3], embeddingGrad, { domain: customDomain }),
  define("SparseEmbeddingGrad", [3, 3], sparseEmbeddingGrad, { domain: customDomain, outputs: [2, 2] }),
];
