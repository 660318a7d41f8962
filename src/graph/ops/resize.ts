// Images of other sizes: Resize, DepthToSpace, SpaceToDepth.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Dim, ShapeEnv } from "../dims.js";
import type { Value } from "../graph.js";
import type { Decomposition, InferContext, OpDef, OutputSpec } from "../op-def.js";
import { axesOf, define, intAttribute, intsAttribute, need, needKind, stringAttribute, unknownShape } from "./common.js";

/** Denominators up to this are tried to write a scale as a fraction. */
const maxDenominator = 64;
/** floor(size * scale). A scale that is a simple fraction leaves a size that later runs can compute. */
function scaled(env: ShapeEnv, size: Dim, scale: number): Dim {
  if (typeof size === "number") return Math.floor(size * scale);
  for (let q = 1; q <= maxDenominator; q++) {
    const p = Math.round(scale * q);
    if (p > 0 && Math.abs(scale - p / q) < 1e-7 * scale) return env.div(env.mul(size, p), q);
  }
  const hint = env.hint(size);
  return env.unknown(hint === undefined ? undefined : Math.floor(hint * scale));
}

/** x [..], roi?, scales float [n]? or sizes int64 [n]? (of all dims, or of those in attribute axes) -> x with other sizes. */
function resize(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const x = need(ctx, 0);
  needKind(ctx, x, "number");
  stringAttribute(ctx, "mode", ["nearest", "linear", "cubic"]);
  const axes = axesOf(intsAttribute(ctx, "axes") ?? x.shape.map((_, i) => i), x.rank, () => env.show(x.shape));
  const [scales, sizes] = [ctx.inputs[2], ctx.inputs[3]];
  const given = scales && scales.shape[0] !== 0 ? scales : undefined;
  if ((given === undefined) === (sizes === undefined))
    throw new ArgumentError(`node ${ctx.name} (${ctx.op}): either scales or sizes are needed`, { code: "ERR_OP_ARITY" });
  const shape: Dim[] = [...x.shape];
  if (sizes) {
    needKind(ctx, sizes, "index");
    if (stringAttribute(ctx, "keep_aspect_ratio_policy", ["stretch", "not_larger", "not_smaller"]) !== "stretch" || !sizes.content)
      return [{ dtype: x.dtype, shape: unknownShape(env, x.rank) }];
    if (sizes.content.length !== axes.length) throw new ShapeError(`there are ${sizes.content.length} sizes for ${axes.length} dims of ${env.show(x.shape)}`);
    for (const [i, axis] of axes.entries()) shape[axis] = sizes.content[i]!;
    return [{ dtype: x.dtype, shape }];
  }
  const factors = given!.constant && Array.from(given!.constant.data, Number);
  if (!factors) return [{ dtype: x.dtype, shape: unknownShape(env, x.rank) }];
  if (factors.length !== axes.length || factors.some((f) => !(f > 0)))
    throw new ShapeError(`scales [${factors.join(", ")}] do not fit ${axes.length} dims of ${env.show(x.shape)}`);
  for (const [i, axis] of axes.entries()) if (factors[i] !== 1) shape[axis] = scaled(env, env.resolve(shape[axis]!), factors[i]!);
  return [{ dtype: x.dtype, shape }];
}

function blocks(ctx: InferContext): { x: Value; size: number } {
  const x = need(ctx, 0);
  const size = intAttribute(ctx, "blocksize", 0);
  if (x.rank !== 4 || size < 1)
    throw new ShapeError(`${ctx.op} takes [N, C, H, W] and a blocksize from 1 up, the input is ${ctx.env.show(x.shape)}, the blocksize ${size}`);
  return { x, size };
}
/** A size in parts; a remainder is an error where it is known. */
function parted(env: ShapeEnv, dim: Dim, parts: number, what: string): Dim {
  const hint = env.hint(dim);
  if (hint !== undefined && hint % parts !== 0) throw new ShapeError(`${what} of ${hint} does not divide by ${parts}`);
  return env.div(dim, parts);
}

/** x [N, C, H, W] -> [N, C / b^2, H b, W b] */
function depthToSpace(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const { x, size } = blocks(ctx);
  stringAttribute(ctx, "mode", ["DCR", "CRD"]);
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  return [{ dtype: x.dtype, shape: [n, parted(env, c, size * size, "a depth"), env.mul(h, size), env.mul(w, size)] }];
}
/** x [N, C, H, W] -> [N, C b^2, H / b, W / b] */
function spaceToDepth(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const { x, size } = blocks(ctx);
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  return [{ dtype: x.dtype, shape: [n, env.mul(c, size * size), parted(env, h, size, "a height"), parted(env, w, size, "a width")] }];
}

const decomposeDepthToSpace: Decomposition = ({ b, node, inputs }) => {
  const { env } = b.graph;
  const x = inputs[0]!;
  const size = node.attributes.blocksize as number;
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  const depth = env.div(c, size * size);
  const last = node.attributes.mode === "CRD";
  const split = b.reshape(x, last ? [n, depth, size, size, h, w] : [n, size, size, depth, h, w]);
  const moved = b.transpose(split, last ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
  return [b.reshape(moved, [n, depth, env.mul(h, size), env.mul(w, size)], [x])];
};
const decomposeSpaceToDepth: Decomposition = ({ b, node, inputs }) => {
  const { env } = b.graph;
  const x = inputs[0]!;
  const size = node.attributes.blocksize as number;
  const [n, c, h, w] = x.shape as [Dim, Dim, Dim, Dim];
  const split = b.reshape(x, [n, c, env.div(h, size), size, env.div(w, size), size]);
  return [b.reshape(b.transpose(split, [0, 3, 5, 1, 2, 4]), [n, env.mul(c, size * size), env.div(h, size), env.div(w, size)], [x])];
};

export const resizeOps: readonly OpDef[] = [
  define("Resize", [1, 4], resize),
  { ...define("DepthToSpace", [1, 1], depthToSpace), decompose: decomposeDepthToSpace },
  { ...define("SpaceToDepth", [1, 1], spaceToDepth), decompose: decomposeSpaceToDepth },
];
