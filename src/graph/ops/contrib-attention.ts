// Attention of com.microsoft, by its parts: Attention with one matrix for queries, keys and values, MultiHeadAttention of three inputs, and RotaryEmbedding.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { Dim } from "../dims.js";
import type { Node, Value } from "../graph.js";
import { floatAttribute, intAttribute, intsAttribute } from "../node-attributes.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { counted, reshapeTo } from "../reshape.js";
import { intAttribute as wholeAttribute, intsAttribute as wholesAttribute, meet, need, needKind, sameDtype } from "./common.js";
import { composite } from "./contrib.js";

function refuse(ctx: InferContext, i: number, what: string): void {
  if (ctx.inputs[i])
    throw new ArgumentError(`node ${ctx.name} (${ctx.op}): ${what} is for generating text, not for training`, {
      code: "ERR_OP_ATTRIBUTE",
      hint: "export the model without its cache",
    });
}
function headsOf(ctx: InferContext): number {
  const n = wholeAttribute(ctx, "num_heads", 0);
  if (n < 1) throw new ArgumentError(`node ${ctx.name} (${ctx.op}): attribute num_heads is needed`, { code: "ERR_OP_ATTRIBUTE" });
  return n;
}

/** x [B, S, C], weights [C, q + k + v], bias [q + k + v]?, mask?, past?, added scores? -> [B, S, v] */
function attention(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, weights] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  sameDtype(ctx, x, weights);
  headsOf(ctx);
  refuse(ctx, 4, "its input past");
  if (ctx.outputs > 1) throw new ArgumentError(`node ${ctx.name} (${ctx.op}): its output present is for generating text`, { code: "ERR_OP_ARITY" });
  if (x.rank !== 3 || weights.rank !== 2 || meet(env, x.shape[2]!, weights.shape[0]!) === undefined)
    throw new ShapeError(
      `x ${env.show(x.shape)} must be [batch, length, channels], the weights ${env.show(weights.shape)} [channels, queries + keys + values]`,
    );
  const width = wholesAttribute(ctx, "qkv_hidden_sizes")?.[2] ?? env.div(weights.shape[1]!, 3);
  return [{ dtype: x.dtype, shape: [x.shape[0]!, x.shape[1]!, width] }];
}

/** [B, S, N * d] as [B, N, S, d]. */
function split(b: Builder, x: Value, n: number): Value {
  return b.transpose(reshapeTo(b, x, [x.shape[0]!, x.shape[1]!, n, b.graph.env.div(x.shape[2]!, n)], [x]), [0, 2, 1, 3]);
}

/** What is added to the scores of keys that are masked out. */
function maskedScores(b: Builder, mask: Value, fill: number, like: Value, keys: Dim, from: Value): Value {
  const open = (condition: Value) => b.mulScalar(b.cast(b.unary("Not", condition), like.dtype), fill);
  const { env } = b.graph;
  if (mask.rank === 1) {
    // How many keys there are in each row.
    if (meet(env, mask.shape[0]!, from.shape[0]!) === undefined)
      throw new ShapeError(`a mask ${env.show(mask.shape)} of first and last places is not supported`, {
        hint: "export the model with a mask of one number per token",
      });
    return b.unsqueeze(open(b.op("Less", [b.cast(counted(b, keys, [from]), "int64"), b.unsqueeze(b.cast(mask, "int64"), [1])])), [1, 2]);
  }
  const seen = mask.dtype === "bool" ? mask : b.cast(mask, "bool");
  const added = open(seen);
  return mask.rank === 2 ? b.unsqueeze(added, [1, 2]) : mask.rank === 3 ? b.unsqueeze(added, [1]) : added;
}

/** Far below every score, and finite. */
const never = -1e30;

interface Masks {
  readonly mask: Value | undefined;
  /** Added to the scores, [B|1, N|1, S, T]. */
  readonly added: Value | undefined;
  /** A value [B, T, ..], where the sizes are read. */
  readonly keys: Value;
}

