// Gradients of ops that move or repeat elements: Reshape and its kin, Transpose, Expand, Tile, Concat, Split.
import type { Builder } from "../../graph/builder.js";
import type { Dim } from "../../graph/dims.js";
import type { Value } from "../../graph/graph.js";
import type { GradientDef, GradientRule } from "../gradient-table.js";
import { intAttribute, knownInts, normalizeAxis, reshapeLike, reshapeTo, toInput, zerosLike } from "./helpers.js";

const reshape: GradientRule = (ctx) => [reshapeLike(ctx.b, ctx.gradOut(0)!, ctx.input(0))];

const transpose: GradientRule = ({ b, node, input, gradOut }) => {
  const given = node.attributes.perm as readonly number[] | undefined;
  const perm = given ?? input(0).shape.map((_, i, all) => all.length - 1 - i);
  const inverse = perm.map((_, i) => perm.indexOf(i));
  return [b.transpose(gradOut(0)!, inverse)];
};

const expand: GradientRule = (ctx) => [toInput(ctx, ctx.gradOut(0)!, 0)];

/** With repeats that are computed at run time, all dims are split in two. */
function untile(b: Builder, dy: Value, x: Value, repeats: Value): Value {
  const pairs = b.concat([b.unsqueeze(b.cast(repeats, "int64"), [1]), b.unsqueeze(b.op("Shape", [x]), [1])], 1);
  const split = b.op("Reshape", [dy, b.op("Reshape", [pairs, b.int64([2 * x.rank])])], { allowzero: 1 });
  return b.reduce(
    "ReduceSum",
    split,
    x.shape.map((_, i) => 2 * i),
    false,
  );
}

/** Each dim d repeated n times is [n, d]: the sum over the n. */
const tile: GradientRule = (ctx) => {
  const { b } = ctx;
  const x = ctx.input(0);
  const repeats = knownInts(ctx.node.inputs[1]);
  if (!repeats) return [reshapeLike(b, untile(b, ctx.gradOut(0)!, x, ctx.input(1)), x)];
  const dims: Dim[] = [];
  const axes: number[] = [];
  for (const [i, d] of x.shape.entries()) {
    if (repeats[i] !== 1) {
      axes.push(dims.length);
      dims.push(repeats[i]!);
    }
    dims.push(d);
  }
  if (axes.length === 0) return [ctx.gradOut(0)!];
  return [reshapeLike(b, b.reduce("ReduceSum", reshapeTo(b, ctx.gradOut(0)!, dims, [x]), axes, false), x)];
};

/** One Split when all inputs need their part, else a Slice for each that does. */
const concat: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const { env } = b.graph;
  const dy = ctx.gradOut(0)!;
  const axis = normalizeAxis(intAttribute(node, "axis", 0), dy.rank);
  const inputs = node.inputs as Value[];
  const sizes = inputs.map((v) => v.shape[axis]!);
  if (inputs.length === 1) return [dy];
  if (inputs.every((_, i) => ctx.needs(i))) return b.ops("Split", [dy, b.sizes(sizes, inputs)], { axis }, { outputs: inputs.length });
  let start: Dim = 0;
  return inputs.map((v, i) => {
    const from = start;
    start = env.add(start, sizes[i]!);
    if (!ctx.needs(i)) return undefined;
    const part = b.op("Slice", [dy, b.sizes([from], inputs), b.sizes([start], inputs), b.int64([axis])]);
    return part.rank === v.rank ? part : reshapeLike(b, part, v);
  });
};

/** Parts that the loss does not depend on are zeros. */
const split: GradientRule = (ctx) => {
  const axis = normalizeAxis(intAttribute(ctx.node, "axis", 0), ctx.input(0).rank);
  const parts = ctx.node.outputs.map((out, i) => ctx.gradOut(i) ?? zerosLike(ctx.b, out));
  return [parts.length === 1 ? parts[0]! : ctx.b.concat(parts, axis)];
};

export const shapeGradients: readonly GradientDef[] = [
  { op: "Reshape", rule: reshape },
  { op: "Flatten", rule: reshape },
  { op: "Squeeze", rule: reshape },
  { op: "Unsqueeze", rule: reshape },
  { op: "Transpose", rule: transpose },
  { op: "Expand", rule: expand },
  { op: "Tile", rule: tile },
  { op: "Concat", rule: concat },
  { op: "Split", rule: split },
];
