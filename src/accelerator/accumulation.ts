// Gradient accumulation: which backward passes belong to one optimizer step.
import { ArgumentError } from "../errors.js";

/** Counts the bodies of `accumulate` between two optimizer steps. */
export class Accumulation {
  /** Bodies per optimizer step. */
  readonly steps: number;
  #bodies = 0;
  #inside = false;
  #syncs = true;

  constructor(steps: number) {
    if (!Number.isInteger(steps) || steps < 1) throw new ArgumentError(`gradientAccumulationSteps is ${steps}`, { hint: "give a whole number of at least 1" });
    this.steps = steps;
  }

  /** Whether gradients are brought together and the optimizer steps; true outside of `accumulate`. */
  get syncs(): boolean {
    return this.#syncs;
  }
  /**
   * How many micro-batches a step's gradient is the sum of: those that this window really has, so that a short last one counts as it should. A loop that counts for itself,
   * without `accumulate`, is taken at its word.
   */
  get divisor(): number {
    return this.#inside || this.#bodies > 0 ? Math.max(1, this.#bodies) : this.steps;
  }

  /** Runs a body as the next micro-batch; the last of a loader closes the window. */
  async run<V>(body: () => Promise<V>, options: { readonly endOfLoader: boolean }): Promise<V> {
    if (this.#inside) throw new ArgumentError("accumulate inside accumulate", { hint: "one window holds the whole body of the loop" });
    this.#bodies++;
    this.#inside = true;
    this.#syncs = this.#bodies >= this.steps || options.endOfLoader;
    try {
      return await body();
    } finally {
      if (this.#syncs) this.#bodies = 0;
      this.#inside = false;
      this.#syncs = true;
    }
  }
}
