// Files put into a folder together: staged beside their places, noted in a manifest, then renamed one by one. Whenever it is cut off, the manifest says what is ours, and the next call completes or undoes it.
import { createHash } from "node:crypto";
import { createReadStream, existsSync } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { AccelerateError } from "../../src/errors.js";
import { manifestFile } from "../gpu/provider.js";
import type { Member } from "./wheel.js";

const STAGING = ".accelerate-ts-install";
const BACKUP = ".before-accelerate-ts";

export interface Manifest {
  /** Of ONNX Runtime. */
  readonly version: string;
  /** Where the files come from, for people. */
  readonly source: string;
  /** In the order in which they were put there: the provider, without which nothing counts as installed, comes last. */
  readonly files: readonly Member[];
  /** Names of files that were there before and are kept beside ours. */
  readonly replaced: readonly string[];
}

/** undefined: nothing was installed here by us. */
export async function readManifest(folder: string): Promise<Manifest | undefined> {
  try {
    const { version, source, files, replaced } = JSON.parse(await readFile(join(folder, manifestFile), "utf8")) as Manifest;
    return { version, source, files, replaced };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new AccelerateError("ERR_INSTALL", `${join(folder, manifestFile)} cannot be read (${(error as Error).message})`, {
      hint: "delete it and the libonnxruntime_providers_*.so beside it, then install again",
      cause: error,
    });
  }
}

export async function sha256Of(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash, { ...(signal && { signal }) });
  return hash.digest("hex");
}

async function isSame({ name, bytes, sha256 }: Member, folder: string, signal?: AbortSignal): Promise<boolean> {
  const path = join(folder, name);
  const found = await stat(path).catch(() => undefined);
  return found?.isFile() === true && found.size === bytes && (await sha256Of(path, signal)) === sha256;
}

/** Whether all that the manifest says is there, byte for byte. */
export async function isComplete({ files }: Manifest, folder: string, signal?: AbortSignal): Promise<boolean> {
  for (const file of files) if (!(await isSame(file, folder, signal))) return false;
  return true;
}

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** A folder for files on their way, on the file system of their places; it also keeps a second install away. What a killed one has left is removed. */
export async function stage(folder: string): Promise<AsyncDisposable & { readonly path: string }> {
  const path = join(folder, STAGING);
  for (let attempt = 0; ; attempt++) {
    try {
      await mkdir(path);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST" || attempt > 1) throw error;
      const pid = Number(await readFile(join(path, "pid"), "utf8").catch(() => ""));
      if (pid > 0 && pid !== process.pid && isAlive(pid))
        throw new AccelerateError("ERR_INSTALL", `another install is under way there (process ${pid})`, {
          hint: `wait for it; if there is none, delete ${path}`,
        });
      await rm(path, { recursive: true, force: true });
    }
  }
  await writeFile(join(path, "pid"), String(process.pid));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Renames and deletions of a folder reach the disk. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeManifest(manifest: Manifest, folder: string, staging: string): Promise<void> {
  const temporary = join(staging, manifestFile);
  const handle = await open(temporary, "w");
  try {
    await handle.writeFile(`${JSON.stringify(manifest, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(folder, manifestFile));
}

/**
 * Moves staged files to their places.
 * @throws AccelerateError ERR_INSTALL when files of somebody else are there and `force` is false; nothing is changed then.
 */
export async function place(manifest: Omit<Manifest, "replaced">, folder: string, staging: string, force: boolean): Promise<void> {
  const old = await readManifest(folder);
  const ours = new Set(old?.files.map(({ name }) => name));
  const foreign = manifest.files.map(({ name }) => name).filter((name) => !ours.has(name) && existsSync(join(folder, name)));
  if (foreign.length > 0 && !force)
    throw new AccelerateError(
      "ERR_INSTALL",
      `${foreign.join(" and ")} ${foreign.length > 1 ? "are" : "is"} there already, put there by something else (${folder})`,
      {
        hint: "keep it and take no further step, or give --force: it is kept aside, and --uninstall brings it back",
      },
    );
  const kept = (old?.replaced ?? []).filter((name) => existsSync(join(folder, name + BACKUP)));
  await writeManifest({ ...manifest, replaced: [...kept, ...foreign] }, folder, staging);
  for (const name of foreign) await rename(join(folder, name), join(folder, name + BACKUP));
  for (const { name } of manifest.files) await rename(join(staging, name), join(folder, name));
  const now = new Set(manifest.files.map(({ name }) => name));
  for (const name of ours) if (!now.has(name)) await rm(join(folder, name), { force: true });
  await syncFolder(folder);
}

export interface Removed {
  readonly removed: readonly string[];
  readonly restored: readonly string[];
  /** Files that somebody has changed since; they stay. */
  readonly left: readonly string[];
}

/** Undoes what the manifest says; undefined: there is none. */
export async function unplace(folder: string): Promise<Removed | undefined> {
  const manifest = await readManifest(folder);
  if (!manifest && !existsSync(join(folder, STAGING))) return undefined;
  await using staging = await stage(folder); // what a killed install has left goes with it
  if (!manifest) return undefined;
  const [removed, restored, left]: [string[], string[], string[]] = [[], [], []];
  // The provider goes first: without it nothing counts as installed.
  for (const file of manifest.files.toReversed()) {
    const path = join(folder, file.name);
    const backup = path + BACKUP;
    if (existsSync(backup)) {
      await rename(backup, path);
      restored.push(file.name);
    } else if (manifest.replaced.includes(file.name))
      continue; // cut off before it was moved aside: it is the other one's
    else if (await isSame(file, folder)) {
      await rm(path);
      removed.push(file.name);
    } else if (existsSync(path)) left.push(file.name);
  }
  await rm(join(folder, manifestFile));
  await rm(staging.path, { recursive: true });
  await syncFolder(folder);
  return { removed, restored, left };
}
