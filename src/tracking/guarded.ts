// A tracker that cannot harm a training: its calls have a deadline, and the first failure is told and switches it off.
import { AccelerateError } from "../errors.js";
import { type FinishOptions, type LogOptions, type Tracker, TrackingError } from "./tracker.js";
import type { ConfigValues, LogValues } from "./values.js";

export interface GuardOptions {
  /** Deadline of every call, in milliseconds. */
  readonly timeoutMs: number;
  /** Tells the user; one line. */
  readonly report: (message: string) => void;
}

async function within(work: Promise<void>, milliseconds: number, what: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = () =>
      reject(new TrackingError("ERR_TRACKER_TIMEOUT", `${what} took longer than ${milliseconds} ms`, { hint: "is its server or disk reachable?" }));
    timer = setTimeout(fail, milliseconds);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

const text = (error: unknown): string => {
  if (error instanceof AccelerateError) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
};

/** Calls run one after the other, in the order in which they were made. None of them rejects. */
export class GuardedTracker {
  readonly tracker: Tracker;
  readonly #options: GuardOptions;
  #last: Promise<void> = Promise.resolve();
  #off = false;

  constructor(tracker: Tracker, options: GuardOptions) {
    this.tracker = tracker;
    this.#options = options;
  }

  /** False after a failure. */
  get on(): boolean {
    return !this.#off;
  }

  start(): Promise<void> {
    return this.#call("start", () => this.tracker.start());
  }
  storeInitConfiguration(values: ConfigValues): Promise<void> {
    return this.#call("storeInitConfiguration", () => this.tracker.storeInitConfiguration(values));
  }
  log(values: LogValues, options: LogOptions): Promise<void> {
    return this.#call("log", () => this.tracker.log(values, options));
  }
  async finish(options: FinishOptions): Promise<void> {
    await this.#call("finish", () => this.tracker.finish(options));
    if (!this.#off) return;
    // What it holds (files, timers) is let go; that this fails too is no news.
    await within(
      Promise.resolve().then(() => this.tracker.finish({ ...options, status: "failed" })),
      this.#options.timeoutMs,
      "finish",
    ).catch(() => {});
  }

  #call(method: string, work: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.#off) return;
      try {
        await within(Promise.resolve().then(work), this.#options.timeoutMs, `${this.tracker.name}.${method}`);
      } catch (error) {
        this.#off = true;
        this.#options.report(`the tracker ${this.tracker.name} failed in ${method} and is switched off; the training goes on without it. ${text(error)}`);
      }
    });
    return this.#last;
  }
}
