// Comparison and logic: broadcast operands, bool results.
import type { Dim, ShapeEnv } from "../dims.js";
import type { OpDef } from "../op-def.js";
import { broadcast, carried, define, type Kind, need, needKind, sameDtype } from "./common.js";

/** a, b -> bool; the kind is what the operands must be. */
const binary: Readonly<Record<string, Kind>> = {
  Equal: "any",
  Greater: "number",
  GreaterOrEqual: "number",
  Less: "number",
  LessOrEqual: "number",
  And: "bool",
  Or: "bool",
  Xor: "bool",
};

/** Whether two elements of a size vector are the same, as 0 or 1; undefined where that is open. A size is never negative. */
function sameElement(env: ShapeEnv, a: Dim, b: Dim): Dim | undefined {
  const ra = env.resolve(a);
  const rb = env.resolve(b);
  if (ra === rb) return 1;
  if (typeof ra === "number" && typeof rb === "number") return 0;
  return (typeof ra === "number" && ra < 0) || (typeof rb === "number" && rb < 0) ? 0 : undefined;
}
function equalContent(env: ShapeEnv, a: readonly Dim[], b: readonly Dim[]): readonly Dim[] | undefined {
  const n = a.length === 1 ? b.length : a.length;
  const out = Array.from({ length: n }, (_, i) => sameElement(env, a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!));
  return out.every((d) => d !== undefined) ? (out as Dim[]) : undefined;
}

export const logicOps: readonly OpDef[] = [
  ...Object.entries(binary).map(([op, kind]) =>
    define(op, [2, 2], (ctx) => {
      const [a, b] = [need(ctx, 0), need(ctx, 1)];
      needKind(ctx, a, kind);
      sameDtype(ctx, a, b);
      const shape = broadcast(ctx.env, a.shape, b.shape);
      const content = op === "Equal" && a.content && b.content ? carried("bool", shape, equalContent(ctx.env, a.content, b.content)) : undefined;
      return [{ dtype: "bool", shape, content }];
    }),
  ),
  ...["IsNaN", "IsInf"].map((op) =>
    define(op, [1, 1], (ctx) => {
      const x = need(ctx, 0);
      needKind(ctx, x, "float");
      return [{ dtype: "bool", shape: x.shape }];
    }),
  ),
];
