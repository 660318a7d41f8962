// Files by addresses of the hub: hf://datasets/owner/name@revision/path, where the path may be a pattern.
import { ArgumentError } from "../../errors.js";
import { type HubOptions, isRepoId, Repository } from "../../hub/index.js";
import { filesMatching } from "./hub-dataset.js";

/** A repository's id takes one or two parts: data sets of old have no owner, but not in addresses. */
const ADDRESS = /^hf:\/\/(datasets\/)?([^/@]+\/[^/@]+)(?:@([^/]+))?\/(.+)$/;

/**
 * Paths in the hub's cache of the files that an address means, fetched unless they are there.
 * @throws ArgumentError ERR_FILE_NOT_FOUND, HubError
 */
export async function hubFiles(address: string, options: HubOptions): Promise<readonly string[]> {
  const [, datasets, repo, revision, pattern] = ADDRESS.exec(address) ?? [];
  if (!repo || !pattern || !isRepoId(repo))
    throw new ArgumentError(`${address} is no address of files on the hub`, {
      code: "ERR_FILE_NOT_FOUND",
      hint: "write hf://datasets/owner/name/path or hf://datasets/owner/name@revision/path",
    });
  // A slash in a revision is written %2F.
  const repository = await Repository.open(
    { repo, type: datasets ? "dataset" : "model" },
    { ...options, ...(revision ? { revision: decodeURIComponent(revision) } : {}) },
  );
  const names = filesMatching(repository, pattern);
  await repository.fetch(names);
  return names.map((name) => repository.path(name));
}
