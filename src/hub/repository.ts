// A commit of a repository: which files it has, and those that are wanted in the cache; without a connection, what the cache has of it.
import { readdir } from "node:fs/promises";
import { relative, join, sep } from "node:path";
import { RepoCache } from "./cache.js";
import { HubClient } from "./client.js";
import { HubError } from "./errors.js";
import { isTransient } from "./failure.js";
import { fetchFile, isFallible, notCached } from "./file.js";
import { cachedTree, lookUp, type Tree, treeOf } from "./listing.js";
import { checkFileName, checkRevision, etagName, fileUrl, isCommit } from "./names.js";
import { Downloads } from "./progress.js";
import { retried } from "./retry.js";
import type { HubOptions, Repo, RepoType } from "./types.js";

/** Files that are fetched at once. */
const AT_ONCE = 4;

export class Repository {
  readonly repo: string;
  readonly type: RepoType;
  /** As it was asked for. */
  readonly revision: string;
  readonly commit: string;
  /** Where its files lie, or will. */
  readonly folder: string;
  /** Why only the cache is read; undefined where the hub is asked. */
  readonly cachedBecause: HubError | "offline" | undefined;
  readonly #client: HubClient;
  readonly #cache: RepoCache;
  /** undefined: not known; the files that are there count. */
  readonly #tree: Tree | undefined;
  readonly #present: readonly string[];

  private constructor(state: {
    readonly client: HubClient;
    readonly cache: RepoCache;
    readonly repo: string;
    readonly type: RepoType;
    readonly revision: string;
    readonly commit: string;
    readonly tree: Tree | undefined;
    readonly present: readonly string[];
    readonly cachedBecause: HubError | "offline" | undefined;
  }) {
    this.repo = state.repo;
    this.type = state.type;
    this.revision = state.revision;
    this.commit = state.commit;
    this.folder = state.cache.snapshot(state.commit);
    this.cachedBecause = state.cachedBecause;
    this.#client = state.client;
    this.#cache = state.cache;
    this.#tree = state.tree;
    this.#present = state.present;
  }

  /**
   * Asks the hub what the revision is and holds. When the hub cannot be asked, or the token is not taken, the revision is what it was when last seen.
   * @throws HubError ERR_HUB_REPOSITORY_NOT_FOUND, ERR_HUB_REVISION_NOT_FOUND, ERR_HUB_LOCAL_ENTRY_NOT_FOUND and others
   */
  static async open({ repo, type = "model" }: Repo, options: HubOptions = {}): Promise<Repository> {
    const revision = options.revision ?? "main";
    const client = new HubClient(options, type);
    const cache = new RepoCache(options.cacheDir ?? client.settings.cache, repo, type, client.settings.symlinks);
    checkRevision(revision);
    const base = { client, cache, repo, type, revision };
    const ask = async () => {
      const commit = isCommit(revision) ? revision : await lookUp(client, repo, type, revision);
      return { ...base, commit, tree: await treeOf(client, cache, repo, type, commit), present: [], cachedBecause: undefined };
    };
    const fromCache = async (cachedBecause: HubError | "offline") => {
      const commit = await cache.commitOf(revision);
      const present = commit === undefined ? [] : await filesIn(cache.snapshot(commit));
      const tree = commit === undefined ? undefined : await cachedTree(cache, commit);
      return present.length === 0 ? undefined : new Repository({ ...base, commit: commit!, tree, present, cachedBecause });
    };
    if (client.offline) {
      const found = await fromCache("offline");
      if (found) return found;
      throw notCached(client, cache, { repo, type, filename: "the repository" }, revision);
    }
    const state = await ask().catch(async (error: unknown) => {
      if (!isFallible(error)) throw error;
      const found = await fromCache(error);
      if (found) {
        client.warn(`${error.message}; ${repo} is taken from the cache as it was when last fetched`);
        return found;
      }
      if (!isTransient(error)) throw error;
      return retried(client, ask);
    });
    if (state instanceof Repository) return state;
    const repository = new Repository(state);
    await cache.keepCommit(revision, state.commit).catch((error: unknown) => client.warn((error as Error).message));
    return repository;
  }

  /** Its files; without a connection those that the cache knows of. */
  get names(): readonly string[] {
    return this.#tree ? [...this.#tree.keys()] : this.#present;
  }
  /** Those of them that are in the cache, where only that is read; else none. */
  get present(): readonly string[] {
    return this.#present;
  }
  has(filename: string): boolean {
    return this.#tree?.has(filename) ?? this.#present.includes(filename);
  }
  path(filename: string): string {
    return this.#cache.pointer(this.commit, filename);
  }
  /** Notes for Python that there is no such file, so that it need not ask. */
  async noteAbsent(filename: string): Promise<void> {
    if (this.cachedBecause) return;
    await this.#cache.keepAbsent(this.commit, filename).catch((error: unknown) => this.#client.warn((error as Error).message));
  }

  /**
   * Brings files into the cache, several at once.
   * @throws HubError ERR_HUB_LOCAL_ENTRY_NOT_FOUND when only the cache is read and some are not there, ERR_HUB_ENTRY_NOT_FOUND when the repository has none of that name
   */
  async fetch(names: readonly string[]): Promise<void> {
    for (const name of names) checkFileName(name);
    if (this.cachedBecause) {
      const missing: string[] = [];
      for (const name of names) if (!(await this.#cache.find(this.commit, name))) missing.push(name);
      if (missing.length === 0) return;
      const some = missing.slice(0, 3).join(", ") + (missing.length > 3 ? ` and ${missing.length - 3} more` : "");
      throw notCached(this.#client, this.#cache, { ...this, filename: some }, this.revision, this.cachedBecause === "offline" ? undefined : this.cachedBecause);
    }
    const unknown = names.find((name) => !this.has(name));
    if (unknown !== undefined) throw new HubError("ERR_HUB_ENTRY_NOT_FOUND", `${this.repo} (${this.revision}) has no file ${unknown}`);
    const downloads = new Downloads(this.#client.showsProgress);
    const queue = [...names];
    const work = async () => {
      for (let name = queue.shift(); name !== undefined; name = queue.shift()) await this.#fetchOne(name, downloads);
    };
    const done = await Promise.allSettled(
      Array.from({ length: Math.min(AT_ONCE, names.length) }, () =>
        work().catch((error: unknown) => {
          // The others end what they are at.
          queue.length = 0;
          throw error;
        }),
      ),
    );
    const failed = done.find((one) => one.status === "rejected");
    if (failed) throw failed.reason;
  }

  async #fetchOne(filename: string, downloads: Downloads): Promise<void> {
    const { size, sha256, blobId } = this.#tree!.get(filename)!;
    const etag = sha256 ?? etagName(blobId);
    if (etag === undefined) throw new HubError("ERR_HUB_HTTP", `${this.repo}: the hub's listing gives ${filename} no oid`);
    const location = fileUrl(this.#client.endpoint, this.type, this.repo, this.commit, filename);
    // The listing says what a question for each file would.
    await fetchFile(this.#client, this.#cache, { ...this, filename }, { commit: this.commit, etag, size, location }, downloads);
  }
}

/** Files below a folder, with slashes; none where there is no folder. */
async function filesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => !entry.isDirectory()).map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
