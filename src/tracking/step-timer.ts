// How fast the steps are: time, samples and tokens per second, and memory, per interval.
import { ArgumentError } from "../errors.js";

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

/** What a step's time goes to, as far as it is measured; the rest is the program's own. */
export const phases = ["data", "compute", "communication"] as const;
export type Phase = (typeof phases)[number];

/** One interval. */
export interface StepReport {
  readonly steps: number;
  /** Of all steps together. */
  readonly totalMs: number;
  /** Mean time of a step. */
  readonly stepMs: number;
  /** 95 of 100 steps took no longer; of the last 1024. */
  readonly p95Ms: number;
  /** Longest step. */
  readonly slowestMs: number;
  /** Milliseconds of all steps together, by what they went to. */
  readonly phases: Readonly<Record<Phase, number>>;
  /** Undefined when none were counted. */
  readonly samples: number | undefined;
  readonly tokens: number | undefined;
  readonly rssBytes: number;
}
/** How far a timer was. */
export interface TimerMark {
  readonly at: number;
  readonly phases: Readonly<Record<Phase, number>>;
}

const amount = (name: string, value: number): number => {
  if (Number.isFinite(value) && value >= 0) return value;
  throw new ArgumentError(`${name} of a step is ${value}`, { hint: "give how many there were, 0 or more" });
};
/** Steps that the percentile is of, at most. */
const kept = 1024;
const none = (): Record<Phase, number> => ({ data: 0, compute: 0, communication: 0 });

/**
 * Measures from one step's end to the next. The first step begins when the timer is made or `restart` is called; what lies between `pause` and `resume` (an evaluation, a checkpoint) is left out.
 *
 * @example
 * const timer = new StepTimer({ interval: 10 });
 * for await (const batch of loader) {
 *   // forward, backward, step
 *   const report = timer.step({ samples: batch.size });
 *   if (report) console.log(report.stepMs, report.p95Ms);
 * }
 */
export class StepTimer {
  readonly #interval: number;
  readonly #now: () => number;
  readonly #memory: () => number;
  readonly #times = new Float64Array(kept);
  #began: number;
  #pausedAt: number | undefined;
  #steps = 0;
  #totalMs = 0;
  #slowestMs = 0;
  #phases = none();
  #samples: number | undefined;
  #tokens: number | undefined;

  constructor({ interval = 1, now = () => performance.now(), memory = () => process.memoryUsage.rss() }: StepTimerOptions = {}) {
    if (!Number.isSafeInteger(interval) || interval < 1) throw new ArgumentError(`the interval is ${interval}`, { hint: "give a number of steps, 1 or more" });
    this.#interval = interval;
    this.#now = now;
    this.#memory = memory;
    this.#began = now();
  }

  /** Steps since the last report. */
  get steps(): number {
    return this.#steps;
  }

  /** Some of the running step's time went to this. */
  spent(phase: Phase, milliseconds: number): void {
    if (this.#pausedAt === undefined) this.#phases[phase] += milliseconds;
  }
  /** The running step has worked through so much. */
  count({ samples, tokens }: StepWork): void {
    if (samples !== undefined) this.#samples = (this.#samples ?? 0) + amount("samples", samples);
    if (tokens !== undefined) this.#tokens = (this.#tokens ?? 0) + amount("tokens", tokens);
  }
  /** A step has ended. Gives the report when it was the last one of an interval. */
  step(work: StepWork = {}): StepReport | undefined {
    this.resume();
    const now = this.#now();
    const milliseconds = Math.max(0, now - this.#began);
    this.#began = now;
    this.#times[this.#steps++ % kept] = milliseconds;
    this.#totalMs += milliseconds;
    this.#slowestMs = Math.max(this.#slowestMs, milliseconds);
    this.count(work);
    return this.#steps === this.#interval ? this.flush() : undefined;
  }

  /** The report of the steps since the last one; undefined when there were none. */
  flush(): StepReport | undefined {
    if (this.#steps === 0) return undefined;
    const times = this.#times.slice(0, Math.min(kept, this.#steps)).sort();
    const report: StepReport = {
      steps: this.#steps,
      totalMs: this.#totalMs,
      stepMs: this.#totalMs / this.#steps,
      p95Ms: times[Math.ceil(times.length * 0.95) - 1]!,
      slowestMs: this.#slowestMs,
      phases: this.#phases,
      samples: this.#samples,
      tokens: this.#tokens,
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
  /** A place to come back to: see `leaveOut`. */
  mark(): TimerMark {
    return { at: this.#now(), phases: { ...this.#phases } };
  }
  /** What has passed since the mark belongs to no step. */
  leaveOut(since: TimerMark): void {
    this.#began += this.#now() - since.at;
    this.#phases = { ...since.phases };
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
    this.#phases = none();
    this.#samples = undefined;
    this.#tokens = undefined;
  }
}
