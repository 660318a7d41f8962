// One file of a repository of the hub, as a path in the cache.
import { hubSettings } from "../config.js";
import { RepoCache } from "./cache.js";
import { HubError } from "./errors.js";
import type { HubOptions, RepoFile } from "./types.js";

/** The path of a file. */
export async function hubDownload({ repo, type = "model", filename, revision = "main" }: RepoFile, options: HubOptions = {}): Promise<string> {
  const settings = hubSettings();
  const cache = new RepoCache(options.cacheDir ?? settings.cache, repo, type, settings.symlinks);
  const commit = await cache.commitOf(options.revision ?? revision);
  const path = commit && (await cache.find(commit, filename));
  if (path) return path;
  throw new HubError("ERR_HUB_LOCAL_ENTRY_NOT_FOUND", `${repo}: ${filename} is not in ${cache.root}`);
}
