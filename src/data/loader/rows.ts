// Rows of a map-style dataset, each with its number, and what is no row.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import type { MapDataset } from "../types.js";

/** A row with its number in the dataset, or its place in the stream. */
export interface KeyedRow {
  readonly key: number;
  readonly row: unknown;
}

const fault = (message: string, hint: string): ArgumentError => new ArgumentError(`DataLoader: ${message}`, { code: "ERR_LOADER_DATASET", hint });

/** The length of a map-style dataset. @throws ArgumentError ERR_LOADER_DATASET when it is no number of rows. */
export function rowsOf(dataset: MapDataset<unknown>): number {
  const { length }: { readonly length: unknown } = dataset;
  if (typeof length === "number" && Number.isInteger(length) && length >= 0 && length < 2 ** 32) return length;
  throw fault(
    `the dataset's length is ${typeof length === "function" ? "a function" : inspect(length)}`,
    "length must be a number of rows (get length() { ... })",
  );
}

/** @throws ArgumentError ERR_LOADER_DATASET when the dataset gives none. */
export function rowAt(dataset: MapDataset<unknown>, i: number): unknown {
  const row = dataset.at(i);
  if (row === undefined)
    throw fault(`the dataset's at(${i}) gave undefined, its length is ${dataset.length}`, "at must give a row for every index below length");
  if (row instanceof Promise) {
    row.catch(() => {}); // told of below
    throw fault(`the dataset's at(${i}) gave a promise`, "at must not be async: give an async iterable of rows, or await in collateFn");
  }
  return row;
}

export const keyedRows = (dataset: MapDataset<unknown>, indices: readonly number[]): KeyedRow[] => indices.map((key) => ({ key, row: rowAt(dataset, key) }));
