// ONNX's own Attention (opset 23 and 24) and RotaryEmbedding, by their parts.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { Dim } from "../dims.js";
import { dtypeFromOnnx } from "../dtype.js";
import type { Node, Value } from "../graph.js";
import { floatAttribute, intAttribute } from "../node-attributes.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { counted, reshapeTo } from "../reshape.js";
import { define, meet, need, needKind, sameDtype, intAttribute as wholeAttribute } from "./common.js";

/** [B, N, S, D] of an input that is that or [B, S, N * D]. */
function heads(ctx: InferContext, x: Value, count: string): readonly Dim[] {
  const { env } = ctx;
  if (x.shape.length === 4) return x.shape;
  if (x.shape.length !== 3) throw new ShapeError(`${x.name} ${env.show(x.shape)} must be [batch, heads, length, size] or [batch, length, heads * size]`);
  const n = wholeAttribute(ctx, count, 0);
  if (n < 1) throw new ArgumentError(`node ${ctx.name} (${ctx.op}): inputs of three dims need the attribute ${count}`, { code: "ERR_OP_ATTRIBUTE" });
  return [x.shape[0]!, n, x.shape[1]!, env.div(x.shape[2]!, n)];
}

/** q, k, v, mask?, past key?, past value?, lengths int64 [B]? -> y, present key, present value, scores. */
function attention(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [q, k, v] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  needKind(ctx, q, "float");
  sameDtype(ctx, q, k);
  const dtype = v.dtype;
  const [batch, n, rows, size] = heads(ctx, q, "q_num_heads") as readonly [Dim, Dim, Dim, Dim];
  const [, keys, columns, keySize] = heads(ctx, k, "kv_num_heads") as readonly [Dim, Dim, Dim, Dim];
  const [, values, , width] = heads(ctx, v, "kv_num_heads") as readonly [Dim, Dim, Dim, Dim];
  const whole = env.hint(n)! % env.hint(keys)!;
  if (meet(env, size, keySize) === undefined || meet(env, keys, values) === undefined || whole > 0)
    throw new ShapeError(`queries ${env.show(q.shape)}, keys ${env.show(k.shape)} and values ${env.show(v.shape)} do not fit`);
  const past = ctx.inputs[4];
  const total = past ? env.add(past.shape[2]!, columns) : columns;
  const outputs: OutputSpec[] = [
    { dtype, shape: q.shape.length === 4 ? [batch, n, rows, width] : [batch, rows, env.mul(n, width)] },
    { dtype: k.dtype, shape: [batch, keys, total, keySize] },
    { dtype: v.dtype, shape: [batch, keys, total, width] },
    { dtype: q.dtype, shape: [batch, n, rows, total] },
  ];
  return outputs.slice(0, ctx.outputs);
}

/** [B, S, N * D] as [B, N, S, D]. */
function split(b: Builder, x: Value, n: number): Value {
  if (x.rank === 4) return x;
  const { env } = b.graph;
  return b.transpose(reshapeTo(b, x, [x.shape[0]!, x.shape[1]!, n, env.div(x.shape[2]!, n)], [x]), [0, 2, 1, 3]);
}

/** Each head of [B, N, S, D] as often as there are queries' heads for it. */
function repeated(b: Builder, x: Value, times: number): Value {
  if (times === 1) return x;
  const wide = b.op("Expand", [b.unsqueeze(x, [2]), b.int64([1, 1, times, 1, 1])]);
  return reshapeTo(b, wide, [x.shape[0]!, b.graph.env.mul(x.shape[1]!, times), x.shape[2]!, x.shape[3]!], [x]);
}

function scaleOf(b: Builder, node: Node, q: Value): number | Value {
  if (node.attributes.scale !== undefined) return floatAttribute(node, "scale", 1);
  const size = b.graph.env.resolve(q.shape[3]!);
  if (typeof size === "number") return 1 / Math.sqrt(size);
  b.source(q);
  return b.unary("Reciprocal", b.unary("Sqrt", b.cast(b.dim(size), q.dtype)));
}

/** Far below every score, and finite: a row that may see nothing has no NaN in its gradient. */
const never = -1e30;

