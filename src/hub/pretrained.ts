// From what a user writes as a checkpoint, a folder or an id of the hub, to a folder with the files that are wanted.
import { stat } from "node:fs/promises";
import { HubError } from "./errors.js";
import { isRepoId } from "./names.js";
import { hubSnapshot } from "./snapshot.js";
import type { HubOptions } from "./types.js";

/** Files of models: where one of a list is there, those after it are not fetched. */
export type WantedFile = string | readonly string[];

/**
 * The folder of a checkpoint: a local one as it is; of an id of the hub the snapshot in the cache, with those of the wanted files that the repository has.
 *
 * @param wanted Names or patterns; of a list of them the first that the repository has: `["model.safetensors", "pytorch_model.bin"]`.
 * @throws HubError when it is neither; ERR_HUB_REPOSITORY_NOT_FOUND, ERR_HUB_LOCAL_ENTRY_NOT_FOUND and others when the hub does not give it.
 * @example
 * const folder = await resolvePretrained("bert-base-uncased", ["config.json", ["model.safetensors", "pytorch_model.bin"]]);
 */
export async function resolvePretrained(checkpoint: string, wanted: readonly WantedFile[], options: HubOptions = {}): Promise<string> {
  const found = await stat(checkpoint).catch(() => undefined);
  if (found) return checkpoint;
  if (!isRepoId(checkpoint)) {
    throw new HubError("ERR_HUB_NAME", `there is no folder ${checkpoint} in ${process.cwd()}, and no repository of the hub can be called so`, {
      hint: 'give the path of a folder, or an id of the hub as "bert-base-uncased" or "owner/name"',
    });
  }
  return hubSnapshot({ repo: checkpoint }, { ...options, allowPatterns: wanted.flat() });
}
