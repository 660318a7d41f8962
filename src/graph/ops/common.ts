// What the shape rules share: reading inputs, attributes and axes, and meeting of sizes; every failure names the node.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Dim, Shape, ShapeEnv } from "../dims.js";
import { type DType, dtypes, isFloat, type TensorData } from "../dtype.js";
import type { Value } from "../graph.js";
import { type InferContext, maxContent, maxRank, type OpDef, type OutputSpec, type Range } from "../op-def.js";

export interface DefOptions {
  readonly domain?: string;
  readonly outputs?: Range;
}
export function define(op: string, inputs: Range, infer: (ctx: InferContext) => readonly OutputSpec[], options: DefOptions = {}): OpDef {
  return { op, domain: options.domain ?? "", inputs, outputs: options.outputs ?? [1, 1], infer };
}

// ---- inputs
/** An input that the op cannot do without. */
export function need(ctx: InferContext, i: number): Value {
  const value = ctx.inputs[i];
  if (!value) throw new ArgumentError(`node ${ctx.name} (${ctx.op}): input ${i} is missing`, { code: "ERR_OP_ARITY" });
  return value;
}
/** All inputs of an op with any number of them. */
export const needAll = (ctx: InferContext): readonly Value[] => ctx.inputs.map((_, i) => need(ctx, i));

export type Kind = "any" | "float" | "number" | "bool" | "index";
const kinds: { readonly [K in Kind]: { readonly accepts: (dtype: DType) => boolean; readonly text: string } } = {
  any: { accepts: () => true, text: "any dtype" },
  float: { accepts: isFloat, text: "a float dtype" },
  number: { accepts: (d) => d !== "bool", text: "numbers" },
  bool: { accepts: (d) => d === "bool", text: "bool" },
  index: { accepts: (d) => d === "int64" || d === "int32", text: "int64 or int32" },
};
export function needKind(ctx: InferContext, value: Value, kind: Kind): void {
  if (!kinds[kind].accepts(value.dtype))
    throw new ArgumentError(`node ${ctx.name} (${ctx.op}): ${value.name} is ${value.dtype}, the op takes ${kinds[kind].text}`, {
      code: "ERR_DTYPE",
      hint: "cast it first",
    });
}
export function sameDtype(ctx: InferContext, a: Value, b: Value): DType {
  if (a.dtype !== b.dtype) {
    throw new ArgumentError(
      `node ${ctx.name} (${ctx.op}): ${a.name} is ${a.dtype} ${ctx.env.show(a.shape)}, ${b.name} is ${b.dtype} ${ctx.env.show(b.shape)}`,
      {
        code: "ERR_DTYPE",
        hint: "cast one of them, dtypes are never converted silently",
      },
    );
  }
  return a.dtype;
}

// ---- attributes
export function intAttribute(ctx: InferContext, name: string, fallback: number): number {
  const value = ctx.attributes[name];
  if (value === undefined) return fallback;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new ArgumentError(`node ${ctx.name} (${ctx.op}): attribute ${name} must be an integer`, { code: "ERR_OP_ATTRIBUTE" });
}
export function intsAttribute(ctx: InferContext, name: string): readonly number[] | undefined {
  const value = ctx.attributes[name];
  if (value === undefined) return undefined;
  if (Array.isArray(value) && value.every((v) => Number.isInteger(v))) return value as readonly number[];
  throw new ArgumentError(`node ${ctx.name} (${ctx.op}): attribute ${name} must be a list of integers`, { code: "ERR_OP_ATTRIBUTE" });
}
export function stringAttribute<S extends string>(ctx: InferContext, name: string, allowed: readonly S[]): S {
  const value = ctx.attributes[name] ?? allowed[0];
  if (allowed.includes(value as S)) return value as S;
  throw new ArgumentError(`node ${ctx.name} (${ctx.op}): attribute ${name} is ${JSON.stringify(value)}, not one of ${allowed.join(", ")}`, {
    code: "ERR_OP_ATTRIBUTE",
  });
}
export function tensorAttribute(ctx: InferContext, name: string): TensorData | undefined {
  const value = ctx.attributes[name];
  if (value === undefined) return undefined;
  if (typeof value === "object" && "dtype" in value && "shape" in value) return value;
  throw new ArgumentError(`node ${ctx.name} (${ctx.op}): attribute ${name} must be a tensor`, { code: "ERR_OP_ATTRIBUTE" });
}

