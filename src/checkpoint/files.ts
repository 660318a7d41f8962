// Files of a checkpoint on their way to the disk and back: hashed while they are written, forced to disk, read again.
import { createHash } from "node:crypto";
import { type FileHandle, lstat, open } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { CheckpointError } from "./errors.js";
import { writeAdvice } from "../write-advice.js";
import type { ManifestFile } from "./manifest.js";

/** Bytes that are hashed, or read, in one go: short enough for a loop that shares the thread. */
const chunkBytes = 4 << 20;
/** Bytes of one system call: long enough that the system's thread does not wait for this one, which hashes meanwhile. */
const writeBytes = 64 << 20;
/** Buffers of one system call at most. */
const maxParts = 512;

/** Moments in the making of a checkpoint, in this order; the middle ones once per file. */
export type WritePoint =
  | "directory-made"
  | "file-begun"
  | "file-half"
  | "file-written"
  | "file-synced"
  | "manifest-written"
  | "directory-synced"
  /** The checkpoint that is replaced has lost its name. */
  | "replaced"
  | "renamed"
  | "parent-synced"
  | "pruned";

export interface WriteOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of every moment of the writing, and waited for. */
  readonly onPoint?: ((point: WritePoint, path: string) => void | Promise<void>) | undefined;
  /** Told of bytes that were written. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** A file to be written: its parts one behind the other. */
export interface FileContent {
  /** Relative to the checkpoint. */
  readonly path: string;
  readonly parts: readonly Uint8Array[];
}

export const bytesOf = ({ parts }: Pick<FileContent, "parts">): number => parts.reduce((sum, part) => sum + part.byteLength, 0);

/** Lists of pieces that make about so many bytes each. */
function* chunks(parts: readonly Uint8Array[], most: number): Generator<Uint8Array[]> {
  let chunk: Uint8Array[] = [];
  let size = 0;
  for (const part of parts) {
    for (let begin = 0; begin < part.byteLength; ) {
      const end = Math.min(part.byteLength, begin + most - size);
      chunk.push(part.subarray(begin, end));
      size += end - begin;
      begin = end;
      if (size < most && chunk.length < maxParts) continue;
      yield chunk;
      chunk = [];
      size = 0;
    }
  }
  if (chunk.length > 0) yield chunk;
}

async function writeAll(handle: FileHandle, pieces: readonly Uint8Array[]): Promise<void> {
  const total = pieces.reduce((sum, p) => sum + p.byteLength, 0);
  let { bytesWritten: done } = await handle.writev(pieces);
  // A disk that fills up takes the first part: the next call says why.
  if (done < total) {
    const rest = new Uint8Array(total);
    let at = 0;
    for (const piece of pieces) {
      rest.set(piece, at);
      at += piece.byteLength;
    }
    while (done < total) done += (await handle.write(rest, done)).bytesWritten;
  }
}

