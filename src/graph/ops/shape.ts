// Ops that only rearrange: reshape, transpose, squeeze, concat, split, expand, tile, pad; and those that read sizes.
import { ShapeError } from "../../errors.js";
import type { Dim, Shape, ShapeEnv } from "../dims.js";
import { type InferContext, maxContent, maxVariadic, type OpDef, type OutputSpec } from "../op-def.js";
import {
  axesOf,
  axisAttribute,
  broadcast,
  carried,
  define,
  intAttribute,
  intsAttribute,
  literals,
  meet,
  need,
  needAll,
  needKind,
  sameDtype,
  scalarContent,
  stringAttribute,
  unknownShape,
  vectorLength,
} from "./common.js";

/** The dims that a target of sizes, 0 (copy) and one -1 (the rest) stands for. */
function reshaped(env: ShapeEnv, from: Shape, target: readonly Dim[], allowZero: boolean): Dim[] {
  const shown = () => `${env.show(from)} to ${env.show(target)}`;
  let open = -1;
  const out = target.map((t, i) => {
    if (t === 0 && !allowZero) {
      if (i >= from.length) throw new ShapeError(`cannot reshape ${shown()}: dim ${i} is to be copied, the input has ${from.length}`);
      return from[i]!;
    }
    if (typeof t === "number" && t < 0) {
      if (t !== -1 || open >= 0) throw new ShapeError(`cannot reshape ${shown()}: only one dim may be left open, as -1`);
      open = i;
      return 1;
    }
    return t;
  });
  const total = env.product(from);
  const known = env.product(out);
  if (open < 0) {
    const [a, b] = [env.hint(total), env.hint(known)];
    if (a !== undefined && b !== undefined && a !== b) throw new ShapeError(`cannot reshape ${shown()}: ${a} elements do not make ${b}`);
    env.equal(total, known);
    return out;
  }
  const [a, b] = [env.hint(total), env.hint(known)];
  if (b === 0 || (a !== undefined && b !== undefined && a % b !== 0)) throw new ShapeError(`cannot reshape ${shown()}: ${a} elements are no multiple of ${b}`);
  const rest = env.div(total, known);
  out[open] = rest;
  // Where the division is not exact by its form alone, that it has no remainder is an assumption.
  if (env.parts(rest)?.operator === "/") env.equal(env.mul(rest, known), total);
  return out;
}

function reshape(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, target] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, target, "index");
  if (!target.content) return [{ dtype: x.dtype, shape: unknownShape(env, vectorLength(ctx, target)) }];
  if (target.shape.length !== 1) throw new ShapeError(`the target must be a vector, it is ${env.show(target.shape)}`);
  const shape = reshaped(env, x.shape, target.content, intAttribute(ctx, "allowzero", 0) !== 0);
  return [{ dtype: x.dtype, shape, content: carried(x.dtype, shape, x.content) }];
}

/** x [d0, .., dn] -> the dims at `axis` and after folded into the second of two. */
function flatten(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const x = need(ctx, 0);
  const rank = x.shape.length;
  const given = intAttribute(ctx, "axis", 1);
  const axis = given < 0 ? given + rank : given;
  if (axis < 0 || axis > rank) throw new ShapeError(`axis ${given} is outside the ${rank} dims of ${env.show(x.shape)}`);
  return [{ dtype: x.dtype, shape: [env.product(x.shape.slice(0, axis)), env.product(x.shape.slice(axis))] }];
}

function transpose(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  const rank = x.shape.length;
  const perm = intsAttribute(ctx, "perm");
  if (!perm) return [{ dtype: x.dtype, shape: x.shape.toReversed() }];
  if (perm.length !== rank || !x.shape.every((_, i) => perm.includes(i)))
    throw new ShapeError(`perm [${perm.join(", ")}] is no order of the dims of ${ctx.env.show(x.shape)}`);
  return [{ dtype: x.dtype, shape: perm.map((p) => x.shape[p]!) }];
}

