// Gradient of Pad in all its modes.
import type { Dim } from "../../graph/dims.js";
import type { Node, Value } from "../../graph/graph.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { counted, knownInts, normalizeAxis, reshapeLike, scatterRows } from "./helpers.js";

/** Counts before every axis, then after every axis; undefined where they are computed at run time. */
function padsOf(node: Node): readonly Dim[] | undefined {
  const pads = knownInts(node.inputs[1]);
  if (!pads || !node.inputs[3]) return pads;
  const rank = node.inputs[0]!.rank;
  const axes = knownInts(node.inputs[3]);
  if (!axes) return undefined;
  const full = new Array<Dim>(2 * rank).fill(0);
  for (const [i, given] of axes.entries()) {
    const axis = normalizeAxis(given as number, rank);
    full[axis] = pads[i]!;
    full[axis + rank] = pads[i + axes.length]!;
  }
  return full;
}

/** Cuts off what was padded on; where something had been cut off (negative pads), zeros are put back. */
function unpadded({ b, node, input }: GradientContext, dy: Value): Value {
  const x = input(0);
  const pads = padsOf(node);
  if (pads?.every((p) => typeof p === "number" && p >= 0)) {
    const axes = x.shape.flatMap((_, i) => (pads[i] || pads[i + x.rank] ? [i] : []));
    if (axes.length === 0) return dy;
    const starts = axes.map((i) => pads[i] as number);
    const ends = axes.map((i) => (pads[i + x.rank] === 0 ? Number.MAX_SAFE_INTEGER : -(pads[i + x.rank] as number)));
    return b.op("Slice", [dy, b.int64(starts), b.int64(ends), b.int64(axes)]);
  }
  return reshapeLike(b, b.op("Pad", [dy, b.neg(node.inputs[1]!), undefined, node.inputs[3]]), x);
}

/** The value that is filled in gets the sum of dY over what was padded on. */
const constant: GradientRule = (ctx) => {
  const { b } = ctx;
  const dy = ctx.gradOut(0)!;
  const dx = unpadded(ctx, dy);
  const value = () => b.sub(b.reduce("ReduceSum", dy, undefined), b.reduce("ReduceSum", dx, undefined));
  return [dx, undefined, ctx.needs(2) ? reshapeLike(b, value(), ctx.input(2)) : undefined];
};

/**
 * Modes that repeat elements work on one axis after the other: the positions 0, 1, 2, ... of an axis, padded the same way, tell where each element of the output came from, and
 * dY is added there.
 */
const repeating: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const x = ctx.input(0);
  const pads = padsOf(node);
  if (!pads) throw unsupported(node, "pads or axes that are computed at run time", "make them constants");
  let dx = ctx.gradOut(0)!;
  for (const axis of x.shape.keys()) {
    const amounts = [pads[axis]!, pads[axis + x.rank]!];
    if (amounts.every((p) => p === 0)) continue;
    const places = b.op("Pad", [counted(b, x.shape[axis]!, [x]), b.sizes(amounts, [x])], { mode: node.attributes.mode! });
    const shape = b.graph.env.resolveShape(dx.shape).map((d, i) => (i === axis ? x.shape[axis]! : d));
    dx = scatterRows(b, places, dx, b.sizes(shape, [x, dx]), axis);
  }
  return [dx];
};

const pad: GradientRule = (ctx) => ((ctx.node.attributes.mode ?? "constant") === "constant" ? constant : repeating)(ctx);

export const padGradients: readonly GradientDef[] = [
  { op: "Pad", note: "all modes; what is filled in has one, too; counts that a run computes only in mode constant", rule: pad },
];
