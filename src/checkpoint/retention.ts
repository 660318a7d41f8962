// Numbered checkpoints of a run: which there are, which number comes next, which are kept.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { WriteOptions } from "./files.js";
import { type HostName, removeCheckpoint } from "./staging.js";
import { verifyCheckpoint } from "./verify.js";

/** <projectDir>/checkpoints/checkpoint_<number> */
export interface NumberedCheckpoint {
  readonly number: number;
  readonly directory: string;
}

/** Numbers have no leading zeros: "checkpoint_07" is somebody else's. */
const pattern = /^checkpoint_(0|[1-9]\d*)$/;

export const numberedDirectory = (parent: string, number: number): string => join(parent, `checkpoint_${number}`);

/** Checkpoints of a directory, the newest first. None where there is no such directory. */
export function numberedCheckpoints(parent: string): NumberedCheckpoint[] {
  let names: string[] = [];
  try {
    names = readdirSync(parent, { withFileTypes: true }).flatMap((e) => (e.isDirectory() ? [e.name] : []));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const found = names.flatMap((name) => {
    const number = Number(pattern.exec(name)?.[1] ?? Number.NaN);
    return Number.isSafeInteger(number) ? [{ number, directory: join(parent, name) }] : [];
  });
  return found.sort((a, b) => b.number - a.number);
}

/** The number after the highest that is there. */
export const nextNumber = (parent: string): number => (numberedCheckpoints(parent)[0]?.number ?? -1) + 1;

export interface PruneOptions extends WriteOptions {
  readonly limit: number;
  readonly host: HostName;
  /** Rejects for a checkpoint that is not whole; default `verifyCheckpoint`. */
  readonly verify?: ((directory: string) => Promise<unknown>) | undefined;
}

/**
 * Deletes the oldest so that `limit` are left; the one just written must verify before any goes. Returns those that went.
 * @throws CheckpointError ERR_CHECKPOINT_DAMAGED, and nothing was deleted
 */
export async function prune(parent: string, written: string, options: PruneOptions): Promise<string[]> {
  const { limit, host, verify = verifyCheckpoint, onPoint } = options;
  // The new one stays also where its number is not the highest.
  const others = numberedCheckpoints(parent).filter(({ directory }) => directory !== written);
  const doomed = others.slice(Math.max(0, limit - 1)).reverse();
  if (doomed.length === 0) return [];
  await verify(written);
  for (const { directory } of doomed) {
    await removeCheckpoint(directory, host);
    await onPoint?.("pruned", directory);
  }
  return doomed.map(({ directory }) => directory);
}
