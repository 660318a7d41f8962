// Fused ops of com.microsoft, as ONNX Runtime's optimizer writes them into files, by their parts: activations, norms and products.
// Their kernels have no gradients, and what the passes look for are the parts: so they are decomposed wherever a graph is compiled.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import { type Attributes, float, type Node, type Value } from "../graph.js";
import { floatAttribute, intAttribute } from "../node-attributes.js";
import type { Decomposition, InferContext, OpDef, OutputSpec, Range } from "../op-def.js";
import { counted } from "../reshape.js";
import { axisAttribute, broadcast, broadcastsTo, define, need, needKind, sameDtype } from "./common.js";
import { convOps } from "./conv.js";
import { linearAlgebraOps } from "./linear-algebra.js";

export const contribDomain = "com.microsoft";

/** Marks an op that is always decomposed. */
export function composite(
  op: string,
  inputs: Range,
  infer: OpDef["infer"],
  decompose: Decomposition,
  options: { readonly outputs?: Range; readonly domain?: string } = {},
): OpDef {
  return { ...define(op, inputs, infer, { domain: contribDomain, ...options }), decompose, composite: true };
}

const like = (x: Value): OutputSpec => ({ dtype: x.dtype, shape: x.shape });

/** x [..], bias (broadcasts)? -> like their sum */
function activation(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  needKind(ctx, x, "float");
  const bias = ctx.inputs[1];
  if (!bias) return [like(x)];
  sameDtype(ctx, x, bias);
  return [{ dtype: x.dtype, shape: broadcast(ctx.env, x.shape, bias.shape) }];
}
const gelu =
  (approximate: "none" | "tanh"): Decomposition =>
  ({ b, inputs: [x, bias] }) => [b.op("Gelu", [bias ? b.add(x!, bias) : x!], { approximate })];
const quickGelu: Decomposition = ({ b, node, inputs: [x] }) => [b.mul(x!, b.unary("Sigmoid", b.mulScalar(x!, floatAttribute(node, "alpha", 1.702))))];

/** Throws unless a value is a vector over the last dim of x. */
function needVector(ctx: InferContext, x: Value, vector: Value | undefined): void {
  if (!vector) return;
  sameDtype(ctx, x, vector);
  broadcastsTo(ctx.env, vector.shape, x.shape.slice(-1));
}
const statistics = (x: Value): OutputSpec => ({ dtype: "float32", shape: x.shape.map((d, i) => (i < x.rank - 1 ? d : 1)) });

/** x [.., H], skip that broadcasts to it, then vectors [H] -> y, mean?, inverse deviation? [.., 1], sum? like x */
function skipNorm(ctx: InferContext): readonly OutputSpec[] {
  const [x, skip] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  sameDtype(ctx, x, skip);
  broadcastsTo(ctx.env, skip.shape, x.shape);
  need(ctx, 2);
  for (const vector of ctx.inputs.slice(2)) needVector(ctx, x, vector);
  return [like(x), statistics(x), statistics(x), like(x)].slice(0, ctx.outputs);
}

const epsilonOf = (node: Node, fallback: number): Attributes => ({ epsilon: float(floatAttribute(node, "epsilon", fallback)) });

/** The sum goes on to the next layer, so it is made before it is normalized. */
const skipLayerNorm: Decomposition = ({ b, node, inputs }) => {
  const [x, skip, scale, shift, bias] = inputs;
  const sum = b.add(bias ? b.add(x!, bias) : x!, skip!);
  const norms = b.ops(
    "LayerNormalization",
    shift ? [sum, scale, shift] : [sum, scale],
    { axis: -1, ...epsilonOf(node, 1e-12) },
    { outputs: node.outputs.length > 1 ? 3 : 1 },
  );
  return [norms[0]!, norms[1] ?? sum, norms[2] ?? sum, sum].slice(0, node.outputs.length);
};

/** x / sqrt(mean(x^2) + epsilon) * scale over the dims from `axis` on, and what x was multiplied by. */
function rootMeanSquare(b: Builder, node: Node, x: Value, scale: Value, axis: number): readonly [y: Value, inverse: Value] {
  const wide = b.cast(x, "float32");
  const axes = x.shape.map((_, i) => i).slice(axis);
  const square = b.reduce("ReduceMean", b.mul(wide, wide), axes, true);
  const inverse = b.unary("Reciprocal", b.unary("Sqrt", b.addScalar(square, floatAttribute(node, "epsilon", 1e-5))));
  return [b.mul(b.cast(b.mul(wide, inverse), scale.dtype), scale), inverse];
}
const skipRootMeanSquare: Decomposition = ({ b, node, inputs }) => {
  const [x, skip, scale, bias] = inputs;
  const sum = b.add(bias ? b.add(x!, bias) : x!, skip!);
  const [y, inverse] = rootMeanSquare(b, node, sum, scale!, sum.rank - 1);
  // There is no mean: nobody reads the output that has its place.
  return [y, inverse, inverse, sum].slice(0, node.outputs.length);
};

/** x [a.., b..], scale [b..] -> y like x, inverse deviation? [a.., 1..] */
function simplified(ctx: InferContext): readonly OutputSpec[] {
  const [x, scale] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  const axis = axisAttribute(ctx, x, -1);
  broadcastsTo(ctx.env, scale.shape, x.shape.slice(axis));
  return [
    { dtype: scale.dtype, shape: x.shape },
    { dtype: "float32" as const, shape: x.shape.map((d, i) => (i < axis ? d : 1)) },
  ].slice(0, ctx.outputs);
}
const simplifiedNorm: Decomposition = ({ b, node, inputs: [x, scale] }) => {
  const axis = intAttribute(node, "axis", -1);
  return rootMeanSquare(b, node, x!, scale!, axis < 0 ? axis + x!.rank : axis).slice(0, node.outputs.length);
};

