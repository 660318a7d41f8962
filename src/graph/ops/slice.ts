// Slice: bounds may be literal or symbolic; of short size vectors the elements are followed.
import { ShapeError } from "../../errors.js";
import type { Dim, ShapeEnv } from "../dims.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { axesOf, carried, define, literals, need, needKind, sameDtype, unknownShape } from "./common.js";

/** ONNX writes "to the end" as a huge number; from here on a bound means that. */
const endless = 2 ** 31 - 1;

/** A bound of a forward slice as a place in 0..size. */
function place(env: ShapeEnv, bound: Dim, size: Dim): Dim {
  if (typeof bound !== "number" || typeof size !== "number") {
    if (bound === 0) return 0;
    if (typeof bound === "number" && bound >= endless) return size;
    if (typeof bound === "number" && bound <= -endless) return 0;
    if (typeof bound === "number" && bound < 0) {
      // Counted from the end: size + bound, and 0 where that is before the start.
      return env.sub(size, env.min(-bound, size));
    }
    return env.min(bound, size);
  }
  return Math.min(Math.max(bound < 0 ? bound + size : bound, 0), size);
}

/** How many elements a slice with numeric bounds keeps. */
function count(start: number, end: number, step: number, size: number): number {
  const clamp = (at: number, low: number, high: number) => Math.min(Math.max(at < 0 ? at + size : at, low), high);
  const from = step > 0 ? clamp(start, 0, size) : clamp(start, 0, size - 1);
  const to = step > 0 ? clamp(end, 0, size) : end <= -endless ? -1 : clamp(end, -1, size - 1);
  return Math.max(0, Math.ceil((to - from) / step));
}

/** The size that start:end:step leaves of a dim. */
function sliced(env: ShapeEnv, size: Dim, start: Dim, end: Dim, step: number): Dim {
  const d = env.resolve(size);
  const from = env.resolve(start);
  const to = env.resolve(end);
  if (typeof d === "number" && typeof from === "number" && typeof to === "number") return count(from, to, step, d);
  if (step > 0) {
    const first = place(env, from, d);
    const last = place(env, to, d);
    const length = first === 0 || last === d ? env.sub(last, first) : env.sub(last, env.min(first, last));
    return step === 1 ? length : env.div(env.add(length, step - 1), step);
  }
  const whole = (from === -1 || (typeof from === "number" && from >= endless)) && typeof to === "number" && to <= -endless;
  if (whole) return step === -1 ? d : env.div(env.add(d, -step - 1), -step);
  const [hd, hf, ht] = [env.hint(d), env.hint(from), env.hint(to)];
  return env.unknown(hd === undefined || hf === undefined || ht === undefined ? undefined : count(hf, ht, step, hd));
}

/** data, starts [n], ends [n], axes [n]?, steps [n]?. */
function slice(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const [x, starts, ends] = [need(ctx, 0), need(ctx, 1), need(ctx, 2)];
  for (const bound of ctx.inputs.slice(1)) {
    if (!bound) continue;
    needKind(ctx, bound, "index");
    sameDtype(ctx, starts, bound);
  }
  const rank = x.shape.length;
  const axesInput = ctx.inputs[3];
  const bounds = starts.content ?? ends.content;
  const givenAxes = axesInput ? literals(axesInput) : bounds?.map((_, i) => i);
  if (!givenAxes) return [{ dtype: x.dtype, shape: unknownShape(env, rank) }];
  const axes = axesOf(givenAxes, rank, () => env.show(x.shape));
  const steps = ctx.inputs[4] ? literals(ctx.inputs[4]) : axes.map(() => 1);
  const known = starts.content !== undefined && ends.content !== undefined && steps !== undefined;
  if (known && (starts.content.length !== axes.length || ends.content.length !== axes.length || steps.length !== axes.length)) {
    throw new ShapeError(
      `starts, ends, axes and steps must be of one length, for ${env.show(x.shape)} they have ${starts.content.length}, ${ends.content.length}, ${axes.length}, ${steps.length}`,
    );
  }
  if (steps?.includes(0)) throw new ShapeError(`a step of 0 leads nowhere, in a slice of ${env.show(x.shape)}`);
  const shape: Dim[] = [...x.shape];
  for (const [i, axis] of axes.entries()) shape[axis] = known ? sliced(env, shape[axis]!, starts.content[i]!, ends.content[i]!, steps[i]!) : env.unknown();
  return [
    {
      dtype: x.dtype,
      shape,
      content: known && axes.length === 1 ? carried(x.dtype, shape, elements(env, x.content, starts.content[0]!, ends.content[0]!, steps[0]!)) : undefined,
    },
  ];
}

/** The elements of a followed vector that a slice with numeric bounds keeps. */
function elements(env: ShapeEnv, content: readonly Dim[] | undefined, start: Dim, end: Dim, step: number): readonly Dim[] | undefined {
  const from = env.resolve(start);
  const to = env.resolve(end);
  if (!content || typeof from !== "number" || typeof to !== "number") return undefined;
  const n = content.length;
  const first = Math.min(Math.max(from < 0 ? from + n : from, 0), step > 0 ? n : n - 1);
  return Array.from({ length: count(from, to, step, n) }, (_, i) => content[first + i * step]!);
}

export const sliceOps: readonly OpDef[] = [define("Slice", [3, 5], slice)];
