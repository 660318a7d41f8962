// A whole repository of the hub, or those of its files that are wanted, as a folder of the cache.
import { hubSettings } from "../config.js";
import { RepoCache } from "./cache.js";
import { HubError } from "./errors.js";
import type { Repo, SnapshotOptions } from "./types.js";

/** The folder of the files of a repository. */
export async function hubSnapshot({ repo, type = "model" }: Repo, options: SnapshotOptions = {}): Promise<string> {
  const settings = hubSettings();
  const cache = new RepoCache(options.cacheDir ?? settings.cache, repo, type, settings.symlinks);
  const commit = await cache.commitOf(options.revision ?? "main");
  if (commit) return cache.snapshot(commit);
  throw new HubError("ERR_HUB_LOCAL_ENTRY_NOT_FOUND", `${repo} is not in ${cache.root}`);
}
