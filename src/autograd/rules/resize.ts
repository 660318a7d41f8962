// The gradient of Resize, a linear map along each dim: the transposed map of dY.
import type { Builder } from "../../graph/builder.js";
import { typedArray } from "../../graph/dtype.js";
import type { Value } from "../../graph/graph.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { fixedSizes } from "./conv.js";
import { intAttribute, reshapeLike } from "./helpers.js";
import { resizeWeights } from "./resize-weights.js";

type Weights = NonNullable<ReturnType<typeof resizeWeights>>;
interface Step {
  readonly axis: number;
  readonly from: number;
  readonly weights: Weights;
}

/** The whole number n of times that each input is repeated, if that is all that happens. */
function repeats({ from, weights }: Step): number | undefined {
  const n = weights.length / from;
  return Number.isInteger(n) && weights.every((list, i) => list.length === 1 && list[0]![0] === Math.floor(i / n) && list[0]![1] === 1) ? n : undefined;
}

/** dY along one dim times the transposed weights. */
function transposed(b: Builder, dy: Value, { axis, from, weights }: Step): Value {
  const data = new Float64Array(weights.length * from);
  for (const [o, list] of weights.entries()) for (const [i, weight] of list) data[o * from + i]! += weight;
  const matrix = b.constant({ dtype: dy.dtype, shape: [weights.length, from], data: typedArray(dy.dtype, data) });
  if (axis === dy.rank - 1) return b.matmul(dy, matrix);
  if (axis === dy.rank - 2) return b.matmul(matrix, dy, { transposeA: true });
  const perm = dy.shape.map((_, i) => (i === axis ? dy.rank - 1 : i === dy.rank - 1 ? axis : i));
  return b.transpose(b.matmul(b.transpose(dy, perm), matrix), perm);
}

/** The dims that change, with their weights. */
function steps(ctx: GradientContext): Step[] {
  const { b, node } = ctx;
  const x = ctx.input(0);
  const axes = (node.attributes.axes as readonly number[] | undefined)?.map((a) => (a < 0 ? a + x.rank : a)) ?? x.shape.map((_, i) => i);
  const factors = node.inputs[2]?.constant?.data;
  const out: Step[] = [];
  for (const [i, axis] of axes.entries()) {
    const given = factors?.length === axes.length ? Number(factors[i]) : undefined;
    if (given === 1) continue;
    const sizes = fixedSizes(b.graph.env, [x.shape[axis]!, ctx.output(0).shape[axis]!]);
    if (!sizes) throw unsupported(node, "sizes that are not known", "give the graph's inputs known sizes, or sizes with hints");
    const [from, to] = sizes as [number, number];
    if (given === undefined && from === to) continue;
    const weights = resizeWeights(node.attributes, { from, to, scale: given ?? to / from });
    if (!weights) throw unsupported(node, "antialias or its coordinate_transformation_mode", "use half_pixel, align_corners or asymmetric");
    out.push({ axis, from, weights });
  }
  return out;
}

/** Repeated pixels of images are an average over blocks, which pools compute fastest; all else is a product for each dim. */
const resize: GradientRule = (ctx: GradientContext) => {
  const { b, node } = ctx;
  const x = ctx.input(0);
  if (intAttribute(node, "antialias", 0) !== 0) throw unsupported(node, "antialias", "resize without it");
  const all = steps(ctx);
  let dy = ctx.gradOut(0)!;
  const counts = x.shape.map((_, axis) => {
    const step = all.find((s) => s.axis === axis);
    return step ? repeats(step) : 1;
  });
  if (all.length > 0 && x.rank >= 3 && x.rank <= 5 && counts.every((n, i) => n !== undefined && (i > 1 || n === 1)) && x.dtype === "float32") {
    const kernel = counts.slice(2) as number[];
    const pooled = b.op("AveragePool", [dy], { kernel_shape: kernel, strides: kernel });
    return [
      reshapeLike(
        b,
        b.mulScalar(
          pooled,
          kernel.reduce((p, n) => p * n, 1),
        ),
        x,
      ),
    ];
  }
  for (const step of all) dy = transposed(b, dy, step);
  return [reshapeLike(b, dy, x)];
};

export const resizeGradients: readonly GradientDef[] = [{ op: "Resize", rule: resize }];
