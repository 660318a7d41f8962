// Lines that the Trainer tells its user, on stderr: the main process does, as far as its log level lets it.
import { configuredLogLevel } from "../config.js";
import type { TrainingArguments, WorkerPlace } from "./arguments/index.js";
import { type CallbackHandler, printLines } from "./callbacks/index.js";

const levels = ["debug", "info", "warning", "error", "critical"] as const;
export type SaidLevel = (typeof levels)[number];
/** Of a Trainer. */
export interface Speaker {
  readonly args: TrainingArguments;
  readonly accelerator: WorkerPlace;
  /** Its display may have a line that moves. */
  readonly callbackHandler?: CallbackHandler;
}

const rank = (level: string): number => levels.indexOf(level as SaidLevel);

/**
 * Whether this worker shows lines of this level. The main process does by `logLevel`, or where that is "passive" as ACCELERATE_TS_LOG_LEVEL says ("info" unless it does). What is said is said of the
 * whole run, so the others repeat it only where they are asked to: by a `logLevel` for each host, or by a `logLevelReplica` below "warning".
 */
export function shows({ args, accelerator }: Speaker, level: SaidLevel): boolean {
  const least = args.getProcessLogLevel(accelerator);
  if (accelerator.isMainProcess) return rank(level) >= rank(least ?? configuredLogLevel() ?? "info");
  if (least === undefined) return false;
  return (args.shouldLog(accelerator) || rank(least) < rank("warning")) && rank(level) >= rank(least);
}

export function say(speaker: Speaker, level: SaidLevel, ...lines: readonly string[]): void {
  if (shows(speaker, level)) printLines(speaker.callbackHandler?.callbacks ?? [], lines.join("\n"));
}
