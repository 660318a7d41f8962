// Which checkpoints are kept: at most so many, the newest and the best always.
import { statSync } from "node:fs";
import { resolve } from "node:path";
import { type HostName, removeCheckpoint, verifyCheckpoint } from "../../checkpoint/index.js";
import { checkpointsIn } from "./names.js";

export interface RotationOptions {
  /** How many are kept; undefined: all. */
  readonly limit: number | undefined;
  /** The best one, which stays. */
  readonly best: string | undefined;
  /** The one just written: it stays, and must be whole before any other goes. */
  readonly written: string;
  readonly host: HostName;
  /** Takes what the user must be told. */
  readonly told: (line: string) => void;
}

/**
 * The checkpoints of a folder by age, the oldest first: when they were written, or by their steps where that lies within a second (some file systems keep no times). The best one comes right before the
 * newest, where it is safe from rotation.
 */
export function sortCheckpoints(folder: string, { best }: { readonly best?: string | undefined } = {}): string[] {
  // One that somebody else takes away meanwhile is none.
  const all = checkpointsIn(folder).flatMap(({ directory, step }) => {
    const time = statSync(directory, { throwIfNoEntry: false })?.mtimeMs;
    return time === undefined ? [] : [{ directory, step, time }];
  });
  const times = all.map(({ time }) => time);
  if (Math.max(...times) - Math.min(...times) >= 1000) all.sort((a, b) => a.time - b.time || a.step - b.step);
  const sorted = all.map(({ directory }) => directory);
  const at = best === undefined ? -1 : sorted.findIndex((directory) => isSame(directory, best));
  if (at >= 0 && at < sorted.length - 1) sorted.splice(-1, 0, ...sorted.splice(at, 1));
  return sorted;
}

/** Whether two paths lead to the same folder, by links or not. */
export function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => statSync(path, { throwIfNoEntry: false }));
  return a && b ? a.dev === b.dev && a.ino === b.ino : resolve(one) === resolve(other);
}

/** Takes a checkpoint away. One that does not go ends no training: the error is told. */
export async function takeAway(directory: string, host: HostName, told: (line: string) => void): Promise<boolean> {
  try {
    await removeCheckpoint(directory, host);
    return true;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT") told(`${directory} cannot be deleted and stays: ${message}`);
    return false;
  }
}

/**
 * Deletes the oldest checkpoints beyond the limit, after the new one was read again. Returns those that went.
 * @throws CheckpointError ERR_CHECKPOINT_DAMAGED when the new one is not whole: nothing was deleted
 */
export async function rotateCheckpoints(folder: string, { limit, best, written, host, told }: RotationOptions): Promise<string[]> {
  if (limit === undefined || limit <= 0) return [];
  const all = sortCheckpoints(folder);
  const stays = (directory: string): boolean => directory === all.at(-1) || isSame(directory, written) || (best !== undefined && isSame(directory, best));
  const kept = Math.max(limit, all.filter(stays).length);
  const doomed = all.filter((directory) => !stays(directory)).slice(0, Math.max(0, all.length - kept));
  if (doomed.length === 0) return [];
  await verifyCheckpoint(written);
  const gone: string[] = [];
  for (const directory of doomed) if (await takeAway(directory, host, told)) gone.push(directory);
  return gone;
}
