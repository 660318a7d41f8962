// Gradients of matrix products: MatMul, FusedMatMul (com.microsoft) and Gemm. Transposes are flags, never nodes.
import type { Builder, MatMulOptions } from "../../graph/builder.js";
import type { Value } from "../../graph/graph.js";
import { unsupported } from "../errors.js";
import type { GradientContext, GradientDef, GradientRule } from "../gradient-table.js";
import { floatAttribute, intAttribute, reshapeLike, reshapeTo } from "./helpers.js";

type Flags = Required<MatMulOptions>;

/** [.., n] as [.., 1, n] or [.., n, 1]. */
const insertAxis = (b: Builder, x: Value, axis: number): Value => b.unsqueeze(x, [axis]);

/** [.., n] as [rows, n]. */
function flatten(b: Builder, x: Value): Value {
  if (x.rank === 2) return x;
  return reshapeTo(b, x, [b.graph.env.product(x.shape.slice(0, -1)), x.shape.at(-1)!], [x]);
}

/**
 * Y = alpha op(A) op(B), operands of at least two dims, batch dims broadcast.
 * dop(A) = alpha dY op(B)^T, dop(B) = alpha op(A)^T dY, and the transposes of these where the flag is set.
 */
function matmulGradient(
  ctx: GradientContext,
  a: Value,
  bb: Value,
  dy: Value,
  { transposeA, transposeB, alpha }: Flags,
): [Value | undefined, Value | undefined] {
  const { b } = ctx;
  const da = () => (transposeA ? b.matmul(bb, dy, { transposeA: transposeB, transposeB: true, alpha }) : b.matmul(dy, bb, { transposeB: !transposeB, alpha }));
  const db = () => {
    // A matrix on the right of a batch: one product over all rows, rather than one per batch entry and a sum.
    const flat = a.rank > 2 && bb.rank === 2 && !transposeA;
    const left = flat ? flatten(b, a) : a;
    const grad = flat ? flatten(b, dy) : dy;
    return transposeB ? b.matmul(grad, left, { transposeA: true, transposeB: transposeA, alpha }) : b.matmul(left, grad, { transposeA: !transposeA, alpha });
  };
  return [ctx.needs(0) ? b.reduceTo(da(), a.shape, a) : undefined, ctx.needs(1) ? b.reduceTo(db(), bb.shape, bb) : undefined];
}

/** Vectors become matrices of one row (left) or one column (right), as MatMul defines them. */
const matmul =
  (flags: (ctx: GradientContext) => Flags): GradientRule =>
  (ctx) => {
    const { b } = ctx;
    const [left, right] = [ctx.input(0), ctx.input(1)];
    let dy = ctx.gradOut(0)!;
    if (right.rank === 1) dy = insertAxis(b, dy, dy.rank);
    if (left.rank === 1) dy = insertAxis(b, dy, dy.rank - 1);
    const a = left.rank === 1 ? insertAxis(b, left, 0) : left;
    const bb = right.rank === 1 ? insertAxis(b, right, 1) : right;
    const given = flags(ctx);
    const [da, db] = matmulGradient(ctx, a, bb, dy, {
      ...given,
      transposeA: given.transposeA && left.rank > 1,
      transposeB: given.transposeB && right.rank > 1,
    });
    return [da && reshapeLike(b, da, left), db && reshapeLike(b, db, right)];
  };

const fusedFlags = ({ node }: GradientContext): Flags => {
  for (const name of ["transBatchA", "transBatchB"]) {
    if (intAttribute(node, name, 0) !== 0) throw unsupported(node, name, "use a Transpose node for the batch dims");
  }
  return { transposeA: intAttribute(node, "transA", 0) !== 0, transposeB: intAttribute(node, "transB", 0) !== 0, alpha: floatAttribute(node, "alpha", 1) };
};

/** Y = alpha op(A) op(B) + beta C. */
const gemm: GradientRule = (ctx) => {
  const { b, node } = ctx;
  const flags = fusedFlags(ctx);
  const dy = ctx.gradOut(0)!;
  const [da, db] = matmulGradient(ctx, ctx.input(0), ctx.input(1), dy, flags);
  const c = node.inputs[2];
  return [da, db, c && ctx.needs(2) ? b.mulScalar(b.reduceTo(dy, c.shape, c), floatAttribute(node, "beta", 1)) : undefined];
};

export const linearGradients: readonly GradientDef[] = [
  { op: "MatMul", rule: matmul(() => ({ transposeA: false, transposeB: false, alpha: 1 })) },
  { op: "FusedMatMul", domain: "com.microsoft", rule: matmul(fusedFlags) },
  { op: "Gemm", rule: gemm },
];