/** What went wrong with a file, in words. */
export function writeFault(error: unknown, file: string): CheckpointError {
  if (error instanceof CheckpointError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOSPC" || code === "EDQUOT")
    return new CheckpointError("ERR_CHECKPOINT_DISK_FULL", `${file} cannot be written: ${code === "EDQUOT" ? "the quota is used up" : "no space is left"}`, {
      cause: error,
      hint: "make room, or keep fewer checkpoints (projectConfig.totalLimit, saveTotalLimit of the Trainer); earlier ones are as they were",
    });
  const hint = writeAdvice(error);
  return new CheckpointError("ERR_CHECKPOINT_WRITE", `${file} cannot be written (${message})`, { cause: error, ...(hint && { hint }) });
}

export const stopped = (directory: string, signal: AbortSignal): CheckpointError =>
  new CheckpointError("ERR_CHECKPOINT_STOPPED", `saving ${directory} was stopped by its signal`, { cause: signal.reason });

/** Hashes parts on this thread, a chunk at a time, so that what else it has to do comes in between. */
async function hashed(parts: readonly Uint8Array[], signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for (const chunk of chunks(parts, chunkBytes)) {
    if (signal.aborted) break;
    for (const piece of chunk) hash.update(piece);
    await setImmediate();
  }
  return hash.digest("hex");
}

async function write(file: string, { path, parts }: FileContent, { signal, onPoint, onBytes }: WriteOptions): Promise<void> {
  const bytes = bytesOf({ parts });
  const handle = await open(file, "wx");
  try {
    await onPoint?.("file-begun", path);
    let [done, half] = [0, false];
    for (const chunk of chunks(parts, Math.min(writeBytes, Math.ceil(bytes / 2) || 1))) {
      if (signal?.aborted) throw stopped(file, signal);
      await writeAll(handle, chunk);
      const size = chunk.reduce((sum, piece) => sum + piece.byteLength, 0);
      done += size;
      onBytes?.(size);
      if (!half && done >= bytes / 2) {
        half = true;
        await onPoint?.("file-half", path);
      }
    }
    await onPoint?.("file-written", path);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/**
 * Writes a new file and forces it to disk. Hashing goes on beside: the system writes on another thread, and the slower of both does not hold up the other.
 * @throws CheckpointError ERR_CHECKPOINT_WRITE, ERR_CHECKPOINT_DISK_FULL, ERR_CHECKPOINT_STOPPED
 */
export async function writeHashed(file: string, content: FileContent, options: WriteOptions = {}): Promise<ManifestFile> {
  const { path, parts } = content;
  const unwanted = new AbortController();
  const hashing = hashed(parts, unwanted.signal);
  try {
    await write(file, content, options);
  } catch (error) {
    unwanted.abort();
    await hashing;
    throw writeFault(error, file);
  }
  const sha256 = await hashing;
  await options.onPoint?.("file-synced", path);
  return { path, bytes: bytesOf(content), sha256 };
}

/** Writes files, two at a time: one is forced to disk while the next is written. Results in the order of the files. */
export async function writeAllHashed(directory: string, files: readonly FileContent[], options: WriteOptions = {}): Promise<ManifestFile[]> {
  const written: ManifestFile[] = [];
  const left = files.entries();
  let failed = false;
  const lane = async (): Promise<void> => {
    for (const [i, file] of left) {
      if (failed) return;
      written[i] = await writeHashed(join(directory, file.path), file, options);
    }
  };
  const lanes = await Promise.allSettled(
    [0, 1].map(() =>
      lane().catch((error: unknown) => {
        failed = true;
        throw error;
      }),
    ),
  );
  for (const end of lanes) if (end.status === "rejected") throw end.reason;
  return written;
}

/** Size and hash of a file that lies in a checkpoint. @throws CheckpointError ERR_CHECKPOINT_DAMAGED when it is not there or is no plain file. */
export async function hashFile(file: string, path: string, wantedBytes?: number): Promise<ManifestFile> {
  const damaged = (what: string, cause?: unknown) =>
    new CheckpointError("ERR_CHECKPOINT_DAMAGED", `${file} ${what}`, { cause, hint: "load another checkpoint" });
  const stat = await lstat(file).catch((cause: NodeJS.ErrnoException) => {
    throw damaged(cause.code === "ENOENT" ? "is missing" : `cannot be read (${cause.message})`, cause);
  });
  if (!stat.isFile()) throw damaged(stat.isSymbolicLink() ? "is a link" : "is no plain file");
  if (wantedBytes !== undefined && stat.size !== wantedBytes) throw damaged(`has ${stat.size} bytes, not the ${wantedBytes} that were written`);
  const handle = await open(file, "r").catch((cause: Error) => {
    throw damaged(`cannot be read (${cause.message})`, cause);
  });
  try {
    const hash = createHash("sha256");
    const [one, other] = [Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(1, stat.size))), Buffer.allocUnsafe(Math.min(chunkBytes, Math.max(1, stat.size)))];
    let bytes = 0;
    let next = handle.read(one, 0, one.length, 0);
    for (let turn = 0; ; turn++) {
      const { bytesRead, buffer } = await next;
      bytes += bytesRead;
      if (bytesRead === 0) break;
      const free = turn % 2 === 0 ? other : one;
      next = handle.read(free, 0, free.length, bytes);
      next.catch(() => {});
      hash.update(buffer.subarray(0, bytesRead));
    }
    return { path, bytes, sha256: hash.digest("hex") };
  } finally {
    await handle.close();
  }
}

/** Forces a directory's entries to disk. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
