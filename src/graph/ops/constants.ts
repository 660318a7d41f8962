// Values that are made, not computed from data: Constant, ConstantOfShape, Range.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Dim } from "../dims.js";
import { dtypes } from "../dtype.js";
import type { Value } from "../graph.js";
import { type InferContext, maxContent, type OpDef, type OutputSpec } from "../op-def.js";
import {
  carried,
  define,
  intAttribute,
  intsAttribute,
  need,
  needKind,
  sameDtype,
  scalarContent,
  tensorAttribute,
  unknownShape,
  vectorLength,
} from "./common.js";

/** The forms of Constant that are numbers: value, value_int(s), value_float(s). */
function constant(ctx: InferContext): readonly OutputSpec[] {
  const { attributes } = ctx;
  const value = tensorAttribute(ctx, "value");
  if (value) {
    const followed = value.shape.length <= 1 && value.data.length <= maxContent;
    return [{ dtype: value.dtype, shape: value.shape, content: followed ? carried(value.dtype, value.shape, Array.from(value.data, Number)) : undefined }];
  }
  if (attributes.value_int !== undefined) return [{ dtype: "int64", shape: [], content: [intAttribute(ctx, "value_int", 0)] }];
  const ints = intsAttribute(ctx, "value_ints");
  if (ints) return [{ dtype: "int64", shape: [ints.length], content: carried("int64", [ints.length], ints) }];
  if (attributes.value_float !== undefined) return [{ dtype: "float32", shape: [] }];
  const floats = attributes.value_floats;
  if (typeof floats === "object" && "floats" in floats) return [{ dtype: "float32", shape: [floats.floats.length] }];
  throw new ArgumentError(`node ${ctx.name} (Constant): no attribute value`, {
    code: "ERR_OP_ATTRIBUTE",
    hint: "strings and sparse tensors are not supported",
  });
}

/** shape int64 [n] -> a tensor of that shape, filled with `value` (default 0, float32). */
function constantOfShape(ctx: InferContext): readonly OutputSpec[] {
  const target = need(ctx, 0);
  needKind(ctx, target, "index");
  const value = tensorAttribute(ctx, "value");
  const dtype = value?.dtype ?? "float32";
  const shape = target.content ?? unknownShape(ctx.env, vectorLength(ctx, target));
  const n = shape.length === 0 ? 1 : shape[0];
  const followed = shape.length <= 1 && typeof n === "number" && n >= 0 && n <= maxContent;
  return [{ dtype, shape, content: followed ? carried(dtype, shape, new Array<Dim>(n).fill(value ? Number(value.data[0]) : 0)) : undefined }];
}

/** A scalar's number or size, whatever its dtype. */
function scalar(value: Value): Dim | undefined {
  const data = value.constant?.data;
  return scalarContent(value) ?? (data?.length === 1 && dtypes[value.dtype].bytes > 2 ? Number(data[0]) : undefined);
}

/** start, limit, delta (scalars) -> [n]. */
function range(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [start, limit, delta] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  sameDtype(ctx, start, limit);
  const dtype = sameDtype(ctx, start, delta);
  const [from, to, step] = [scalar(start), scalar(limit), scalar(delta)];
  if (step === 0) throw new ShapeError("a step of 0 leads nowhere");
  if (from === undefined || to === undefined || typeof step !== "number") return [{ dtype, shape: [env.unknown()] }];
  if (typeof from === "number" && typeof to === "number") {
    const n = Math.max(0, Math.ceil((to - from) / step));
    const content = n <= maxContent ? Array.from({ length: n }, (_, i) => from + i * step) : undefined;
    return [{ dtype, shape: [n], content: carried(dtype, [n], content) }];
  }
  if (step === 1) return [{ dtype, shape: [from === 0 ? to : env.sub(to, env.min(from, to))] }];
  const [f, t] = [env.hint(from), env.hint(to)];
  return [{ dtype, shape: [env.unknown(f === undefined || t === undefined ? undefined : Math.max(0, Math.ceil((t - f) / step)))] }];
}

export const constantOps: readonly OpDef[] = [
  define("Constant", [0, 0], constant),
  define("ConstantOfShape", [1, 1], constantOfShape),
  define("Range", [3, 3], range),
];
