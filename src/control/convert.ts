// Messages of the protocol as the types that callers see, and back.

import type { Failure, FailureKind, Verdict } from "./failures.js";
import type { FailureMessage, VerdictMessage } from "./messages.js";
import { failureKinds, workerStates } from "./schema.js";

const kindOf = new Map<number, FailureKind>(Object.entries(failureKinds).map(([kind, number]) => [number, kind as FailureKind]));

export const failureToMessage = (f: Failure): FailureMessage => ({
  ...f,
  kind: failureKinds[f.kind],
  signal: f.signal ?? "",
  stderrTail: f.stderrTail ?? "",
  atMs: Math.max(0, Math.round(f.atMs)),
});
export const failureFromMessage = (f: FailureMessage): Failure => ({
  ...f,
  kind: kindOf.get(f.kind) ?? "error",
  signal: f.signal || undefined,
  stderrTail: f.stderrTail || undefined,
});
export const verdictToMessage = (v: Verdict): VerdictMessage => ({
  exitCode: v.exitCode,
  first: v.first && failureToMessage(v.first),
  others: v.others.map(failureToMessage),
  stopped: v.stopped ?? "",
});
export const verdictFromMessage = (v: VerdictMessage): Verdict => ({
  exitCode: v.exitCode,
  first: v.first && failureFromMessage(v.first),
  others: v.others.map(failureFromMessage),
  stopped: v.stopped || undefined,
});

export type WorkerState = keyof typeof workerStates;
const stateOf = new Map<number, WorkerState>(Object.entries(workerStates).map(([state, number]) => [number, state as WorkerState]));

/** Where a worker is, as its agent sees it. */
export interface Whereabouts {
  readonly rank: number;
  readonly state: WorkerState;
  /** For people: call frames, the kernel's wait channel. */
  readonly text: string;
  readonly step?: number | undefined;
}
export const stateToNumber = (state: WorkerState): number => workerStates[state];
export const stateFromNumber = (number: number): WorkerState => stateOf.get(number) ?? "unknown";
