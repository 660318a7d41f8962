// Makes one safetensors file of a folder's shards: everything checked against everything first, then copied piece by piece.
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { encodeHeader, entryBytes, type HeaderEntry } from "./encode-header.js";
import { SafetensorsError } from "./error.js";
import { SafetensorsFile } from "./reader.js";
import { indexName, type OpenShards, openShards, weightsName } from "./shard-index.js";
import { writeWhole } from "./stage.js";

export interface MergeOptions {
  /** Told what is odd and harms nothing. */
  readonly onWarning?: (text: string) => void;
  /** Told how many bytes of tensors are copied, now and then. */
  readonly onProgress?: (done: number, total: number) => void;
}
export interface Merged {
  readonly file: string;
  readonly shards: number;
  readonly tensors: number;
  /** Of tensors, without the header. */
  readonly bytes: number;
}

/** A tensor, and where it lies now. */
interface Source extends HeaderEntry {
  readonly home: SafetensorsFile;
}

/** What the shards hold must be what the index says, each tensor once. */
function checkIndex({ index, shards, homes }: OpenShards, warn: (text: string) => void): void {
  const found = new Map<string, string>();
  for (const [name, shard] of shards) {
    for (const tensor of shard.tensors.keys()) {
      const other = found.get(tensor);
      if (other !== undefined)
        throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `tensor ${tensor} is in two shards, ${other} and ${name}`, { file: index.file });
      if (!homes.has(tensor))
        throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `it does not name tensor ${tensor} of the shard ${name}`, { file: index.file });
      found.set(tensor, name);
    }
  }
  const bytes = [...homes].reduce((sum, [name, shard]) => sum + entryBytes(shard.entry(name)), 0);
  if (index.totalSize !== undefined && index.totalSize !== bytes)
    warn(
      `${index.file}: total_size says ${index.totalSize.toLocaleString("en-US")} bytes, the tensors have ${bytes.toLocaleString("en-US")}; all of them are there`,
    );
}

/** One set of texts from all files; where two differ, the first counts. */
function mergedMetadata(files: readonly SafetensorsFile[], warn: (text: string) => void): Record<string, string> {
  const all = new Map<string, string>();
  for (const { metadata, file } of files) {
    for (const [key, text] of Object.entries(metadata)) {
      const before = all.get(key);
      if (before === undefined) all.set(key, text);
      else if (before !== text) warn(`${file}: metadata ${key} is "${text}", the merged file keeps "${before}" of another shard`);
    }
  }
  return Object.fromEntries(all);
}

const noWeights = (folder: string): SafetensorsError =>
  new SafetensorsError("ERR_SAFETENSORS_INDEX", `there is neither ${indexName} nor ${weightsName}`, {
    file: folder,
    hint: "give the folder in which the shards lie with their index",
  });

/**
 * Merges `model.safetensors.index.json` and its shards into one file. Memory does not grow with the model; the file appears when it is whole. A folder that has a whole `model.safetensors` already (a
 * checkpoint of saveState, a model of savePretrained) is checked and copied.
 *
 * @throws SafetensorsError ERR_SAFETENSORS_INDEX when a shard or tensor is missing, lies in two shards, or the index says otherwise; other ERR_SAFETENSORS_* for a shard that is damaged
 * @example
 * const { tensors, bytes } = await mergeShards("model-folder", "model.safetensors");
 */
export async function mergeShards(folder: string, file: string, options: MergeOptions = {}): Promise<Merged> {
  const { onWarning = () => {}, onProgress } = options;
  const single = join(folder, weightsName);
  const sharded = existsSync(join(folder, indexName));
  if (!sharded && !existsSync(single)) throw noWeights(folder);
  const opened = sharded ? await openShards(folder) : undefined;
  const files = opened ? [...opened.shards.values()] : [await SafetensorsFile.open(single)];
  try {
    if (opened) checkIndex(opened, onWarning);
    else onWarning(`${folder} holds one whole ${basename(single)} and no index: it is copied`);
    const sources = files.flatMap((home) => [...home.tensors.values()].map((entry): Source => ({ ...entry, home })));
    const { header, entries } = encodeHeader(file, sources, mergedMetadata(files, onWarning));
    const bytes = entries.reduce((sum, entry) => sum + entryBytes(entry), 0);
    async function* parts(): AsyncGenerator<Uint8Array> {
      yield header;
      let done = 0;
      for (const { name, home } of entries) {
        for await (const piece of home.chunks(name)) {
          yield piece;
          done += piece.length;
          onProgress?.(done, bytes);
        }
      }
    }
    await writeWhole(file, parts());
    return { file, shards: files.length, tensors: entries.length, bytes };
  } finally {
    for (const opened of files) await opened.close();
  }
}
