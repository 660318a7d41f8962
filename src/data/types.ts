// The vocabulary of data for the type checker: rows, columns, map-style datasets and what can be mapped over them.
import type { Inc, Tensor } from "../tensor/index.js";
import type { Features } from "./columns/features.js";

export type Simplify<T> = { [K in keyof T]: T[K] } & {};

export type ColumnValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Uint8Array
  | Tensor
  | readonly ColumnValue[]
  | { readonly [key: string]: ColumnValue };
/** A row whose columns are not known to the type checker. */
export type Row = { [column: string]: ColumnValue };
/** Columns whose value is of a type. */
export type Columns<R> = { [K in keyof R]: R[K][] };

/** Anything with length and at(): an array, our Dataset, a user's class. `| undefined` is what lets an array be one. */
export interface MapDataset<R = Row> {
  readonly length: number;
  at(index: number): R | undefined;
}

/** Where a thread finds the maker of a job: an export of a module, and options that survive structured clone. */
export interface MapperDescriptor {
  readonly module: string;
  readonly name: string;
  readonly options: unknown;
}
/** Made by the library, can travel to other threads: knows which columns it reads and which it makes. */
export interface Mapper<In, Out> {
  readonly reads: readonly (keyof In & string)[];
  readonly descriptor: MapperDescriptor;
  readonly __out?: Out;
}
/** The mappers for rows R; of unknown columns any may be read. */
export type MapperOf<R, Out> = Mapper<string extends keyof R ? never : R, Out>;
/** An export of a module, as in Piscina. Not the main script: importing it again would run it again. */
export interface ModuleRef {
  readonly filename: string | URL;
  readonly name: string;
}
export type NoClosure = "a closure cannot travel to other threads: give tokenizer.mapper(...) or { filename, name }";

/** How results are computed and kept; the names are those of Python's datasets. */
export interface RunOptions {
  /** Threads; without it the work is done in this one. */
  readonly numProc?: number;
  /** Rows per call of a batched function and per task of a thread; default 1000. -1 or null: all rows at once. */
  readonly batchSize?: number | null;
  /** Text before the progress bar; with it the bar is drawn from the start, without it after a second. `desc` is the same. */
  readonly description?: string;
  readonly desc?: string;
  readonly signal?: AbortSignal;
  /** Calls the function with (row, index) alone. Functions are given (row, index, rank) without being told to. */
  readonly withIndices?: boolean;
  /** Alone: calls the function with (row, rank). The rank is the thread's number, 0 to numProc - 1. */
  readonly withRank?: boolean;
  /** The last argument of every call; must survive structured clone when numProc is given. */
  readonly fnKwargs?: Readonly<Record<string, unknown>>;
  /** Keeps the result in memory and writes no cache file. Without it results of more than 256 MiB that are not cached lie in a temporary file. */
  readonly keepInMemory?: boolean;
  /** false: computes again what is in the cache. true: lets the result of a closure be found again by the text of the function; captured variables are not seen. */
  readonly loadFromCacheFile?: boolean;
  /** Where the result is written, and read from when it is there. For a DatasetDict the splits' names are added. */
  readonly cacheFileName?: string;
  /** Rows per record batch of the cache file; default 1000. */
  readonly writerBatchSize?: number;
  /** The name of the result in the cache, in place of one made from data, function and options: up to 64 letters, digits, - and _. */
  readonly newFingerprint?: string;
}
/** Of computations of the library's own, which call no function. */
export type OwnOptions = Omit<RunOptions, "numProc" | "batchSize" | "withIndices" | "withRank" | "fnKwargs">;
export interface MapOptions extends RunOptions {
  /** A last batch that is not full is left out; with batched. */
  readonly dropLastBatch?: boolean;
  /** Columns that the result does not have; the function still sees them. */
  readonly removeColumns?: string | readonly string[];
  /** The types of all columns of the result; without it values decide, and a column that is replaced keeps its type where the values allow. */
  readonly features?: Features;
}
export interface FilterOptions extends RunOptions {}

/** A row whose numbers, and lists of numbers, are tensors. */
export type TensorRow<R> = { [K in keyof R]: TensorValue<R[K]> };
export type TensorValue<V> = V extends boolean
  ? Tensor<0, "bool">
  : V extends number | bigint
    ? Tensor<0>
    : V extends readonly (number | boolean)[]
      ? Tensor<1>
      : V extends readonly (readonly (number | boolean)[])[]
        ? Tensor<2>
        : V;
/** Columns of several rows; tensors of one shape are stacked. */
export type Batched<R> = { [K in keyof R]: R[K] extends Tensor<infer N> ? (N extends 0 ? Tensor<1> : Tensor<Inc<N>> | R[K][]) : R[K][] };

export type Merge<R, O> = string extends keyof R ? R : Simplify<Omit<R, keyof O> & O>;
export type Renamed<R, A extends keyof R, B extends string> = string extends keyof R ? R : { [K in keyof R as K extends A ? B : K]: R[K] };
export type RenamedAll<R, M> = string extends keyof R ? R : { [K in keyof R as K extends keyof M ? (M[K] extends string ? M[K] : K) : K]: R[K] };
export type Without<R, K extends keyof R> = string extends keyof R ? R : Simplify<Omit<R, K>>;
export type ColumnName<R> = keyof R & string;

/** What a function returns that is called for what else it does. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without return is one
export type Nothing = void | null | Promise<void | null>;
type Lists<Out> = { [K in keyof Out]: readonly Out[K][] };
declare const asRow: unique symbol;
/** What a tokenizer returns, columns with methods beside them: Out is what of it a row keeps. For the type checker alone. */
export interface Encoded<Out> {
  readonly [asRow]?: Out;
}
/** The same of several texts, by what a row of it is. */
interface EncodedRows<Out> {
  readonly length: number;
  at(index: number): Out;
}
type RowResult<Out> = Out | Encoded<Out>;
type BatchResult<Out> = Lists<Out> | EncodedRows<Out>;
/** A function of one row; what it returns is merged into the row. */
export type RowFunction<R, Out> = (row: R, index: number, ...more: never[]) => RowResult<Out> | Promise<RowResult<Out>>;
/** A function of many rows, as columns. */
export type BatchFunction<R, Out> = (columns: Columns<R>, indices: readonly number[], ...more: never[]) => BatchResult<Out> | Promise<BatchResult<Out>>;
/** The values of chosen columns, then the row's index. */
export type ValuesOf<R, C extends readonly (keyof R)[]> = [...values: { -readonly [I in keyof C]: R[C[I]] }, index: number];
export type ColumnsOf<R, C extends readonly (keyof R)[]> = [...columns: { -readonly [I in keyof C]: R[C[I]][] }, indices: readonly number[]];
export type ValuesFunction<R, C extends readonly (keyof R)[], Out> = (...args: ValuesOf<R, C>) => RowResult<Out> | Promise<RowResult<Out>>;
export type ColumnsFunction<R, C extends readonly (keyof R)[], Out> = (...args: ColumnsOf<R, C>) => BatchResult<Out> | Promise<BatchResult<Out>>;

/** Whether a row stays. */
export type RowTest<R> = (row: R, index: number, ...more: never[]) => boolean | Promise<boolean>;
/** Which of many rows stay: one boolean each. */
export type BatchTest<R> = (columns: Columns<R>, indices: readonly number[], ...more: never[]) => readonly boolean[] | Promise<readonly boolean[]>;

/** A batch of which the type checker knows no keys. */
export type Batch = { readonly [key: string]: Tensor };
