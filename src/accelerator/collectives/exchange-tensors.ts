// Tensors of all workers: gathered, reduced, padded. Shapes travel first, so that tensors of different lengths fit and others are refused with the rank's name.
import type { CollectiveOptions, ProcessGroup, ReduceOp } from "../../distributed/index.js";
import { ArgumentError, ShapeError } from "../../errors.js";
import { dtypes, isFloat, sizeOf, type TypedArray } from "../../graph/dtype.js";
import { encoders } from "../../tensor/encode.js";
import { Tensor } from "../../tensor/index.js";
import type { DType } from "../../tensor/index.js";

/** A tensor whose numbers are known, at its place in the caller's structure. */
export interface Known {
  readonly path: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: TypedArray;
}

/** Brings the numbers of tensors out. */
export async function known(tensors: readonly (readonly [path: string, tensor: Tensor])[]): Promise<Known[]> {
  const all: Known[] = [];
  for (const [path, x] of tensors) all.push({ path, dtype: x.dtype, shape: x.shape, data: await x.data() });
  return all;
}

export const concrete = (dtype: DType, shape: readonly number[], data: TypedArray): Tensor =>
  Tensor.make<number, DType>(dtype, { kind: "concrete", shape, data });

const show = (shape: readonly number[]): string => `[${shape.join(", ")}]`;
const named = (path: string): string => (path ? ` of ${path}` : "");

/** The shapes of one tensor on all ranks. @throws ShapeError when ranks differ, unless in the dims that `may` allows. */
function agree(path: string, shapes: readonly (readonly number[])[], may: (dim: number) => boolean, hint: string): void {
  const first = shapes[0]!;
  for (const [rank, shape] of shapes.entries()) {
    if (shape.length === first.length && shape.every((d, i) => d === first[i] || may(i))) continue;
    throw new ShapeError(`the shapes${named(path)} differ between workers: ${show(first)} on rank 0, ${show(shape)} on rank ${rank}`, { hint });
  }
}

/** How many rows the batch in use has, and how many of them count; undefined outside of loops. */
export type RowsInUse = { readonly rows: number; readonly realRows: number } | undefined;
interface Told {
  /** By value: its shape on every rank. */
  readonly shapes: readonly (readonly (readonly number[])[])[];
  /** Of every rank. */
  readonly batches: readonly RowsInUse[];
}

async function tellShapes(group: ProcessGroup, values: readonly Known[], options: CollectiveOptions, batch?: RowsInUse): Promise<Told> {
  const own = { values: values.map((v) => ({ dtype: v.dtype, shape: [...v.shape] })), batch };
  const all = group.size === 1 ? [own] : await group.allGatherObject(own, options);
  for (const [rank, { values: theirs }] of all.entries()) {
    if (theirs.length !== values.length)
      throw new ShapeError(`rank ${rank} gave ${theirs.length} tensors, rank ${group.rank} gave ${values.length}`, {
        hint: "every worker must give the same structure",
      });
    for (const [i, v] of values.entries())
      if (theirs[i]!.dtype !== v.dtype)
        throw new ShapeError(`the dtypes${named(v.path)} differ: ${theirs[i]!.dtype} on rank ${rank}, ${v.dtype} on rank ${group.rank}`, { code: "ERR_DTYPE" });
  }
  return { shapes: values.map((_, i) => all.map((told) => told.values[i]!.shape)), batches: all.map((told) => told.batch) };
}

/** One tensor of all ranks, concatenated along the first dim in the order of ranks. `kept`: how many of the first rows of each rank; a scalar is a row that is given as often. */
async function concatenated(
  group: ProcessGroup,
  { path, dtype, shape, data }: Known,
  shapes: readonly (readonly number[])[],
  kept: readonly number[],
  options: CollectiveOptions,
): Promise<Tensor> {
  const scalar = shape.length === 0;
  const own = shapes.map((s) => (s.length === 0 ? [1] : s));
  agree(path, own, (dim) => dim === 0, "gather concatenates along the first dim; make the others equal with padAcrossProcesses");
  const inner = sizeOf(own[0]!.slice(1));
  const longest = Math.max(...own.map((s) => s[0]!));
  const padded = new dtypes[dtype].array(longest * inner);
  padded.set(data as never);
  let all: TypedArray = padded;
  if (group.size > 1) {
    all = new dtypes[dtype].array(longest * inner * group.size);
    await group.allGather({ dtype, data: padded }, { dtype, data: all }, options);
  }
  const total = kept.reduce((a, b) => a + b, 0);
  const result = new dtypes[dtype].array(total * inner);
  let at = 0;
  for (const [rank, count] of kept.entries()) {
    const from = rank * longest * inner;
    if (scalar) result.fill(all[from] as never, at, at + count);
    else result.set(all.subarray(from, from + count * inner) as never, at);
    at += count * inner;
  }
  return concrete(dtype, [total, ...own[0]!.slice(1)], result);
}

/** Tensors of all ranks, concatenated along the first dim in the order of ranks; scalars become vectors. First dims may differ. */
export async function gatherTensors(group: ProcessGroup, values: readonly Known[], options: CollectiveOptions): Promise<Tensor[]> {
  const { shapes } = await tellShapes(group, values, options);
  const out: Tensor[] = [];
  for (const [i, value] of values.entries()) {
    const sizes = shapes[i]!.map((s) => s[0] ?? 1);
    out.push(await concatenated(group, value, shapes[i]!, sizes, options));
  }
  return out;
}

