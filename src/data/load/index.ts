// loadDataset: local files by format, folders whose files are named for their splits, and data sets of the hub.
import { ArgumentError } from "../../errors.js";
import type { Features, RowOf } from "../columns/features.js";
import { concatenateDatasets } from "../dataset/combine.js";
import type { Dataset } from "../dataset/dataset.js";
import { type DatasetDict, datasetDict } from "../dataset/dataset-dict.js";
import type { IterableDataset } from "../stream/iterable-dataset.js";
import type { IterableDatasetDict } from "../stream/iterable-dataset-dict.js";
import type { Row } from "../types.js";
import type { Files } from "./files.js";
import type { Builder } from "./formats.js";
import type { Known, KnownDatasets } from "./known.js";
import { type AnyOptions, callText, checkOptions, type DataPlan, planOf } from "./plan.js";
import { Preparing } from "./prepare.js";
import { streams } from "./streaming.js";
import { parseSplit, rowsOfPart, splitTexts } from "./split-string.js";

export type { Builder } from "./formats.js";
export type { Files } from "./files.js";
export type { DataFiles, DownloadMode } from "./plan.js";

/** Options of loadDataset beside dataFiles, split and features. */
export interface FileOptions extends Omit<AnyOptions, "dataFiles" | "split" | "features" | "streaming"> {
  readonly streaming?: false;
}
/** Options of loadDataset for streams. */
export interface StreamingOptions extends Omit<FileOptions, "streaming"> {
  readonly streaming: true;
}
export type RowFrom<F> = F extends Features ? RowOf<F> : Row;
type FileRecord<S extends string> = { readonly [split in S]: Files };

/**
 * Reads a data set. With a format's name ("csv", "json", "text", "parquet", "arrow") from dataFiles: paths, globs or addresses, as one, a list, or a record of splits. Otherwise from a
 * folder whose files or folders are named for their splits (train, validation, test and the other words of Python's datasets; without any all rows are train), or from the hub.
 *
 * JSON is one object per line or one array. features type the rows, pick the columns and are checked against the file. Without them Parquet and Arrow files say what they hold, and elsewhere
 * the values decide: integers are int64, other numbers float64; empty CSV fields are null among numbers and "" among texts.
 *
 * split takes what Python's does: "train[:10%]", "train+test[:5]", "train[-5%:]"; a list gives a Dataset each. What was read is written to the cache (HF_DATASETS_CACHE) as Arrow and mapped into
 * memory; the next time it is opened at once, unless the files or the options have changed. With streaming nothing is kept: rows are read as they are iterated.
 *
 * @throws DataFileError ERR_DATA_FILE that names file, line and byte offset or row group; ArgumentError ERR_DATASET_NOT_FOUND, ERR_FILE_NOT_FOUND, ERR_BUILDER, ERR_FEATURES, ERR_OPTIONS,
 *   ERR_SPLIT, ERR_SPLIT_NOT_FOUND.
 * @example
 * const raw = await loadDataset("json", { dataFiles: { train: "train.jsonl", test: "test.jsonl" } });
 * const reviews = await loadDataset("csv", { dataFiles: "ratings.tsv", split: "train", features: { document: "string", label: "int64" } });
 * const [rest, tenth] = await loadDataset("parquet", { dataFiles: "data/*.parquet", split: ["train[10%:]", "train[:10%]"] });
 * const folder = await loadDataset("./mrpc");
 */
