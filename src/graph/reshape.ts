// Reshaping a value without arithmetic on sizes at run time, where that can be avoided; and counting.
import type { Builder } from "./builder.js";
import type { Dim, Shape, ShapeEnv } from "./dims.js";
import type { Value } from "./graph.js";

/** Whether two shapes are surely the same. */
export function sameShape(env: ShapeEnv, a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((d, i) => env.resolve(d) === env.resolve(b[i]!));
}

/**
 * Gives a value the dims of `like`, a value of as many elements. Where at most one symbolic dim is not already at its place, the target is a
 * constant with ONNX's 0 (copy) and -1 (the rest), so no node computes a shape and `like` need not be kept for it.
 */
export function reshapeLike(b: Builder, x: Value, like: Value): Value {
  const target = reshapeTarget(b.graph.env, x.shape, like.shape);
  if (target === "same") return x;
  return target ? b.op("Reshape", [x, b.int64(target)]) : b.op("Reshape", [x, b.shapeOf(like)], { allowzero: 1 });
}

/** Reshapes to dims; a symbolic dim that cannot be copied or left over is read from `from` at run time. */
export function reshapeTo(b: Builder, x: Value, dims: Shape, from: readonly Value[]): Value {
  const target = reshapeTarget(b.graph.env, x.shape, dims);
  if (target === "same") return x;
  return target ? b.op("Reshape", [x, b.int64(target)]) : b.op("Reshape", [x, b.sizes(dims, [x, ...from])], { allowzero: 1 });
}

/** Undefined where sizes must be computed, or are 0, which needs Reshape's `allowzero`. */
function reshapeTarget(env: ShapeEnv, from: Shape, to: Shape): number[] | "same" | undefined {
  if (sameShape(env, from, to)) return "same";
  const target: number[] = [];
  let rest = 0;
  for (const [i, dim] of env.resolveShape(to).entries()) {
    if (typeof dim === "number") target.push(dim);
    else if (i < from.length && env.resolve(from[i]!) === dim) target.push(0);
    else if (rest++ === 0) target.push(-1);
    else return undefined;
  }
  const empty = env.resolveShape(to).includes(0) || env.resolveShape(from).includes(0);
  return empty ? undefined : target;
}

/** 0, 1, 2, ... as many as a size. Symbolic sizes are read from `from`. */
export function counted(b: Builder, size: Dim, from: readonly Value[]): Value {
  for (const x of from) b.source(x);
  return b.op("Range", [b.scalar(0, "int64"), b.squeeze(b.dim(size), [0]), b.scalar(1, "int64")]);
}
