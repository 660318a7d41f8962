// Normalization of channels: BatchNormalization, InstanceNormalization, GroupNormalization, LRN.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Value } from "../graph.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { decomposeBatchNorm, decomposeGroupNorm, decomposeInstanceNorm, decomposeLrn } from "./batch-norm-parts.js";
import { define, intAttribute, meet, need, needKind } from "./common.js";

/** x [N, C, ..]; inputs 1 to `last` are float vectors [C], which may be of another float dtype. */
function channels(ctx: InferContext, last: number, rank: number): Value {
  const { env } = ctx;
  const x = need(ctx, 0);
  needKind(ctx, x, "float");
  if (x.rank < rank) throw new ShapeError(`${ctx.op} takes [N, C${rank > 2 ? ", spatial.." : ", .."}], the input is ${env.show(x.shape)}`);
  for (let i = 1; i <= last; i++) {
    const v = need(ctx, i);
    needKind(ctx, v, "float");
    if (v.rank !== 1 || meet(env, v.shape[0]!, x.shape[1]!) === undefined)
      throw new ShapeError(`${v.name} ${env.show(v.shape)} must be [${env.showDim(x.shape[1]!)}], one number per channel of ${env.show(x.shape)}`);
  }
  return x;
}
const like = (x: Value): OutputSpec => ({ dtype: x.dtype, shape: x.shape });

/** x [N, C, ..], scale, shift, mean, variance [C] -> y like x; with training_mode also the new running mean and variance [C]. */
function batchNorm(ctx: InferContext): readonly OutputSpec[] {
  const x = channels(ctx, 4, 2);
  const training = intAttribute(ctx, "training_mode", 0) !== 0;
  if (!training && ctx.outputs > 1)
    throw new ArgumentError(`node ${ctx.name} (${ctx.op}): ${ctx.outputs} outputs are wanted, running statistics change only with training_mode 1`, {
      code: "ERR_OP_ARITY",
    });
  return [like(x), ...[need(ctx, 3), need(ctx, 4)].map((v) => ({ dtype: v.dtype, shape: [x.shape[1]!] }))].slice(0, ctx.outputs);
}

/** x [N, C, spatial..], scale, shift [C] -> like x */
const instanceNorm = (ctx: InferContext): readonly OutputSpec[] => [like(channels(ctx, 2, 3))];

/** x [N, C, ..], scale, shift [C] -> like x; attribute num_groups */
function groupNorm(ctx: InferContext): readonly OutputSpec[] {
  const x = channels(ctx, 2, 3);
  const groups = intAttribute(ctx, "num_groups", 0);
  const size = ctx.env.hint(x.shape[1]!);
  if (groups < 1 || (size !== undefined && size % groups !== 0))
    throw new ShapeError(`${ctx.env.showDim(x.shape[1]!)} channels do not divide into ${groups} groups`);
  return [like(x)];
}

/** x [N, C, ..] -> like x; attribute size */
function lrn(ctx: InferContext): readonly OutputSpec[] {
  const x = channels(ctx, 0, 2);
  if (intAttribute(ctx, "size", 0) < 1) throw new ArgumentError(`node ${ctx.name} (LRN): attribute size is needed, from 1 up`, { code: "ERR_OP_ATTRIBUTE" });
  return [like(x)];
}

export const batchNormOps: readonly OpDef[] = [
  { ...define("BatchNormalization", [5, 5], batchNorm, { outputs: [1, 3] }), decompose: decomposeBatchNorm },
  { ...define("InstanceNormalization", [3, 3], instanceNorm), decompose: decomposeInstanceNorm },
  { ...define("GroupNormalization", [3, 3], groupNorm), decompose: decomposeGroupNorm },
  { ...define("LRN", [1, 1], lrn), decompose: decomposeLrn },
];
