// What a Trainer takes for a dataset, and for several by name.
import { isMap, type Rows } from "../../data/loader/loader-options.js";
import type { EvalDatasets, TrainerDataset } from "../options.js";

export type NamedDatasets = { readonly [name: string]: TrainerDataset };

/** Whether something can be read row by row. */
export const isDataset = (value: unknown): value is TrainerDataset & Rows =>
  typeof value === "object" && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value || isMap(value as Rows));
/** Rows with numbers, which can be read in any order. */
export const hasLength = (dataset: TrainerDataset): boolean => isMap(dataset as Rows);

/** Several datasets by name, if that is what is given. */
export function namedDatasets(given: EvalDatasets | undefined): NamedDatasets | undefined {
  if (typeof given !== "object" || given === null || isDataset(given)) return undefined;
  return given as NamedDatasets;
}
