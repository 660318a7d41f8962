// Ops that make numbers of sizes alone: random draws, identity matrices.
import { ArgumentError } from "../../errors.js";
import { type DType, dtypeFromOnnx } from "../dtype.js";
import type { Value } from "../graph.js";
import type { InferContext, OpDef } from "../op-def.js";
import { define, intAttribute, intsAttribute, need } from "./common.js";

/** Attribute dtype, or else what the input is. */
function dtypeOf(ctx: InferContext, fallback: DType): DType {
  const given = ctx.attributes.dtype === undefined ? fallback : dtypeFromOnnx(intAttribute(ctx, "dtype", 0));
  if (given) return given;
  throw new ArgumentError(`node ${ctx.name} (${ctx.op}): attribute dtype is ${intAttribute(ctx, "dtype", 0)}, which is no dtype of this library`, {
    code: "ERR_OP_ATTRIBUTE",
  });
}
const like = (op: string, dtype: (x: Value) => DType) =>
  define(op, [1, 1], (ctx) => {
    const x = need(ctx, 0);
    return [{ dtype: dtypeOf(ctx, dtype(x)), shape: x.shape }];
  });

export const randomOps: readonly OpDef[] = [
  ...["RandomNormalLike", "RandomUniformLike", "Bernoulli", "EyeLike"].map((op) => like(op, (x) => x.dtype)),
  ...["RandomNormal", "RandomUniform"].map((op) => define(op, [0, 0], (ctx) => [{ dtype: dtypeOf(ctx, "float32"), shape: intsAttribute(ctx, "shape") ?? [] }])),
  // x [N, C] of unnormalized log probabilities -> [N, sample_size].
  define("Multinomial", [1, 1], (ctx) => [{ dtype: dtypeOf(ctx, "int32"), shape: [need(ctx, 0).shape[0] ?? 1, intAttribute(ctx, "sample_size", 1)] }]),
];
