// How a job ends: the abort that all hear at once, the first failure when it is sure enough, the verdict when all workers have ended.
import type { CollectiveFault } from "../distributed/errors.js";
import { failureToMessage, verdictToMessage } from "./convert.js";
import { faultOf } from "./describe.js";
import { faultToMessage } from "./errors.js";
import { type Failure, FailureLog, type Verdict } from "./failures.js";
import type { CoordinatorMessage } from "./messages.js";
import { Waits } from "./waits.js";

export interface SettlementOptions {
  /** After a failure that is no symptom: time for earlier ones to arrive from other hosts; default 100 ms. */
  readonly settleMs?: number;
  /** After a symptom: time for its cause to be found; default 1 s. */
  readonly causeMs?: number;
  /** After an abort: time for all workers to end before the verdict is given without them; default 1 minute. */
  readonly graceMs?: number;
}

export interface Audience {
  broadcast(message: CoordinatorMessage): void;
  /** Milliseconds since the start of the job. */
  now(): number;
  /** Nothing was heard of the rank's host for longer than usual, and it is not lost yet. */
  isSilent(rank: number): boolean;
}

/** Between two looks at a silent host. */
const lookMs = 250;

export class Settlement {
  readonly log = new FailureLog();
  readonly waits = new Waits();
  /** How the job ended; settles once. */
  readonly done: Promise<Verdict>;
  readonly #options: Required<SettlementOptions>;
  readonly #audience: Audience;
  readonly #ended = new Set<number>();
  #decide!: (verdict: Verdict) => void;
  #settleTimer: NodeJS.Timeout | undefined;
  #graceTimer: NodeJS.Timeout | undefined;
  #settleAt = Number.POSITIVE_INFINITY;
  #worldSize = 0;
  #abort = false;
  #firstSent = false;
  #finished = false;

  constructor(options: SettlementOptions, audience: Audience) {
    this.#options = { settleMs: 100, causeMs: 1000, graceMs: 60_000, ...options };
    this.#audience = audience;
    this.done = new Promise((resolve) => {
      this.#decide = resolve;
    });
  }

  get finished(): boolean {
    return this.#finished;
  }
  /** It has begun to end. */
  get ending(): boolean {
    return this.#abort || this.#finished;
  }
  get complete(): boolean {
    return this.#ended.size === this.#worldSize;
  }
  begin(worldSize: number): void {
    this.#worldSize = worldSize;
  }
  hasEnded(rank: number): boolean {
    return this.#ended.has(rank);
  }

  ended(rank: number): void {
    this.#ended.add(rank);
  }

  failed(failure: Failure): void {
    if (this.#finished) return;
    const due = this.#audience.now() + (failure.symptom ? this.#options.causeMs : this.#options.settleMs);
    this.#settleAt = Math.min(this.#settleAt, due);
    this.abort(faultOf(failure, this.#worldSize));
  }

  /** Tells everybody that the job ends; the first reason counts. */
  abort(fault: CollectiveFault): void {
    if (this.ending) return;
    this.#abort = true;
    this.log.aborted(this.#audience.now(), fault.ranks);
    this.#audience.broadcast({ abort: { fault: faultToMessage(fault) } });
    if (this.#worldSize === 0) this.finish();
    else this.#graceTimer = setTimeout(() => this.finish(), this.#options.graceMs).unref();
  }

  /** To be called after news. */
  settle(): void {
    if (this.#worldSize === 0 || this.#finished) return;
    const [first] = this.log.all;
    if (first && !this.#firstSent) this.#tellFirst(first);
    if (this.complete) this.finish();
  }

  #tellFirst(first: Failure): void {
    const left = this.#settleAt - this.#audience.now();
    // The cause of a symptom may be a host that is not lost yet.
    const suspects = first.symptom ? (first.error?.ranks ?? []) : [];
    const silent = suspects.some((rank) => !this.#ended.has(rank) && this.#audience.isSilent(rank));
    if (this.complete || (left <= 0 && !silent)) {
      this.#firstSent = true;
      this.#audience.broadcast({ firstFailure: { failure: failureToMessage(this.#withCause(first)) } });
      return;
    }
    clearTimeout(this.#settleTimer);
    this.#settleTimer = setTimeout(() => this.settle(), left > 0 ? left : lookMs).unref();
  }

  /** A symptom names the ranks at the end of the chain: one could not go on without another, and that one not without a third. */
  #withCause(failure: Failure): Failure {
    const { symptom, error } = failure;
    if (!symptom || error === undefined) return failure;
    const gaveUpOn = (rank: number): readonly number[] => {
      const own = this.log.all.find(({ ranks }) => ranks.includes(rank));
      return own?.symptom ? (own.error?.ranks ?? []).filter((other) => other !== rank) : [];
    };
    return { ...failure, error: { ...error, ranks: this.waits.behind(error.ranks, this.#audience.now(), gaveUpOn) } };
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#settleTimer);
    clearTimeout(this.#graceTimer);
    const decided = this.log.verdict();
    const verdict = { ...decided, first: decided.first && this.#withCause(decided.first) };
    // Ended by somebody although nobody failed.
    const given: Verdict = this.#abort && !verdict.first && verdict.exitCode === 0 ? { ...verdict, exitCode: 1 } : verdict;
    this.#audience.broadcast({ verdict: verdictToMessage(given) });
    this.#decide(given);
  }
}
