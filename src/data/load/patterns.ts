// Which files a pattern or a folder means: globs and the naming rules of Python's datasets (data_files.py).
import { existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, extname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { ArgumentError } from "../../errors.js";

export type SplitFiles = readonly (readonly [split: string, files: readonly string[]])[];

const keywords: readonly (readonly [split: string, words: readonly string[]])[] = [
  ["train", ["train", "training"]],
  ["validation", ["validation", "valid", "dev", "val"]],
  ["test", ["test", "testing", "eval", "evaluation"]],
];
/** What may stand around a keyword in a name. */
const AROUND = "[-._ 0-9]";
const SHARDED = /^(?<split>.+)-\d{5}-of-\d{5}.*\./;
const SPLIT_NAME = /^[\p{L}\p{N}_]+(\.[\p{L}\p{N}_]+)*$/u;
/** @throws ArgumentError ERR_SPLIT_NAME */
export function checkSplitName(name: string, hint = "give it a name of letters, digits, underscores and dots"): void {
  if (!SPLIT_NAME.test(name)) throw new ArgumentError(`a split cannot be called ${JSON.stringify(name)}`, { code: "ERR_SPLIT_NAME", hint });
}
const ignored = new Set(["README.md", "config.json", "dataset_info.json", "dataset_infos.json", "dummy_data.zip", "dataset_dict.json", "state.json"]);

/** Files that repositories and saved data sets have beside their data. */
export const isIgnored = (path: string): boolean => ignored.has(path.slice(path.lastIndexOf("/") + 1));

const isMagic = (pattern: string): boolean => /[*?[]/.test(pattern);

/** Names that begin with a dot, and folders that begin with two underscores, are met only where the pattern names such, too. */
export function isAskedFor(path: string, pattern: string): boolean {
  const hidden = (parts: readonly string[]) => parts.filter((part) => part.startsWith(".") && !/^\.+$/.test(part)).length;
  const special = (parts: readonly string[]) => parts.slice(0, -1).filter((part) => part.startsWith("__")).length;
  const [of, asked] = [path.split("/"), pattern.split("/")];
  return hidden(of) === hidden(asked) && special(of) === special(asked);
}

const inOrder = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * The files that a glob means, sorted; a path without wildcards means itself.
 * `*` and `?` match within a name, `**` over folders, `[...]` one character.
 * @throws ArgumentError ERR_FILE_NOT_FOUND with the names nearby.
 */
export async function filesOfPattern(pattern: string, base: string): Promise<readonly string[]> {
  const full = isAbsolute(pattern) ? pattern : join(base, pattern);
  if (existsSync(full) || !isMagic(pattern)) {
    await checkFile(full);
    return [full];
  }
  // The folder above the first wildcard is where the search begins.
  const parts = full.split("/");
  const first = parts.findIndex(isMagic);
  const root = parts.slice(0, first).join("/") || (full.startsWith("/") ? "/" : ".");
  const rest = parts.slice(first).join("/");
  const { glob } = await import("tinyglobby");
  const found = existsSync(root)
    ? await glob(rest, { cwd: root, dot: true, expandDirectories: false, extglob: false, braceExpansion: false, onlyFiles: true })
    : [];
  const files = found.filter((path) => isAskedFor(path, rest) && (!ignored.has(basename(path)) || basename(path) === basename(rest))).sort(inOrder);
  if (files.length === 0) {
    const names = existsSync(root) ? (await readdir(root)).sort().slice(0, 8).join(", ") : "";
    throw new ArgumentError(`${pattern}: no file has such a name`, {
      code: "ERR_FILE_NOT_FOUND",
      hint: names ? `in ${root}: ${names}` : `there is no folder ${root}`,
    });
  }
  return files.map((path) => join(root, path));
}

/** @throws ArgumentError ERR_FILE_NOT_FOUND with the names nearby. */
async function checkFile(file: string): Promise<void> {
  if (existsSync(file) && statSync(file).isFile()) return;
  const folder = dirname(file);
  const near = existsSync(folder) ? (await readdir(folder)).filter((name) => extname(name) === extname(file)).slice(0, 8) : [];
  const what = !existsSync(file) ? "no such file" : statSync(file).isDirectory() ? "is a folder" : "is no file but a device or a pipe";
  throw new ArgumentError(`${file}: ${what}`, { code: "ERR_FILE_NOT_FOUND", ...(near.length > 0 ? { hint: `in this folder: ${near.join(", ")}` } : {}) });
}

/** Every data file below a folder, relative and with slashes, sorted. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .map((entry) => [relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"), entry] as const)
    .filter(([path, entry]) => (entry.isFile() || (entry.isSymbolicLink() && statSync(join(folder, path)).isFile())) && !ignored.has(entry.name))
    .map(([path]) => path)
    .filter((path) => isAskedFor(path, "**"))
    .sort(inOrder);
}

/** Files by the split that one of the tests finds in their paths, in the order train, validation, test. */
function byKeyword(files: readonly string[], test: (path: string, word: string) => boolean): SplitFiles {
  return keywords.flatMap(([split, words]) => {
    const found = files.filter((path) => words.some((word) => test(path, word)));
    return found.length > 0 ? [[split, found] as const] : [];
  });
}
const inFolderName = (path: string, word: string): boolean =>
  path
    .split("/")
    .slice(0, -1)
    .some((name) => new RegExp(`^(.*${AROUND})?${word}(${AROUND}.*)?$`, "s").test(name));
const inFileName = (path: string, word: string): boolean => new RegExp(`^(.*${AROUND})?${word}${AROUND}`, "s").test(path.slice(path.lastIndexOf("/") + 1));

/**
 * Paths by split, by the rules of Python's datasets in their order: data/<split>-00000-of-00001.*, folders named for a split, files named for a split; otherwise all are train.
 * Paths are relative, with slashes; a file may belong to two splits when its name holds two keywords, as in Python.
 */
export function splitsOfPaths(paths: readonly string[]): SplitFiles {
  const sharded = new Map<string, string[]>();
  for (const path of paths) {
    const split = path.startsWith("data/") && !path.slice(5).includes("/") ? SHARDED.exec(path.slice(5))?.groups?.split : undefined;
    if (split !== undefined) sharded.set(split, [...(sharded.get(split) ?? []), path]);
  }
  if (sharded.size > 0) {
    for (const split of sharded.keys()) checkSplitName(split, "rename the files in data/");
    const known = keywords.map(([split]) => split);
    const place = (split: string) => (known.includes(split) ? known.indexOf(split) : known.length);
    return [...sharded].sort(([a], [b]) => place(a) - place(b) || inOrder(a, b));
  }
  for (const test of [inFolderName, inFileName]) {
    const splits = byKeyword(paths, test);
    if (splits.length > 0) return splits;
  }
  return paths.length > 0 ? [["train", paths]] : [];
}

/** The data files of a folder, of one format, by split. @throws ArgumentError ERR_DATASET_NOT_FOUND when it holds none. */
export async function filesOfFolder<F extends string>(
  folder: string,
  formatOf: (paths: readonly string[]) => F | undefined,
  isOfFormat: (path: string, format: F) => boolean,
): Promise<{ readonly format: F; readonly splits: SplitFiles }> {
  const all = await filesBelow(folder);
  const format = formatOf(all);
  const splits = format === undefined ? [] : splitsOfPaths(all.filter((path) => isOfFormat(path, format)));
  if (format === undefined || splits.length === 0) {
    throw new ArgumentError(`${folder} holds no data files`, {
      code: "ERR_DATASET_NOT_FOUND",
      hint: `expected train.parquet, train.jsonl, train.json, train.csv, train.tsv, train.txt or train.arrow (found ${all.slice(0, 8).join(", ") || "nothing"}); name files with loadDataset("json", { dataFiles })`,
    });
  }
  return { format, splits: splits.map(([split, paths]) => [split, paths.map((path) => resolve(folder, path))]) };
}
