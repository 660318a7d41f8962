// Data sets saved in folders and opened from them, with their format, split and fingerprint.
import { join, resolve } from "node:path";
import { ArgumentError } from "../../errors.js";
import type { SaveOptions } from "../arrow/disk.js";
import { Dataset } from "./dataset.js";
import { datasetDict } from "./dataset-dict.js";
import type { DatasetDict } from "./dict-types.js";
import { plainFormat } from "./format.js";

type AnyDataset = Dataset<never>;

export async function saveDataset<R>(dataset: Dataset<R>, folder: string, options: SaveOptions): Promise<void> {
  const { saveTable } = await import("../arrow/disk.js");
  const { fingerprint, split, info } = Dataset.originOf(dataset);
  const { type, transform: _, ...format } = dataset.format;
  if (type === "custom")
    throw new ArgumentError("saveToDisk: the transform of the rows cannot be saved", {
      code: "ERR_FORMAT",
      hint: "call resetFormat() first, and setTransform on what loadFromDisk gives",
    });
  await saveTable(
    Dataset.tableOf(dataset),
    folder,
    { fingerprint, ...(split === undefined ? {} : { split }), ...(info ? { info } : {}), format: { type, ...format } },
    options,
  );
}

export async function saveDict(splits: Iterable<readonly [name: string, dataset: Dataset]>, folder: string, options: SaveOptions): Promise<void> {
  const { saveSplits } = await import("../arrow/disk.js");
  const all = [...splits];
  for (const [name, dataset] of all) await saveDataset(dataset, join(folder, name), options);
  // The list of splits comes last: without it the folder is no data set.
  await saveSplits(
    all.map(([name]) => name),
    folder,
  );
}

export async function loadOne<R>(folder: string): Promise<Dataset<R>> {
  const { loadTable } = await import("../arrow/disk.js");
  const { table, state } = await loadTable(folder);
  const { fingerprint, split, info, format } = state;
  const origin = { fingerprint, cacheDirectory: resolve(folder), ...(split === undefined ? {} : { split }), ...(info ? { info } : {}) };
  return Dataset.ofTable<R>(table, origin, format ?? plainFormat);
}

/**
 * Opens the folder that `saveToDisk`, or Python's `save_to_disk`, made: a Dataset, or a DatasetDict of several. The rows stay in their files.
 * `Dataset.loadFromDisk` and `DatasetDict.loadFromDisk` say which it has to be.
 *
 * @throws ArgumentError ERR_DATASET_NOT_FOUND; DataFileError ERR_DATA_FILE
 */
export async function loadFromDisk(folder: string): Promise<Dataset | DatasetDict> {
  const { savedKind } = await import("../arrow/disk.js");
  return (await savedKind(folder)).kind === "dict" ? loadDict(folder) : loadOne(folder);
}

export async function loadDict<R, S extends string>(folder: string): Promise<DatasetDict<R, S>> {
  const { savedKind } = await import("../arrow/disk.js");
  const saved = await savedKind(folder);
  if (saved.kind !== "dict")
    throw new ArgumentError(`${folder} holds one data set, not splits`, { code: "ERR_DATASET_NOT_FOUND", hint: "use loadFromDisk or Dataset.loadFromDisk" });
  const splits: [string, AnyDataset][] = [];
  for (const name of saved.splits) splits.push([name, await loadOne<never>(join(folder, name))]);
  return datasetDict(splits) as unknown as DatasetDict<R, S>;
}
