// The vocabulary of data for the type checker: rows, columns, map-style datasets and what can be mapped over them.
import type { Tensor } from "../tensor/index.js";

export type Simplify<T> = { [K in keyof T]: T[K] } & {};

export type ColumnValue = string | number | bigint | boolean | null | Date | Uint8Array | Tensor | readonly ColumnValue[] | { readonly [key: string]: ColumnValue };
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
/** An export of a module, as in Piscina. Not the main script: importing it again would run it again. */
export interface ModuleRef {
  readonly filename: string | URL;
  readonly name: string;
}
export type NoClosure = "a closure cannot travel to other threads: give tokenizer.mapper(...) or { filename, name }";
export interface MapOptions {
  /** Threads; 1 works in this process. */
  readonly numProc?: number;
  /** Rows per call (and per task of a thread); default 1000. */
  readonly batchSize?: number;
  /** Text before the progress bar; with it the bar is drawn from the start, without it after a second. */
  readonly description?: string;
  readonly signal?: AbortSignal;
}

export type Merge<R, O> = string extends keyof R ? R : Simplify<Omit<R, keyof O> & O>;
export type Renamed<R, A extends keyof R, B extends string> = string extends keyof R ? R : { [K in keyof R as K extends A ? B : K]: R[K] };
export type Without<R, K extends keyof R> = string extends keyof R ? R : Simplify<Omit<R, K>>;
export type ColumnName<R> = keyof R & string;

/** A function of one row; what it returns is merged into the row. */
export type RowFunction<R, Out> = (row: R, index: number) => Out | Promise<Out>;
/** A function of many rows, as columns. */
export type BatchFunction<R, Out> = (columns: Columns<R>, indices: readonly number[]) => { [K in keyof Out]: readonly Out[K][] };

/** A batch of which the type checker knows no keys. */
export type Batch = { readonly [key: string]: Tensor };
