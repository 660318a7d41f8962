// Einsum: its shape rule, and the sums and matrix products that it stands for.
import { ShapeError } from "../../errors.js";
import type { Builder } from "../builder.js";
import type { Dim, ShapeEnv } from "../dims.js";
import type { Value } from "../graph.js";
import { type Decomposition, type InferContext, maxVariadic, type OpDef, type OutputSpec } from "../op-def.js";
import { counted, reshapeTo } from "../reshape.js";
import { define, meet, needAll, sameDtype } from "./common.js";

/** Letters that "..." stands for begin with a dot and count from the right, so that broadcast dims meet. */
const isDots = (letter: string): boolean => letter.startsWith(".");

/** One operand's subscripts, letter by letter. */
function spell(term: string, rank: number): string[] {
  const [before, after] = term.split("...") as [string, string | undefined];
  if (after === undefined) return [...before];
  const dots = Math.max(0, rank - before.length - after.length);
  return [...before, ...Array.from({ length: dots }, (_, i) => `.${dots - i}`), ...after];
}

interface Equation {
  readonly terms: readonly (readonly string[])[];
  readonly out: readonly string[];
  readonly sizes: ReadonlyMap<string, Dim>;
}

/** Letters and their sizes: "..." broadcasts, letters must agree. The output defaults to the letters that occur once, in order. */
function parse(env: ShapeEnv, text: string, inputs: readonly Value[]): Equation {
  const equation = text.replaceAll(" ", "");
  const [left, right] = equation.split("->") as [string, string | undefined];
  const written = left.split(",");
  if (written.length !== inputs.length) throw new ShapeError(`equation ${JSON.stringify(equation)} has ${written.length} operands, the node ${inputs.length}`);
  const sizes = new Map<string, Dim>();
  const terms = inputs.map((x, i) => {
    const letters = spell(written[i]!, x.shape.length);
    if (letters.length !== x.shape.length) throw new ShapeError(`subscripts ${JSON.stringify(written[i])} do not fit ${env.show(x.shape)}`);
    for (const [at, letter] of letters.entries()) {
      const known = sizes.get(letter);
      const size = known === undefined ? x.shape[at]! : isDots(letter) ? env.broadcast(known, x.shape[at]!) : meet(env, known, x.shape[at]!);
      if (size === undefined) throw new ShapeError(`subscript ${letter} is both ${env.showDim(known!)} and ${env.showDim(x.shape[at]!)}`);
      sizes.set(letter, size);
    }
    return letters;
  });
  const seen = terms.flat();
  const dots = [...sizes.keys()].filter(isDots).sort((a, b) => Number(b.slice(1)) - Number(a.slice(1)));
  const once = [...new Set(seen)].filter((l) => !isDots(l) && seen.indexOf(l) === seen.lastIndexOf(l)).sort();
  const [before, after] = right === undefined ? ["", undefined] : (right.split("...") as [string, string | undefined]);
  const out = right === undefined ? [...dots, ...once] : after === undefined ? [...before] : [...before, ...dots, ...after];
  for (const letter of out) if (!sizes.has(letter)) throw new ShapeError(`subscript ${letter} of the output is on no operand of ${JSON.stringify(equation)}`);
  return { terms, out, sizes };
}

function einsum(ctx: InferContext): readonly OutputSpec[] {
  const inputs = needAll(ctx);
  for (const x of inputs) sameDtype(ctx, inputs[0]!, x);
  const { out, sizes } = parse(ctx.env, String(ctx.attributes.equation ?? ""), inputs);
  return [{ dtype: inputs[0]!.dtype, shape: out.map((letter) => sizes.get(letter)!) }];
}

/** A value and the letter of each of its dims. */
interface Term {
  readonly x: Value;
  readonly letters: readonly string[];
}

function sumOver(b: Builder, { x, letters }: Term, gone: (letter: string) => boolean): Term {
  const axes = letters.flatMap((letter, i) => (gone(letter) ? [i] : []));
  return axes.length === 0 ? { x, letters } : { x: b.reduce("ReduceSum", x, axes, false), letters: letters.filter((letter) => !gone(letter)) };
}

function ordered(b: Builder, { x, letters }: Term, order: readonly string[]): Value {
  return b.transpose(
    x,
    order.map((letter) => letters.indexOf(letter)),
  );
}

/** A letter that stands twice takes the diagonal: all else becomes 0, and one of the dims is summed. Dims of 1 that are broadcast go. */
function prepared(b: Builder, x: Value, letters: readonly string[], sizes: ReadonlyMap<string, Dim>): Term {
  const { env } = b.graph;
  let term: Term = { x, letters };
  for (let i = 0; i < term.letters.length; ) {
    const other = term.letters.indexOf(term.letters[i]!, i + 1);
    if (other < 0) {
      i++;
      continue;
    }
    const count = counted(b, term.x.shape[i]!, [term.x]);
    const rank = term.letters.length;
    const before = (after: number) => (after === 0 ? count : b.op("Reshape", [count, b.int64([-1, ...new Array<number>(after).fill(1)])]));
    const eye = b.op("Equal", [before(rank - 1 - i), before(rank - 1 - other)]);
    const diagonal = b.mul(term.x, b.cast(eye, term.x.dtype));
    term = { x: b.reduce("ReduceSum", diagonal, [other], false), letters: term.letters.filter((_, k) => k !== other) };
  }
  const broadcast = term.letters.flatMap((letter, i) => (env.resolve(term.x.shape[i]!) === 1 && env.resolve(sizes.get(letter)!) !== 1 ? [i] : []));
  if (broadcast.length > 0) term = { x: b.squeeze(term.x, broadcast), letters: term.letters.filter((_, i) => !broadcast.includes(i)) };
  return term;
}