export function loadDataset<const F extends Features | undefined = undefined>(
  builder: Builder,
  options: FileOptions & { dataFiles: Files | Readonly<Record<string, Files>>; split: string; features?: F },
): Promise<Dataset<RowFrom<F>>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  path: string,
  options: FileOptions & { dataFiles?: Files | Readonly<Record<string, Files>>; split: readonly string[]; features?: F },
): Promise<Dataset<RowFrom<F>>[]>;
export function loadDataset<S extends string, const F extends Features | undefined = undefined>(
  builder: Builder,
  options: FileOptions & { dataFiles: FileRecord<S>; features?: F; split?: undefined },
): Promise<DatasetDict<RowFrom<F>, S>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  builder: Builder,
  options: FileOptions & { dataFiles: Files; features?: F; split?: undefined },
): Promise<DatasetDict<RowFrom<F>, "train">>;
export function loadDataset<P extends string, C extends string>(
  path: P,
  config: C,
  options: FileOptions & { split: string },
): Promise<Dataset<Known<P, C>["row"]>>;
export function loadDataset<P extends string, C extends string>(
  path: P,
  config: C,
  options?: FileOptions & { split?: undefined },
): Promise<DatasetDict<Known<P, C>["row"], Known<P, C>["splits"]>>;
export function loadDataset<P extends keyof KnownDatasets>(path: P): Promise<DatasetDict<KnownDatasets[P]["row"], KnownDatasets[P]["splits"]>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  path: string,
  options: FileOptions & { dataFiles?: Files | Readonly<Record<string, Files>>; split: string; features?: F },
): Promise<Dataset<RowFrom<F>>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  path: string,
  options?: FileOptions & { dataFiles?: Files | Readonly<Record<string, Files>>; split?: undefined; features?: F },
): Promise<DatasetDict<RowFrom<F>>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  path: string,
  options: StreamingOptions & { dataFiles?: Files | Readonly<Record<string, Files>>; split: string; features?: F },
): Promise<IterableDataset<RowFrom<F>>>;
export function loadDataset<const F extends Features | undefined = undefined>(
  path: string,
  options: StreamingOptions & { dataFiles?: Files | Readonly<Record<string, Files>>; split?: undefined; features?: F },
): Promise<IterableDatasetDict<RowFrom<F>>>;
export function loadDataset<P extends string, C extends string>(
  path: P,
  config: C,
  options: StreamingOptions & { split: string },
): Promise<IterableDataset<Known<P, C>["row"]>>;
export function loadDataset<P extends string, C extends string>(
  path: P,
  config: C,
  options: StreamingOptions & { split?: undefined },
): Promise<IterableDatasetDict<Known<P, C>["row"], Known<P, C>["splits"]>>;
export async function loadDataset(path: string, second?: string | AnyOptions, third?: AnyOptions): Promise<unknown> {
  const options: AnyOptions = (typeof second === "object" ? second : third) ?? {};
  const config = typeof second === "string" ? second : options.name;
  checkOptions(callText(path, config), options, undefined);
  const plan = await planOf(path, config, options);
  return options.streaming ? streams(plan, options) : opened(plan, options);
}

type Loaded = Dataset<never>;

async function opened(plan: DataPlan, options: AnyOptions): Promise<unknown> {
  const { split } = options;
  const texts = splitTexts(split);
  const wanted = texts?.map((text) => [text, parseSplit(text)] as const);
  // Before anything is read.
  for (const [, parts] of wanted ?? []) for (const part of parts) checkSplit(part.split, plan);
  const needed = new Set(wanted?.flatMap(([, parts]) => parts.map((part) => part.split)) ?? plan.splits.map(([name]) => name));
  await plan.fetch?.([...needed]);
  const whole = new Map<string, Loaded>();
  const preparing = new Preparing(plan, options);
  for (const [name, files] of plan.splits) if (needed.has(name)) whole.set(name, await preparing.open(name, files));
  if (!wanted) return datasetDict([...whole]);
  const datasets = wanted.map(([text, parts]) => combined(text, parts, whole));
  return typeof split === "string" ? datasets[0] : datasets;
}

function checkSplit(split: string, { splits }: DataPlan): void {
  if (splits.some(([name]) => name === split)) return;
  throw new ArgumentError(`there is no split ${JSON.stringify(split)}`, {
    code: "ERR_SPLIT_NOT_FOUND",
    hint: `splits are ${splits.map(([name]) => name).join(", ") || "none"}`,
  });
}

/** The rows that a split string means. */
function combined(text: string, parts: ReturnType<typeof parseSplit>, whole: ReadonlyMap<string, Loaded>): Loaded {
  const datasets = parts.map((part) => {
    const dataset = whole.get(part.split)!;
    const { start, end } = rowsOfPart(part, dataset.length, text);
    return start === 0 && end === dataset.length ? dataset : dataset.slice(start, end);
  });
  return datasets.length === 1 ? datasets[0]! : concatenateDatasets<never>(datasets);
}
