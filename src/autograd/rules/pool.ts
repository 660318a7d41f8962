// Gradients of pools.
import { typedArray } from "../../graph/dtype.js";
import { kernelShape, reach, type Windows } from "../../graph/ops/conv-geometry.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { fixedSizes, inputGradient, paddedWindows } from "./conv.js";
import { intAttribute, maskOf } from "./helpers.js";

/** dY to where each maximum came from; of equal ones the first, as in torch. */
const maxPool: GradientRule = (ctx: GradientContext) => {
  const { b, node } = ctx;
  const x = ctx.input(0);
  const spatial = x.shape.slice(2);
  if (ctx.gradOut(1)) throw unsupported(node, "a gradient of its places", "use its first output");
  const windows = paddedWindows(b.graph.env, node, kernelShape(node.attributes, spatial.length), spatial);
  const { kernel, strides, dilations, before, after } = windows;
  const attributes = { kernel_shape: kernel, strides, dilations, pads: [...before, ...after], ceil_mode: intAttribute(node, "ceil_mode", 0) };
  const numbers = b.int64([...kernel, ...strides, ...dilations, ...before]);
  return [b.op("MaxPoolGrad", [x, ctx.output(0), ctx.gradOut(0)!, numbers], attributes, { domain: "accelerate_ts" })];
};

/** How many elements each window along a dim averages: those from `low` up to `high`, in the input's own places. */
function averaged(count: number, i: number, { before, strides, kernel, dilations }: Windows, low: number, high: number): number[] {
  return Array.from({ length: count }, (_, o) => {
    const first = o * strides[i]! - before[i]!;
    return Array.from({ length: kernel[i]! }, (_, k) => first + k * dilations[i]!).filter((at) => at >= low && at < high).length;
  });
}

/** dY, divided by what each window averaged, spread over the windows: the gradient of a convolution of each channel with a kernel of ones. */
const averagePool: GradientRule = (ctx: GradientContext) => {
  const { b, node } = ctx;
  const { env } = b.graph;
  const x = ctx.input(0);
  const kernel = kernelShape(node.attributes, x.rank - 2);
  const windows = paddedWindows(env, node, kernel, x.shape.slice(2));
  const sizes = fixedSizes(env, x.shape.slice(2));
  const counts = sizes && fixedSizes(env, ctx.output(0).shape.slice(2));
  if (!sizes || !counts) throw unsupported(node, "spatial sizes that are not known", "give the graph's inputs known sizes, or sizes with hints");
  // A window that was rounded up reaches beyond the pads.
  const beyond = counts.map((n, i) => Math.max(windows.after[i]!, (n - 1) * windows.strides[i]! + reach(windows, i) - sizes[i]! - windows.before[i]!));
  const included = intAttribute(node, "count_include_pad", 0) !== 0;
  const divisors = counts.map((n, i) => averaged(n, i, windows, included ? -windows.before[i]! : 0, included ? sizes[i]! + windows.after[i]! : sizes[i]!));
  let dy = ctx.gradOut(0)!;
  let factor = 1;
  for (const [i, list] of divisors.entries()) {
    if (list.every((n) => n === list[0])) factor /= list[0]!;
    else {
      const shape = [list.length, ...new Array<number>(divisors.length - 1 - i).fill(1)];
      dy = b.mul(
        dy,
        b.constant({
          dtype: x.dtype,
          shape,
          data: typedArray(
            x.dtype,
            list.map((n) => 1 / Math.max(n, 1)),
          ),
        }),
      );
    }
  }
  const weight = b.constant({
    dtype: x.dtype,
    shape: [1, 1, ...kernel],
    data: typedArray(x.dtype, new Array<number>(kernel.reduce((p, k) => p * k, 1)).fill(factor)),
  });
  const single = b.op("Reshape", [dy, b.int64([-1, 1, ...counts])]);
  return [b.reshapeLike(inputGradient(b, node, single, weight, { ...windows, after: beyond }, 1, sizes), x)];
};

/** dY / count, to all places. */
const globalAveragePool: GradientRule = ({ b, input, gradOut }) => {
  const x = input(0);
  const count = b.graph.env.product(x.shape.slice(2));
  const dy = gradOut(0)!;
  if (typeof count === "number") return [b.expand(b.divScalar(dy, count), b.shapeOf(x))];
  b.source(x);
  return [b.expand(b.div(dy, b.cast(b.dim(count), x.dtype)), b.shapeOf(x))];
};

/** dY to the first maximum of each channel. */
const globalMaxPool: GradientRule = ({ b, input, gradOut }) => {
  const x = input(0);
  const places = b.op("Reshape", [x, b.int64([0, 0, -1])]);
  const first = b.op("ArgMax", [places], { axis: 2, keepdims: 1 });
  const all = b.op("Range", [b.scalar(0, "int64"), b.squeeze(b.op("Shape", [places], { start: 2, end: 3 }), [0]), b.scalar(1, "int64")]);
  const dy = b.op("Reshape", [gradOut(0)!, b.int64([0, 0, 1])]);
  return [b.reshapeLike(b.mul(maskOf(b, b.op("Equal", [first, all]), x), dy), x)];
};

export const poolGradients: readonly GradientDef[] = [
  { op: "MaxPool", rule: maxPool },
  { op: "AveragePool", rule: averagePool },
  { op: "GlobalAveragePool", rule: globalAveragePool },
  { op: "GlobalMaxPool", rule: globalMaxPool },
];