// ---- axes
/** The axis as 0..rank-1; negative axes count from the end. */
export function axisOf(axis: number, rank: number, shown: () => string): number {
  const at = axis < 0 ? axis + rank : axis;
  if (!(at >= 0 && at < rank)) throw new ShapeError(`axis ${axis} is outside the ${rank} dims of ${shown()}`);
  return at;
}
export function axesOf(axes: readonly number[], rank: number, shown: () => string): number[] {
  const out = axes.map((a) => axisOf(a, rank, shown));
  if (new Set(out).size !== out.length) throw new ShapeError(`axes [${axes.join(", ")}] name a dim of ${shown()} twice`);
  return out;
}
/** Attribute `axis` on a value's dims. */
export function axisAttribute(ctx: InferContext, x: Value, fallback: number): number {
  return axisOf(intAttribute(ctx, "axis", fallback), x.shape.length, () => ctx.env.show(x.shape));
}

// ---- contents
/** The elements of an int64 vector, all of them plain numbers, or undefined. */
export function literals(value: Value | undefined): readonly number[] | undefined {
  const content = value?.content;
  return content?.every((d) => typeof d === "number") ? (content as readonly number[]) : undefined;
}
/** The content of a scalar or a vector of one element. */
export function scalarContent(value: Value | undefined): Dim | undefined {
  return value?.content?.length === 1 ? value.content[0] : undefined;
}
/** A size that decides ranks, as a number: a symbol is fixed to its hint, which becomes a guard. */
export function fixedSize(env: ShapeEnv, dim: Dim): number | undefined {
  const d = env.resolve(dim);
  if (typeof d === "number") return d;
  const hint = env.isUnknown(d) ? undefined : env.hint(d);
  if (hint !== undefined) env.unify(d, hint);
  return hint;
}
/** The number of elements of a vector; it decides ranks. */
export function vectorLength(ctx: InferContext, value: Value): number {
  const n = value.shape.length === 1 ? fixedSize(ctx.env, value.shape[0]!) : undefined;
  if (n === undefined) throw new ShapeError(`${value.name} must be a vector of known length, it is ${ctx.env.show(value.shape)}`);
  if (n > maxRank) throw new ShapeError(`${value.name} ${ctx.env.show(value.shape)} has more elements than a shape has dims (${maxRank})`);
  return n;
}
/** The content, if the output may carry one: integers or bools, rank 0 or 1, short. */
export function carried(dtype: DType, shape: Shape, content: readonly Dim[] | undefined): readonly Dim[] | undefined {
  return content && shape.length <= 1 && content.length <= maxContent && dtypes[dtype].kind !== "float" ? content : undefined;
}
/** Unknown sizes: they depend on data. */
export const unknownShape = (env: ShapeEnv, rank: number): Dim[] => Array.from({ length: rank }, () => env.unknown());

// ---- meeting sizes
/** One size for two that must be the same, or undefined. Hints decide; without them the sizes are taken to be equal. */
export function meet(env: ShapeEnv, a: Dim, b: Dim): Dim | undefined {
  if (a === b) return a;
  const ra = env.resolve(a);
  const rb = env.resolve(b);
  if (ra === rb) return ra;
  if (typeof ra === "number" && typeof rb === "number") return undefined;
  const ha = env.hint(ra);
  const hb = env.hint(rb);
  return ha !== undefined && hb !== undefined && ha !== hb ? undefined : env.unify(ra, rb);
}
/** The shape of two values under broadcasting; when they are the same, without asking for each dim. */
export function broadcast(env: ShapeEnv, a: Shape, b: Shape): Shape {
  if (a === b || b.length === 0) return a;
  if (a.length === b.length) {
    let same = true;
    for (let i = 0; same && i < a.length; i++) same = a[i] === b[i];
    if (same) return a;
  }
  return env.broadcastShapes(a, b);
}
/** Throws unless `small` broadcasts to exactly `big`. */
export function broadcastsTo(env: ShapeEnv, small: Shape, big: Shape): void {
  const out = broadcast(env, big, small);
  const fits = out.length === big.length && out.every((d, i) => env.resolve(d) === env.resolve(big[i]!));
  if (!fits) throw new ShapeError(`shape ${env.show(small)} does not broadcast to ${env.show(big)}`);
}