/** ids [B, S], segments [B, S]?, tables of words, places and segments?, scale, shift [H], mask [B, S]?, places [B|1, S]? -> y [B, S, H], int32 [B], sum? like y */
function embedNorm(ctx: InferContext): readonly OutputSpec[] {
  const [ids, segments, words, places, kinds] = [need(ctx, 0), ctx.inputs[1], need(ctx, 2), need(ctx, 3), ctx.inputs[4]];
  needKind(ctx, ids, "index");
  if (ids.rank !== 2 || words.rank !== 2 || places.rank !== 2)
    throw new ShapeError(`ids ${ctx.env.show(ids.shape)} and tables ${ctx.env.show(words.shape)} must be matrices`);
  if ((segments === undefined) !== (kinds === undefined)) throw new ShapeError("segments come with their table, or neither is there");
  const y = { dtype: words.dtype, shape: [...ids.shape, words.shape[1]!] };
  return [y, { dtype: "int32" as const, shape: [ids.shape[0]!] }, y].slice(0, ctx.outputs);
}
const embedLayerNorm: Decomposition = ({ b, node, inputs }) => {
  const [ids, segments, words, table, kinds, scale, shift, mask, given] = inputs;
  const places = given ?? counted(b, ids!.shape[1]!, [ids!]);
  const parts = [b.gather(words!, ids!), b.gather(table!, places), ...(segments && kinds ? [b.gather(kinds, segments)] : [])];
  const sum = parts.reduce((a, c) => b.add(a, c));
  const y = b.op("LayerNormalization", [sum, scale, shift], { axis: -1, ...epsilonOf(node, 1e-12) });
  if (node.outputs.length === 1) return [y];
  const lengths = mask ? b.reduce("ReduceSum", b.cast(mask, "int32"), [1]) : b.fill([ids!.shape[0]!], 0, "int32", [ids!]);
  return [y, lengths, sum].slice(0, node.outputs.length);
};

/** Activations that fused products end in. */
const activations: ReadonlySet<string> = new Set(["Relu", "LeakyRelu", "Tanh", "Sigmoid", "HardSigmoid", "Clip", "HardSwish", "Gelu"]);
function activated(b: Builder, x: Value, node: Node, numbers: readonly number[]): Value {
  const { activation: name } = node.attributes;
  if (name === undefined || name === "") return x;
  if (typeof name !== "string" || !activations.has(name))
    throw new ArgumentError(`node ${node.name} (${node.op}): the activation ${JSON.stringify(name)} is not known`, { code: "ERR_OP_ATTRIBUTE" });
  if (name === "Clip") return b.op("Clip", [x, ...numbers.slice(0, 2).map((n) => b.scalar(n, x.dtype))]);
  const [alpha, beta] = numbers;
  return b.op(name, [x], { ...(alpha !== undefined && { alpha: float(alpha) }), ...(beta !== undefined && { beta: float(beta) }) });
}
const named = (ops: readonly OpDef[], op: string): OpDef => ops.find((def) => def.op === op)!;
const without = ({ attributes }: Node, names: readonly string[]): Attributes =>
  Object.fromEntries(Object.entries(attributes).filter(([name]) => !names.includes(name)));

const fusedGemm: Decomposition = ({ b, node, inputs }) => {
  const own = ["activation", "activation_alpha", "activation_beta", "activation_gamma"];
  const numbers = ["activation_alpha", "activation_beta"].flatMap((name) => (name in node.attributes ? [floatAttribute(node, name, 0)] : []));
  return [activated(b, b.op("Gemm", inputs, without(node, own)), node, numbers)];
};
/** x, weight, bias?, sum? that the result is added to before the activation. */
const fusedConv: Decomposition = ({ b, node, inputs: [x, weight, bias, sum] }) => {
  const y = b.op("Conv", bias ? [x, weight, bias] : [x, weight], without(node, ["activation", "activation_params"]));
  const numbers = node.attributes.activation_params;
  return [activated(b, sum ? b.add(y, sum) : y, node, typeof numbers === "object" && "floats" in numbers ? numbers.floats : [])];
};
const conv = named(convOps, "Conv");
const gemm = named(linearAlgebraOps, "Gemm");

export const contribOps: readonly OpDef[] = [
  composite("Gelu", [1, 1], activation, gelu("none")),
  composite("BiasGelu", [2, 2], activation, gelu("none")),
  composite("FastGelu", [1, 2], activation, gelu("tanh")),
  composite("QuickGelu", [1, 1], activation, quickGelu),
  composite("SkipLayerNormalization", [3, 5], skipNorm, skipLayerNorm, { outputs: [1, 4] }),
  composite("SkipSimplifiedLayerNormalization", [3, 4], skipNorm, skipRootMeanSquare, { outputs: [1, 4] }),
  // ONNX Runtime registers it in ONNX's own domain.
  composite("SimplifiedLayerNormalization", [2, 2], simplified, simplifiedNorm, { outputs: [1, 2], domain: "" }),
  composite("EmbedLayerNormalization", [7, 9], embedNorm, embedLayerNorm, { outputs: [1, 3] }),
  composite("FusedGemm", gemm.inputs, gemm.infer, fusedGemm),
  composite("FusedConv", [2, 4], (ctx) => conv.infer({ ...ctx, inputs: ctx.inputs.slice(0, 3) }), fusedConv),
];