/** Folds the dims of each group into one; a group without dims becomes a dim of 1. */
function grouped(b: Builder, x: Value, keep: number, groups: readonly number[]): Value {
  if (groups.every((n) => n === 1)) return x;
  const dims: Dim[] = x.shape.slice(0, keep);
  let at = keep;
  for (const n of groups) {
    dims.push(b.graph.env.product(x.shape.slice(at, at + n)));
    at += n;
  }
  return reshapeTo(b, x, dims, [x]);
}

/** Two terms as one, over the letters that are still wanted. Letters of both that are not are the inner dims of a matrix product. */
function contract(b: Builder, first: Term, second: Term, wanted: ReadonlySet<string>, sizes: ReadonlyMap<string, Dim>): Term {
  const p = sumOver(b, first, (letter) => !wanted.has(letter) && !second.letters.includes(letter));
  const q = sumOver(b, second, (letter) => !wanted.has(letter) && !first.letters.includes(letter));
  const batch = p.letters.filter((letter) => q.letters.includes(letter) && wanted.has(letter));
  const inner = p.letters.filter((letter) => q.letters.includes(letter) && !wanted.has(letter));
  const left = p.letters.filter((letter) => !q.letters.includes(letter));
  const right = q.letters.filter((letter) => !p.letters.includes(letter));
  const letters = [...batch, ...left, ...right];
  if (inner.length === 0) {
    const x = ordered(b, p, [...batch, ...left]);
    const y = ordered(b, q, [...batch, ...right]);
    const at = Array.from({ length: left.length }, (_, i) => batch.length + i);
    const after = Array.from({ length: right.length }, (_, i) => batch.length + left.length + i);
    return { x: b.mul(after.length > 0 ? b.unsqueeze(x, after) : x, at.length > 0 ? b.unsqueeze(y, at) : y), letters };
  }
  // Where the inner dims already lie before the others, a flag of the product saves a transpose.
  const turned = (t: Term, order: readonly string[]) => t.letters.every((letter, i) => letter === order[i]);
  const transposeA = left.length > 0 && turned(p, [...batch, ...inner, ...left]);
  const transposeB = right.length > 0 && turned(q, [...batch, ...right, ...inner]);
  const rows = batch.length === 0 && inner.length === 1 && right.length === 1 && left.length > 1 && !transposeA;
  const x = ordered(b, p, transposeA ? [...batch, ...inner, ...left] : [...batch, ...left, ...inner]);
  const y = ordered(b, q, transposeB ? [...batch, ...right, ...inner] : [...batch, ...inner, ...right]);
  const a = rows ? x : grouped(b, x, batch.length, transposeA ? [inner.length, left.length] : [left.length, inner.length]);
  const c = grouped(b, y, batch.length, transposeB ? [right.length, inner.length] : [inner.length, right.length]);
  const product = b.matmul(a, c, { transposeA, transposeB });
  if (rows || (left.length === 1 && right.length === 1)) return { x: product, letters };
  return {
    x: reshapeTo(
      b,
      product,
      letters.map((letter) => sizes.get(letter)!),
      [x, y],
    ),
    letters,
  };
}

/** From left to right: two terms at a time, summing what no later term and no output needs. */
const decomposed: Decomposition = ({ b, node, inputs }) => {
  const operands = inputs as readonly Value[];
  const { terms, out, sizes } = parse(b.graph.env, String(node.attributes.equation ?? ""), operands);
  const rest = operands.map((x, i) => prepared(b, x, terms[i]!, sizes));
  let term = rest.shift()!;
  while (rest.length > 0) {
    const next = rest.shift()!;
    term = contract(b, term, next, new Set([...out, ...rest.flatMap((t) => t.letters)]), sizes);
  }
  term = sumOver(b, term, (letter) => !out.includes(letter));
  // A dim that was 1 on every operand that had it.
  const missing = out.filter((letter) => !term.letters.includes(letter));
  if (missing.length > 0) {
    const at = Array.from({ length: missing.length }, (_, i) => term.letters.length + i);
    term = { x: b.unsqueeze(term.x, at), letters: [...term.letters, ...missing] };
  }
  const y = ordered(b, term, out);
  return [y === operands[0] ? b.unary("Identity", y) : y];
};

export const einsumOps: readonly OpDef[] = [{ ...define("Einsum", [1, maxVariadic], einsum), decompose: decomposed }];
