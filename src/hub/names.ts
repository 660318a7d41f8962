// Names of repositories, revisions and files: what can be one, and where each lies in the cache and on the hub.
import { createHash } from "node:crypto";
import { HubError } from "./errors.js";
import type { RepoType } from "./types.js";

const COMMIT = /^[0-9a-f]{40}$/;
export const isCommit = (revision: string): boolean => COMMIT.test(revision);

/** Whether a text has the form of a repository's id: "name" or "owner/name". Rules of huggingface_hub. */
export function isRepoId(text: string): boolean {
  // A program without types may have no text at all.
  if (typeof text !== "string") return false;
  const parts = text.split("/");
  return (
    parts.length <= 2 && parts.every((part) => /^[A-Za-z0-9_](?:[\w.-]{0,94}[A-Za-z0-9_])?$/.test(part)) && !/--|\.\./.test(text) && !text.endsWith(".git")
  );
}

/** @throws HubError ERR_HUB_NAME */
export function checkRepoId(text: string): void {
  if (isRepoId(text)) return;
  throw new HubError("ERR_HUB_NAME", `${JSON.stringify(text)} is no id of a repository`, {
    hint: 'an id is "name" or "owner/name" of letters, digits, "-", "_" and ".", at most 96 each, without "--" and ".."',
  });
}

/**
 * A name out of a repository becomes a path of this machine: nothing that leaves its folder, on any system.
 * @throws HubError ERR_HUB_NAME
 */
export function checkFileName(filename: string): void {
  const parts = filename.split("/");
  // Windows reads a backslash as a slash, and a colon behind a drive's letter.
  const fault =
    filename === "" || filename.includes("\0") || filename.length > 4096
      ? "cannot be a file's name"
      : filename.startsWith("/") || /[\\]/.test(filename) || parts.some((part) => /^[A-Za-z]:/.test(part))
        ? "is no relative path with slashes"
        : parts.some((part) => part === "" || part === "." || part === "..")
          ? "leaves its folder, or has an empty part"
          : undefined;
  if (fault) throw new HubError("ERR_HUB_NAME", `file ${JSON.stringify(filename)}: ${fault}`, { hint: "ask the owner of the repository to rename it" });
}

/** A branch, tag or commit; its name is a path under refs/. @throws HubError ERR_HUB_NAME */
export function checkRevision(revision: string): void {
  try {
    checkFileName(revision);
  } catch (error) {
    throw new HubError("ERR_HUB_NAME", `${JSON.stringify(revision)} is no branch, tag or commit`, { cause: error });
  }
}

/** An etag names a file of the cache. undefined: it cannot. */
export function etagName(header: string | null | undefined): string | undefined {
  const etag = header?.replace(/^W\//, "").replace(/^"+|"+$/g, "");
  if (!etag) return undefined;
  // Python takes any; what is no file's name, we take by its hash.
  return /^[\w.+=-]{1,200}$/.test(etag) && !/^\.+$/.test(etag) ? etag : createHash("sha256").update(etag).digest("hex").slice(0, 40).concat("-etag");
}

/** models--owner--name, as in Python's cache. */
export const repoFolder = (repo: string, type: RepoType): string => [`${type}s`, ...repo.split("/")].join("--");

const prefixes: Readonly<Record<RepoType, string>> = { model: "", dataset: "datasets/" };
const slashed = (path: string): string => path.split("/").map(encodeURIComponent).join("/");

/** Where a file is fetched. */
export const fileUrl = (endpoint: string, type: RepoType, repo: string, revision: string, filename: string): string =>
  `${endpoint}/${prefixes[type]}${repo}/resolve/${encodeURIComponent(revision)}/${slashed(filename)}`;
/** What a revision is. */
export const revisionUrl = (endpoint: string, type: RepoType, repo: string, revision: string): string =>
  `${endpoint}/api/${type}s/${repo}/revision/${encodeURIComponent(revision)}`;
/** Which files a commit holds. */
export const treeUrl = (endpoint: string, type: RepoType, repo: string, commit: string): string =>
  `${endpoint}/api/${type}s/${repo}/tree/${encodeURIComponent(commit)}?recursive=true&expand=false`;