/** softmax(q k^T scale + masks) v of [B, N, S, d], as [B, S, N * d]. */
function attended(b: Builder, node: Node, q: Value, k: Value, v: Value, { mask, added, keys }: Masks): Value {
  const { env } = b.graph;
  const size = env.hint(q.shape[3]!);
  const given = floatAttribute(node, "scale", 0);
  if (size === undefined && given === 0) throw new ShapeError(`the size of a head of ${env.show(q.shape)} must be known`);
  let scores = b.matmul(q, k, { transposeB: true, alpha: given === 0 ? 1 / Math.sqrt(size!) : given });
  if (added) scores = b.add(scores, added);
  if (mask) scores = b.add(scores, maskedScores(b, mask, floatAttribute(node, "mask_filter_value", -10000), q, k.shape[2]!, keys));
  if (intAttribute(node, "unidirectional", 0) === 1) {
    const behind = b.op("GreaterOrEqual", [b.unsqueeze(counted(b, q.shape[2]!, [q]), [1]), counted(b, k.shape[2]!, [k])]);
    scores = b.add(scores, b.where(behind, b.scalar(0, q.dtype), b.scalar(never, q.dtype)));
  }
  const y = b.transpose(b.matmul(b.op("Softmax", [scores], { axis: -1 }), v), [0, 2, 1, 3]);
  return reshapeTo(b, y, [y.shape[0]!, y.shape[1]!, env.mul(y.shape[2]!, y.shape[3]!)], [y]);
}

const decomposedAttention: Decomposition = ({ b, node, inputs }) => {
  const [x, weights, bias, mask, , added] = inputs;
  const n = intAttribute(node, "num_heads", 1);
  const product = b.matmul(x!, weights!);
  const all = bias ? b.add(product, bias) : product;
  const sizes = intsAttribute(node, "qkv_hidden_sizes");
  const [q, k, v] = b.ops("Split", sizes ? [all, b.int64(sizes)] : [all], { axis: 2, ...(sizes ? {} : { num_outputs: 3 }) }, { outputs: 3 });
  return [attended(b, node, split(b, q!, n), split(b, k!, n), split(b, v!, n), { mask, added, keys: x! })];
};

/** Queries [B, S, N * d] with keys [B, T, N * d] and values [B, T, N * e], or keys and values [B, N, T, d]; or all three in [B, S, N, 3, d]; or keys and values in [B, T, N, 2, d]. */
function multiHead(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const q = need(ctx, 0);
  needKind(ctx, q, "float");
  const n = headsOf(ctx);
  for (const i of [6, 7, 8]) refuse(ctx, i, "a cache of keys and values");
  if (ctx.outputs > 1) throw new ArgumentError(`node ${ctx.name} (${ctx.op}): present keys and values are for generating text`, { code: "ERR_OP_ARITY" });
  const [k, v] = [ctx.inputs[1], ctx.inputs[2]];
  const packed = q.rank === 5 && !k && !v;
  const paired = q.rank === 3 && k?.rank === 5 && !v;
  if (!packed && !paired && (q.rank !== 3 || !k || !v || k.rank !== v.rank || (k.rank !== 3 && k.rank !== 4)))
    throw new ShapeError(
      `queries ${env.show(q.shape)} with keys ${k ? env.show(k.shape) : "none"} and values ${v ? env.show(v.shape) : "none"} are not supported`,
    );
  for (const other of [k, v]) if (other) sameDtype(ctx, q, other);
  const width = packed ? env.mul(n, q.shape[4]!) : paired ? q.shape[2]! : v!.rank === 3 ? v!.shape[2]! : env.mul(n, v!.shape[3]!);
  return [{ dtype: q.dtype, shape: [q.shape[0]!, q.shape[1]!, width] }];
}

/** [B, S, N, parts, d] as `parts` times [B, S, N * d]. */
function unpacked(b: Builder, x: Value, parts: number): Value[] {
  const { env } = b.graph;
  const pieces = b.ops("Split", [x], { axis: 3, num_outputs: parts }, { outputs: parts });
  return pieces.map((piece) => reshapeTo(b, piece, [x.shape[0]!, x.shape[1]!, env.mul(x.shape[2]!, x.shape[4]!)], [x]));
}

