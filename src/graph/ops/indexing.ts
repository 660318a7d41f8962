// Picking and placing by indices: Gather*, Scatter*, OneHot, NonZero.
import { ShapeError } from "../../errors.js";
import type { Dim } from "../dims.js";
import type { Node, Value } from "../graph.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { addAt } from "../scatter.js";
import {
  fixedSize,
  axisAttribute,
  axisOf,
  carried,
  define,
  intAttribute,
  literals,
  meet,
  need,
  needKind,
  sameDtype,
  scalarContent,
  stringAttribute,
} from "./common.js";

/** Known indices must lie within the dim that they pick from. */
function checkIndices(ctx: InferContext, indices: readonly number[] | undefined, data: Value, axis: number): void {
  const size = indices && ctx.env.hint(data.shape[axis]!);
  if (!indices || size === undefined) return;
  const bad = indices.find((i) => i < -size || i >= size);
  if (bad !== undefined) throw new ShapeError(`index ${bad} is outside dim ${axis} of ${ctx.env.show(data.shape)}`);
}

/** data [a.., d, b..], indices [i..] -> [a.., i.., b..]. */
function gather(ctx: InferContext): readonly OutputSpec[] {
  const [data, indices] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, indices, "index");
  const axis = axisAttribute(ctx, data, 0);
  const picks = literals(indices);
  checkIndices(ctx, picks, data, axis);
  const shape = [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)];
  const content = data.content;
  return [
    {
      dtype: data.dtype,
      shape,
      content:
        content && picks
          ? carried(
              data.dtype,
              shape,
              picks.map((i) => content.at(i)!),
            )
          : undefined,
    },
  ];
}

/** data [..], indices of the same rank -> like indices. */
function gatherElements(ctx: InferContext): readonly OutputSpec[] {
  const [data, indices] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, indices, "index");
  axisAttribute(ctx, data, 0);
  if (data.shape.length !== indices.shape.length)
    throw new ShapeError(`data ${ctx.env.show(data.shape)} and indices ${ctx.env.show(indices.shape)} must be of one rank`);
  return [{ dtype: data.dtype, shape: indices.shape }];
}

/** How many dims of the data one index tuple names. */
function tupleSize(ctx: InferContext, data: Value, indices: Value, batchDims: number): number {
  const { env } = ctx;
  const n = indices.shape.length === 0 ? undefined : fixedSize(env, indices.shape.at(-1)!);
  if (n === undefined || n < 1 || n + batchDims > data.shape.length)
    throw new ShapeError(`the last dim of indices ${env.show(indices.shape)} must name dims of data ${env.show(data.shape)}`);
  return n;
}

/** data [b.., d1..dn, r..], indices [b.., i.., n] -> [b.., i.., r..]. */
function gatherND(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [data, indices] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, indices, "index");
  const batchDims = intAttribute(ctx, "batch_dims", 0);
  const n = tupleSize(ctx, data, indices, batchDims);
  for (let i = 0; i < batchDims; i++) {
    if (meet(env, data.shape[i]!, indices.shape[i]!) === undefined)
      throw new ShapeError(`batch dims of data ${env.show(data.shape)} and indices ${env.show(indices.shape)} differ`);
  }
  return [{ dtype: data.dtype, shape: [...indices.shape.slice(0, -1), ...data.shape.slice(batchDims + n)] }];
}

const scatterReductions = ["none", "add", "mul", "max", "min"] as const;

/** data, indices and updates of one rank -> like data. */
function scatterElements(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [data, indices, updates] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  needKind(ctx, indices, "index");
  axisAttribute(ctx, data, 0);
  stringAttribute(ctx, "reduction", scatterReductions);
  const fits = indices.shape.length === updates.shape.length && indices.shape.every((d, i) => meet(env, d, updates.shape[i]!) !== undefined);
  if (!fits) throw new ShapeError(`indices ${env.show(indices.shape)} and updates ${env.show(updates.shape)} must be of one shape`);
  if (data.shape.length !== indices.shape.length)
    throw new ShapeError(`data ${env.show(data.shape)} and indices ${env.show(indices.shape)} must be of one rank`);
  return [{ dtype: sameDtype(ctx, data, updates), shape: data.shape }];
}

