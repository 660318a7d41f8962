// What a revision of a repository is, and which files it holds: from the hub, or from the listing that the cache keeps per commit as Python's does.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type RepoCache, writeNote } from "./cache.js";
import type { HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { plainUrl } from "./failure.js";
import { isCommit, revisionUrl, treeUrl } from "./names.js";
import type { RepoType } from "./types.js";

const MAX_ANSWER = 64 << 20;
const MAX_PAGES = 10_000;
const MAX_FILES = 2_000_000;

/** A file of a commit. */
export interface TreeFile {
  readonly size: number;
  /** Of git: the etag of files that are not in LFS. */
  readonly blobId: string;
  /** Of the content of files in LFS: their etag. */
  readonly sha256?: string | undefined;
  /** Of the other storage of the hub; kept for Python. */
  readonly xetHash?: string | undefined;
}
export type Tree = ReadonlyMap<string, TreeFile>;

async function readJson(client: HubClient, url: string): Promise<{ value: unknown; next: string | undefined }> {
  const answer = await client.request(url, { authorized: true, timeoutMs: client.settings.downloadTimeoutMs, headers: { accept: "application/json" } });
  const next = /<([^>]+)>\s*;\s*rel="?next"?/.exec(answer.headers.get("link") ?? "")?.[1];
  const text = await answer.text(MAX_ANSWER);
  try {
    return { value: JSON.parse(text), next: next && new URL(next, answer.url).href };
  } catch (error) {
    throw new HubError("ERR_HUB_HTTP", `${plainUrl(url)}: the answer is no JSON`, { hint: "check HF_ENDPOINT, and proxies on the way", cause: error });
  }
}

/** The commit that a revision is now. */
export async function lookUp(client: HubClient, repo: string, type: RepoType, revision: string): Promise<string> {
  const url = revisionUrl(client.endpoint, type, repo, revision);
  const { value } = await readJson(client, url);
  const { sha } = (value ?? {}) as { sha?: unknown };
  if (typeof sha === "string" && isCommit(sha)) return sha;
  throw new HubError("ERR_HUB_HTTP", `${url}: the answer names no commit`, { hint: "check HF_ENDPOINT" });
}

const SHA256 = /^[0-9a-f]{64}$/;
const count = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function readEntry(raw: unknown): [string, TreeFile] | undefined {
  const { type, path, size, oid, lfs, xetHash } = (raw ?? {}) as Record<string, unknown>;
  if (type !== "file") return undefined;
  const { oid: sha256, size: whole } = (lfs ?? {}) as Record<string, unknown>;
  if (typeof path !== "string" || !count(size) || typeof oid !== "string")
    throw new HubError("ERR_HUB_HTTP", "a file in the hub's listing has no path, size or oid");
  const large = typeof sha256 === "string" && SHA256.test(sha256);
  return [path, { size: large && count(whole) ? whole : size, blobId: oid, ...(large ? { sha256 } : {}), ...(typeof xetHash === "string" ? { xetHash } : {}) }];
}

/** The files of a commit, page by page. */
async function askTree(client: HubClient, repo: string, type: RepoType, commit: string): Promise<Tree> {
  const files = new Map<string, TreeFile>();
  let url: string | undefined = treeUrl(client.endpoint, type, repo, commit);
  const { origin } = new URL(url);
  for (let page = 0; url; page++) {
    const answer: { value: unknown; next: string | undefined } = await readJson(client, url);
    if (!Array.isArray(answer.value)) throw new HubError("ERR_HUB_HTTP", `${plainUrl(url)}: the answer is no list of files`, { hint: "check HF_ENDPOINT" });
    for (const raw of answer.value) {
      const entry = readEntry(raw);
      if (entry) files.set(...entry);
    }
    if (page >= MAX_PAGES || files.size > MAX_FILES) throw new HubError("ERR_HUB_CONTENT", `${repo}: the listing of its files does not end`);
    // Mirrors hand on the addresses of the hub they mirror.
    url = answer.next && origin !== new URL(answer.next).origin ? answer.next.replace(new URL(answer.next).origin, origin) : answer.next;
  }
  return files;
}

const listingFile = (cache: RepoCache, commit: string): string => join(cache.folder, "trees", `${commit}.json`);

/** The listing that the cache keeps; undefined: none, or one that cannot be read. */
export async function cachedTree(cache: RepoCache, commit: string): Promise<Tree | undefined> {
  try {
    const { format_version: version, files } = JSON.parse(await readFile(listingFile(cache, commit), "utf8")) as Record<string, unknown>;
    if (version !== 1 || typeof files !== "object" || files === null) return undefined;
    const out = new Map<string, TreeFile>();
    for (const [path, raw] of Object.entries(files)) {
      const { size, blob_id: blobId, lfs_sha256: sha256, lfs_size: whole, xet_hash: xetHash } = raw as Record<string, unknown>;
      if (!count(size) || typeof blobId !== "string") return undefined;
      const large = typeof sha256 === "string" && SHA256.test(sha256);
      out.set(path, { size: large && count(whole) ? whole : size, blobId, ...(large ? { sha256 } : {}), ...(typeof xetHash === "string" ? { xetHash } : {}) });
    }
    return out;
  } catch {
    // It is asked for again: a listing is no more than that.
    return undefined;
  }
}

async function keepTree(client: HubClient, cache: RepoCache, commit: string, tree: Tree): Promise<void> {
  const files = Object.fromEntries(
    [...tree]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([path, { size, blobId, sha256, xetHash }]) => [
        path,
        { size, blob_id: blobId, ...(sha256 ? { lfs_sha256: sha256, lfs_size: size } : {}), ...(xetHash ? { xet_hash: xetHash } : {}) },
      ]),
  );
  try {
    await writeNote(listingFile(cache, commit), JSON.stringify({ format_version: 1, files }, null, 1));
  } catch (error) {
    client.warn((error as Error).message);
  }
}

/** The files of a commit, which never change: asked for once. */
export async function treeOf(client: HubClient, cache: RepoCache, repo: string, type: RepoType, commit: string): Promise<Tree> {
  const known = await cachedTree(cache, commit);
  if (known) return known;
  const tree = await askTree(client, repo, type, commit);
  await keepTree(client, cache, commit, tree);
  return tree;
}
