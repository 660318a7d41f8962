// One file of a repository of the hub, as a path in the cache.
import { rename } from "node:fs/promises";
import { cacheFault, isFile, RepoCache } from "./cache.js";
import { HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { isTransient } from "./failure.js";
import { locked } from "./lock.js";
import { checkFileName, checkRevision, etagName, fileUrl, isCommit } from "./names.js";
import { Downloads } from "./progress.js";
import { retried } from "./retry.js";
import { transfer } from "./transfer.js";
import type { HubOptions, RepoFile, RepoType } from "./types.js";

/** What the hub says about a file. */
export interface FileFacts {
  readonly commit: string;
  readonly etag: string;
  readonly size: number | undefined;
  /** Where its bytes are, without the token where that is another host. */
  readonly location: string;
}
export interface PlaceOfFile {
  readonly repo: string;
  readonly type: RepoType;
  readonly filename: string;
}

/** Asks the hub about a file. What it says is missing is noted in the cache. */
async function factsOf(client: HubClient, cache: RepoCache, { repo, type, filename }: PlaceOfFile, revision: string): Promise<FileFacts> {
  const url = fileUrl(client.endpoint, type, repo, revision, filename);
  let commit: string | null = null;
  const answer = await client
    .request(url, { method: "HEAD", authorized: true, stayOnHub: true, timeoutMs: client.settings.etagTimeoutMs })
    .catch(async (error: unknown) => {
      commit = error instanceof HubError && error.code === "ERR_HUB_ENTRY_NOT_FOUND" ? (error.headers?.get("x-repo-commit") ?? null) : null;
      if (commit && isCommit(commit)) await noted(client, () => cache.keepAbsent(commit!, filename).then(() => cache.keepCommit(revision, commit!)));
      throw error;
    });
  await answer.close();
  commit = answer.headers.get("x-repo-commit");
  const etag = etagName(answer.headers.get("x-linked-etag") ?? answer.headers.get("etag"));
  if (!commit || !isCommit(commit) || !etag) {
    throw new HubError("ERR_HUB_HTTP", `${url}: the answer names no commit or no etag, so it is not of a hub`, {
      hint: "check HF_ENDPOINT, and proxies on the way",
      status: answer.status,
    });
  }
  const moved = answer.status >= 300 ? answer.headers.get("location") : undefined;
  const length = answer.headers.get("x-linked-size") ?? (moved ? null : answer.headers.get("content-length"));
  const size = length && /^\d+$/.test(length) ? Number(length) : undefined;
  return { commit, etag, size, location: moved ? new URL(moved, answer.url).href : answer.url };
}

/** A cache that cannot take a note goes on without. */
async function noted(client: HubClient, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    client.warn(`${(error as Error).message}`);
  }
}

/** Brings a file whose facts are known into the cache, once among all processes. */
export async function fetchFile(client: HubClient, cache: RepoCache, place: PlaceOfFile, facts: FileFacts, downloads: Downloads): Promise<string> {
  const { repo, type, filename } = place;
  const { commit, etag, size } = facts;
  const [blob, force] = [cache.blob(etag), client.options.forceDownload === true];
  if (!force) {
    const path = await cache.find(commit, filename);
    if (path) return path;
    if (await isFile(blob)) return cache.point(etag, commit, filename);
  }
  await cache.makeRoom();
  await locked(cache.lock(etag), client.signal, async () => {
    if (!force && (await isFile(blob))) return;
    const lasting = fileUrl(client.endpoint, type, repo, commit, filename);
    const digest = /^[0-9a-f]{64}$/.test(etag) ? ({ algorithm: "sha256", hex: etag } as const) : undefined;
    const source = { url: facts.location, lasting, authorized: true, size, digest, name: filename, timeoutMs: client.settings.downloadTimeoutMs };
    const partial = `${blob}.incomplete`;
    await transfer(client, source, partial, downloads.file(filename), !force);
    try {
      await rename(partial, blob);
    } catch (error) {
      // Another process was first, having taken the lock for left behind.
      if (!(await isFile(blob))) throw cacheFault("write", blob, error);
    }
  });
  return cache.point(etag, commit, filename);
}

/**
 * The path of a file of a repository, fetched unless the cache has it: hf_hub_download of Python. Without a connection it is the file of the revision as it was when last seen.
 *
 * @throws HubError ERR_HUB_REPOSITORY_NOT_FOUND, ERR_HUB_GATED, ERR_HUB_REVISION_NOT_FOUND, ERR_HUB_ENTRY_NOT_FOUND, ERR_HUB_LOCAL_ENTRY_NOT_FOUND, ERR_HUB_CONTENT and others
 * @example
 * const config = await hubDownload({ repo: "bert-base-uncased", filename: "config.json" });
 * const train = await hubDownload({ repo: "nyu-mll/glue", type: "dataset", filename: "mrpc/train-00000-of-00001.parquet", revision: "main" });
 */
export async function hubDownload(file: RepoFile, options: HubOptions = {}): Promise<string> {
  const { repo, type = "model", filename } = file;
  const revision = options.revision ?? file.revision ?? "main";
  const client = new HubClient(options, type);
  const cache = new RepoCache(options.cacheDir ?? client.settings.cache, repo, type, client.settings.symlinks);
  checkFileName(filename);
  checkRevision(revision);
  const inCache = async () => {
    const commit = await cache.commitOf(revision);
    return commit && (await cache.find(commit, filename));
  };
  if ((isCommit(revision) && !options.forceDownload) || client.offline) {
    const path = await inCache();
    if (path) return path;
    if (client.offline) throw notCached(client, cache, { repo, type, filename }, revision);
  }
  const place = { repo, type, filename };
  const facts = await factsOf(client, cache, place, revision).catch(async (error: unknown) => {
    if (!isFallible(error) || options.forceDownload) throw error;
    const path = await inCache();
    if (path) return { path, error };
    if (!isTransient(error)) throw error;
    return retried(client, () => factsOf(client, cache, place, revision));
  });
  if ("path" in facts) {
    client.warn(`${facts.error.message}; ${repo}/${filename} is taken from the cache as it was when last fetched`);
    return facts.path;
  }
  await noted(client, () => cache.keepCommit(revision, facts.commit));
  return fetchFile(client, cache, place, facts, new Downloads(client.showsProgress));
}

/** Errors after which the cache may help: all but those that say that there is no such thing. */
export const isFallible = (error: unknown): error is HubError =>
  error instanceof HubError && !["ERR_HUB_ENTRY_NOT_FOUND", "ERR_HUB_REVISION_NOT_FOUND", "ERR_HUB_NAME", "ERR_HUB_CACHE"].includes(error.code);

export function notCached(client: HubClient, cache: RepoCache, { repo, filename }: PlaceOfFile, revision: string, cause?: unknown): HubError {
  const why = client.options.localFilesOnly ? "localFilesOnly is set" : "the hub is not asked (HF_HUB_OFFLINE)";
  return new HubError(
    "ERR_HUB_LOCAL_ENTRY_NOT_FOUND",
    `${repo} (${revision}): ${filename} is not in the cache ${cache.root}, and ${cause ? "the hub cannot be asked" : why}`,
    {
      hint: "fetch it once with a connection",
      cause,
    },
  );
}