/** data [d1..dn, r..], indices [i.., n], updates [i.., r..] -> like data. */
function scatterND(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [data, indices, updates] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  needKind(ctx, indices, "index");
  stringAttribute(ctx, "reduction", scatterReductions);
  const expected = [...indices.shape.slice(0, -1), ...data.shape.slice(tupleSize(ctx, data, indices, 0))];
  const fits = expected.length === updates.shape.length && expected.every((d, i) => meet(env, d, updates.shape[i]!) !== undefined);
  if (!fits)
    throw new ShapeError(
      `updates ${env.show(updates.shape)} must be ${env.show(expected)} for data ${env.show(data.shape)} and indices ${env.show(indices.shape)}`,
    );
  return [{ dtype: sameDtype(ctx, data, updates), shape: data.shape }];
}

const addsFloats = ({ attributes, inputs: [data] }: Node): boolean =>
  attributes.reduction === "add" && (data?.dtype === "float32" || data?.dtype === "float64");

/** indices [i..], depth (scalar or [1]), values [2] -> [i.., depth] with the new dim at `axis`. */
function oneHot(ctx: InferContext): readonly OutputSpec[] {
  const [indices, depth, values] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  const { env } = ctx;
  if (values.shape.length !== 1 || meet(env, values.shape[0]!, 2) === undefined)
    throw new ShapeError(`the values off and on must be a vector of 2, they are ${env.show(values.shape)}`);
  const axis = axisOf(intAttribute(ctx, "axis", -1), indices.shape.length + 1, () => `${env.show(indices.shape)} with one more`);
  const fromData = depth.constant && depth.constant.data.length === 1 ? Number(depth.constant.data[0]) : undefined;
  const size: Dim = scalarContent(depth) ?? fromData ?? env.unknown();
  return [{ dtype: values.dtype, shape: [...indices.shape.slice(0, axis), size, ...indices.shape.slice(axis)] }];
}

/** x [.., d, ..], condition bool [<= d] -> [.., n, ..]; without an axis, of the elements of x: [n]. n is known only at run time. */
function compress(ctx: InferContext): readonly OutputSpec[] {
  const [x, condition] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, condition, "bool");
  if (ctx.attributes.axis === undefined) return [{ dtype: x.dtype, shape: [ctx.env.unknown()] }];
  const axis = axisAttribute(ctx, x, 0);
  return [{ dtype: x.dtype, shape: x.shape.map((d, i) => (i === axis ? ctx.env.unknown() : d)) }];
}

/** x -> the different elements (or rows along an axis), where each is first, which each is, and how often it occurs. */
function unique(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  const n = ctx.env.unknown();
  const axis = ctx.attributes.axis === undefined ? undefined : axisAttribute(ctx, x, 0);
  const inverse = axis === undefined ? ctx.env.product(x.shape) : x.shape[axis]!;
  const counts = { dtype: "int64", shape: [n] } as const;
  const values = { dtype: x.dtype, shape: axis === undefined ? [n] : x.shape.map((d, i) => (i === axis ? n : d)) };
  return [values, counts, { dtype: "int64", shape: [inverse] } as const, counts].slice(0, ctx.outputs);
}

/** x [.., ..] and lengths of the sequences along batch_axis -> like x, each sequence reversed along time_axis. */
function reverseSequence(ctx: InferContext): readonly OutputSpec[] {
  const [x, lengths] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, lengths, "index");
  return [{ dtype: x.dtype, shape: x.shape }];
}

export const indexingOps: readonly OpDef[] = [
  define("Gather", [2, 2], gather),
  define("GatherElements", [2, 2], gatherElements),
  define("GatherND", [2, 2], gatherND),
  define("ScatterElements", [3, 3], scatterElements),
  {
    ...define("ScatterND", [3, 3], scatterND),
    // The engine's own sum loses updates on more than one thread.
    decompose: ({ b, node, inputs: [data, indices, updates] }) => {
      if (!addsFloats(node)) return [b.op("ScatterND", [data, indices, updates], node.attributes)];
      return [b.add(data!, addAt(b, data!, indices!, updates!, 0))];
    },
    composite: addsFloats,
  },
  define("OneHot", [3, 3], oneHot),
  define("Compress", [2, 2], compress),
  define("Unique", [1, 1], unique, { outputs: [1, 4] }),
  define("ReverseSequence", [2, 2], reverseSequence),
  // x [..] -> int64 [rank, n], n known only at run time; attribute _hint: n in the run at hand.
  define("NonZero", [1, 1], (ctx) => {
    const hint = ctx.attributes._hint;
    return [{ dtype: "int64", shape: [Math.max(need(ctx, 0).shape.length, 1), ctx.env.unknown(typeof hint === "number" ? hint : undefined)] }];
  }),
];
