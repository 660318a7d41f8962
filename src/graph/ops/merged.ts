// Ops that do in one launch on a GPU what several nodes do (domain accelerate_ts): put in by the pass merge-launches, behind everything else. On other devices they have never been, so their decompositions are what they mean.
import { ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { DType } from "../dtype.js";
import type { Value } from "../graph.js";
import { type Decomposition, type InferContext, maxVariadic, type OpDef, type OutputSpec } from "../op-def.js";
import { define, meet, need, needAll, needKind, sameDtype } from "./common.js";
import { customDomain as domain } from "./custom.js";
import { attention, attentionGrad } from "./fused-attention.js";
import { layerNormGrad } from "./fused-layer-norm.js";

type Maybe = Value | undefined;

/** q, k and v from `at` on, and the vectors from `more` on that are added to them. */
function checkBiases(ctx: InferContext, at: number, more: number): void {
  for (const side of [0, 1, 2]) {
    const [x, bias] = [need(ctx, at + side), ctx.inputs[more + side]];
    if (!bias) continue;
    sameDtype(ctx, x, bias);
    if (bias.rank !== 1 || meet(ctx.env, bias.shape[0]!, x.shape.at(-1)!) === undefined)
      throw new ShapeError(`the bias ${ctx.env.show(bias.shape)} must be one number for each of the last dim of ${ctx.env.show(x.shape)}`);
  }
}

/** As Attention; behind its inputs qBias?, kBias?, vBias?, vectors that are added to q, k and v. */
function biasAttention(ctx: InferContext): readonly OutputSpec[] {
  checkBiases(ctx, 0, 7);
  return attention(ctx);
}
/** As AttentionGrad; behind its inputs the biases, behind its outputs the sums of dq, dk and dv over rows, in float32. */
function biasAttentionGrad(ctx: InferContext): readonly OutputSpec[] {
  checkBiases(ctx, 1, 8);
  const sums = [1, 2, 3].map((i) => ({ dtype: "float32" as const, shape: need(ctx, i).shape.slice(-1) }));
  return [...attentionGrad(ctx), ...sums];
}

/** The inputs of Attention or of its gradient without the biases, which are added to q, k and v. */
function biased(b: Builder, inputs: readonly Maybe[], at: number, more: number): Maybe[] {
  return inputs.slice(0, more).map((x, i) => {
    const bias = i >= at && i < at + 3 ? inputs[more + i - at] : undefined;
    return x && bias ? b.add(x, bias) : x;
  });
}
const biasAttentionParts: Decomposition = ({ b, node, inputs }) =>
  b.ops("Attention", biased(b, inputs, 0, 7), node.attributes, { domain, outputs: node.outputs.length });
const biasAttentionGradParts: Decomposition = ({ b, node, inputs }) => {
  const gradients = b.ops("AttentionGrad", biased(b, inputs, 1, 8), node.attributes, { domain, outputs: 3 });
  const sums = gradients.map((x) =>
    b.reduce(
      "ReduceSum",
      b.cast(x, "float32"),
      x.shape.slice(1).map((_, axis) => axis),
      false,
    ),
  );
  return [...gradients, ...sums];
};

/** As DropoutAddLayerNormGrad in float32 with what else is added to dy behind its inputs: term, term?, term? like dy. These, and dx, may be of a narrow type. */
function layerNormGradOfSum(ctx: InferContext): readonly OutputSpec[] {
  const [dy, term] = [need(ctx, 0), need(ctx, 8)];
  for (const x of ctx.inputs.slice(8)) {
    if (!x) continue;
    sameDtype(ctx, term, x);
    if (x.rank !== dy.rank || !x.shape.every((d, i) => meet(ctx.env, d, dy.shape[i]!) !== undefined))
      throw new ShapeError(`the term ${ctx.env.show(x.shape)} must be like dy ${ctx.env.show(dy.shape)}`);
  }
  const [dx, ...others] = layerNormGrad(ctx);
  return [{ dtype: term.dtype, shape: dx!.shape }, ...others];
}
const layerNormGradOfSumParts: Decomposition = ({ b, node, inputs }) => {
  const [dy, dsum, sum, mean, inverse, scale, key, places, ...terms] = inputs;
  const total = terms.reduce<Value>((x, term) => (term ? b.add(x, b.cast(term, x.dtype)) : x), dy!);
  const outputs = b.ops("DropoutAddLayerNormGrad", [total, dsum, sum, mean, inverse, scale, ...(key ? [key, places] : [])], node.attributes, {
    domain,
    outputs: 5,
  });
  return [b.cast(outputs[0]!, node.outputs[0]!.dtype), ...outputs.slice(1)];
};

/** As DropoutAddLayerNorm in float32 with x of a narrow type; behind its outputs y once more, in that type. */
function layerNormOfNarrow(ctx: InferContext): readonly OutputSpec[] {
  const [x, scale] = [need(ctx, 0), need(ctx, 3)];
  needKind(ctx, x, "float");
  const like = { dtype: scale.dtype, shape: x.shape };
  const statistics = { dtype: "float32" as const, shape: x.shape.map((d, i) => (i < x.rank - 1 ? d : 1)) };
  return [like, like, statistics, statistics, { dtype: x.dtype, shape: x.shape }];
}
const layerNormOfNarrowParts: Decomposition = ({ b, node, inputs: [x, ...others] }) => {
  const outputs = b.ops("DropoutAddLayerNorm", [b.cast(x!, others[2]!.dtype), ...others], node.attributes, { domain, outputs: 4 });
  return [...outputs, b.cast(outputs[0]!, x!.dtype)];
};

/** Any number of values of one type -> the same in another one; attribute count, of the values. */
const casts = (op: string, to: DType): OpDef => ({
  ...define(
    op,
    [1, maxVariadic],
    (ctx) => {
      const all = needAll(ctx);
      for (const x of all) {
        needKind(ctx, x, "float");
        sameDtype(ctx, all[0]!, x);
      }
      return all.map(({ shape }) => ({ dtype: to, shape }));
    },
    { domain, outputs: [1, maxVariadic] },
  ),
  decompose: ({ b, inputs }) => inputs.map((x) => b.cast(x!, to)),
});

export const mergedOps: readonly OpDef[] = [
  { ...define("BiasAttention", [3, 10], biasAttention, { domain, outputs: [1, 2] }), decompose: biasAttentionParts },
  { ...define("BiasAttentionGrad", [4, 11], biasAttentionGrad, { domain, outputs: [6, 6] }), decompose: biasAttentionGradParts },
  { ...define("LayerNormGradOfSum", [9, 11], layerNormGradOfSum, { domain, outputs: [5, 5] }), decompose: layerNormGradOfSumParts },
  { ...define("LayerNormOfNarrow", [4, 7], layerNormOfNarrow, { domain, outputs: [5, 5] }), decompose: layerNormOfNarrowParts },
  casts("CastsToFloat16", "float16"),
  casts("CastsToBfloat16", "bfloat16"),
  casts("CastsToFloat32", "float32"),
];
