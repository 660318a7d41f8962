// Convolutions: Conv and ConvTranspose over any number of spatial dims.
import { ShapeError } from "../../errors.js";
import type { Dim } from "../dims.js";
import type { Value } from "../graph.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { define, intAttribute, intsAttribute, meet, need, needKind, sameDtype } from "./common.js";
import { autoPadOf, reach, windowCounts, windowsOf } from "./conv-geometry.js";

/** x [N, C, spatial..], weights of as many dims, whose sizes are numbers. */
function operands(ctx: InferContext): { x: Value; w: Value; kernel: readonly number[] } {
  const { env } = ctx;
  const [x, w] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, x, "float");
  sameDtype(ctx, x, w);
  if (x.rank < 3 || w.rank !== x.rank) throw new ShapeError(`x ${env.show(x.shape)} and the weight ${env.show(w.shape)} must be of one rank, at least 3`);
  const kernel = w.shape.slice(2).map((d) => env.resolve(d));
  if (!kernel.every((d) => typeof d === "number")) throw new ShapeError(`the sizes of the kernel must be known, the weight is ${env.show(w.shape)}`);
  const given = intsAttribute(ctx, "kernel_shape");
  if (given && given.join() !== kernel.join()) throw new ShapeError(`kernel_shape [${given.join(", ")}] is not that of the weight ${env.show(w.shape)}`);
  return { x, w, kernel: kernel as number[] };
}

function groupsOf(ctx: InferContext): number {
  const groups = intAttribute(ctx, "group", 1);
  if (groups < 1) throw new ShapeError(`there are ${groups} groups`);
  return groups;
}

function checkBias(ctx: InferContext, x: Value, channels: Dim): void {
  const bias = ctx.inputs[2];
  if (!bias) return;
  sameDtype(ctx, x, bias);
  if (bias.rank !== 1 || meet(ctx.env, bias.shape[0]!, channels) === undefined)
    throw new ShapeError(`the bias ${ctx.env.show(bias.shape)} must be [${ctx.env.showDim(channels)}]`);
}

/** x [N, C, in..], weight [M, C / group, k..], bias [M]? -> [N, M, out..] */
function conv(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const { x, w, kernel } = operands(ctx);
  const groups = groupsOf(ctx);
  const [outputs, inputs] = [env.resolve(w.shape[0]!), env.mul(w.shape[1]!, groups)];
  if (meet(env, x.shape[1]!, inputs) === undefined)
    throw new ShapeError(
      `x ${env.show(x.shape)} has ${env.showDim(x.shape[1]!)} channels, the weight ${env.show(w.shape)} in ${groups} groups takes ${env.showDim(inputs)}`,
    );
  if (typeof outputs === "number" && outputs % groups !== 0) throw new ShapeError(`${outputs} output channels do not divide into ${groups} groups`);
  checkBias(ctx, x, outputs);
  const windows = windowsOf(ctx.attributes, kernel);
  return [{ dtype: x.dtype, shape: [x.shape[0]!, outputs, ...windowCounts(env, x.shape.slice(2), windows, autoPadOf(ctx.attributes))] }];
}

/** x [N, C, in..], weight [C, M / group, k..], bias [M]? -> [N, M, out..] */
function convTranspose(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const { x, w, kernel } = operands(ctx);
  const groups = groupsOf(ctx);
  if (meet(env, x.shape[1]!, w.shape[0]!) === undefined)
    throw new ShapeError(`x ${env.show(x.shape)} has ${env.showDim(x.shape[1]!)} channels, the weight ${env.show(w.shape)} takes ${env.showDim(w.shape[0]!)}`);
  const outputs = env.mul(w.shape[1]!, groups);
  checkBias(ctx, x, outputs);
  const windows = windowsOf(ctx.attributes, kernel);
  const auto = autoPadOf(ctx.attributes);
  const extra = intsAttribute(ctx, "output_padding") ?? kernel.map(() => 0);
  const fixed = intsAttribute(ctx, "output_shape")?.slice(-kernel.length);
  for (const list of [extra, fixed])
    if (list && (list.length !== kernel.length || list.some((n) => n < 0))) throw new ShapeError(`output_padding and output_shape need ${kernel.length} sizes`);
  const spatial = x.shape.slice(2).map((size, i) => {
    if (fixed) return fixed[i]!;
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") return env.mul(size, windows.strides[i]!);
    const spread = env.mul(env.sub(size, 1), windows.strides[i]!);
    return env.add(spread, reach(windows, i) + extra[i]! - windows.before[i]! - windows.after[i]!);
  });
  return [{ dtype: x.dtype, shape: [x.shape[0]!, outputs, ...spatial] }];
}

export const convOps: readonly OpDef[] = [define("Conv", [2, 3], conv), define("ConvTranspose", [2, 3], convTranspose)];
