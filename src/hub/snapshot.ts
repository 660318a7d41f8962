// A whole repository of the hub, or those of its files that are wanted, as a folder of the cache.
import { filterNames } from "./patterns.js";
import { Repository } from "./repository.js";
import type { Repo, SnapshotOptions } from "./types.js";

/**
 * The folder of a repository's files, fetched unless the cache has them, four at once: snapshot_download of Python.
 *
 * @throws HubError as hubDownload; ERR_HUB_LOCAL_ENTRY_NOT_FOUND also when only some of the files are in the cache and the hub cannot be asked
 * @example
 * const folder = await hubSnapshot({ repo: "bert-base-uncased" }, { allowPatterns: ["*.json", "*.txt", "*.safetensors"] });
 * const data = await hubSnapshot({ repo: "nyu-mll/glue", type: "dataset" }, { allowPatterns: "mrpc/*" });
 */
export async function hubSnapshot(repo: Repo, options: SnapshotOptions = {}): Promise<string> {
  const repository = await Repository.open(repo, options);
  await repository.fetch(filterNames(repository.names, options));
  return repository.folder;
}
