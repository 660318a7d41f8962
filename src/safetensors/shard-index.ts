// The index of shards: model.safetensors.index.json names for each tensor the file in which it lies.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { SafetensorsError } from "./error.js";
import { SafetensorsFile } from "./reader.js";

export const weightsName = "model.safetensors";
export const indexName = "model.safetensors.index.json";
/** Most shards accepted: the hub's own limit. */
const maxShards = 10_000;
const schema = z.object({
  metadata: z.looseObject({ total_size: z.number().optional().catch(undefined) }).optional(),
  weight_map: z.record(z.string(), z.string()),
});

export interface ShardIndex {
  readonly file: string;
  /** Bytes of all tensors, as the index claims. */
  readonly totalSize: number | undefined;
  /** Tensor to the name of its shard. */
  readonly weightMap: ReadonlyMap<string, string>;
}

/**
 * Indices of other formats have the same form under another name.
 *
 * @throws SafetensorsError ERR_SAFETENSORS_INDEX when it is no index, or names files outside of its folder
 */
export async function readShardIndex(folder: string, name: string = indexName): Promise<ShardIndex> {
  const file = join(folder, name);
  let parsed: z.infer<typeof schema>;
  try {
    parsed = schema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split("\n")[0] : String(cause);
    throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `this is no index of shards: ${why}`, { file, cause });
  }
  const weightMap = new Map(Object.entries(parsed.weight_map));
  const names = new Set(weightMap.values());
  if (names.size > maxShards)
    throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `${names.size} shards are more than the ${maxShards} that are accepted`, { file });
  for (const shard of names)
    if (shard !== basename(shard) || shard === "." || shard === "..")
      throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `the shard ${JSON.stringify(shard)} is not a file of this folder`, { file });
  return { file, totalSize: parsed.metadata?.total_size, weightMap };
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

/** Opens every shard that a folder's index names, and finds every tensor in the shard that it is said to lie in. */
export async function openShards(folder: string): Promise<OpenShards> {
  const index = await readShardIndex(folder);
  const { file, weightMap } = index;
  const shards = new Map<string, SafetensorsFile>();
  try {
    for (const name of new Set(weightMap.values())) {
      const path = join(folder, name);
      if (!existsSync(path))
        throw new SafetensorsError("ERR_SAFETENSORS_INDEX", `the shard ${name} is missing`, { file, hint: "download it into the same folder" });
      shards.set(name, await SafetensorsFile.open(path));
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
