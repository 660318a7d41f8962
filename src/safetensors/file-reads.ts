// Positioned reads: one piece of memory, or many pieces that lie one behind the other in a file.
import type { FileHandle } from "node:fs/promises";
import { SafetensorsError } from "./error.js";

/** Bytes per system call at most. */
const maxReadBytes = 1 << 30;
/** Bytes of one call for several pieces: enough calls to share out, and few enough to cost nothing. */
const batchBytes = 4 << 20;
/** Pieces per call: the system's IOV_MAX. */
const maxPieces = 1024;
/** Calls under way at once: the threads of Node.js' pool. */
const atOnce = 4;

/** Where bytes of a file go. */
export interface Target {
  /** For messages. */
  readonly name: string;
  /** Position in the file. */
  readonly begin: number;
  readonly bytes: Uint8Array;
}

/** @throws SafetensorsError ERR_SAFETENSORS_TRUNCATED when the file ends before */
export async function readFully(handle: FileHandle, into: Uint8Array, position: number, file: string, what: string): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, maxReadBytes), position + done);
    if (bytesRead === 0) {
      throw new SafetensorsError(
        "ERR_SAFETENSORS_TRUNCATED",
        `${what} ends at byte ${(position + into.length).toLocaleString("en-US")}, the file was cut off at ${(position + done).toLocaleString("en-US")} while it was read`,
        {
          file,
          offset: position + done,
          hint: "download it again",
        },
      );
    }
    done += bytesRead;
  }
}

/** Targets that lie one behind the other in the file, in groups of about `batchBytes`; big ones are cut. */
function grouped(targets: readonly Target[]): Target[][] {
  const groups: Target[][] = [];
  let group: Target[] = [];
  let filled = 0;
  let end = -1;
  for (const target of [...targets].sort((a, b) => a.begin - b.begin)) {
    for (let at = 0; at < target.bytes.length; ) {
      const begin = target.begin + at;
      if (begin !== end || filled >= batchBytes || group.length >= maxPieces) {
        group = [];
        filled = 0;
        groups.push(group);
      }
      const bytes = target.bytes.subarray(at, at + batchBytes - filled);
      group.push({ name: target.name, begin, bytes });
      at += bytes.length;
      filled += bytes.length;
      end = begin + bytes.length;
    }
  }
  return groups;
}

/** Reads many pieces of a file, several at once. */
export async function readTargets(handle: FileHandle, file: string, targets: readonly Target[]): Promise<void> {
  const groups = grouped(targets);
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < groups.length) {
      const group = groups[next++]!;
      const views = group.map(({ bytes }) => bytes);
      let { bytesRead: left } = await handle.readv(views, group[0]!.begin);
      // A call may end before all pieces are filled; what is missing is read by itself.
      for (const { name, begin, bytes } of group) {
        const filled = Math.min(left, bytes.length);
        left -= filled;
        if (filled < bytes.length) await readFully(handle, bytes.subarray(filled), begin + filled, file, `tensor ${name}`);
      }
    }
  };
  // All are waited for also when one fails: the memory is theirs until then.
  const results = await Promise.allSettled(Array.from({ length: Math.min(atOnce, groups.length) }, work));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}
