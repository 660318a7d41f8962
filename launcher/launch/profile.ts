// accelerate-ts profile, from the command line to the exit code: a launch whose workers are told to profile.
import { resolve } from "node:path";
import type { ProfileSettings } from "../../src/config.js";
import type { Terminal } from "../command.js";
import type { RawOptions } from "../options/resolve.js";
import { UsageError } from "../usage.js";
import { runLaunch } from "./run.js";

/** More steps write more than a viewer reads. */
const most = 10_000;

function steps(flag: string, text: RawOptions[string], least: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (typeof text === "string" && /^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new UsageError(`${flag} ${String(text)}: not a whole number from ${least} to ${most}`);
}

/** @throws UsageError, and what runLaunch throws */
export function runProfile({ outputTraceDir, skipFirst, active, ...flags }: RawOptions, operands: readonly string[], terminal: Terminal): Promise<number> {
  const skip = steps("--skip-first", skipFirst, 0);
  const measured = steps("--active", active, 1);
  const settings: ProfileSettings = {
    outputTraceDir: resolve(typeof outputTraceDir === "string" ? outputTraceDir : "profile"),
    ...(skip !== undefined && { skipFirst: skip }),
    ...(measured !== undefined && { active: measured }),
  };
  return runLaunch(flags, operands, terminal, { ACCELERATE_TS_PROFILE: JSON.stringify(settings) });
}
