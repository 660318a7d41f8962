// Saved data sets: folders that Python's save_to_disk makes and its load_from_disk opens, and the other way round.
import { existsSync, realpathSync } from "node:fs";
import { mkdir, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ArgumentError } from "../../errors.js";
import { delayedProgress } from "../../progress/delayed.js";
import type { Features } from "../columns/features.js";
import { featuresFromJson } from "../columns/hf-features.js";
import { plainFeature } from "../columns/column-data.js";
import { pythonJson } from "../columns/python-json.js";
import { Table } from "../columns/table.js";
import { DataFileError } from "../load/files.js";
import { ArrowWriter } from "./arrow-writer.js";
import { writeError } from "./write-error.js";
import { type DiskState, infoJson, infoOf, readFields, stateJson, stateOf, writeFacts } from "./disk-info.js";
import { fits, openArrow } from "./open-arrow.js";
import { filesOf, tableBytes } from "./table-size.js";

export type { DiskFormat, DiskState } from "./disk-info.js";

export interface SaveOptions {
  /** The most bytes of a file, nearly: a number, or a text such as "500MB" (10^6) and "1GiB" (2^30); default "500MB". */
  readonly maxShardSize?: number | string;
  /** How many files; instead of maxShardSize. */
  readonly numShards?: number;
  readonly signal?: AbortSignal;
}

const sizeUnits: { readonly [unit: string]: number } = { kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30, tib: 2 ** 40 };

function bytesOf(size: number | string): number {
  const [, digits, unit = ""] = (typeof size === "string" && /^(\d+(?:\.\d+)?)\s*([a-z]+)?$/i.exec(size)) || [];
  const bytes = typeof size === "number" ? size : Number(digits) * (unit === "" ? 1 : (sizeUnits[unit.toLowerCase()] ?? Number.NaN));
  if (bytes >= 1) return bytes;
  throw new ArgumentError(`maxShardSize is ${JSON.stringify(size)}`, { code: "ERR_SHARD_SIZE", hint: 'give bytes or a text such as "500MB"' });
}

function shardsFor(table: Table, { maxShardSize, numShards }: SaveOptions): number {
  if (numShards !== undefined) {
    if (maxShardSize !== undefined) throw new ArgumentError("numShards and maxShardSize are both given", { code: "ERR_SHARD_SIZE", hint: "give one of them" });
    if (!Number.isInteger(numShards) || numShards < 1) throw new ArgumentError(`numShards is ${numShards}`, { code: "ERR_SHARD_SIZE" });
    return numShards;
  }
  return Math.max(1, Math.min(table.length, Math.floor(tableBytes(table) / bytesOf(maxShardSize ?? "500MB")) + 1));
}

const five = (n: number): string => String(n).padStart(5, "0");

/** The rows' files are opened while they are written: a data set does not replace its own. */
function refuseOwnFiles(table: Table, folder: string): void {
  if (!existsSync(folder)) return;
  const target = realpathSync(folder);
  for (const file of filesOf(table)) {
    if (!existsSync(file) || dirname(realpathSync(file)) !== target) continue;
    throw new ArgumentError(`${folder} holds the files of this data set: it cannot be saved over itself`, {
      code: "ERR_DATASET_OVERWRITE",
      hint: "save it into another folder",
    });
  }
}

const featuresOf = (table: Table): Features => Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, feature]));

/**
 * Saves rows as `data-00000-of-00001.arrow`, ..., `dataset_info.json` and `state.json`, the last of which makes the folder a data set.
 * @throws ArgumentError ERR_SHARD_SIZE, ERR_DATASET_OVERWRITE; AccelerateError ERR_DATA_WRITE
 */
export async function saveTable(table: Table, folder: string, state: DiskState, options: SaveOptions = {}): Promise<void> {
  const shards = shardsFor(table, options);
  refuseOwnFiles(table, folder);
  const features = featuresOf(table);
  const names = Array.from({ length: shards }, (_, i) => `data-${five(i)}-of-${five(shards)}.arrow`);
  using bar = delayedProgress(table.length, `Saving the dataset (${shards} ${shards === 1 ? "shard" : "shards"})`, true, "examples");
  const [size, more] = [Math.floor(table.length / shards), table.length % shards];
  for (const [i, name] of names.entries()) {
    const start = size * i + Math.min(i, more);
    const end = start + size + (i < more ? 1 : 0);
    await using writer = await ArrowWriter.create(join(folder, name), features, options.signal ? { signal: options.signal } : {});
    for (let at = start; at < end; at += 10_000) {
      const to = Math.min(end, at + 10_000);
      await writer.write(table, at, to);
      bar.update(to - at);
    }
    // What was saved here before ends with the first file that is replaced: half old and half new is no data set.
    if (i === 0) for (const mark of ["state.json", "dataset_dict.json"]) await rm(join(folder, mark), { force: true });
    await writer.close();
  }
  await writeFacts(join(folder, "dataset_info.json"), infoJson(features, state.info));
  await writeFacts(join(folder, "state.json"), stateJson(names, state));
}