/** The place of each query among the keys, [S, 1] or [B, 1, S, 1]: behind the past, or at the end of the keys that count. */
function queryPlaces(b: Builder, q: Value, past: Value | undefined, lengths: Value | undefined): Value {
  const rows = b.unsqueeze(counted(b, q.shape[2]!, [q]), [1]);
  if (past) {
    b.source(past);
    return b.add(rows, b.dim(past.shape[2]!));
  }
  if (!lengths) return rows;
  b.source(q);
  return b.add(rows, b.op("Reshape", [b.sub(b.cast(lengths, "int64"), b.dim(q.shape[2]!)), b.int64([-1, 1, 1, 1])]));
}

/** Which key each query may see, as far as conditions say it: a mask of booleans, what lies ahead, what lies outside of a window, what lies beyond the end. */
function allowed(b: Builder, node: Node, mask: Value | undefined, past: Value | undefined, lengths: Value | undefined, q: Value, k: Value): Value | undefined {
  const conditions: Value[] = [];
  if (mask?.dtype === "bool") conditions.push(mask);
  const causal = intAttribute(node, "is_causal", 0) === 1;
  const [before, after] = [intAttribute(node, "left_window_size", -1), intAttribute(node, "right_window_size", -1)];
  if (causal || before >= 0 || after >= 0) {
    const columns = counted(b, k.shape[2]!, [k]);
    const rows = queryPlaces(b, q, past, lengths);
    if (causal) conditions.push(b.op("LessOrEqual", [columns, rows]));
    if (before >= 0) conditions.push(b.op("GreaterOrEqual", [columns, b.addScalar(rows, -before)]));
    if (after >= 0) conditions.push(b.op("LessOrEqual", [columns, b.addScalar(rows, after)]));
  }
  if (lengths) conditions.push(b.op("Less", [counted(b, k.shape[2]!, [k]), b.op("Reshape", [b.cast(lengths, "int64"), b.int64([-1, 1, 1, 1])])]));
  return conditions.length === 0 ? undefined : conditions.reduce((a, c) => b.op("And", [a, c]));
}

/** A mask may be shorter than the keys: the rest is not seen. */
function extended(b: Builder, mask: Value | undefined, k: Value): Value | undefined {
  const [given, wanted] = [mask && b.graph.env.resolve(mask.shape.at(-1)!), b.graph.env.resolve(k.shape[2]!)];
  if (!mask || typeof given !== "number" || typeof wanted !== "number" || given >= wanted) return mask;
  const numbers = b.cast(mask, k.dtype);
  const pads = [...new Array<number>(2 * mask.rank - 1).fill(0), wanted - given];
  const longer = b.op("Pad", [numbers, b.int64(pads), b.scalar(mask.dtype === "bool" ? 0 : never, k.dtype)]);
  return mask.dtype === "bool" ? b.cast(longer, "bool") : longer;
}

/**
 * softmax(q k^T scale + mask) v. Rows that may see no key are 0, as ONNX defines them; that can only be where a mask of booleans or lengths say it.
 */
const attended: Decomposition = ({ b, node, inputs }) => {
  const [queries, keys, values, given, pastKey, pastValue, lengths] = inputs;
  const three = queries!.rank === 3;
  const kvHeads = intAttribute(node, "kv_num_heads", 0);
  const q = split(b, queries!, intAttribute(node, "q_num_heads", 0));
  const join = (past: Value | undefined, x: Value) => (past ? b.concat([past, x], 2) : x);
  const [key, value] = [join(pastKey, split(b, keys!, kvHeads)), join(pastValue, split(b, values!, kvHeads))];
  const { env } = b.graph;
  const times = (env.hint(q.shape[1]!) ?? 1) / (env.hint(key.shape[1]!) ?? 1);
  const [k, v] = [repeated(b, key, times), repeated(b, value, times)];

  const scale = scaleOf(b, node, q);
  const raw = typeof scale === "number" ? b.matmul(q, k, { transposeB: true, alpha: scale }) : b.mul(b.matmul(q, k, { transposeB: true }), scale);
  const cap = floatAttribute(node, "softcap", 0);
  const capped = cap > 0 ? b.mulScalar(b.unary("Tanh", b.divScalar(raw, cap)), cap) : raw;
  const mask = extended(b, given, k);
  const seen = allowed(b, node, mask, pastKey, lengths, q, k);
  let biased = capped;
  if (mask && mask.dtype !== "bool") biased = b.add(biased, mask);
  if (seen) biased = b.add(biased, b.where(seen, b.scalar(0, q.dtype), b.scalar(never, q.dtype)));
  const precision = dtypeFromOnnx(intAttribute(node, "softmax_precision", 0)) ?? q.dtype;
  const weights = b.cast(b.op("Softmax", [b.cast(biased, precision)], { axis: -1 }), v.dtype);
  const mode = intAttribute(node, "qk_matmul_output_mode", 0);
  const open = seen && (mask?.dtype === "bool" || lengths) ? b.reduce("ReduceMax", b.cast(seen, v.dtype), [-1], true) : undefined;
  let y = b.matmul(weights, v);
  if (open) y = b.mul(y, open);
  if (three) y = reshapeTo(b, b.transpose(y, [0, 2, 1, 3]), [q.shape[0]!, q.shape[2]!, env.mul(q.shape[1]!, v.shape[3]!)], [q, v]);
  if (node.outputs.length < 4) return [y, key, value].slice(0, node.outputs.length);
  const shown = () => b.cast(open ? b.mul(weights, open) : weights, q.dtype);
  return [y, key, value, mode === 3 ? shown() : [raw, capped, biased][mode]!];
};

