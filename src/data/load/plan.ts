// What a call of loadDataset means: a format, the files of each split, and the options to read them with.
import { existsSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import { type Features, checkFeatures } from "../columns/features.js";
import type { Files } from "./files.js";
import { type Builder, type Format, type FormatOptions, formatOf, formats, isOfFormat } from "./formats.js";
import { knownFeatures } from "./known.js";
import { checkSplitName, filesOfFolder, filesOfPattern, type SplitFiles } from "./patterns.js";
import { isUrl, urlFile } from "./urls.js";

export type DataFiles = Files | Readonly<Record<string, Files>>;

/** Options of every format. */
export interface CommonOptions {
  /** One file, a list, or a record of splits: paths, globs and http(s) addresses. Files without a split's name are the split train. */
  readonly dataFiles?: DataFiles | undefined;
  /** A folder within the data set (or, with a format's name, the folder itself): its files are sorted into splits by their names. */
  readonly dataDir?: string | undefined;
  /** "train", "train[:10%]", "train+test[:5]": one Dataset. A list: a Dataset each. */
  readonly split?: string | readonly string[] | undefined;
  /** What the columns hold; picks and checks them. */
  readonly features?: Features | undefined;
  /** A configuration of the data set, as the second argument. */
  readonly name?: string | undefined;
  /** Branch, tag or commit of a data set on the hub. */
  readonly revision?: string | undefined;
  /** A token of the hub. */
  readonly token?: string | boolean | undefined;
  /** Where Arrow files of data sets are kept; default HF_DATASETS_CACHE, else HF_HOME/datasets. */
  readonly cacheDir?: string | undefined;
  /** Keeps the rows in this process's memory, and writes no file. */
  readonly keepInMemory?: boolean | undefined;
  /** "force_redownload" makes the cached file anew. */
  readonly downloadMode?: DownloadMode | undefined;
  /** Threads that read files, one each at a time; default 1. JSON without features is read by one: all its rows decide together what the columns hold. */
  readonly numProc?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** An IterableDataset, which reads the files as it is iterated and keeps nothing. */
  readonly streaming?: boolean | undefined;
}
export type DownloadMode = "reuse_dataset_if_exists" | "reuse_cache_if_exists" | "force_redownload";
export type AnyOptions = CommonOptions & FormatOptions;

export interface DataPlan {
  readonly format: Format;
  /** Python's name of the data set: names the cache's folders and files. */
  readonly name: string;
  readonly config: string;
  readonly splits: SplitFiles;
  readonly options: FormatOptions;
  /** Declared, or known of this data set; undefined: the files say or show it. */
  readonly features: Features | undefined;
  /** What stands for the content of the files, where their sizes and times need not be asked for: commits do not change, and their files come when they are needed. */
  readonly identity?: readonly string[];
  /** Of a data set of the hub: brings the files of these splits to where they are read. */
  readonly fetch?: (splits: readonly string[]) => Promise<void>;
  /** The same for one of the files. */
  readonly fetchFile?: (file: string) => Promise<void>;
}

const commonOptions: OptionNames<CommonOptions> = {
  dataFiles: true,
  dataDir: true,
  split: true,
  features: true,
  name: true,
  revision: true,
  token: true,
  cacheDir: true,
  keepInMemory: true,
  downloadMode: true,
  numProc: true,
  signal: true,
  streaming: true,
};
const modes: { readonly [M in DownloadMode]: true } = { reuse_dataset_if_exists: true, reuse_cache_if_exists: true, force_redownload: true };

/** @throws ArgumentError ERR_OPTIONS, ERR_FEATURES */
export function checkOptions(call: string, options: AnyOptions, format: Format | undefined): void {
  const own = format ? format.options : Object.assign({}, ...Object.values(formats).map((known) => known.options));
  checkNames(call, options, { ...commonOptions, ...own }, Object.fromEntries(Object.values(formats).map((known) => [known.name, known.options])));
  const { downloadMode, features, numProc } = options;
  if (downloadMode !== undefined && !Object.hasOwn(modes, downloadMode))
    throw new ArgumentError(`${call}: downloadMode is ${JSON.stringify(downloadMode)}`, {
      code: "ERR_OPTIONS",
      hint: `give one of ${Object.keys(modes).join(", ")}`,
    });
  if (numProc !== undefined && !(Number.isInteger(numProc) && numProc > 0))
    throw new ArgumentError(`${call}: numProc is ${String(numProc)}`, { code: "ERR_OPTIONS", hint: "give a whole number of at least 1" });
  if (features) checkFeatures(features);
}

export const callText = (path: string, config: string | undefined): string =>
  `loadDataset(${[path, config]
    .filter((part) => part !== undefined)
    .map((part) => JSON.stringify(part))
    .join(", ")})`;

const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory();

/** The options of the format alone. */
export const formatOptions = (options: AnyOptions): FormatOptions =>
  Object.fromEntries(Object.entries(options).filter(([name]) => !Object.hasOwn(commonOptions, name)));

async function filesNamed(pattern: string, base: string, options: AnyOptions): Promise<readonly string[]> {
  if (isUrl(pattern)) return [await urlFile(pattern, options)];
  if (!pattern.startsWith("hf://")) return filesOfPattern(pattern, base);
  const { hubFiles } = await import("./hub-url.js");
  return hubFiles(pattern, { revision: options.revision, token: options.token, signal: options.signal });
}

/** Patterns by split, each to its files. */
async function namedFiles(dataFiles: DataFiles, base: string, options: AnyOptions): Promise<SplitFiles> {
  const bySplit =
    typeof dataFiles === "string" || Array.isArray(dataFiles)
      ? [["train", dataFiles as Files] as const]
      : typeof dataFiles === "object" && dataFiles !== null
        ? Object.entries(dataFiles as Readonly<Record<string, Files>>)
        : [];
  if (bySplit.length === 0)
    throw new ArgumentError(`dataFiles is ${inspect(dataFiles)}`, {
      code: "ERR_FILE_NOT_FOUND",
      hint: "give a path, a glob, an address, a list of them, or a record of splits",
    });
  const out: [string, readonly string[]][] = [];
  for (const [split, given] of bySplit) {
    const patterns = typeof given === "string" ? [given] : given;
    if (!Array.isArray(patterns) || patterns.length === 0 || patterns.some((pattern) => typeof pattern !== "string"))
      throw new ArgumentError(`dataFiles names no file${split === "train" ? "" : ` for ${split}`}`, {
        code: "ERR_FILE_NOT_FOUND",
        hint: "give a path, a glob, an address, or a list of them",
      });
    const files: string[] = [];
    for (const pattern of patterns) files.push(...(await filesNamed(pattern, base, options)));
    out.push([split, files]);
  }
  return out;
}

async function formatPlan(format: Format, options: AnyOptions): Promise<DataPlan> {
  const call = callText(format.name, undefined);
  checkOptions(call, options, format);
  const base = resolve(options.dataDir ?? ".");
  if (options.dataFiles === undefined && options.dataDir === undefined)
    throw new ArgumentError(`${call} names no files`, {
      code: "ERR_FILE_NOT_FOUND",
      hint: "give dataFiles (a path, a glob, a list, or a record of splits) or dataDir",
    });
  if (options.dataDir !== undefined && !isFolder(base)) throw new ArgumentError(`there is no folder ${base} (dataDir)`, { code: "ERR_FILE_NOT_FOUND" });
  const splits =
    options.dataFiles === undefined ? (await filesOfFolder(base, () => format.name, isOfFormat)).splits : await namedFiles(options.dataFiles, base, options);
  return { format, name: format.name, config: options.name ?? "default", splits, options: formatOptions(options), features: options.features };
}

export const snakeCase = (name: string): string =>
  name
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1_$2")
    .replaceAll(/([a-z\d])([A-Z])/g, "$1_$2")
    .toLowerCase();

async function folderPlan(path: string, config: string | undefined, options: AnyOptions): Promise<DataPlan> {
  const inner = config !== undefined && isFolder(join(path, config)) ? join(path, config) : path;
  const folder = resolve(inner, options.dataDir ?? ".");
  const saved = ["dataset_dict.json", "state.json"].find((name) => existsSync(join(folder, name)));
  if (saved !== undefined)
    throw new ArgumentError(`${folder} was written by saveToDisk (it holds ${saved})`, { code: "ERR_DATASET_NOT_FOUND", hint: "open it with loadFromDisk" });
  const call = callText(path, config);
  if (!isFolder(folder)) throw new ArgumentError(`${call}: there is no folder ${folder} (dataDir)`, { code: "ERR_FILE_NOT_FOUND" });
  let splits: SplitFiles;
  let builder: Builder | undefined;
  if (options.dataFiles === undefined) ({ splits, format: builder } = await filesOfFolder(folder, formatOf, isOfFormat));
  else {
    splits = await namedFiles(options.dataFiles, folder, options);
    builder = formatOf(splits.flatMap(([, files]) => files));
    if (builder === undefined)
      throw new ArgumentError(`${call}: the files are of no format that is known by their names`, {
        code: "ERR_BUILDER",
        hint: 'name it: loadDataset("json", { dataFiles })',
      });
  }
  const format = formats[builder];
  checkOptions(call, options, format);
  // Files that say themselves what they hold need no help.
  const known = builder === "parquet" || builder === "arrow" ? undefined : knownFeatures[config === undefined ? path : `${path}/${config}`];
  return {
    format,
    name: snakeCase(basename(resolve(path))),
    config: config ?? "default",
    splits,
    options: formatOptions(options),
    features: options.features ?? known,
  };
}

/** @throws ArgumentError ERR_DATASET_NOT_FOUND, ERR_FILE_NOT_FOUND, ERR_BUILDER, ERR_OPTIONS, ERR_SPLIT_NAME */
export async function planOf(path: string, config: string | undefined, options: AnyOptions): Promise<DataPlan> {
  const plan = await anyPlan(path, config, options);
  // Names of splits become names of files.
  for (const [name] of plan.splits) checkSplitName(name);
  return plan;
}

async function anyPlan(path: string, config: string | undefined, options: AnyOptions): Promise<DataPlan> {
  if (typeof path !== "string" || path === "")
    throw new ArgumentError(`loadDataset: ${String(path)} is no data set`, {
      code: "ERR_DATASET_NOT_FOUND",
      hint: "give a folder, a name on the hub, or csv, json, text, parquet or arrow with dataFiles",
    });
  if (Object.hasOwn(formats, path)) return formatPlan(formats[path as Builder], options);
  if (path.startsWith("hf://datasets/")) return (await import("./hub-plan.js")).hubPlan(path.slice("hf://datasets/".length), config, options);
  const folder = config === undefined ? path : join(path, config);
  if (isFolder(folder) || isFolder(path)) return folderPlan(path, config, options);
  const { isRepoId } = await import("../../hub/index.js");
  // A short name beside dataFiles is a format's, misspelt.
  if (isRepoId(path) && (options.dataFiles === undefined || path.includes("/"))) return (await import("./hub-plan.js")).hubPlan(path, config, options);
  if (options.dataFiles !== undefined && !/\//.test(path))
    throw new ArgumentError(`loadDataset: there is no builder ${JSON.stringify(path)}`, {
      code: "ERR_BUILDER",
      hint: `builders are ${Object.keys(formats).join(", ")}`,
    });
  throw new ArgumentError(`${callText(path, config)}: there is no folder ${folder} in ${process.cwd()}, and no data set of the hub can be called so`, {
    code: "ERR_DATASET_NOT_FOUND",
    hint: 'give the path of a folder that holds train.jsonl (or .csv, .tsv, .parquet), or loadDataset("json", { dataFiles: "file.jsonl" })',
  });
}
