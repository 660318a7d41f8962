// A checkpoint in the making: a directory beside its place, named for the process that fills it, which gets its name when all is on disk.
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { lstat, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { CheckpointError } from "./errors.js";
import { hashFile, stopped, syncDirectory, writeFault, writeHashed, type WriteOptions } from "./files.js";
import { encodeManifest, type Manifest, type ManifestFile, manifestName } from "./manifest.js";

/** Processes of one host, as far as their numbers tell them apart; opaque. */
export interface HostName {
  readonly host: string;
}

/** <target>.tmp-<host>-<pid>-<start of the process>-<random>; "old" where a checkpoint gives its name to the one that replaces it. */
const pattern = /^(.+)\.(tmp|old)-([0-9a-f]{8})-(\d+)-(\d+)-([0-9a-f]{8})$/;
/** Of another host nobody can say whether the process lives: what was not touched for so long is left over. */
const abandonedMs = 24 * 3600 * 1000;

const shortHash = (text: string): string => createHash("sha256").update(text).digest("hex").slice(0, 8);

/** When a process was started, in ticks since boot; 0 where the system does not say; undefined: there is none. */
function startOf(pid: number): number | undefined {
  try {
    // Behind the name in parentheses, which may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)!.split(" ");
    return fields[0] === "Z" ? undefined : Number(fields[19]);
  } catch {
    try {
      process.kill(pid, 0);
      return 0;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "EPERM" ? 0 : undefined;
    }
  }
}

/** A new name beside `target` that tells whose it is. */
export const stagingName = (target: string, { host }: HostName, kind: "tmp" | "old" = "tmp"): string =>
  `${target}.${kind}-${shortHash(host)}-${process.pid}-${startOf(process.pid) ?? 0}-${randomBytes(4).toString("hex")}`;

const exists = async (path: string): Promise<boolean> => (await lstat(path).catch(() => undefined)) !== undefined;

const taken = (target: string): CheckpointError =>
  new CheckpointError("ERR_CHECKPOINT_EXISTS", `${target} is there already`, { hint: "save under another name; nothing is written over" });

/**
 * Makes the directory that is filled and later becomes `target`.
 * @throws CheckpointError ERR_CHECKPOINT_EXISTS, ERR_CHECKPOINT_WRITE
 */
export async function beginCheckpoint(
  target: string,
  host: HostName,
  { onPoint, replaces = false }: WriteOptions & { readonly replaces?: boolean } = {},
): Promise<string> {
  if (!replaces && (await exists(target))) throw taken(target);
  const staging = stagingName(target, host);
  try {
    await mkdir(dirname(target), { recursive: true });
    await mkdir(staging);
  } catch (error) {
    throw writeFault(error, staging);
  }
  await onPoint?.("directory-made", basename(target));
  return staging;
}

/** Files that lie in a directory, with paths relative to it, except those named. */
async function filesIn(directory: string, known: ReadonlySet<string>): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries.filter((e) => !e.isDirectory()).map((e) => join(e.parentPath, e.name).slice(directory.length + 1));
  return paths.filter((path) => !known.has(path)).sort();
}

/**
 * Makes a filled directory the checkpoint: manifest, rename, fsync of what lies above. Files that others put there (hooks) are taken in. After a failure nothing is left of it.
 * @throws CheckpointError ERR_CHECKPOINT_WRITE, ERR_CHECKPOINT_DISK_FULL, ERR_CHECKPOINT_EXISTS, ERR_CHECKPOINT_STOPPED; ERR_CHECKPOINT_NOT_FOUND for a file that should be there
 */
export async function commitCheckpoint(
  staging: string,
  target: string,
  manifest: Manifest,
  options: WriteOptions & { readonly replaces?: HostName } = {},
): Promise<Manifest> {
  const { signal, onPoint, replaces } = options;
  try {
    const files = [...manifest.files];
    for (const { path, bytes } of files) {
      const found = await stat(join(staging, path)).catch(() => undefined);
      if (found?.size !== bytes)
        throw new CheckpointError("ERR_CHECKPOINT_NOT_FOUND", `${path} of another worker is not in ${staging}`, {
          hint: "the directory must lie on a file system that all hosts share; without one set projectConfig.saveOnEachNode",
        });
    }
    const stray = await filesIn(staging, new Set(files.map((f) => f.path)));
    for (const path of stray) {
      files.push(await hashFile(join(staging, path), path));
      await syncFile(join(staging, path));
    }
    const whole: Manifest = { ...manifest, files };
    if (signal?.aborted) throw stopped(target, signal);
    await writeHashed(join(staging, manifestName), { path: manifestName, parts: [new TextEncoder().encode(encodeManifest(whole))] });
    await onPoint?.("manifest-written", manifestName);
    for (const folder of new Set(["", ...stray.map(dirname)])) await syncDirectory(join(staging, folder));
    await onPoint?.("directory-synced", basename(target));
    const old = (await exists(target)) ? replaced(target, replaces) : undefined;
    if (old) {
      await rename(target, old);
      await onPoint?.("replaced", basename(target));
    }
    await rename(staging, target);
    await onPoint?.("renamed", basename(target));
    await syncDirectory(dirname(target));
    await onPoint?.("parent-synced", basename(target));
    if (old) await discard(old);
    return whole;
  } catch (error) {
    await discard(staging);
    throw writeFault(error, target);
  }
}

/** The name under which what a new checkpoint replaces is taken away. */
function replaced(target: string, host: HostName | undefined): string {
  if (!host) throw taken(target);
  return stagingName(target, host, "old");
}

const syncFile = async (file: string): Promise<void> => syncDirectory(file);

/** Takes away a directory that will not become a checkpoint, or is one no more. */
export async function discard(staging: string): Promise<void> {
  await rm(staging, { recursive: true, force: true });
}

/** Deletes a checkpoint so that no part of it is ever seen: it loses its name first. */
export async function removeCheckpoint(directory: string, host: HostName): Promise<void> {
  const doomed = stagingName(directory, host);
  await rename(directory, doomed);
  await rm(doomed, { recursive: true, force: true });
}

/**
 * Takes away what dead processes have left in a directory of checkpoints: only directories with names of ours, and only those whose process is gone. Returns their names. A checkpoint that was to be
 * replaced when its process died gets its name back if the new one had not taken it yet.
 * `target` limits it to what was to become that one.
 */
export async function sweep(parent: string, { host }: HostName, options: { readonly target?: string } = {}): Promise<string[]> {
  const own = shortHash(host);
  const entries = await readdir(parent, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const swept: string[] = [];
  for (const entry of entries) {
    const [, name, kind, where, pid, start] = pattern.exec(entry.name) ?? [];
    if (name === undefined || !entry.isDirectory() || (options.target !== undefined && name !== options.target)) continue;
    const path = join(parent, entry.name);
    const alive = where === own ? [0, Number(start)].includes(startOf(Number(pid)) ?? -1) : Date.now() - (await newest(path)) < abandonedMs;
    if (alive) continue;
    const target = join(parent, name);
    if (kind === "old" && !(await exists(target))) {
      await rename(path, target);
      continue;
    }
    await discard(path);
    swept.push(entry.name);
  }
  return swept;
}

/** When anything in a directory was last changed. */
async function newest(directory: string): Promise<number> {
  const files = await readdir(directory).catch(() => []);
  const stats = await Promise.all([directory, ...files.map((f) => join(directory, f))].map((path) => stat(path).catch(() => undefined)));
  return Math.max(0, ...stats.map((s) => s?.mtimeMs ?? 0));
}

export type { ManifestFile };
