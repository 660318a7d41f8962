// Which rank failed first: the earliest failure that does not follow from another one. Times are the coordinator's, so that hosts' clocks need not agree.
import { constants } from "node:os";
import { isCollectiveCode } from "./errors.js";
import type { ErrorReport } from "./messages.js";

/** "worker lost": under another launcher, whose exit codes nobody tells us. */
export type FailureKind = "error" | "exit" | "signal" | "host lost" | "worker lost";

/** Why one rank, or a host with all its ranks, ended before the job was done. */
export interface Failure {
  readonly kind: FailureKind;
  readonly ranks: readonly number[];
  readonly host: string;
  /** What the worker reported; for a lost host: how it was lost. */
  readonly error?: ErrorReport | undefined;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly stderrTail?: string | undefined;
  /** It follows from another failure. */
  readonly symptom: boolean;
  /** Milliseconds since the start of the job. */
  readonly atMs: number;
  readonly step?: number | undefined;
  readonly epoch?: number | undefined;
}

/** How the job ended. */
export interface Verdict {
  /** 0: all is done; else the first failing worker's (128 + signal), 75 when all stopped in order with their state saved. */
  readonly exitCode: number;
  readonly first: Failure | undefined;
  readonly others: readonly Failure[];
  /** Why the job was asked to stop. */
  readonly stopped: string | undefined;
}

/** "Preempted, all is saved, queue me again." */
export const savedExitCode = 75;
/** What a worker reports within this time after the job's abort may still be its cause. */
const toleranceMs = 250;

const symptomCodes: ReadonlySet<string> = new Set(["ERR_COORDINATOR_LOST", "ERR_CONTROL_LINK", "ERR_CONTROL_CLOSED"]);
const isSymptomCode = (code: string): boolean => (isCollectiveCode(code) && code !== "ERR_COLLECTIVE_MISMATCH") || symptomCodes.has(code);

const signalNumber = (signal: string): number => (constants.signals as Readonly<Record<string, number | undefined>>)[signal] ?? 0;

/** The exit code by which a shell would know the failure. */
export function exitCodeOf({ exitCode, signal }: Failure): number {
  if (exitCode !== undefined && exitCode !== 0) return exitCode & 0xff || 1;
  return signal ? 128 + signalNumber(signal) : 1;
}

export interface ExitNews {
  readonly rank: number;
  readonly host: string;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  /** The agent ended it on purpose. */
  readonly stopped?: boolean;
  readonly stderrTail?: string | undefined;
  readonly atMs: number;
  readonly step?: number | undefined;
  readonly epoch?: number | undefined;
}

const stopSignals: ReadonlySet<string> = new Set(["SIGINT", "SIGTERM", "SIGHUP"]);
const stopCodes: ReadonlySet<number> = new Set([savedExitCode, ...[...stopSignals].map((s) => 128 + signalNumber(s))]);

export class FailureLog {
  /** By lowest rank. */
  readonly #failures = new Map<number, Failure>();
  #abortedAt = Number.POSITIVE_INFINITY;
  /** Whom the job was ended for. */
  #awaited: readonly number[] = [];
  #stopped: string | undefined;
  #saved = false;

  get stopped(): string | undefined {
    return this.#stopped;
  }
  /** ranks: those without which the others could not go on, as far as it is known. */
  aborted(atMs: number, ranks: readonly number[] = []): void {
    if (atMs >= this.#abortedAt) return;
    this.#abortedAt = atMs;
    this.#awaited = ranks;
  }
  /** What a rank reports so late follows from the abort, unless the abort follows from that rank: one that left its groups before its error was told, say. */
  #isLate(rank: number, atMs: number): boolean {
    return atMs > this.#abortedAt + toleranceMs && !this.#awaited.includes(rank);
  }
  stop(reason: string): void {
    this.#stopped ??= reason;
  }

  /** A worker's own report. */
  error(rank: number, host: string, error: ErrorReport, atMs: number): Failure {
    const before = this.#failures.get(rank);
    // The first report counts: what follows in the same process comes of it.
    if (before?.kind === "error") return before;
    const symptom = isSymptomCode(error.code) || this.#isLate(rank, atMs);
    return this.#put(rank, {
      ...before,
      kind: "error",
      ranks: [rank],
      host,
      error,
      symptom,
      atMs: Math.min(atMs, before?.atMs ?? atMs),
      step: error.step ?? before?.step,
      epoch: error.epoch ?? before?.epoch,
    });
  }

  /** A worker's end; undefined when it is none that anybody needs to hear of. */
  exit(news: ExitNews): Failure | undefined {
    const { rank, host, exitCode, signal, stopped, atMs } = news;
    const before = this.#failures.get(rank);
    const { stderrTail = before?.stderrTail, step, epoch } = news;
    // Its last words know the step better than its agent.
    if (before) return this.#put(rank, { ...before, exitCode, signal, stderrTail, step: before.step ?? step, epoch: before.epoch ?? epoch });
    if (exitCode === 0) return undefined;
    if (this.#stopped !== undefined && (stopCodes.has(exitCode ?? -1) || stopSignals.has(signal ?? "") || stopped)) {
      this.#saved ||= exitCode === savedExitCode;
      return undefined;
    }
    const symptom = stopped === true || (!signal && this.#isLate(rank, atMs));
    return this.#put(rank, { kind: signal ? "signal" : "exit", ranks: [rank], host, exitCode, signal, stderrTail, symptom, atMs, step, epoch });
  }

  /** A host or a worker whose connection is gone. */
  lost(kind: "host lost" | "worker lost", host: string, ranks: readonly number[], message: string, atMs: number): Failure {
    const rank = ranks[0]!;
    const before = this.#failures.get(rank);
    if (before) return before;
    const error: ErrorReport = { name: "", message, code: "ERR_PEER_LOST", stack: "", ranks };
    return this.#put(rank, { kind, ranks, host, error, symptom: false, atMs });
  }

  #put(rank: number, failure: Failure): Failure {
    this.#failures.set(rank, failure);
    return failure;
  }

  /** All, causes before symptoms, each in the order of time. */
  get all(): readonly Failure[] {
    return [...this.#failures.values()].sort((a, b) => Number(a.symptom) - Number(b.symptom) || a.atMs - b.atMs || a.ranks[0]! - b.ranks[0]!);
  }

  verdict(): Verdict {
    const [first, ...others] = this.all;
    const exitCode = first ? exitCodeOf(first) : this.#saved ? savedExitCode : 0;
    return { exitCode, first, others, stopped: this.#stopped };
  }
}
