// Parts of lists, tensors, datasets and columns of them: which rows belong to which worker.
import { Dataset } from "../../data/index.js";
import { ArgumentError } from "../../errors.js";
import { dtypes, sizeOf } from "../../graph/dtype.js";
import { type DType, Tensor } from "../../tensor/index.js";
import { concrete } from "./exchange-tensors.js";

/** A Dataset, as far as it is split. */
interface Rows {
  readonly length: number;
  select(rows: readonly number[]): unknown;
}
/** What `splitBetweenProcesses` takes: a list, a tensor (by rows), a dataset, or a plain object of such columns, all as long. */
export type Splittable = Tensor | Rows | readonly unknown[] | { readonly [key: string]: Splittable };
/** One worker's part of it. */
export type Part<T> =
  T extends Tensor<number, DType>
    ? T
    : T extends Dataset<infer R>
      ? Dataset<R>
      : T extends readonly (infer E)[]
        ? E[]
        : { -readonly [K in keyof T]: Part<T[K]> };

export interface SplitOptions {
  /** Repeats the last row so that all workers get as many; default false. */
  readonly applyPadding?: boolean;
}

type Leaf = Tensor | Rows | readonly unknown[];

const what = "splitBetweenProcesses takes a list, a tensor, a Dataset or a plain object of such columns";
const isLeaf = (value: unknown): value is Leaf => value instanceof Tensor || value instanceof Dataset || Array.isArray(value);

/** All leaves with their paths and lengths. */
function lengthsIn(value: unknown, path: string): (readonly [path: string, length: number])[] {
  if (value instanceof Tensor && value.rank === 0) throw new ArgumentError(`${what}: ${path || "the value"} is a scalar, which has no rows`);
  if (isLeaf(value)) return [[path, value instanceof Tensor ? value.shape[0]! : value.length]];
  const prototype: unknown = typeof value === "object" && value !== null ? Object.getPrototypeOf(value) : undefined;
  if (prototype !== Object.prototype && prototype !== null) {
    const kind = typeof value === "object" && value !== null ? value.constructor?.name : String(value === null ? null : typeof value);
    throw new ArgumentError(`${what}: ${path || "the value"} is ${kind}`);
  }
  return Object.entries(value as object).flatMap(([key, column]) => lengthsIn(column, path ? `${path}.${key}` : key));
}

/** The positions of a worker's rows among n: as even as can be, the first workers get one more; by padding with the last row all get as many. */
export function rowsOf(n: number, { rank, size }: { readonly rank: number; readonly size: number }, { applyPadding = false }: SplitOptions = {}): number[] {
  const whole = Math.floor(n / size);
  const rest = n % size;
  const begin = rank * whole + Math.min(rank, rest);
  const own = whole + Number(rank < rest);
  const length = applyPadding && n > 0 ? whole + Number(rest > 0) : own;
  return Array.from({ length }, (_, i) => (i < own ? begin + i : n - 1));
}

async function take(leaf: Leaf, rows: readonly number[]): Promise<unknown> {
  if (Array.isArray(leaf)) return rows.map((row) => leaf[row]);
  if (!(leaf instanceof Tensor)) return (leaf as Rows).select(rows);
  const data = await leaf.data();
  const inner = sizeOf(leaf.shape.slice(1));
  const own = new dtypes[leaf.dtype].array(rows.length * inner);
  for (const [i, row] of rows.entries()) own.set(data.subarray(row * inner, (row + 1) * inner) as never, i * inner);
  return concrete(leaf.dtype, [rows.length, ...leaf.shape.slice(1)], own);
}
async function takeAll(value: unknown, rows: readonly number[]): Promise<unknown> {
  if (isLeaf(value)) return take(value, rows);
  const parts: [string, unknown][] = [];
  for (const [key, column] of Object.entries(value as object)) parts.push([key, await takeAll(column, rows)]);
  return Object.fromEntries(parts);
}

/** A worker's part, as `rowsOf` deals them; what was given stays as it is. */
export async function partOf(value: unknown, place: { readonly rank: number; readonly size: number }, options: SplitOptions = {}): Promise<unknown> {
  const lengths = lengthsIn(value, "");
  const [first] = lengths;
  const other = lengths.find(([, length]) => length !== first?.[1]);
  if (first && other)
    throw new ArgumentError(`splitBetweenProcesses: ${first[0]} has ${first[1]} rows and ${other[0]} has ${other[1]}`, {
      hint: "all columns must be as long",
    });
  return takeAll(value, rowsOf(first?.[1] ?? 0, place, options));
}
