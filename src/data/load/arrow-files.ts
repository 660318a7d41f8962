// Arrow files as tables.
import { ArgumentError } from "../../errors.js";
import type { Features } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import type { KnownRows } from "./formats.js";
import type { ParquetOptions } from "./parquet.js";

const later = (): ArgumentError => new ArgumentError("arrow files cannot be read yet", { code: "ERR_BUILDER" });
export async function arrowFeatures(_files: readonly string[], _options: ParquetOptions): Promise<Features> {
  throw later();
}
// biome-ignore lint/correctness/useYield: nothing to give yet
export async function* arrowTables(_file: string, _options: ParquetOptions, _rows: KnownRows): AsyncGenerator<Table> {
  throw later();
}
