// What the launcher exits with.
import { constants } from "node:os";
import type { Verdict } from "../../src/control/index.js";

/** Signals that ask for a clean stop. */
export const stopSignals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
export type StopSignal = (typeof stopSignals)[number];

/** As of a program that the signal has ended: 128 and its number. */
export const exitCodeOfSignal = (signal: NodeJS.Signals): number => 128 + constants.signals[signal];

/** Of a job that has ended: the culprit's own, or that of the signal that asked for its end. `saved`: its workers have said that they stopped in order, and go on from there another time. */
export function exitCodeOf({ exitCode, first }: Verdict, stop: StopSignal | undefined, { saved = false }: { readonly saved?: boolean } = {}): number {
  if (first || stop === undefined || (saved && exitCode === 0)) return exitCode;
  // 75: all is saved, queue me again.
  return exitCode !== 0 && stop !== "SIGINT" ? exitCode : exitCodeOfSignal(stop);
}
