// The entry module of a thread that reads files: a file in, its tables in shared memory out.
import { failureOf, type ThreadFailure } from "../../threads/failure.js";
import type { ColumnData } from "../columns/column-data.js";
import type { Features } from "../columns/features.js";
import { featuresFromJson } from "../columns/hf-features.js";
import { DataFileError } from "./files.js";
import { type Builder, type FormatOptions, formats } from "./formats.js";

export interface ReadTask {
  readonly builder: Builder;
  readonly file: string;
  readonly options: FormatOptions;
  /** As JSON: class labels are objects of a class. */
  readonly features: unknown;
  readonly declared: boolean;
}
/** The columns of a table, in the order of the features. */
export interface ReadTable {
  readonly length: number;
  readonly columns: readonly ColumnData[];
}
export type ReadResult =
  | { readonly tables: readonly ReadTable[] }
  | { readonly failure: ThreadFailure & { readonly line?: number | undefined; readonly byte?: number | undefined } };

export async function readFileTables({ builder, file, options, features: json, declared }: ReadTask): Promise<ReadResult> {
  try {
    const features: Features = featuresFromJson(json);
    const tables: ReadTable[] = [];
    for await (const table of formats[builder].tables(file, options, { features, declared }))
      tables.push({ length: table.length, columns: Object.keys(features).map((name) => table.view(name).data) });
    return { tables };
  } catch (error) {
    return { failure: { ...failureOf(error), ...(error instanceof DataFileError ? { line: error.line, byte: error.byte } : {}) } };
  }
}
