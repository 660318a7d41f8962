// The file formats: which files are of which, what options they have, and how their rows are read.
import type { Features } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import type { OptionNames } from "../../option-names.js";
import { arrowFeatures, arrowTables } from "./arrow-files.js";
import { type CsvOptions, csvFeatures, csvTables } from "./csv.js";
import { type JsonOptions, jsonFeatures, jsonTable, jsonTables } from "./json.js";
import { ParquetFile, type ParquetOptions } from "./parquet.js";
import type { RowsOptions } from "./rows.js";
import { type TextOptions, textTables } from "./text.js";

export type Builder = "csv" | "json" | "parquet" | "arrow" | "text";
export type FormatOptions = CsvOptions & JsonOptions & TextOptions & ParquetOptions;
/** Features that are known before the rows are read. */
export type KnownRows = RowsOptions & { readonly features: Features };

export interface Format {
  readonly name: Builder;
  readonly options: Readonly<Record<string, true>>;
  /** What the files hold, where nobody declared it: as they say, or by a look at the first `rows` rows (at all of them without a limit). */
  features(files: readonly string[], options: FormatOptions, rows?: number): Promise<Features>;
  /** All rows at once, for formats whose features only their rows tell. */
  whole?(files: readonly string[], options: FormatOptions): Promise<Table>;
  /** The rows of a file in tables, in order. */
  tables(file: string, options: FormatOptions, rows: KnownRows): AsyncGenerator<Table>;
}

const csvOptions: OptionNames<CsvOptions> = {
  delimiter: true,
  sep: true,
  columnNames: true,
  header: true,
  skipRows: true,
  quoteChar: true,
  naValues: true,
  useCols: true,
};
const jsonOptions: OptionNames<JsonOptions> = { field: true };
const textOptions: OptionNames<TextOptions> = { sampleBy: true, keepLinebreaks: true };
const parquetOptions: OptionNames<ParquetOptions> = { columns: true };

/** As Python: those of the first file. */
async function parquetFeatures(files: readonly string[], options: ParquetOptions): Promise<Features> {
  await using file = await ParquetFile.open(files[0]!, options);
  return file.features;
}
async function* parquetTables(path: string, options: ParquetOptions, rows: KnownRows): AsyncGenerator<Table> {
  await using file = await ParquetFile.open(path, options);
  yield* file.tables(rows.features);
}

export const formats: { readonly [B in Builder]: Format } = {
  csv: { name: "csv", options: csvOptions, features: csvFeatures, tables: csvTables },
  json: {
    name: "json",
    options: jsonOptions,
    features: (files, options, rows = Infinity) => jsonFeatures(files, options, rows),
    whole: jsonTable,
    tables: jsonTables,
  },
  text: { name: "text", options: textOptions, features: async () => ({ text: "string" }), tables: textTables },
  parquet: { name: "parquet", options: parquetOptions, features: parquetFeatures, tables: parquetTables },
  arrow: { name: "arrow", options: parquetOptions, features: arrowFeatures, tables: arrowTables },
};

const extensions: { readonly [extension: string]: Builder } = {
  parquet: "parquet",
  geoparquet: "parquet",
  gpq: "parquet",
  arrow: "arrow",
  jsonl: "json",
  json: "json",
  ndjson: "json",
  csv: "csv",
  tsv: "csv",
  txt: "text",
};

/** The extension that says what a file is, in lower case: of "train.jsonl.gz" it is "jsonl". */
function extensionOf(path: string): string | undefined {
  const parts = path
    .slice(path.lastIndexOf("/") + 1)
    .split(".")
    .slice(1);
  return parts.map((part) => part.toLowerCase()).findLast((part) => Object.hasOwn(extensions, part));
}

/** The format of a set of files: that of the extension that most of them have; of several with as many the first in the table above. */
export function formatOf(paths: readonly string[]): Builder | undefined {
  const counts = new Map<string, number>();
  for (const path of paths) {
    const extension = extensionOf(path);
    if (extension !== undefined) counts.set(extension, (counts.get(extension) ?? 0) + 1);
  }
  const order = Object.keys(extensions);
  const [first] = [...counts].sort(([a, m], [b, n]) => n - m || order.indexOf(a) - order.indexOf(b));
  return first && extensions[first[0]];
}
export const isOfFormat = (path: string, format: Builder): boolean => extensions[extensionOf(path) ?? ""] === format;
