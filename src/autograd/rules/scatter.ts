// Gradients of picking and placing by index tuples and by elements: GatherND, ScatterND, ScatterElements, OneHot, Compress.
import type { Value } from "../../graph/graph.js";
import { addAt, scatterRows } from "../../graph/scatter.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { intAttribute, maskOf, normalizeAxis, reshapeLike, reshapeTo, zerosLike } from "./helpers.js";

/** `_unique` promises that no index tuple occurs twice: then the rows can be written rather than added. */
const gatherND: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const [x, indices, dy] = [ctx.input(0), ctx.input(1), ctx.gradOut(0)!];
  const batchDims = intAttribute(node, "batch_dims", 0);
  if (intAttribute(node, "_unique", 0) === 1 && batchDims === 0) return [b.op("ScatterND", [zerosLike(b, x), indices, dy])];
  return [addAt(b, x, indices, dy, batchDims)];
};

/** The ways of ScatterND and ScatterElements to read, write and add at indices. */
interface Places {
  readonly read: (x: Value) => Value;
  readonly write: (x: Value, updates: Value) => Value;
  readonly add: (updates: Value) => Value;
}

/**
 * y = data with the updates at their places. none: data has no part in what was overwritten. add: both pass dY on. max, min: elements that equal y share dY evenly.
 */
function scattered(ctx: GradientContext, { read, write, add }: Places): readonly (Value | undefined)[] {
  const { b, node } = ctx;
  const [data, updates, dy] = [ctx.input(0), ctx.input(2), ctx.gradOut(0)!];
  const reduction = node.attributes.reduction ?? "none";
  if (reduction === "none" || reduction === "add") {
    const kept = () => (reduction === "add" ? dy : write(dy, zerosLike(b, updates)));
    return [ctx.needs(0) ? kept() : undefined, undefined, ctx.needs(2) ? read(dy) : undefined];
  }
  if (reduction !== "max" && reduction !== "min") throw unsupported(node, `reduction ${String(reduction)}`, "scatter logarithms with reduction add");
  const y = ctx.output(0);
  const own = maskOf(b, b.op("Equal", [data, y]), dy);
  const put = maskOf(b, b.op("Equal", [updates, read(y)]), dy);
  const share = b.div(dy, b.add(own, add(put)));
  // Where nothing equals y, y is NaN: the shares are infinite there, and so is what they say.
  return [ctx.needs(0) ? b.mul(share, own) : undefined, undefined, ctx.needs(2) ? b.mul(read(share), put) : undefined];
}

const scatterND: GradientRule = (ctx) => {
  const { b } = ctx;
  const [data, indices] = [ctx.input(0), ctx.input(1)];
  return scattered(ctx, {
    read: (x) => b.op("GatherND", [x, indices]),
    write: (x, updates) => b.op("ScatterND", [x, indices, updates]),
    add: (updates) => addAt(b, data, indices, updates, 0),
  });
};

const scatterElements: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const [data, indices] = [ctx.input(0), ctx.input(1)];
  const axis = intAttribute(node, "axis", 0);
  return scattered(ctx, {
    read: (x) => b.gatherElements(x, indices, axis),
    write: (x, updates) => b.op("ScatterElements", [x, indices, updates], { axis }),
    add: (updates) => b.op("ScatterElements", [zerosLike(b, data), indices, updates], { axis, reduction: "add" }),
  });
};

/** values = [off, on]: each gets the sum of dY where it stands. */
const oneHot: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const dy = ctx.gradOut(0)!;
  const mark = b.op("OneHot", [ctx.input(0), ctx.input(1), b.constant({ dtype: "float32", shape: [2], data: Float32Array.of(0, 1) })], node.attributes);
  const on = b.reduce("ReduceSum", b.mul(dy, b.cast(mark, dy.dtype)), undefined);
  const off = b.sub(b.reduce("ReduceSum", dy, undefined), on);
  return [undefined, undefined, b.concat([b.unsqueeze(off, [0]), b.unsqueeze(on, [0])], 0)];
};

/** Adding rows is linear: each row gets dY of where it was added. */
const embeddingGrad: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const [indices, rows, dy] = [ctx.input(0), ctx.input(1), ctx.gradOut(0)!];
  const axis = normalizeAxis(intAttribute(node, "axis", 0), dy.rank);
  const taken = b.gather(dy, indices, axis);
  const padding = intAttribute(node, "padding_idx", -1);
  if (padding < 0) return [undefined, taken];
  const kept = maskOf(b, b.unary("Not", b.op("Equal", [indices, b.scalar(padding, indices.dtype)])), dy);
  const after = rows.rank - axis - indices.rank;
  return [
    undefined,
    b.mul(
      taken,
      after === 0
        ? kept
        : b.unsqueeze(
            kept,
            Array.from({ length: after }, (_, i) => indices.rank + i),
          ),
    ),
  ];
};

/** Rows that were kept go back to where they came from. */
const compress: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const [x, condition, dy] = [ctx.input(0), ctx.input(1), ctx.gradOut(0)!];
  const places = b.squeeze(b.op("NonZero", [condition]), [0]);
  if (node.attributes.axis !== undefined) return [scatterRows(b, places, dy, b.shapeOf(x), normalizeAxis(intAttribute(node, "axis", 0), x.rank))];
  const flat = reshapeTo(b, x, [b.graph.env.product(x.shape)], [x]);
  return [reshapeLike(b, scatterRows(b, places, dy, b.shapeOf(flat), 0), x)];
};

export const scatterGradients: readonly GradientDef[] = [
  { op: "GatherND", note: "what is taken twice gets the sum", rule: gatherND },
  { op: "ScatterND", note: "reductions none, add, max and min; places written without a reduction must differ", rule: scatterND },
  { op: "ScatterElements", note: "reductions none, add, max and min; places written without a reduction must differ", rule: scatterElements },
  { op: "OneHot", note: "of the two values", rule: oneHot },
  { op: "Compress", rule: compress },
  { op: "EmbeddingGrad", domain: "accelerate_ts", rule: embeddingGrad },
];
