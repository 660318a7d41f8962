// Files that appear whole or not at all: written beside their place, forced to disk, then renamed there.
import { randomUUID } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Bytes per system call at most. */
const maxWriteBytes = 1 << 30;

/** A file that is on disk under another name. Disposing of it removes it, unless it was committed. */
export interface StagedFile extends AsyncDisposable {
  /** Gives it its name, in the place of what was there. */
  commit(): Promise<void>;
}

/** What a file is made of; a part may be overwritten once the next one is asked for. */
export type FileParts = Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>;

/** Forces the names in a folder to disk. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a file beside its place and forces it to disk. */
export async function stageFile(file: string, parts: FileParts): Promise<StagedFile> {
  const temporary = `${file}.tmp-${randomUUID()}`;
  try {
    const handle = await open(temporary, "wx");
    try {
      for await (const part of parts) {
        const data = typeof part === "string" ? new TextEncoder().encode(part) : part;
        for (let done = 0; done < data.length; ) done += (await handle.write(data, done, Math.min(data.length - done, maxWriteBytes))).bytesWritten;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  return {
    commit: async () => {
      await rename(temporary, file);
      await syncFolder(dirname(file));
    },
    // After a commit there is nothing under this name.
    [Symbol.asyncDispose]: () => rm(temporary, { force: true }),
  };
}

/** Writes a file beside its place, forces it to disk, then renames it there. */
export async function writeWhole(file: string, parts: FileParts): Promise<void> {
  await using staged = await stageFile(file, parts);
  await staged.commit();
}