/** Writes `dataset_dict.json`: the splits are folders beside it. @throws AccelerateError ERR_DATA_WRITE */
export async function saveSplits(splits: readonly string[], folder: string): Promise<void> {
  const odd = splits.find((split) => !/^[\w.-]+$/.test(split) || split === "." || split === "..");
  if (odd !== undefined) throw new ArgumentError(`the split ${JSON.stringify(odd)} cannot be the name of a folder`, { code: "ERR_SPLIT_NAME" });
  try {
    await mkdir(folder, { recursive: true });
    // A data set that was saved here before is what Python would open.
    await rm(join(folder, "state.json"), { force: true });
  } catch (error) {
    throw writeError(folder, error);
  }
  await writeFacts(join(folder, "dataset_dict.json"), pythonJson({ splits }));
}

/** What a folder holds: a data set, or a DatasetDict of splits. @throws ArgumentError ERR_DATASET_NOT_FOUND when neither */
export async function savedKind(folder: string): Promise<{ readonly kind: "dataset" } | { readonly kind: "dict"; readonly splits: readonly string[] }> {
  if (existsSync(join(folder, "state.json")) && existsSync(join(folder, "dataset_info.json"))) return { kind: "dataset" };
  const dict = join(folder, "dataset_dict.json");
  if (existsSync(dict)) {
    const { splits } = await readFields(dict);
    if (!Array.isArray(splits) || !splits.every((split): split is string => typeof split === "string" && /^[\w.-]+$/.test(split) && !/^\.+$/.test(split)))
      throw new DataFileError(dict, 'there is no list "splits" of names of folders');
    return { kind: "dict", splits };
  }
  throw new ArgumentError(`${resolve(folder)} holds no saved data set`, {
    code: "ERR_DATASET_NOT_FOUND",
    hint: "a folder that saveToDisk made has dataset_info.json and state.json, or dataset_dict.json; loadDataset opens folders of csv, json, text and parquet files",
  });
}

/** Opens what saveTable or Python's save_to_disk wrote, without reading the rows. @throws ArgumentError ERR_DATASET_NOT_FOUND, DataFileError */
export async function loadTable(folder: string): Promise<{ readonly table: Table; readonly state: DiskState }> {
  const { kind } = await savedKind(folder);
  if (kind === "dict")
    throw new ArgumentError(`${folder} holds a DatasetDict`, { code: "ERR_DATASET_NOT_FOUND", hint: "use loadFromDisk or DatasetDict.loadFromDisk" });
  const [infoPath, statePath] = [join(folder, "dataset_info.json"), join(folder, "state.json")];
  const [infoFields, stateFields] = [await readFields(infoPath), await readFields(statePath)];
  const { state, files } = stateOf(statePath, stateFields);
  const info = infoOf(infoFields);
  const said = saidFeatures(infoFields.features);
  const table = files.length > 0 ? await openArrow(files.map((name) => join(folder, name))) : new Table(new Map(), 0);
  return { table: withFeatures(table, said), state: { ...state, ...(info ? { info } : {}) } };
}

/** Undefined where there are none that this library knows: those of the files count. */
function saidFeatures(json: unknown): Features | undefined {
  try {
    return json === undefined || json === null ? undefined : featuresFromJson(json);
  } catch (error) {
    if (error instanceof ArgumentError) return undefined;
    throw error;
  }
}
function withFeatures(table: Table, features: Features | undefined): Table {
  if (!features) return table;
  const columns = [...table.columns].map(([name, view]) => {
    const said = Object.hasOwn(features, name) ? features[name] : undefined;
    return [name, said !== undefined && fits(said, plainFeature(view.data)) ? { ...view, feature: said } : view] as const;
  });
  return new Table(new Map(columns), table.length);
}
