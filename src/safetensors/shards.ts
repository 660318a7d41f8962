// Writes tensors as one safetensors file, or as several of limited size with an index: what Python's save_model and save_pretrained write.
import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { ArgumentError } from "../errors.js";
import type { TensorData } from "../graph/dtype.js";
import { indexName, shardIndexText, weightsName } from "./shard-index.js";
import { type StagedFile, stageFile, syncFolder, writeWhole } from "./stage.js";
import { type SaveSafetensorsOptions, safetensorsParts } from "./writer.js";

/** Bytes of a unit: decimal ones as in Python, and binary ones. */
const units: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/**
 * Bytes of a size such as "5MB" (decimal: 5,000,000) or "5MiB"; a number is bytes already.
 *
 * @example
 * parseSize("1.5GB"); // 1_500_000_000
 */
export function parseSize(size: number | string, what = "the size"): number {
  const [, digits, unit] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/i.exec(String(size)) ?? [];
  const scale = unit && units[unit.toUpperCase()];
  const bytes = typeof size === "number" ? size : scale ? Math.floor(Number(digits) * scale) : Number.NaN;
  if (bytes >= 1 && Number.isFinite(bytes)) return bytes;
  throw new ArgumentError(`${what} is ${JSON.stringify(size)}`, { hint: 'give bytes as a number, or a text such as "500MB" or "10GB"' });
}

/**
 * Deals tensors to shards as Python does: in their order, a new shard where the limit would be passed; one that is bigger than the limit gets a shard of its own.
 *
 * @example
 * planShards([["a", 60], ["b", 60], ["c", 20]], 100); // [["a"], ["b", "c"]]
 */
export function planShards(sizes: Iterable<readonly [name: string, bytes: number]>, maxBytes: number): string[][] {
  const shards: string[][] = [];
  let current: string[] = [];
  let filled = 0;
  for (const [name, bytes] of sizes) {
    if (bytes > maxBytes) {
      shards.push([name]);
      continue;
    }
    if (filled + bytes > maxBytes) {
      shards.push(current);
      current = [];
      filled = 0;
    }
    current.push(name);
    filled += bytes;
  }
  return current.length > 0 || shards.length === 0 ? [...shards, current] : shards;
}

const shardName = (i: number, count: number): string => {
  const digits = (n: number): string => String(n).padStart(5, "0");
  return `model-${digits(i + 1)}-of-${digits(count)}.safetensors`;
};
const isShard = (name: string): boolean => /^model-\d{5}-of-\d{5}\.safetensors$/.test(name);
/** What a save that was killed has left: see stageFile. */
const isUnfinished = (name: string): boolean => /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?\.tmp-[0-9a-f-]{36}$/.test(name);

export interface SaveShardsOptions extends SaveSafetensorsOptions {
  /** Greatest size of a file: bytes, or a text such as "5MB" (decimal units); default "10GB". */
  readonly maxShardSize?: number | string | undefined;
}

/** Removes what an earlier save has left that is no part of this one; the index goes before what it names. */
async function removeStale(directory: string, kept: ReadonlySet<string>): Promise<void> {
  const stale = (await readdir(directory)).filter(
    (name) => !kept.has(name) && (name === indexName || name === weightsName || isShard(name) || isUnfinished(name)),
  );
  stale.sort((a, b) => Number(b === indexName) - Number(a === indexName));
  for (const name of stale) await rm(join(directory, name), { force: true });
  if (stale.length > 0) await syncFolder(directory);
}

/**
 * Writes tensors into a directory that is made: `model.safetensors`, or `model-00001-of-00003.safetensors` ... with `model.safetensors.index.json` when they are bigger than `maxShardSize`. Files of an
 * earlier save that are not part of this one are removed. A crash leaves the earlier save, the new one, or (between two saves of as many shards) shards without an index; never a mixture that loads.
 *
 * @throws ArgumentError for a maxShardSize that is no size, or a directory that is a file
 * @example
 * await saveShards("out", tensors, { maxShardSize: "5GB" }); // Python: AutoModel.from_pretrained("out")
 */
export async function saveShards(
  directory: string,
  tensors: Iterable<readonly [name: string, tensor: TensorData]>,
  options: SaveShardsOptions = {},
): Promise<void> {
  const maxBytes = parseSize(options.maxShardSize ?? "10GB", "maxShardSize");
  await mkdir(directory, { recursive: true }).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "EEXIST" || cause.code === "ENOTDIR") throw new ArgumentError(`${directory} is a file, a model is saved into a folder`, { cause });
    throw cause;
  });
  const all = new Map(tensors);
  const shards = planShards(
    [...all].map(([name, { data }]) => [name, data.byteLength] as const),
    maxBytes,
  );
  const names = shards.length === 1 ? [weightsName] : shards.map((_, i) => shardName(i, shards.length));
  const staged: StagedFile[] = [];
  try {
    for (const [i, shard] of shards.entries()) {
      const file = join(directory, names[i]!);
      const parts = safetensorsParts(
        file,
        shard.map((name) => [name, all.get(name)!] as const),
        options,
      );
      staged.push(await stageFile(file, parts));
    }
    // Shards of the same names: an index must not name old and new ones.
    if (shards.length > 1) await rm(join(directory, indexName), { force: true });
    for (const file of staged) await file.commit();
  } finally {
    for (const file of staged) await file[Symbol.asyncDispose]();
  }
  if (shards.length > 1) {
    const weightMap = new Map(shards.flatMap((shard, i) => shard.map((tensor) => [tensor, names[i]!] as const)));
    const total = [...all.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
    await writeWhole(join(directory, indexName), [shardIndexText(weightMap, total)]);
  }
  await removeStale(directory, new Set(shards.length > 1 ? [...names, indexName] : names));
}
