// The scale of the gradients that are being accumulated.
import type { GradScaler } from "../../optim/index.js";

/** The scale is constant as long as gradients wait for their step: a scaler that has moved on meanwhile (another optimizer has stepped) counts from the first backward after it. */
export class LossScaling {
  readonly #scaler: GradScaler | undefined;
  #used = 0;

  constructor(scaler?: GradScaler) {
    this.#scaler = scaler?.enabled ? scaler : undefined;
  }

  get enabled(): boolean {
    return this.#scaler !== undefined;
  }
  /** The factor of the next loss. `pending`: some gradient waits for a step. */
  latch({ pending }: { readonly pending: boolean }): number {
    if (!pending || this.#used === 0) this.#used = this.#scaler?.scale ?? 1;
    return this.#used;
  }
  /** By which the gradients of this worker were multiplied; 0: there was no backward yet. */
  get used(): number {
    return this.#used;
  }
  stateDict(): number {
    return this.#used;
  }
  loadStateDict(used: number): void {
    this.#used = used;
  }
  /** An optimizer has stepped, or has not because of an overflow. */
  update(options: { readonly overflow: boolean }): void {
    this.#scaler?.update(options);
  }
}
