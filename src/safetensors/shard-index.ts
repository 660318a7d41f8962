// The index of shards: model.safetensors.index.json names for each tensor the file in which it lies.
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { SafetensorsError } from "./error.js";
import { maxHeaderBytes } from "./header.js";
import { repeatedKey } from "./json-keys.js";
import { SafetensorsFile } from "./reader.js";

export const weightsName = "model.safetensors";
export const indexName = "model.safetensors.index.json";
/** Most shards accepted: the hub's own limit. */
const maxShards = 10_000;
/** Longest index accepted, in bytes: it says less of each tensor than headers do. */
const maxIndexBytes = maxHeaderBytes;
/** Shards that are held open; of more than these each is opened when it is read. */
const maxOpen = 32;
/** Shards whose headers are read at once. */
const atOnce = 8;

export interface ShardIndex {
  readonly file: string;
  /** Bytes of all tensors, as the index claims. */
  readonly totalSize: number | undefined;
  /** Tensor to the name of its shard. */
  readonly weightMap: ReadonlyMap<string, string>;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === "object" && value !== null && !Array.isArray(value);
/** A name of a file in a folder, on every system. */
const isPlain = (name: string): boolean => name !== "" && name !== "." && name !== ".." && !/[\\/\0]/.test(name);

async function parsedIndex(file: string): Promise<{ readonly weightMap: ReadonlyMap<string, string>; readonly totalSize: number | undefined }> {
  const { size } = await stat(file);
  if (size > maxIndexBytes) throw new RangeError(`${size.toLocaleString("en-US")} bytes, ${maxIndexBytes.toLocaleString("en-US")} are accepted`);
  const text = await readFile(file, "utf8");
  const twice = repeatedKey(text);
  const parsed: unknown = JSON.parse(text);
  if (twice !== undefined) throw new TypeError(`the key ${JSON.stringify(twice)} is there twice`);
  if (!isObject(parsed) || !isObject(parsed.weight_map)) throw new TypeError("weight_map is no object");
  const weightMap = new Map<string, string>();
  for (const [tensor, shard] of Object.entries(parsed.weight_map)) {
    if (typeof shard !== "string") throw new TypeError(`weight_map.${tensor} is no text`);
    weightMap.set(tensor, shard);
  }
  const total = isObject(parsed.metadata) ? parsed.metadata.total_size : undefined;
  return { weightMap, totalSize: typeof total === "number" ? total : undefined };
}

/**
 * Indices of other formats have the same form under another name.
 *
 * @throws SafetensorsError ERR_SAFETENSORS_INDEX when it is no index, or names files outside of its folder
 */
export async function readShardIndex(folder: string, name: string = indexName): Promise<ShardIndex> {
  const file = join(folder, name);
  const { weightMap, totalSize } = await parsedIndex(file).catch((cause: Error) => {
    throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `this is no index of shards: ${cause.message.split("\n")[0]}`, { file, cause });
  });
  const names = new Set(weightMap.values());
  if (names.size > maxShards)
    throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `${names.size} shards are more than the ${maxShards} that are accepted`, { file });
  for (const shard of names)
    if (!isPlain(shard)) throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `the shard ${JSON.stringify(shard)} is not a file of this folder`, { file });
  return { file, totalSize, weightMap };
}

/** The text of an index, byte for byte as Python's huggingface_hub writes it for plain names. */
export function shardIndexText(weightMap: ReadonlyMap<string, string>, totalSize: number): string {
  // Entries, not an object: a name such as "7" would be moved to the front.
  const lines = [...weightMap].sort(([a], [b]) => (a < b ? -1 : 1)).map(([tensor, shard]) => `    ${JSON.stringify(tensor)}: ${JSON.stringify(shard)}`);
  return `{\n  "metadata": {\n    "total_size": ${totalSize}\n  },\n  "weight_map": {\n${lines.join(",\n")}\n  }\n}\n`;
}

/** Open shards; whoever has them closes them. */
export interface OpenShards {
  readonly index: ShardIndex;
  /** By name. */
  readonly shards: ReadonlyMap<string, SafetensorsFile>;
  /** Tensor to its shard. */
  readonly homes: ReadonlyMap<string, SafetensorsFile>;
}

async function openShard(index: string, path: string, name: string, keepOpen: boolean): Promise<SafetensorsFile> {
  try {
    return await SafetensorsFile.open(path, { keepOpen });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOENT") throw cause;
    throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `the shard ${name} is missing`, { file: index, cause, hint: "download it into the same folder" });
  }
}

/**
 * Reads the header of every shard that a folder's index names, and finds every tensor in the shard that it is said to lie in. A few shards stay open; of many, each is opened
 * whenever something is read of it.
 */
export async function openShards(folder: string): Promise<OpenShards> {
  const index = await readShardIndex(folder);
  const { file, weightMap } = index;
  const shards = new Map<string, SafetensorsFile>();
  try {
    const names = [...new Set(weightMap.values())];
    for (let i = 0; i < names.length; i += atOnce) {
      const group = names.slice(i, i + atOnce);
      const found = await Promise.allSettled(group.map((name) => openShard(file, join(folder, name), name, names.length <= maxOpen)));
      for (const [k, result] of found.entries()) if (result.status === "fulfilled") shards.set(group[k]!, result.value);
      for (const result of found) if (result.status === "rejected") throw result.reason;
    }
    const homes = new Map<string, SafetensorsFile>();
    for (const [tensor, name] of weightMap) {
      const shard = shards.get(name)!;
      if (!shard.tensors.has(tensor)) {
        const other = [...shards].find(([, candidate]) => candidate.tensors.has(tensor))?.[0];
        throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `tensor ${tensor} is not in the shard ${name}${other ? `, it is in ${other}` : ""}`, { file });
      }
      homes.set(tensor, shard);
    }
    return { index, shards, homes };
  } catch (error) {
    for (const shard of shards.values()) await shard.close();
    throw error;
  }
}
