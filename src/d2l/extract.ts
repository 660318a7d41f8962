// Archives unpacked beside themselves: into a folder of their own first, then moved, so that other processes never see half of one. Nothing gets outside of it.
import { randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { AccelerateError } from "../errors.js";
import { locked } from "../hub/lock.js";

const maxEntries = 1_000_000;
/** Bytes of an unpacked archive. */
const maxBytes = 64 * 2 ** 30;

const fault = (file: string, message: string, cause?: unknown) =>
  new AccelerateError("ERR_ARCHIVE", `${file}: ${message}`, cause === undefined ? {} : { cause, hint: "the file is damaged; remove it and download it again" });

type Unpack = (file: string, into: string) => Promise<void>;
/** Type bits of Unix modes; 0 where a program has written none. */
const typeBits = 0o170000;
const plainTypes: ReadonlySet<number> = new Set([0, 0o100000, 0o040000]);

async function unpackZip(file: string, into: string): Promise<void> {
  const yauzl = await import("yauzl");
  const zip = await yauzl.openPromise(file);
  let [entries, bytes] = [0, 0];
  try {
    // Names that are absolute or lead upwards are refused by yauzl itself.
    for await (const entry of zip.eachEntry()) {
      bytes += entry.uncompressedSize;
      if (++entries > maxEntries || bytes > maxBytes) throw fault(file, `more than ${maxEntries} files or ${maxBytes} bytes`);
      const unixMode = entry.externalFileAttributes >>> 16;
      if (!plainTypes.has(unixMode & typeBits)) throw fault(file, `${JSON.stringify(entry.fileName)} is no plain file`);
      const path = join(into, entry.fileName);
      if (entry.fileName.endsWith("/")) {
        await mkdir(path, { recursive: true });
        continue;
      }
      await mkdir(dirname(path), { recursive: true });
      await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(path, { flags: "wx" }));
    }
  } finally {
    zip.close();
  }
}

async function unpackTar(file: string, into: string): Promise<void> {
  const tar = await import("tar");
  let [entries, bytes] = [0, 0];
  let refused: AccelerateError | undefined;
  await tar.x({
    file,
    cwd: into,
    strict: true,
    noChmod: true,
    noMtime: true,
    preserveOwner: false,
    filter: (path, entry) => {
      bytes += entry.size ?? 0;
      const type = "type" in entry ? entry.type : "File";
      const steps = path.split(/[/\\]/);
      if (++entries > maxEntries || bytes > maxBytes) refused ??= fault(file, `more than ${maxEntries} files or ${maxBytes} bytes`);
      else if (!["File", "OldFile", "ContiguousFile", "Directory"].includes(type))
        refused ??= fault(file, `${JSON.stringify(path)} is no plain file but a ${type}`);
      else if (steps.includes("..") || /^([/\\]|[a-z]:)/i.test(path)) refused ??= fault(file, `${JSON.stringify(path)} lies outside of the archive's folder`);
      return refused === undefined;
    },
  });
  if (refused) throw refused;
}

const formats: readonly (readonly [ending: RegExp, unpack: Unpack])[] = [
  [/\.zip$/i, unpackZip],
  [/\.(tar\.gz|tgz|tar)$/i, unpackTar],
];

interface Extracted {
  /** Of the archive that was unpacked. */
  readonly size: number;
  readonly mtimeMs: number;
  /** What it left in the folder. */
  readonly names: readonly string[];
}

/** Whether an archive was unpacked already, and what it held is still there. */
async function isExtracted(marker: string, { size, mtimeMs }: { readonly size: number; readonly mtimeMs: number }, into: string): Promise<boolean> {
  try {
    const seen = JSON.parse(await readFile(marker, "utf8")) as Extracted;
    if (seen.size !== size || seen.mtimeMs !== mtimeMs) return false;
    for (const name of seen.names) await stat(join(into, name));
    return true;
  } catch {
    return false;
  }
}

/**
 * Unpacks an archive into a folder, unless that was done before, and gives the path that carries its name without its extension.
 *
 * @throws AccelerateError ERR_ARCHIVE
 */
export async function extract(file: string, into: string, signal?: AbortSignal): Promise<string> {
  const [ending, unpack] = formats.find(([pattern]) => pattern.test(file)) ?? [];
  if (!ending || !unpack) throw new AccelerateError("ERR_ARCHIVE", `${file} is no archive that can be unpacked`, { hint: "zip, tar and tar.gz can" });
  const bare = file.replace(ending, "");
  const marker = join(into, `.${basename(file)}.extracted`);
  const { size, mtimeMs } = await stat(file);
  const isDone = () => isExtracted(marker, { size, mtimeMs }, into);
  if (await isDone()) return bare;
  // Of several processes one unpacks: another might read already what would be replaced.
  await locked(`${marker}.lock`, signal, async () => {
    if (await isDone()) return;
    const names = await replaced(file, into, unpack);
    const work = `${marker}.${randomUUID().slice(0, 8)}.tmp`;
    await writeFile(work, JSON.stringify({ size, mtimeMs, names } satisfies Extracted));
    await rename(work, marker);
  });
  return bare;
}

/** Unpacks into a folder of its own, and moves what came out; gives the names. */
async function replaced(file: string, into: string, unpack: Unpack): Promise<string[]> {
  const work = join(into, `.${basename(file)}.${randomUUID().slice(0, 8)}.tmp`);
  try {
    await mkdir(work, { recursive: true });
    await unpack(file, work).catch((error: unknown) => {
      if (error instanceof AccelerateError || isSystemError(error)) throw error;
      throw fault(file, (error as Error).message, error);
    });
    const names = await readdir(work);
    for (const name of names) {
      await rm(join(into, name), { recursive: true, force: true });
      await rename(join(work, name), join(into, name));
    }
    return names;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A full disk, a folder that cannot be written: the archive is not to blame. */
const isSystemError = (error: unknown): boolean =>
  ["ENOSPC", "EACCES", "EPERM", "EROFS", "EMFILE", "EDQUOT"].includes((error as NodeJS.ErrnoException).code ?? "");
