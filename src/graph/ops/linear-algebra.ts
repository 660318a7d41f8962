// Products: MatMul and its fused form, Gemm, Einsum.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Dim, Shape, ShapeEnv } from "../dims.js";
import { type InferContext, maxVariadic, type OpDef, type OutputSpec } from "../op-def.js";
import { broadcast, broadcastsTo, define, intAttribute, meet, need, needAll, needKind, sameDtype } from "./common.js";

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

/** One operand's subscripts with "..." spelled out as digits counted from the right, so that broadcast dims meet. */
function spell(term: string, rank: number): string[] {
  const [before, after] = term.split("...") as [string, string | undefined];
  if (after === undefined) return [...before];
  const dots = Math.max(0, rank - before.length - after.length);
  return [...before, ...Array.from({ length: dots }, (_, i) => `.${dots - i}`), ...after];
}

/** Sizes by letter; "..." broadcasts, letters must agree. The output defaults to the letters that occur once, in order. */
function einsum(ctx: InferContext): readonly OutputSpec[] {
  const { env } = ctx;
  const inputs = needAll(ctx);
  const equation = String(ctx.attributes.equation ?? "").replaceAll(" ", "");
  const [left, right] = equation.split("->") as [string, string | undefined];
  const terms = left.split(",");
  if (terms.length !== inputs.length) throw new ShapeError(`equation ${JSON.stringify(equation)} has ${terms.length} operands, the node ${inputs.length}`);
  const sizes = new Map<string, Dim>();
  const seen: string[] = [];
  for (const [i, x] of inputs.entries()) {
    sameDtype(ctx, inputs[0]!, x);
    const letters = spell(terms[i]!, x.shape.length);
    if (letters.length !== x.shape.length) throw new ShapeError(`subscripts ${JSON.stringify(terms[i])} do not fit ${env.show(x.shape)}`);
    for (const [at, letter] of letters.entries()) {
      const known = sizes.get(letter);
      const size = known === undefined ? x.shape[at]! : letter.startsWith(".") ? env.broadcast(known, x.shape[at]!) : meet(env, known, x.shape[at]!);
      if (size === undefined) throw new ShapeError(`subscript ${letter} is both ${env.showDim(known!)} and ${env.showDim(x.shape[at]!)}`);
      sizes.set(letter, size);
      seen.push(letter);
    }
  }
  const dots = [...sizes.keys()].filter((l) => l.startsWith(".")).sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  const once = [...new Set(seen)].filter((l) => !l.startsWith(".") && seen.indexOf(l) === seen.lastIndexOf(l)).sort();
  const [before, after] = right === undefined ? ["", undefined] : (right.split("...") as [string, string | undefined]);
  const out = right === undefined ? [...dots, ...once] : after === undefined ? [...before] : [...before, ...dots, ...after];
  const shape = out.map((letter) => {
    const size = sizes.get(letter);
    if (size === undefined) throw new ShapeError(`subscript ${letter} of the output is on no operand of ${JSON.stringify(equation)}`);
    return size;
  });
  return [{ dtype: inputs[0]!.dtype, shape }];
}

export const linearAlgebraOps: readonly OpDef[] = [
  define("MatMul", [2, 2], matmul),
  define("FusedMatMul", [2, 2], fusedMatmul, { domain: "com.microsoft" }),
  define("Gemm", [2, 3], gemm),
  define("Einsum", [1, maxVariadic], einsum),
];
