// Products: MatMul and its fused form, Gemm.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Dim, Shape, ShapeEnv } from "../dims.js";
import type { InferContext, OpDef, OutputSpec } from "../op-def.js";
import { broadcast, broadcastsTo, define, intAttribute, meet, need, needKind, sameDtype } from "./common.js";

/** The last two dims changed places. */
function swapped(shape: Shape): Shape {
  return shape.length < 2 ? shape : [...shape.slice(0, -2), shape.at(-1)!, shape.at(-2)!];
}

/** [.., m, k] x [.., k, n] -> [.., m, n]; a vector stands for a matrix of one row (left) or column (right), whose dim is dropped. */
function matmulShape(env: ShapeEnv, a: Shape, b: Shape): Shape {
  const shown = () => `${env.show(a)} x ${env.show(b)}`;
  if (a.length === 0 || b.length === 0) throw new ShapeError(`a scalar has no matrix product: ${shown()}`);
  const k = a[a.length - 1]!;
  const l = b[Math.max(b.length - 2, 0)]!;
  if (meet(env, k, l) === undefined) throw new ShapeError(`inner sizes ${env.showDim(k)} and ${env.showDim(l)} differ: ${shown()}`);
  const out: Dim[] = [];
  if (a.length > 2 || b.length > 2) {
    try {
      out.push(...broadcast(env, a.slice(0, -2), b.slice(0, -2)));
    } catch (error) {
      if (error instanceof ShapeError) throw new ShapeError(`batch dims do not broadcast: ${shown()}`, { cause: error });
      throw error;
    }
  }
  if (a.length > 1) out.push(a[a.length - 2]!);
  if (b.length > 1) out.push(b[b.length - 1]!);
  return out;
}

function matmul(ctx: InferContext): readonly OutputSpec[] {
  const [a, b] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, a, "number");
  return [{ dtype: sameDtype(ctx, a, b), shape: matmulShape(ctx.env, a.shape, b.shape) }];
}

/** As MatMul, with operands whose last two dims may be stored in the other order. */
function fusedMatmul(ctx: InferContext): readonly OutputSpec[] {
  const [a, b] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, a, "float");
  if (intAttribute(ctx, "transBatchA", 0) !== 0 || intAttribute(ctx, "transBatchB", 0) !== 0) {
    throw new ArgumentError(`node ${ctx.name} (${ctx.op}): transBatchA and transBatchB are not supported`, {
      code: "ERR_OP_ATTRIBUTE",
      hint: "transpose the operand",
    });
  }
  const left = intAttribute(ctx, "transA", 0) !== 0 ? swapped(a.shape) : a.shape;
  const right = intAttribute(ctx, "transB", 0) !== 0 ? swapped(b.shape) : b.shape;
  return [{ dtype: sameDtype(ctx, a, b), shape: matmulShape(ctx.env, left, right) }];
}

/** a [m, k], b [k, n], c broadcast to [m, n] -> [m, n]; transA and transB as in FusedMatMul. */
function gemm(ctx: InferContext): readonly OutputSpec[] {
  const [a, b] = [need(ctx, 0), need(ctx, 1)];
  needKind(ctx, a, "number");
  if (a.shape.length !== 2 || b.shape.length !== 2) throw new ShapeError(`Gemm takes matrices: ${ctx.env.show(a.shape)} x ${ctx.env.show(b.shape)}`);
  const left = intAttribute(ctx, "transA", 0) !== 0 ? swapped(a.shape) : a.shape;
  const right = intAttribute(ctx, "transB", 0) !== 0 ? swapped(b.shape) : b.shape;
  const shape = matmulShape(ctx.env, left, right);
  const c = ctx.inputs[2];
  if (c) {
    sameDtype(ctx, a, c);
    broadcastsTo(ctx.env, c.shape, shape);
  }
  return [{ dtype: sameDtype(ctx, a, b), shape }];
}

export const linearAlgebraOps: readonly OpDef[] = [
  define("MatMul", [2, 2], matmul),
  define("FusedMatMul", [2, 2], fusedMatmul, { domain: "com.microsoft" }),
  define("Gemm", [2, 3], gemm),
];
