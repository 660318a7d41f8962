// From what a user writes as a checkpoint, a folder or an id of the hub, to a folder with the files that are wanted.
import { readFile, stat } from "node:fs/promises";
import { HubError } from "./errors.js";
import { isRepoId } from "./names.js";
import { fnmatch } from "./patterns.js";
import { Repository } from "./repository.js";
import type { HubOptions } from "./types.js";

/** A name or pattern; of several the first that the repository has. */
export type WantedFile = string | readonly string[];

/** Files of a model's weights; an index brings the shards it names. */
export const weightFiles: WantedFile = ["model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"];
export const modelFiles: readonly WantedFile[] = ["config.json", "generation_config.json", weightFiles];
export const tokenizerFiles: readonly WantedFile[] = [
  "config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.txt",
  "vocab.json",
  "merges.txt",
];

const MAX_INDEX = 64 << 20;
const INDEX = ".index.json";

/** The shards that an index names. */
async function shardsOf(file: string): Promise<string[]> {
  const { size } = await stat(file);
  const fault = (why: string, cause?: unknown) => new HubError("ERR_HUB_CONTENT", `${file}: ${why}`, { cause });
  if (size > MAX_INDEX) throw fault(`an index of ${size} bytes`);
  let index: unknown;
  try {
    index = JSON.parse(await readFile(file, "utf8"));
  } catch (error) {
    throw fault((error as Error).message, error);
  }
  const { weight_map: map } = (index ?? {}) as { weight_map?: unknown };
  const names = typeof map === "object" && map !== null ? [...new Set(Object.values(map))] : [];
  if (names.length === 0 || !names.every((name) => typeof name === "string")) throw fault("its weight_map names no files");
  return names as string[];
}

/** The names that are meant, of those that there are. */
function chosen(wanted: WantedFile, names: readonly string[]): string[] {
  for (const pattern of [wanted].flat()) {
    const matches = fnmatch(pattern);
    const found = names.filter(matches);
    if (found.length > 0) return found;
  }
  return [];
}

/**
 * The folder of a checkpoint: a local one as it is; of an id of the hub the snapshot in the cache, with those of the wanted files that the repository has. What it has not is left out.
 *
 * @throws HubError ERR_HUB_NAME when it can be neither; ERR_HUB_REPOSITORY_NOT_FOUND, ERR_HUB_LOCAL_ENTRY_NOT_FOUND and others when the hub does not give it
 * @example
 * const folder = await resolvePretrained("bert-base-uncased", ["config.json", ["model.safetensors", "pytorch_model.bin"]]);
 */
export async function resolvePretrained(checkpoint: string, wanted: readonly WantedFile[], options: HubOptions = {}): Promise<string> {
  if (await stat(checkpoint).catch(() => undefined)) return checkpoint;
  if (!isRepoId(checkpoint)) {
    throw new HubError("ERR_HUB_NAME", `there is no folder ${checkpoint} in ${process.cwd()}, and no repository of the hub can be called so`, {
      hint: 'give the path of a folder, or an id of the hub as "bert-base-uncased" or "owner/name"',
    });
  }
  const repository = await Repository.open({ repo: checkpoint }, options).catch((error: unknown) => {
    if (!(error instanceof HubError) || !["ERR_HUB_REPOSITORY_NOT_FOUND", "ERR_HUB_LOCAL_ENTRY_NOT_FOUND", "ERR_HUB_CONNECTION"].includes(error.code))
      throw error;
    // The user may have meant a folder.
    throw new HubError(error.code, `there is no folder ${checkpoint} in ${process.cwd()}; on the hub: ${error.message}`, {
      cause: error,
      status: error.status,
      url: error.url,
    });
  });
  // Without a connection what is there is taken, though the repository has what would be taken before it.
  const pick = (one: WantedFile) => [chosen(one, repository.present), chosen(one, repository.names)].find((found) => found.length > 0) ?? [];
  const files = [...new Set(wanted.flatMap(pick))];
  for (const one of wanted.flat()) if (!/[*?[]/.test(one) && !repository.has(one)) await repository.noteAbsent(one);
  await repository.fetch(files);
  for (const index of files.filter((name) => name.endsWith(INDEX))) await repository.fetch(await shardsOf(repository.path(index)));
  return repository.folder;
}
