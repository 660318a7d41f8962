// The cache of files of the hub in the layout of Python's huggingface_hub: blobs by etag, snapshots by commit, refs from revisions to commits.
import { constants, copyFile, link, lstat, mkdir, readFile, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { writeAdvice } from "../write-advice.js";
import { sweepUnfinished, unfinishedName, writeWhole } from "../unfinished.js";
import { HubError } from "./errors.js";
import { checkFileName, checkRepoId, checkRevision, isCommit, repoFolder } from "./names.js";
import type { RepoType } from "./types.js";

const code = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;
const absent = (error: unknown): boolean => ["ENOENT", "ENOTDIR"].includes(code(error) ?? "");

/** @throws HubError ERR_HUB_CACHE: what the system said, and where */
export function cacheFault(what: string, path: string, error: unknown): HubError {
  return new HubError("ERR_HUB_CACHE", `the hub's cache: cannot ${what} ${path} (${code(error) ?? (error as Error).message})`, {
    cause: error,
    hint: `${writeAdvice(error) ?? "give a folder that can be written"}: HF_HOME, HF_HUB_CACHE or cacheDir`,
  });
}

/** Whether there is a file, or a link to one. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    if (absent(error) || code(error) === "ELOOP") return false;
    throw cacheFault("read", path, error);
  }
}

/** A note of the cache; readers see the old one or the new one. @throws HubError ERR_HUB_CACHE */
export async function writeNote(path: string, text: string): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeWhole(path, text);
  } catch (error) {
    throw cacheFault("write", path, error);
  }
}

/** What the cache holds of one repository. */
export class RepoCache {
  /** Of all repositories. */
  readonly root: string;
  readonly folder: string;
  readonly #symlinks: boolean;

  constructor(root: string, repo: string, type: RepoType, symlinks: boolean) {
    checkRepoId(repo);
    this.root = resolve(root);
    this.folder = join(this.root, repoFolder(repo, type));
    this.#symlinks = symlinks;
  }
  snapshot(commit: string): string {
    return join(this.folder, "snapshots", commit);
  }
  /** Where a file of a commit lies, or would. */
  pointer(commit: string, filename: string): string {
    checkFileName(filename);
    return join(this.snapshot(commit), ...filename.split("/"));
  }
  blob(etag: string): string {
    return join(this.folder, "blobs", etag);
  }
  /** Beside Python's own lock of the same blob, which locks the file itself. */
  lock(etag: string): string {
    return join(this.root, ".locks", this.folder.slice(this.root.length + 1), `${etag}.lock.owner`);
  }

  /** The commit that a revision was when it was last looked up. */
  async commitOf(revision: string): Promise<string | undefined> {
    checkRevision(revision);
    if (isCommit(revision)) return revision;
    const file = join(this.folder, "refs", ...revision.split("/"));
    try {
      const commit = (await readFile(file, "utf8")).trim();
      return isCommit(commit) ? commit : undefined;
    } catch (error) {
      if (absent(error) || code(error) === "EISDIR") return undefined;
      throw cacheFault("read", file, error);
    }
  }
  /** Notes what a revision is now. A cache that cannot be written keeps what it has. */
  async keepCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit || (await this.commitOf(revision)) === commit) return;
    await writeNote(join(this.folder, "refs", ...revision.split("/")), commit);
  }

  /** The path of a file that is there. */
  async find(commit: string, filename: string): Promise<string | undefined> {
    const path = this.pointer(commit, filename);
    return (await isFile(path)) ? path : undefined;
  }
  /** Whether the hub said that a commit has no such file. */
  async knownAbsent(commit: string, filename: string): Promise<boolean> {
    return isFile(join(this.folder, ".no_exist", commit, ...filename.split("/")));
  }
  async keepAbsent(commit: string, filename: string): Promise<void> {
    checkFileName(filename);
    const path = join(this.folder, ".no_exist", commit, ...filename.split("/"));
    if (!(await isFile(path))) await writeNote(path, "");
  }

  /** A folder for blobs, without what killed processes left there. @throws HubError ERR_HUB_CACHE */
  async makeRoom(): Promise<void> {
    const folder = join(this.folder, "blobs");
    try {
      await mkdir(folder, { recursive: true });
    } catch (error) {
      throw cacheFault("write", folder, error);
    }
    await sweepUnfinished(folder);
  }

  /** Makes a blob a file of a commit: a relative link, a copy where links are impossible. */
  async point(etag: string, commit: string, filename: string): Promise<string> {
    const [blob, path] = [this.blob(etag), this.pointer(commit, filename)];
    try {
      await mkdir(dirname(path), { recursive: true });
      if (!this.#symlinks || !(await linkTo(blob, path))) await copyTo(blob, path);
    } catch (error) {
      throw cacheFault("write", path, error);
    }
    return path;
  }
}

/** false: this file system has no links, or not for us. */
async function linkTo(blob: string, path: string): Promise<boolean> {
  const target = relative(dirname(path), blob);
  const found = await lstat(path).catch((error: unknown) => {
    if (!absent(error)) throw error;
  });
  if (found?.isSymbolicLink() && (await readlink(path)) === target) return true;
  // Another process may be about to do the same: the rename replaces what is there. Not beside the path: its folder holds files of the repository alone.
  const unfinished = unfinishedName(blob);
  try {
    await symlink(target, unfinished);
  } catch (error) {
    if (["EPERM", "EACCES", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "UNKNOWN"].includes(code(error) ?? "")) return false;
    throw error;
  }
  await placed(unfinished, path);
  return true;
}

async function copyTo(blob: string, path: string): Promise<void> {
  const unfinished = unfinishedName(blob);
  // A hard link is a copy that costs nothing; not all file systems have them, nor clones.
  await placed(unfinished, path, () => link(blob, unfinished).catch(() => copyFile(blob, unfinished, constants.COPYFILE_FICLONE)));
}

async function placed(unfinished: string, path: string, make: () => Promise<void> = async () => {}): Promise<void> {
  try {
    await make();
    await rename(unfinished, path);
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => {}); // what failed first is told
    throw error;
  }
}
