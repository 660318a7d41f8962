// Gradients of Conv and ConvTranspose, which are each other's.
import type { Builder } from "../../graph/builder.js";
import type { Dim, ShapeEnv } from "../../graph/dims.js";
import type { Node, Value } from "../../graph/graph.js";
import { autoPadOf, padded, reach, type Windows, windowsOf } from "../../graph/ops/conv-geometry.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { convWeightGradient } from "./conv-weight.js";
import { intAttribute } from "./helpers.js";

/** The numbers that sizes have in this run, which the graph is then made for; undefined where only a run can tell. */
export function fixedSizes(env: ShapeEnv, dims: readonly Dim[]): number[] | undefined {
  const sizes = dims.map((d) => env.hint(d));
  if (!sizes.every((d) => d !== undefined)) return undefined;
  for (const [i, d] of dims.entries()) env.equal(d, sizes[i]!);
  return sizes;
}

/** A node's windows with the pads that they have; those of SAME depend on the sizes of what the windows lie on, unless they move by one. */
export function paddedWindows(env: ShapeEnv, node: Node, kernel: readonly number[], spatial: readonly Dim[]): Windows {
  const windows = windowsOf(node.attributes, kernel);
  const auto = autoPadOf(node.attributes);
  if (auto === "NOTSET" || auto === "VALID") return windows;
  const sizes = windows.strides.every((s) => s === 1) ? spatial.map(() => 1 << 20) : fixedSizes(env, spatial);
  if (!sizes) throw unsupported(node, `auto_pad ${auto} and sizes that are not known`, "give pads");
  return padded(windows, auto, sizes);
}

const kernelOf = (w: Value): number[] => w.shape.slice(2) as number[];
const attributesOf = ({ strides, dilations, before, after }: Windows, group: number) => ({ strides, dilations, pads: [...before, ...after], group });

/** W [M, C / g, k..] as the weight [C, M / g, k..] of the same map backwards, its kernel turned round. */
function turned(b: Builder, w: Value, group: number): Value {
  const [outputs, inputs, ...kernel] = w.shape as number[];
  const places = kernel.map((_, i) => i);
  let out: Value;
  if (group === 1) out = b.transpose(w, [1, 0, ...places.map((i) => i + 2)]);
  else {
    const parted = b.op("Reshape", [w, b.int64([group, outputs! / group, inputs!, ...kernel])]);
    const swapped = b.transpose(parted, [0, 2, 1, ...places.map((i) => i + 3)]);
    out = b.op("Reshape", [swapped, b.int64([group * inputs!, outputs! / group, ...kernel])]);
  }
  const axes = places.filter((i) => kernel[i]! > 1).map((i) => i + 2);
  if (axes.length === 0) return out;
  const all = (value: number) => b.int64(axes.map(() => value));
  return b.op("Slice", [out, all(-1), all(-Number.MAX_SAFE_INTEGER), b.int64(axes), all(-1)]);
}

/**
 * dX of Y = Conv(X, W). Windows that move by one: a Conv of dY with the kernel turned round, the fastest way unless there is one channel alone. Others: a ConvTranspose, whose
 * output is as long as X where the remainder that no window reaches is added.
 */
export function inputGradient(b: Builder, node: Node, dy: Value, w: Value, windows: Windows, group: number, spatial: readonly Dim[]): Value {
  const { strides, before, after, dilations } = windows;
  const rest = (pads: readonly number[]) => pads.map((p, i) => reach(windows, i) - 1 - p);
  const several = w.shape[0] !== 1 || w.shape[1] !== 1;
  if (several && strides.every((s) => s === 1) && [...rest(before), ...rest(after)].every((p) => p >= 0))
    return b.op("Conv", [dy, turned(b, w, group)], { dilations, pads: [...rest(before), ...rest(after)], group });
  const remainder = spatial.map((dim, i) => {
    if (strides[i] === 1) return 0;
    const size = fixedSizes(b.graph.env, [dim])?.[0];
    if (size === undefined) throw unsupported(node, "strides and spatial sizes that are not known", "give the graph's inputs known sizes, or sizes with hints");
    return (size + before[i]! + after[i]! - reach(windows, i)) % strides[i]!;
  });
  return b.op("ConvTranspose", [dy, w], { ...attributesOf(windows, group), output_padding: remainder });
}

const biasGradient = (b: Builder, dy: Value): Value =>
  b.reduce(
    "ReduceSum",
    dy,
    dy.shape.flatMap((_, i) => (i === 1 ? [] : [i])),
  );

const conv: GradientRule = (ctx: GradientContext) => {
  const { b, node } = ctx;
  const [x, w, dy] = [ctx.input(0), ctx.input(1), ctx.gradOut(0)!];
  const group = intAttribute(node, "group", 1);
  const windows = paddedWindows(b.graph.env, node, kernelOf(w), x.shape.slice(2));
  return [
    ctx.needs(0) ? inputGradient(b, node, dy, w, windows, group, x.shape.slice(2)) : undefined,
    ctx.needs(1) ? convWeightGradient(b, x, dy, windows, group, w.shape as number[]) : undefined,
    node.inputs[2] && ctx.needs(2) ? biasGradient(b, dy) : undefined,
  ];
};

/** Y = ConvTranspose(X, W) is dX of a Conv with the same weight: dX = Conv(dY, W), and dW is that Conv's, with dY in the place of its input. */
const convTranspose: GradientRule = (ctx: GradientContext) => {
  const { b, node } = ctx;
  if (autoPadOf(node.attributes) !== "NOTSET" || node.attributes.output_shape !== undefined)
    throw unsupported(node, "auto_pad or output_shape", "give pads and output_padding");
  const [x, w, dy] = [ctx.input(0), ctx.input(1), ctx.gradOut(0)!];
  const group = intAttribute(node, "group", 1);
  const windows = windowsOf(node.attributes, kernelOf(w));
  return [
    ctx.needs(0) ? b.op("Conv", [dy, w], attributesOf(windows, group)) : undefined,
    ctx.needs(1) ? convWeightGradient(b, dy, x, windows, group, w.shape as number[]) : undefined,
    node.inputs[2] && ctx.needs(2) ? biasGradient(b, dy) : undefined,
  ];
};

export const convGradients: readonly GradientDef[] = [
  { op: "Conv", rule: conv },
  { op: "ConvTranspose", rule: convTranspose },
];
