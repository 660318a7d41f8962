// The order in which buckets begin to travel: their own, each as soon as it is ready. Who sends them is another matter: groups of processes, or a device's stream.

/**
 * Buckets of one round, numbered from 0 in the order that all workers have. `start` is called once per bucket, never before the ones in front of it: with the same buckets on all workers, their
 * collectives meet whatever became ready first. It may return before the bucket has arrived.
 *
 * @example
 * const round = new BucketScheduler(buckets.length, (bucket) => sum(buckets[bucket]));
 * round.ready(1); // waits for 0
 * round.ready(0); // both begin
 * round.readyAll();
 * await round.done;
 */
export class BucketScheduler {
  readonly #ready: boolean[];
  readonly #start: (bucket: number) => Promise<void>;
  readonly #arrivals: Promise<void>[] = [];
  readonly #begun: Promise<void>;
  readonly #all: () => void;
  #next = 0;
  /** All buckets have arrived. Rejects with the first failure, once nothing of it is under way. */
  readonly done: Promise<void>;

  constructor(count: number, start: (bucket: number) => Promise<void>) {
    this.#ready = new Array<boolean>(count).fill(false);
    this.#start = start;
    let begun = (): void => {};
    this.#begun = new Promise<void>((resolve) => {
      begun = resolve;
    });
    this.#all = begun;
    this.done = this.#begun.then(() => settled(this.#arrivals));
    // Heard by whoever waits for it.
    this.done.catch(() => {});
    if (count === 0) begun();
  }

  /** The gradients of a bucket are there. Any number of times. */
  ready(bucket: number): void {
    if (bucket < this.#ready.length) this.#ready[bucket] = true;
    this.#advance();
  }
  readyAll(): void {
    this.#ready.fill(true);
    this.#advance();
  }
  /** A bucket has arrived. */
  async arrival(bucket: number): Promise<void> {
    await this.#begun;
    await this.#arrivals[bucket];
  }
  /** Buckets that have begun. */
  get begun(): number {
    return this.#next;
  }

  #advance(): void {
    if (this.#next === this.#ready.length) return;
    while (this.#next < this.#ready.length && this.#ready[this.#next]) {
      const arrival = this.#start(this.#next++);
      arrival.catch(() => {}); // told by `done`
      this.#arrivals.push(arrival);
    }
    if (this.#next === this.#ready.length) this.#all();
  }
}

async function settled(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work);
  await Promise.all(work);
}