/** x [B, N, S, D] or [B, S, N * D], cos and sin [positions, D / 2] with positions [B, S], or [B, S, D / 2] -> like x. */
function rotary(ctx: InferContext): readonly OutputSpec[] {
  const [x, cos, sin] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  needKind(ctx, x, "float");
  sameDtype(ctx, x, cos);
  sameDtype(ctx, x, sin);
  heads(ctx, x, "num_heads");
  const positions = ctx.inputs[3];
  if (positions) needKind(ctx, positions, "index");
  if (cos.shape.length !== (positions ? 2 : 3)) throw new ShapeError(`cos ${ctx.env.show(cos.shape)} must have ${positions ? 2 : 3} dims`);
  return [{ dtype: x.dtype, shape: x.shape }];
}

/** Pairs (a, c) of each head, its halves or its neighbours, become (a cos - c sin, a sin + c cos). */
const rotated: Decomposition = ({ b, node, inputs }) => {
  const [x, cosines, sines, positions] = inputs as readonly Value[];
  const { env } = b.graph;
  // [B, S, N, D]
  const n = intAttribute(node, "num_heads", 0);
  const apart = x!.rank === 4 ? b.transpose(x!, [0, 2, 1, 3]) : reshapeTo(b, x!, [x!.shape[0]!, x!.shape[1]!, n, env.div(x!.shape[2]!, n)], [x!]);
  const table = (t: Value) => b.unsqueeze(positions ? b.gather(t, positions) : t, [2]);
  const [cos, sin] = [table(cosines!), table(sines!)];
  const part = intAttribute(node, "rotary_embedding_dim", 0);
  const half = cosines!.shape.at(-1)!;
  const turned = part > 0 ? b.slice(apart, 3, 0, part) : apart;
  const interleaved = intAttribute(node, "interleaved", 0) === 1;
  const end = Number.MAX_SAFE_INTEGER;
  const [a, c] = interleaved
    ? [b.slice(turned, 3, 0, end, 2), b.slice(turned, 3, 1, end, 2)]
    : b.ops("Split", [turned, b.sizes([half, half], [cosines!])], { axis: 3 }, { outputs: 2 });
  const real = b.sub(b.mul(a!, cos), b.mul(c!, sin));
  const imaginary = b.add(b.mul(a!, sin), b.mul(c!, cos));
  const joined = interleaved
    ? reshapeTo(b, b.concat([b.unsqueeze(real, [4]), b.unsqueeze(imaginary, [4])], 4), turned.shape, [turned])
    : b.concat([real, imaginary], 3);
  const y = part > 0 ? b.concat([joined, b.slice(apart, 3, part, end)], 3) : joined;
  return [x!.rank === 4 ? b.transpose(y, [0, 2, 1, 3]) : reshapeTo(b, y, x!.shape, [x!])];
};

export const attentionFunctionOps: readonly OpDef[] = [
  { ...define("Attention", [3, 7], attention, { outputs: [1, 4] }), decompose: attended, composite: true },
  { ...define("RotaryEmbedding", [3, 4], rotary), decompose: rotated, composite: true },
];