/**
 * As `gatherTensors`, of the rows of the batch in use only those that count, which are the first ones of every rank. A scalar, which stands for the rank's whole batch, is given once per row that
 * counts. `inexact` says what of it stands for rows that do not count.
 */
export async function gatherRealRows(
  group: ProcessGroup,
  values: readonly Known[],
  batch: RowsInUse,
  options: CollectiveOptions,
): Promise<{ readonly tensors: Tensor[]; readonly inexact: string | undefined }> {
  const { shapes, batches } = await tellShapes(group, values, options, batch);
  const looping = batches.every((b) => b !== undefined);
  const mixed = batches.some((b) => b !== undefined && b.realRows > 0 && b.realRows < b.rows);
  let inexact = mixed && values.some((v) => v.shape.length === 0) ? inexactMean : undefined;
  const tensors: Tensor[] = [];
  for (const [i, value] of values.entries()) {
    const sizes = shapes[i]!.map((s) => s[0] ?? 1);
    const byRows = looping && shapes[i]!.every((s, rank) => s.length === 0 || s[0] === batches[rank]!.rows);
    if (!byRows) inexact ??= inexactRows(`a tensor${value.path && ` ${value.path}`}`, batches);
    tensors.push(await concatenated(group, value, shapes[i]!, byRows ? batches.map((b) => b!.realRows) : sizes, options));
  }
  return { tensors, inexact };
}

const inexactMean =
  "a mean over a batch to which rows were added to make the workers' batches even counts those, too. Gather the rows' own values, or make the Accelerator with dataloaderConfig: { ignoreDuplicates: true }";
/** What is not as long as its batch is kept whole, also where rows of the batch do not count: a warning then. */
export function inexactRows(what: string, batches: readonly RowsInUse[]): string | undefined {
  if (batches.includes(undefined) || batches.every((b) => b!.realRows === b!.rows)) return undefined;
  return `${what} is kept whole, with what stands for rows that were added to make the workers' batches even. Give one value for each row of the batch`;
}

const reductions: readonly (ReduceOp | "none")[] = ["sum", "mean", "max", "none"];

/** Element by element over all ranks; the tensors given stay as they are. */
export async function reduceTensors(
  group: ProcessGroup,
  values: readonly Known[],
  reduction: ReduceOp | "none",
  options: CollectiveOptions,
): Promise<Tensor[]> {
  if (!reductions.includes(reduction))
    throw new ArgumentError(`reduce: there is no reduction ${JSON.stringify(reduction)}`, { hint: `one of ${reductions.join(", ")}` });
  if (reduction === "none") return values.map(({ dtype, shape, data }) => concrete(dtype, shape, data));
  for (const { path, dtype } of values) {
    if (reduction === "mean" && !isFloat(dtype))
      throw new ArgumentError(`reduce: the mean${named(path)} of ${dtype} is no ${dtype}`, { code: "ERR_DTYPE", hint: 'convert it first: x.to("float32")' });
    if (reduction !== "max" && dtype === "bool")
      throw new ArgumentError(`reduce: bools${named(path)} cannot be added`, {
        code: "ERR_DTYPE",
        hint: 'convert them first: x.to("int64"), or take the "max"',
      });
  }
  const { shapes } = await tellShapes(group, values, options);
  const out: Tensor[] = [];
  for (const [i, { path, dtype, shape, data }] of values.entries()) {
    agree(path, shapes[i]!, () => false, "reduce needs the same shape on every worker");
    const copy = data.slice() as TypedArray;
    if (group.size > 1) await group.allReduce({ dtype, data: copy }, reduction, options);
    out.push(concrete(dtype, shape, copy));
  }
  return out;
}

export interface PadOptions {
  /** The dim that is made equal; default 0. */
  readonly dim?: number;
  /** What is filled in; default 0. */
  readonly padIndex?: number;
  /** Fill in before the numbers instead of behind them. */
  readonly padFirst?: boolean;
}

/** Tensors of this rank, as long along a dim as the longest of any rank. */
export async function padTensors(
  group: ProcessGroup,
  values: readonly Known[],
  { dim = 0, padIndex = 0, padFirst = false }: PadOptions,
  options: CollectiveOptions,
): Promise<Tensor[]> {
  // Refused on every rank, also where nothing is to be filled in.
  const fill = values.map(({ dtype }) => encoders[dtype](padIndex));
  const { shapes } = await tellShapes(group, values, options);
  return values.map(({ path, dtype, shape, data }, i) => {
    const axis = dim < 0 ? dim + shape.length : dim;
    if (!Number.isInteger(dim) || axis < 0 || axis >= shape.length)
      throw new ArgumentError(`padAcrossProcesses: dim ${dim}${named(path)} of shape ${show(shape)}`, { hint: "give one of the tensor's dims" });
    agree(path, shapes[i]!, (d) => d === axis, "only the padded dim may differ");
    const size = Math.max(...shapes[i]!.map((s) => s[axis]!));
    if (size === shape[axis]) return concrete(dtype, shape, data);
    const inner = sizeOf(shape.slice(axis + 1));
    const outer = sizeOf(shape.slice(0, axis));
    const result = new dtypes[dtype].array(outer * size * inner);
    result.fill(fill[i] as never);
    const own = shape[axis]! * inner;
    for (let o = 0; o < outer; o++) result.set(data.subarray(o * own, (o + 1) * own) as never, o * size * inner + (padFirst ? size * inner - own : 0));
    return concrete(dtype, [...shape.slice(0, axis), size, ...shape.slice(axis + 1)], result);
  });
}
