// Gradients of ops that pick elements: Gather, GatherElements, TopK, Trilu, ReverseSequence, Slice.
import type { Builder } from "../../graph/builder.js";
import type { Dim } from "../../graph/dims.js";
import type { Value } from "../../graph/graph.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { constantScalar, counted, intAttribute, knownInts, normalizeAxis, scatterRows, zerosLike } from "./helpers.js";

/** dY with zeros before and after along each axis (counts are Dims). */
function padWith(b: Builder, dy: Value, before: readonly Dim[], after: readonly Dim[], from: readonly Value[]): Value {
  const pads = [...before, ...after];
  return pads.every((d) => d === 0) ? dy : b.op("Pad", [dy, b.sizes(pads, from)]);
}

/** How many elements lie before and after the one at a constant index. */
function around(b: Builder, dim: Dim, index: number): [Dim, Dim] {
  const { env } = b.graph;
  return index >= 0 ? [index, env.sub(dim, index + 1)] : [env.sub(dim, -index), -index - 1];
}

/** One constant index (the first token, say) is a Pad; indices in general go through EmbeddingGrad. */
const gather: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const x = ctx.input(0);
  const indices = ctx.input(1);
  const dy = ctx.gradOut(0)!;
  const axis = normalizeAxis(intAttribute(node, "axis", 0), x.rank);
  const padding = intAttribute(node, "_padding_idx", -1);
  const index = constantScalar(indices);
  if (index === undefined || padding !== -1) return [scatterRows(b, indices, dy, b.shapeOf(x), axis, padding), undefined];
  const kept = indices.rank === 0 ? b.unsqueeze(dy, [axis]) : dy;
  if (indices.rank > 1) return [scatterRows(b, indices, dy, b.shapeOf(x), axis), undefined];
  const [before, after] = around(b, b.graph.env.resolve(x.shape[axis]!), index);
  const at = (count: Dim) => x.shape.map((_, i) => (i === axis ? count : 0));
  return [padWith(b, kept, at(before), at(after), [x]), undefined];
};

/** ScatterElements with reduction add: right with any number of threads, as ScatterND is not. */
const gatherElements: GradientRule = (ctx) => {
  const { b, node } = ctx;
  return [
    b.op("ScatterElements", [zerosLike(b, ctx.input(0)), ctx.input(1), ctx.gradOut(0)!], { axis: intAttribute(node, "axis", 0), reduction: "add" }),
    undefined,
  ];
};

/** The values that were taken go back to where they came from. */
const topK: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const axis = intAttribute(node, "axis", -1);
  return [b.op("ScatterElements", [zerosLike(b, ctx.input(0)), ctx.output(1), ctx.gradOut(0)!], { axis, reduction: "add" }), undefined];
};

/** The same triangle of dY. */
const trilu: GradientRule = ({ b, node, gradOut }) => [b.op("Trilu", [gradOut(0)!, node.inputs[1]], { upper: intAttribute(node, "upper", 1) })];

/** Reversed again. */
const reverseSequence: GradientRule = ({ b, node, input, gradOut }) => [b.op("ReverseSequence", [gradOut(0)!, input(1)], node.attributes)];

interface SliceAxis {
  readonly axis: number;
  /** Elements cut off before and after, where the step is 1 and both are known. */
  readonly cut: readonly [Dim, Dim] | undefined;
}

function sliceAxes(ctx: GradientContext): SliceAxis[] {
  const { b, node } = ctx;
  const { env } = b.graph;
  const x = ctx.input(0);
  const starts = knownInts(node.inputs[1]);
  const axes = node.inputs[3] ? knownInts(node.inputs[3]) : starts?.map((_, i) => i);
  const steps = node.inputs[4] ? knownInts(node.inputs[4]) : undefined;
  if (!axes || (node.inputs[4] && !steps)) throw unsupported(node, "axes or steps that are computed at run time", "make them constants");
  return axes.map((given, i) => {
    const axis = normalizeAxis(given as number, x.rank);
    const dim = env.resolve(x.shape[axis]!);
    const start = starts?.[i];
    if ((steps && steps[i] !== 1) || start === undefined) return { axis, cut: undefined };
    const before = firstIndex(b.graph, dim, env.resolve(start));
    return { axis, cut: [before, env.sub(env.sub(dim, before), ctx.output(0).shape[axis]!)] };
  });
}

/** The first index of a slice with step 1, within 0..dim. */
function firstIndex({ env }: Builder["graph"], dim: Dim, start: Dim): Dim {
  if (start === 0) return 0;
  if (typeof dim === "number" && typeof start === "number") return Math.max(0, Math.min(dim, start < 0 ? start + dim : start));
  return typeof start === "number" && start < 0 ? env.sub(dim, env.min(-start, dim)) : env.min(start, dim);
}

/** The positions that a slice takes along an axis: the same slice of 0, 1, 2, ... */
function positions(ctx: GradientContext, at: number, axis: number): Value {
  const { b, node } = ctx;
  const x = ctx.input(0);
  const range = counted(b, x.shape[axis]!, [x]);
  const pick = (i: number): Value => (node.inputs[i]!.shape[0] === 1 ? node.inputs[i]! : b.slice(node.inputs[i]!, 0, at, at + 1));
  return b.op("Slice", [range, pick(1), pick(2), b.int64([0]), ...(node.inputs[4] ? [pick(4)] : [])]);
}

/** Zeros are padded on around slices of step 1 with known bounds; other axes scatter to the positions that were taken. */
const slice: GradientRule = (ctx) => {
  const { b } = ctx;
  const x = ctx.input(0);
  const axes = sliceAxes(ctx);
  let dx = ctx.gradOut(0)!;
  const before: Dim[] = x.shape.map(() => 0);
  const after: Dim[] = x.shape.map(() => 0);
  for (const { axis, cut } of axes) if (cut) [before[axis], after[axis]] = cut;
  for (const [i, { axis, cut }] of axes.entries()) {
    if (cut) continue;
    const shape = b.graph.env.resolveShape(dx.shape).map((d, at) => (at === axis ? x.shape[axis]! : d));
    dx = scatterRows(b, positions(ctx, i, axis), dx, b.sizes(shape, [x, dx]), axis);
  }
  return [padWith(b, dx, before, after, [x, dx])];
};

export const indexingGradients: readonly GradientDef[] = [
  { op: "Gather", note: "what is taken twice gets the sum", rule: gather },
  { op: "GatherElements", rule: gatherElements },
  { op: "TopK", rule: topK },
  { op: "Trilu", rule: trilu },
  { op: "ReverseSequence", rule: reverseSequence },
  { op: "Slice", note: "axes and steps must be constants", rule: slice },
];
