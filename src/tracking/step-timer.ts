// How fast the steps are: time, samples and tokens per second, and memory, per interval.
import { ArgumentError } from "../errors.js";
import type { LogValues } from "./values.js";

export interface StepTimerOptions {
  /** Steps per report; 1. */
  readonly interval?: number;
  /** Milliseconds of a clock that never goes back. */
  readonly now?: () => number;
  /** Resident memory of this process, in bytes. */
  readonly memory?: () => number;
}

/** What one step has worked through, on all processes or on this one: the rates are of the same. */
export interface StepWork {
  readonly samples?: number;
  readonly tokens?: number;
}

/** One interval. */
export interface StepReport {
  readonly steps: number;
  /** Mean time of a step. */
  readonly stepMs: number;
  /** Longest step. */
  readonly slowestMs: number;
  /** Undefined when no samples were counted. */
  readonly samplesPerSecond: number | undefined;
  readonly tokensPerSecond: number | undefined;
  readonly rssBytes: number;
}

const count = (name: string, value: number): number => {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new ArgumentError(`${name} of a step is ${value}`, { hint: "give how many there were, 0 or more" });
};
const mebibyte = 2 ** 20;

/**
 * Measures from one step's end to the next. The first step begins when the timer is made or `restart` is called; what lies between `pause` and `resume` (an evaluation, a checkpoint) is left out.
 *
 * @example
 * const timer = new StepTimer({ interval: 10 });
 * for await (const batch of loader) {
 *   // forward, backward, step
 *   const report = timer.step({ samples: batch.size });
 *   if (report) await trackers.log(timingValues(report), { step });
 * }
 */
export class StepTimer {
  readonly #interval: number;
  readonly #now: () => number;
  readonly #memory: () => number;
  #began: number;
  #pausedAt: number | undefined;
  #steps = 0;
  #totalMs = 0;
  #slowestMs = 0;
  #samples: number | undefined;
  #tokens: number | undefined;

  constructor({ interval = 1, now = () => performance.now(), memory = () => process.memoryUsage.rss() }: StepTimerOptions = {}) {
    if (!Number.isSafeInteger(interval) || interval < 1) throw new ArgumentError(`the interval is ${interval}`, { hint: "give a number of steps, 1 or more" });
    this.#interval = interval;
    this.#now = now;
    this.#memory = memory;
    this.#began = now();
  }

  /** A step has ended. Gives the report when it was the last one of an interval. */
  step(work: StepWork = {}): StepReport | undefined {
    this.resume();
    const now = this.#now();
    const milliseconds = now - this.#began;
    this.#began = now;
    this.#steps++;
    this.#totalMs += milliseconds;
    this.#slowestMs = Math.max(this.#slowestMs, milliseconds);
    if (work.samples !== undefined) this.#samples = (this.#samples ?? 0) + count("samples", work.samples);
    if (work.tokens !== undefined) this.#tokens = (this.#tokens ?? 0) + count("tokens", work.tokens);
    return this.#steps === this.#interval ? this.flush() : undefined;
  }

  /** The report of the steps since the last one; undefined when there were none. */
  flush(): StepReport | undefined {
    if (this.#steps === 0) return undefined;
    const seconds = this.#totalMs / 1000;
    // A clock that stood still knows no rate.
    const rate = (n: number | undefined): number | undefined => (n === undefined || seconds === 0 ? undefined : n / seconds);
    const report: StepReport = {
      steps: this.#steps,
      stepMs: this.#totalMs / this.#steps,
      slowestMs: this.#slowestMs,
      samplesPerSecond: rate(this.#samples),
      tokensPerSecond: rate(this.#tokens),
      rssBytes: this.#memory(),
    };
    this.#clear();
    return report;
  }

  /** The clock stands still until `resume` or the next step. */
  pause(): void {
    this.#pausedAt ??= this.#now();
  }
  resume(): void {
    if (this.#pausedAt === undefined) return;
    this.#began += this.#now() - this.#pausedAt;
    this.#pausedAt = undefined;
  }
  /** A step begins now; what was measured since the last report is forgotten. For the begin of a loop. */
  restart(): void {
    this.#pausedAt = undefined;
    this.#clear();
    this.#began = this.#now();
  }

  #clear(): void {
    this.#steps = 0;
    this.#totalMs = 0;
    this.#slowestMs = 0;
    this.#samples = undefined;
    this.#tokens = undefined;
  }
}

/** A report under the names by which it is logged, `performance/...`; times in milliseconds, memory in MiB. */
export function timingValues(report: StepReport): LogValues {
  const { stepMs, slowestMs, samplesPerSecond, tokensPerSecond, rssBytes } = report;
  return {
    performance: {
      stepMs,
      slowestStepMs: slowestMs,
      ...(samplesPerSecond === undefined ? {} : { samplesPerSecond }),
      ...(tokensPerSecond === undefined ? {} : { tokensPerSecond }),
      rssMiB: rssBytes / mebibyte,
    },
  };
}

/** How uneven the ranks are. */
export interface RankSkew {
  readonly slowestRank: number;
  readonly slowestMs: number;
  readonly fastestMs: number;
  /** Slowest over fastest: 1 is even. */
  readonly ratio: number;
}

/**
 * From a time per rank, such as gathered `stepMs` without the waiting for others.
 * @throws ArgumentError for an empty list.
 *
 * @example
 * rankSkew([100, 150]); // { slowestRank: 1, slowestMs: 150, fastestMs: 100, ratio: 1.5 }
 */
export function rankSkew(millisecondsOfRanks: readonly number[]): RankSkew {
  if (millisecondsOfRanks.length === 0) throw new ArgumentError("there are no ranks to compare", { hint: "give one time per rank" });
  const slowestMs = Math.max(...millisecondsOfRanks);
  const fastestMs = Math.min(...millisecondsOfRanks);
  return { slowestRank: millisecondsOfRanks.indexOf(slowestMs), slowestMs, fastestMs, ratio: slowestMs === fastestMs ? 1 : slowestMs / fastestMs };
}
