// Helpers of the launcher's tests: scripts in a folder of their own, processes that must be gone.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { folderOf } from "../data/files.js";

/** import { join, reduce } from "${member}"; in scripts. */
export const member = new URL("./fixtures/member.js", import.meta.url).href;

/** A script in a new folder; its path. */
export async function scriptOf(t: TestContext, source: string, name = "train.mjs"): Promise<string> {
  return join(await folderOf(t, { [name]: source }), name);
}

/** Zombies are gone, too: nothing but the init process of a container reaps some of them. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** The process ids that workers have printed as "pid 4711". */
export const pidsIn = (output: string): number[] => [...output.matchAll(/\bpid (\d+)/g)].map((match) => Number(match[1]));

/** Lines that begin so, without their prefix; sorted. */
export const linesOf = (output: string, rank: number): string[] =>
  output
    .split("\n")
    .filter((line) => line.startsWith(`[${rank}] `))
    .map((line) => line.slice(`[${rank}] `.length));
