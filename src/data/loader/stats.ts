// How long loops have waited for their batches.

/** Times in milliseconds, since the loader was made. */
export interface LoaderStats {
  /** Batches given out. */
  readonly batches: number;
  /** Time from the request of a batch until it was there. */
  readonly waitedMs: number;
  /** What of it was for first batches of an epoch, with which threads may have to start. */
  readonly firstWaitedMs: number;
  /** Time between a batch and the request of the next: the loop's body. */
  readonly busyMs: number;
  /** waitedMs of both; NaN before the first batch. */
  readonly waitedShare: number;
}

export class StatsCounter {
  #batches = 0;
  #waitedMs = 0;
  #firstWaitedMs = 0;
  #busyMs = 0;

  waited(ms: number, first: boolean): void {
    this.#batches++;
    this.#waitedMs += ms;
    if (first) this.#firstWaitedMs += ms;
  }
  worked(ms: number): void {
    this.#busyMs += ms;
  }
  get stats(): LoaderStats {
    const [waitedMs, busyMs] = [this.#waitedMs, this.#busyMs];
    return { batches: this.#batches, waitedMs, firstWaitedMs: this.#firstWaitedMs, busyMs, waitedShare: waitedMs / (waitedMs + busyMs) };
  }
}
