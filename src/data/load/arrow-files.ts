// Arrow files as tables, with chosen columns or declared features; files that are taken as they are need none of this.
import { ArgumentError } from "../../errors.js";
import { openArrow } from "../arrow/index.js";
import { ValueError } from "../columns/column-writer.js";
import type { Features } from "../columns/features.js";
import { RowWriter } from "../columns/row-writer.js";
import { Table } from "../columns/table.js";
import { DataFileError } from "./files.js";
import type { KnownRows } from "./formats.js";
import type { ParquetOptions } from "./parquet.js";
import { TABLE_ROWS } from "./rows.js";

/** As Python: those of the first file. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
export async function arrowFeatures(files: readonly string[], { columns }: ParquetOptions): Promise<Features> {
  const table = await openArrow([files[0]!]);
  const missing = columns?.find((name) => !table.columns.has(name));
  if (missing !== undefined) {
    throw new ArgumentError(`${files[0]}: there is no column ${JSON.stringify(missing)} (columns)`, {
      code: "ERR_COLUMN_NOT_FOUND",
      hint: `columns are ${[...table.columns.keys()].join(", ")}`,
    });
  }
  return Object.fromEntries([...table.columns].flatMap(([name, { feature }]) => ((columns?.includes(name) ?? true) ? [[name, feature]] : [])));
}

/** The rows of a file in tables, every value checked against the features. @throws DataFileError ERR_DATA_FILE */
export async function* arrowTables(file: string, _options: ParquetOptions, { features, declared }: KnownRows): AsyncGenerator<Table> {
  const whole = await openArrow([file]);
  const names = Object.keys(features);
  const missing = names.find((name) => !whole.columns.has(name));
  if (missing !== undefined)
    throw new DataFileError(file, `there is no column ${JSON.stringify(missing)} (features)`, { hint: `columns are ${[...whole.columns.keys()].join(", ")}` });
  if (!declared) {
    if (whole.length > 0) yield new Table(new Map(names.map((name) => [name, whole.view(name)])), whole.length);
    return;
  }
  const readers = names.map((name) => [name, whole.reader(name)] as const);
  for (let start = 0; start < whole.length; start += TABLE_ROWS) {
    const rows = Math.min(TABLE_ROWS, whole.length - start);
    const writer = new RowWriter(features, start);
    try {
      for (const [name, read] of readers)
        writer.pushColumn(
          name,
          Array.from({ length: rows }, (_, i) => read(start + i)),
        );
    } catch (error) {
      throw error instanceof ValueError ? new DataFileError(file, error.message, { cause: error }) : error;
    }
    yield writer.finish();
  }
}