const decomposedMultiHead: Decomposition = ({ b, node, inputs }) => {
  const [first, second, third, bias, mask, added] = inputs;
  const n = intAttribute(node, "num_heads", 1);
  const [q, k, v] = first!.rank === 5 ? unpacked(b, first!, 3) : second!.rank === 5 ? [first!, ...unpacked(b, second!, 2)] : [first!, second!, third!];
  const biases = bias && b.ops("Split", [bias, b.int64([q!, q!, v!].map((x) => sizeOfHeads(b, x, n)))], { axis: 0 }, { outputs: 3 });
  const heads = [q!, k!, v!].map((x, i) => (x.rank === 4 ? x : split(b, biases ? b.add(x, biases[i]!) : x, n)));
  return [attended(b, node, heads[0]!, heads[1]!, heads[2]!, { mask, added, keys: second ?? first! })];
};
function sizeOfHeads(b: Builder, x: Value, n: number): number {
  const { env } = b.graph;
  const size = env.hint(x.rank === 4 ? x.shape[3]! : x.shape[2]!);
  if (size === undefined) throw new ShapeError(`the size of ${env.show(x.shape)} must be known`);
  return x.rank === 4 ? size * n : size;
}

/** x [B, S, N * d] or [B, N, S, d], places [1] or [B, S], cosines and sines [places, half] -> like x */
function rotary(ctx: InferContext): readonly OutputSpec[] {
  const [x, places, cos, sin] = [need(ctx, 0), need(ctx, 1), need(ctx, 2), need(ctx, 3)];
  needKind(ctx, x, "float");
  needKind(ctx, places, "index");
  sameDtype(ctx, x, cos);
  sameDtype(ctx, x, sin);
  if ((x.rank !== 3 && x.rank !== 4) || cos.rank !== 2)
    throw new ShapeError(`x ${ctx.env.show(x.shape)} must have 3 or 4 dims, the cosines ${ctx.env.show(cos.shape)} two`);
  if (wholeAttribute(ctx, "rotary_embedding_dim", 0) > 0 && x.rank === 3) headsOf(ctx);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** ONNX's own, which takes cosines by place [B, S, half], and heads of a known number. */
const decomposedRotary: Decomposition = ({ b, node, inputs }) => {
  const [x, places, cosines, sines] = inputs as readonly Value[];
  const { env } = b.graph;
  const part = intAttribute(node, "rotary_embedding_dim", 0);
  const half = env.hint(cosines!.shape[1]!);
  const width = env.hint(x!.shape[2]!);
  if (half === undefined || (x!.rank === 3 && width === undefined))
    throw new ShapeError(`the sizes of ${env.show(x!.shape)} and ${env.show(cosines!.shape)} must be known`);
  const n = x!.rank === 3 ? intAttribute(node, "num_heads", 0) || width! / (2 * half) : 0;
  const length = x!.shape[x!.rank === 3 ? 1 : 2]!;
  const at = places!.rank === 1 ? b.unsqueeze(b.add(counted(b, length, [x!]), b.cast(places!, "int64")), [0]) : places!;
  const turned = b.op("RotaryEmbedding", [x!, b.gather(cosines!, at), b.gather(sines!, at)], {
    interleaved: intAttribute(node, "interleaved", 0),
    ...(n > 0 && { num_heads: n }),
    ...(part > 0 && { rotary_embedding_dim: part }),
  });
  return [b.mulScalar(turned, floatAttribute(node, "scale", 1))];
};

export const contribAttentionOps: readonly OpDef[] = [
  composite("Attention", [2, 7], attention, decomposedAttention, { outputs: [1, 2] }),
  composite("MultiHeadAttention", [1, 10], multiHead, decomposedMultiHead, { outputs: [1, 4] }),
  composite("RotaryEmbedding", [4, 4], rotary, decomposedRotary),
];
