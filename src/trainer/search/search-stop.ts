// Ending a search by a signal: given to any worker, heeded by all after the same step.
import type { Accelerator } from "../../accelerator/index.js";
import { fromData } from "../../tensor/index.js";

/** @internal */
export class SearchStop {
  readonly #signal: AbortSignal | undefined;
  readonly #accelerator: Accelerator;
  readonly #watched: boolean;

  private constructor(accelerator: Accelerator, signal: AbortSignal | undefined, watched: boolean) {
    this.#accelerator = accelerator;
    this.#signal = signal;
    this.#watched = watched;
  }
  /** Where no worker has a signal, nothing is asked later on. */
  static async of(accelerator: Accelerator, signal: AbortSignal | undefined): Promise<SearchStop> {
    const all = await accelerator.checkpoints.together("hyperparameterSearch", () => signal !== undefined);
    return new SearchStop(accelerator, signal, all.includes(true));
  }

  /** @throws the signal's reason; on workers whose own signal is not aborted, an AbortError */
  async check(): Promise<void> {
    if (!this.#watched) return;
    const aborted = await this.#anywhere(this.#signal?.aborted ?? false);
    if (!aborted) return;
    this.#signal?.throwIfAborted();
    throw new DOMException("the search was ended on another worker", "AbortError");
  }
  async #anywhere(here: boolean): Promise<boolean> {
    if (this.#accelerator.numProcesses === 1) return here;
    const [sum] = await this.#accelerator.reduce([fromData(Float64Array.of(Number(here)), [1], "float64")], "sum");
    return Number((await sum!.data())[0]) > 0;
  }
}