/** Axes that must be 1, or, without axes, all that are 1. */
function squeeze(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const x = need(ctx, 0);
  const given = ctx.inputs[1] ? literals(ctx.inputs[1]) : undefined;
  if (ctx.inputs[1] && !given) return [{ dtype: x.dtype, shape: unknownShape(env, x.shape.length - vectorLength(ctx, ctx.inputs[1])) }];
  const axes = given ? axesOf(given, x.shape.length, () => env.show(x.shape)) : x.shape.flatMap((d, i) => (env.equal(d, 1) ? [i] : []));
  for (const axis of axes) if (meet(env, x.shape[axis]!, 1) === undefined) throw new ShapeError(`dim ${axis} of ${env.show(x.shape)} is not 1`);
  const shape = x.shape.filter((_, i) => !axes.includes(i));
  return [{ dtype: x.dtype, shape, content: carried(x.dtype, shape, x.content) }];
}

function unsqueeze(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, axesInput] = [need(ctx, 0), need(ctx, 1)];
  const given = literals(axesInput);
  if (!given) return [{ dtype: x.dtype, shape: unknownShape(env, x.shape.length + vectorLength(ctx, axesInput)) }];
  const rank = x.shape.length + given.length;
  const axes = axesOf(given, rank, () => `${env.show(x.shape)} with ${given.length} more`);
  const shape: Dim[] = [];
  let next = 0;
  for (let i = 0; i < rank; i++) shape.push(axes.includes(i) ? 1 : x.shape[next++]!);
  return [{ dtype: x.dtype, shape, content: carried(x.dtype, shape, x.content) }];
}

/** Values that agree in all dims but the axis -> their sizes along it added. */
function concat(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const inputs = needAll(ctx);
  const first = inputs[0]!;
  const axis = axisAttribute(ctx, first, 0);
  const shape: Dim[] = [...first.shape];
  for (const x of inputs.slice(1)) {
    sameDtype(ctx, first, x);
    const shown = () => `cannot join ${env.show(first.shape)} and ${env.show(x.shape)} along dim ${axis}`;
    if (x.shape.length !== shape.length) throw new ShapeError(`${shown()}: the ranks differ`);
    for (let i = 0; i < shape.length; i++) {
      const d = i === axis ? env.add(shape[i]!, x.shape[i]!) : meet(env, shape[i]!, x.shape[i]!);
      if (d === undefined) throw new ShapeError(`${shown()}: dim ${i} differs`);
      shape[i] = d;
    }
  }
  const content = shape.length === 1 && inputs.every((x) => x.content) ? inputs.flatMap((x) => x.content!) : undefined;
  return [{ dtype: first.dtype, shape, content: carried(first.dtype, shape, content) }];
}

const maxParts = 65536;
/** The sizes of n parts, as equal as ONNX makes them: all rounded up but the last. */
function equalParts(env: ShapeEnv, size: Dim, n: number, shown: () => string): Dim[] {
  if (!(n >= 1 && n <= maxParts)) throw new ShapeError(`${shown()} cannot be split in ${n}`);
  const hint = env.hint(size);
  const exact = hint === undefined || hint % n === 0;
  const part = exact ? env.div(size, n) : env.div(env.add(size, n - 1), n);
  const last = env.sub(size, env.mul(part, n - 1));
  if (exact) {
    env.equal(env.mul(part, n), size);
    return new Array<Dim>(n).fill(part);
  }
  if ((env.hint(last) ?? 1) < 0) throw new ShapeError(`${shown()} cannot be split in ${n}`);
  return [...new Array<Dim>(n - 1).fill(part), last];
}

/** x [.., d, ..], split int64 [n]? -> n parts. */
function split(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const x = need(ctx, 0);
  const axis = axisAttribute(ctx, x, 0);
  const size = x.shape[axis]!;
  const lengths = ctx.inputs[1];
  let parts: readonly Dim[];
  if (lengths) {
    parts = lengths.content ?? unknownShape(env, vectorLength(ctx, lengths));
    const sum = parts.reduce<Dim>((a, b) => env.add(a, b), 0);
    if (lengths.content && meet(env, sum, size) === undefined)
      throw new ShapeError(`parts ${env.show(parts)} do not add up to dim ${axis} of ${env.show(x.shape)}`);
  } else {
    parts = equalParts(env, size, intAttribute(ctx, "num_outputs", ctx.outputs), () => `dim ${axis} of ${env.show(x.shape)}`);
  }
  return parts.map((part) => ({ dtype: x.dtype, shape: x.shape.map((d, i) => (i === axis ? part : d)) }));
}

