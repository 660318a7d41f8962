// loadDataset: local files by builder, or a folder of files named for their splits.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { ArgumentError } from "../../errors.js";
import { RowWriter } from "../columns/row-writer.js";
import { Dataset } from "../dataset/dataset.js";
import { type DatasetDict, datasetDict } from "../dataset/dataset-dict.js";
import type { Features, RowOf } from "../columns/features.js";
import { type Known, type KnownDatasets, knownFeatures } from "./known.js";
import type { Row } from "../types.js";
import { readCsv } from "./csv.js";
import { checkFile, type Files, type Format, filesOfFolder } from "./files.js";
import { readJson } from "./json.js";
import { readText } from "./text.js";

export type Builder = "csv" | "json" | "parquet" | "arrow" | "text";
export interface FileOptions {
  /** What separates the fields of CSV; default a comma, a tab for .tsv. */
  readonly delimiter?: string;
  readonly streaming?: false;
}
export type RowFrom<F> = F extends Features ? RowOf<F> : Row;
interface AnyOptions extends FileOptions {
  readonly dataFiles?: Files | Readonly<Record<string, Files>>;
  readonly split?: string | undefined;
  readonly features?: Features | undefined;
}

/**
 * Reads a data set. With a builder ("csv", "json", "text") from dataFiles: one file, a list, or a record of splits. Otherwise from a folder whose files are named for
 * their splits: train, validation, test, as .jsonl, .json, .csv, .tsv or .txt; `loadDataset("glue", "mrpc")` is the folder glue/mrpc.
 * JSON is one object per line or one array. features type the rows, pick the columns and are checked against the file. Without them the values decide: integers are int64,
 * other numbers float64; empty CSV fields are null among numbers and "" among texts.
 *
 * @throws DataFileError ERR_DATA_FILE that names file, line and byte offset; ArgumentError ERR_DATASET_NOT_FOUND, ERR_FILE_NOT_FOUND, ERR_BUILDER, ERR_FEATURES.
 * @example
 * const raw = await loadDataset("json", { dataFiles: { train: "train.jsonl", test: "test.jsonl" } });
 * const reviews = await loadDataset("csv", { dataFiles: "ratings.tsv", split: "train", features: { document: "string", label: "int64" } });
 * const folder = await loadDataset("./mrpc");
 */
export function loadDataset<const F extends Features | undefined = undefined>(
  builder: Builder,
  options: FileOptions & { dataFiles: Files; split: string; features?: F },
): Promise<Dataset<RowFrom<F>>>;
export function loadDataset<S extends string, const F extends Features | undefined = undefined>(
  builder: Builder,
  options: FileOptions & { dataFiles: { readonly [split in S]: Files }; features?: F },
): Promise<DatasetDict<RowFrom<F>, S>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  builder: Builder,
  options: FileOptions & { dataFiles: Files; features?: F },
): Promise<DatasetDict<RowFrom<F>, "train">>;
export function loadDataset<P extends string, C extends string>(path: P, config: C): Promise<DatasetDict<Known<P, C>["row"], Known<P, C>["splits"]>>;
export function loadDataset<P extends keyof KnownDatasets>(path: P): Promise<DatasetDict<KnownDatasets[P]["row"], KnownDatasets[P]["splits"]>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  path: string,
  options: { split: string; features?: F },
): Promise<Dataset<RowFrom<F>>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  path: string,
  options?: { split?: undefined; features?: F },
): Promise<DatasetDict<RowFrom<F>>>;
export async function loadDataset(path: string, second?: string | AnyOptions): Promise<unknown> {
  const options: AnyOptions = typeof second === "object" ? second : {};
  if (options.dataFiles !== undefined) return loadFiles(path, options.dataFiles, options);
  return loadFolder(path, typeof second === "string" ? second : undefined, options);
}

const readers: { readonly [F in Format]: (files: readonly string[], options: AnyOptions) => Promise<RowWriter> } = {
  csv: (files, { delimiter, features }) => readCsv(files, { delimiter, features }),
  json: (files, { features }) => readEach(files, features, readJson),
  text: (files, { features }) => readEach(files, features, readText),
};
const formatNames = Object.keys(readers) as Format[];

async function readEach(files: readonly string[], features: Features | undefined, read: (file: string, into: RowWriter) => Promise<void>): Promise<RowWriter> {
  const out = new RowWriter(features);
  for (const file of files) await read(file, out);
  return out;
}

async function readSplit(format: Format, files: Files, options: AnyOptions): Promise<Dataset<never>> {
  const list = typeof files === "string" ? [files] : files;
  if (list.length === 0) throw new ArgumentError("dataFiles names no file", { code: "ERR_FILE_NOT_FOUND" });
  for (const file of list) await checkFile(file);
  return Dataset.ofTable<never>((await readers[format](list, options)).finish());
}

async function loadFiles(builder: string, dataFiles: NonNullable<AnyOptions["dataFiles"]>, options: AnyOptions): Promise<unknown> {
  const format = formatNames.find((name) => name === builder);
  if (!format) {
    const later = builder === "parquet" || builder === "arrow";
    throw new ArgumentError(`loadDataset: ${later ? `${builder} files cannot be read yet` : `there is no builder ${JSON.stringify(builder)}`}`, {
      code: "ERR_BUILDER",
      hint: `builders are ${formatNames.join(", ")}`,
    });
  }
  const splits: readonly (readonly [string, Files])[] =
    typeof dataFiles === "string" || Array.isArray(dataFiles) ? [[options.split ?? "train", dataFiles as Files]] : Object.entries(dataFiles);
  const out: [string, Dataset<never>][] = [];
  checkSplit(options.split, splits);
  for (const [split, files] of splits) if (options.split === undefined || split === options.split) out.push([split, await readSplit(format, files, options)]);
  return chosen(datasetDict(out), options.split);
}

/** Before anything is read. */
function checkSplit(split: string | undefined, splits: readonly (readonly [string, unknown])[]): void {
  if (split === undefined || splits.some(([name]) => name === split)) return;
  throw new ArgumentError(`there is no split ${JSON.stringify(split)}`, {
    code: "ERR_SPLIT_NOT_FOUND",
    hint: `splits are ${splits.map(([name]) => name).join(", ") || "none"}`,
  });
}

function chosen(dict: DatasetDict<never, string>, split: string | undefined): unknown {
  return split === undefined ? dict : dict.get(split);
}

async function loadFolder(path: string, config: string | undefined, options: AnyOptions): Promise<unknown> {
  const folder = config === undefined ? path : join(path, config);
  const call = `loadDataset(${[path, config]
    .filter((part) => part !== undefined)
    .map((part) => JSON.stringify(part))
    .join(", ")})`;
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new ArgumentError(`${call}: there is no folder ${folder} in ${process.cwd()}, and data sets are not downloaded yet`, {
      code: "ERR_DATASET_NOT_FOUND",
      hint: 'give the path of a folder that holds train.jsonl (or .csv, .tsv), or loadDataset("json", { dataFiles: "file.jsonl" })',
    });
  }
  const { format, splits } = await filesOfFolder(folder);
  const features = options.features ?? knownFeatures[config === undefined ? path : `${path}/${config}`];
  checkSplit(options.split, splits);
  const out: [string, Dataset<never>][] = [];
  for (const [split, files] of splits)
    if (options.split === undefined || split === options.split) out.push([split, await readSplit(format, files, { ...options, features })]);
  return chosen(datasetDict(out), options.split);
}
