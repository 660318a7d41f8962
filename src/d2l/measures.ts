// Timer and Accumulator of the book.

/**
 * Several spans of time, in seconds.
 *
 * @example
 * const timer = new Timer();
 * console.log(timer.stop());
 */
export class Timer {
  readonly times: number[] = [];
  #start = 0;

  constructor() {
    this.start();
  }
  start(): void {
    this.#start = performance.now();
  }
  /** Ends a span and gives it. */
  stop(): number {
    this.times.push((performance.now() - this.#start) / 1000);
    return this.times.at(-1)!;
  }
  avg(): number {
    return this.sum() / this.times.length;
  }
  sum(): number {
    return this.times.reduce((a, b) => a + b, 0);
  }
  /** The time after each span, since the first one began. */
  cumsum(): number[] {
    let sum = 0;
    return this.times.map((time) => (sum += time));
  }
}

/**
 * Sums of several numbers over many steps.
 *
 * @example
 * const metric = new Accumulator(2); // correct, all
 * metric.add(3, 4);
 * console.log(metric.get(0) / metric.get(1)); // 0.75
 */
export class Accumulator {
  readonly data: number[];

  constructor(n: number) {
    this.data = new Array<number>(n).fill(0);
  }
  add(...values: readonly number[]): void {
    for (const [i, value] of values.entries()) this.data[i]! += value;
  }
  reset(): void {
    this.data.fill(0);
  }
  get(index: number): number {
    return this.data[index]!;
  }
}