/** x broadcast with a shape: either side may be the bigger one. */
function expand(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, target] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, target, "index");
  if (!target.content) return [{ dtype: x.dtype, shape: unknownShape(env, Math.max(x.shape.length, vectorLength(ctx, target))) }];
  if (target.content.some((d) => typeof d === "number" && d < 0))
    throw new ShapeError(`cannot expand ${env.show(x.shape)} to ${env.show(target.content)}: sizes are never negative`);
  return [{ dtype: x.dtype, shape: broadcast(env, x.shape, target.content) }];
}

function tile(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, repeats] = [need(ctx, 0), need(ctx, 1)];
  const times = repeats.content ?? unknownShape(env, x.shape.length);
  if (times.length !== x.shape.length) throw new ShapeError(`repeats ${env.show(times)} do not fit ${env.show(x.shape)}: one per dim`);
  return [{ dtype: x.dtype, shape: x.shape.map((d, i) => (repeats.content ? env.mul(d, times[i]!) : times[i]!)) }];
}

/** x, pads int64 [2 * n] (begins, then ends), value?, axes [n]? -> dims longer by what is put before and after. */
function pad(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, pads] = [need(ctx, 0), need(ctx, 1)];
  stringAttribute(ctx, "mode", ["constant", "reflect", "edge", "wrap"]);
  if (ctx.inputs[2]) sameDtype(ctx, x, ctx.inputs[2]);
  const given = ctx.inputs[3] ? literals(ctx.inputs[3]) : x.shape.map((_, i) => i);
  if (!pads.content || !given) return [{ dtype: x.dtype, shape: unknownShape(env, x.shape.length) }];
  const axes = axesOf(given, x.shape.length, () => env.show(x.shape));
  const amounts = pads.content;
  if (amounts.length !== 2 * axes.length) throw new ShapeError(`pads ${env.show(amounts)} do not fit ${env.show(x.shape)}: two per dim`);
  const shape: Dim[] = [...x.shape];
  for (const [i, axis] of axes.entries()) {
    const size = env.add(env.add(shape[axis]!, amounts[i]!), amounts[i + axes.length]!);
    if ((env.hint(size) ?? 0) < 0) throw new ShapeError(`pads ${env.show(amounts)} take more than dim ${axis} of ${env.show(x.shape)} has`);
    shape[axis] = size;
  }
  return [{ dtype: x.dtype, shape }];
}

/** x -> int64 [n], the dims from start up to end. */
function shapeOf(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  const rank = x.shape.length;
  const clamp = (at: number) => Math.min(Math.max(at < 0 ? at + rank : at, 0), rank);
  const content = x.shape.slice(clamp(intAttribute(ctx, "start", 0)), clamp(intAttribute(ctx, "end", rank)));
  return [{ dtype: "int64", shape: [content.length], content: content.length <= maxContent ? content : undefined }];
}

/** x -> int64 scalar, the number of elements. */
function size(ctx: InferContext): readonly OutputSpec[] {
  return [{ dtype: "int64", shape: [], content: [ctx.env.product(need(ctx, 0).shape)] }];
}

/** x [.., m, n] -> like x. */
function trilu(ctx: InferContext): readonly OutputSpec[] {
  const x = need(ctx, 0);
  if (x.shape.length < 2) throw new ShapeError(`Trilu takes matrices, the input is ${ctx.env.show(x.shape)}`);
  const k = ctx.inputs[1];
  if (k) {
    needKind(ctx, k, "index");
    if (k.content && scalarContent(k) === undefined) throw new ShapeError(`k must be one number, it is ${ctx.env.show(k.shape)}`);
  }
  return [{ dtype: x.dtype, shape: x.shape }];
}

export const shapeOps: readonly OpDef[] = [
  define("Reshape", [2, 2], reshape),
  define("Flatten", [1, 1], flatten),
  define("Transpose", [1, 1], transpose),
  define("Squeeze", [1, 2], squeeze),
  define("Unsqueeze", [2, 2], unsqueeze),
  define("Concat", [1, maxVariadic], concat),
  define("Split", [1, 2], split, { outputs: [1, maxVariadic] }),
  define("Expand", [2, 2], expand),
  define("Tile", [2, 2], tile),
  define("Pad", [2, 4], pad),
  define("Shape", [1, 1], shapeOf),
  define("Size", [1, 1], size),
  define("Trilu", [1, 2], trilu),
];
