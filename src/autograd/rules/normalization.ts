// Gradients of Softmax, LogSoftmax and LayerNormalization.
import type { Builder } from "../../graph/builder.js";
import { type Node, Value } from "../../graph/graph.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { floatAttribute, intAttribute, normalizeAxis, reshapeLike } from "./helpers.js";

const axisOf = ({ node }: GradientContext, rank: number): number => normalizeAxis(intAttribute(node, "axis", -1), rank);

/**
 * Exporters let a row that may see nothing be NaN and put 0 in its place afterwards: Where(IsNaN(y), 0, y). What comes back for such a row is 0, and stays so only if y is taken to be 0
 * here, too.
 */
function withoutNaN(b: Builder, y: Value): Value {
  const check = b.graph.nodes.find((node) => node.op === "IsNaN" && node.inputs[0] === y);
  return check ? b.where(check.outputs[0]!, b.scalar(0, y.dtype), y) : y;
}

/** y (dY - sum(dY y)). */
const softmax: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  const y = withoutNaN(b, ctx.output(0));
  const sum = b.reduce("ReduceSum", b.mul(dy, y), [axisOf(ctx, y.rank)], true);
  return [b.mul(y, b.sub(dy, sum))];
};

/** dY - exp(y) sum(dY). */
const logSoftmax: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  const y = ctx.output(0);
  const sum = b.reduce("ReduceSum", dy, [axisOf(ctx, y.rank)], true);
  return [b.sub(dy, b.mul(b.unary("Exp", y), sum))];
};

/** The i-th output of a LayerNormalization node, added to the node where it had been left out. */
function savedOutput(node: Node, i: number, name: string): Value {
  const x = node.inputs[0]!;
  const axis = normalizeAxis(intAttribute(node, "axis", -1), x.rank);
  const shape = x.shape.map((d, at) => (at < axis ? d : 1));
  while (node.outputs.length <= i) {
    const value = new Value(`${node.outputs[0]!.name}_${node.outputs.length === 1 ? "mean" : name}`, "float32", shape);
    value.producer = node;
    value.index = node.outputs.length;
    node.outputs.push(value);
  }
  return node.outputs[i]!;
}

/**
 * Mean and 1/deviation of every row. ONNX Runtime saves them in float32 whatever x is, so float64 computes its own.
 */
function rowStatistics(b: Builder, node: Node, x: Value, axes: readonly number[]): { centred: Value; inverse: Value } {
  if (x.dtype !== "float64") {
    const centred = b.sub(x, b.cast(savedOutput(node, 1, "mean"), x.dtype));
    return { centred, inverse: b.cast(savedOutput(node, 2, "inv_std"), x.dtype) };
  }
  const centred = b.sub(x, b.reduce("ReduceMean", x, axes, true));
  const variance = b.reduce("ReduceMean", b.mul(centred, centred), axes, true);
  return { centred, inverse: b.unary("Reciprocal", b.unary("Sqrt", b.addScalar(variance, floatAttribute(node, "epsilon", 1e-5)))) };
}

/**
 * y = n w + c with n = (x - mean) r, r = 1/deviation, over the dims from `axis` on.
 * dX = r (g - mean(g) - n mean(g n)) with g = dY w; dW = sum over rows of dY n; dC = sum over rows of dY.
 * Over the last dim alone both means are products with w: mean(g) = dY w / C and mean(g n) = (dY n) w / C, and dY n is needed for dW anyway.
 */
const layerNorm: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const { env } = b.graph;
  const dy = ctx.gradOut(0);
  if (!dy || ctx.gradOut(1) || ctx.gradOut(2)) throw unsupported(node, "a gradient of its saved mean or deviation", "compute the statistics with ReduceMean");
  const x = ctx.input(0);
  const scale = ctx.input(1);
  const bias = node.inputs[2];
  const dBias = bias && ctx.needs(2) ? b.reduceTo(dy, bias.shape, bias) : undefined;
  if (!ctx.needs(0) && !ctx.needs(1)) return [undefined, undefined, dBias];

  const axis = axisOf(ctx, x.rank);
  const axes = x.shape.map((_, i) => i).slice(axis);
  const { centred, inverse } = rowStatistics(b, node, x, axes);
  const normal = b.mul(centred, inverse);
  const weighted = b.mul(dy, normal);
  const dScale = ctx.needs(1) ? b.reduceTo(weighted, scale.shape, scale) : undefined;
  if (!ctx.needs(0)) return [undefined, dScale, dBias];

  const columns = env.resolve(x.shape.at(-1)!);
  const grad = b.mul(dy, scale);
  let mean: Value;
  let slope: Value;
  if (axes.length === 1 && typeof columns === "number" && scale.rank === 1 && env.resolve(scale.shape[0]!) === columns) {
    const column = b.op("Reshape", [scale, b.int64([columns, 1])]);
    mean = b.matmul(dy, column, { alpha: 1 / columns });
    slope = b.matmul(weighted, column, { alpha: 1 / columns });
  } else {
    mean = b.reduce("ReduceMean", grad, axes, true);
    slope = b.reduce("ReduceMean", b.mul(weighted, scale), axes, true);
  }
  const dx = b.mul(b.sub(b.sub(grad, mean), b.mul(normal, slope)), inverse);
  return [reshapeLike(b, dx, x), dScale, dBias];
};

export const normalizationGradients: readonly GradientDef[] = [
  { op: "Softmax", rule: softmax },
  { op: "LogSoftmax", rule: logSoftmax },
  { op: "LayerNormalization", note: "not through the mean and deviation that it puts out", rule: layerNorm },
];
