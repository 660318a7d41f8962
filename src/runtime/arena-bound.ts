// When the engine's arena is told to give memory back: it grows by doubling and never shrinks by itself, and shapes that vary leave gaps in it.
import type { EngineMemory } from "./session.js";

/** The arena doubles, so up to twice the most that was ever needed is no waste; and what is small is none either. */
const factor = 2.5;
const spare = 64 << 20;
/** Where it comes to hold so much again behind a shrinkage, it has to. */
const growth = 1.25;
/** Looks behind a shrinkage within which it takes what it needs. */
const settling = 8;

/**
 * Bounds what the arena holds: by the most that tensors ever took at once, or by what it has taken anew after it was emptied, if that is more.
 *
 * @example
 * const bound = new ArenaBound();
 * const memory = session.memory();
 * if (memory && bound.exceeded(memory)) await binding.run({ shrinks: true });
 */
export class ArenaBound {
  #settled = 0;
  #settling = 0;

  /** Whether the next run should give back what is free; after a yes it is expected to. */
  exceeded({ held, peak }: Pick<EngineMemory, "held" | "peak">): boolean {
    if (this.#settling > 0) {
      this.#settling--;
      this.#settled = Math.max(this.#settled, held);
      return false;
    }
    if (held <= Math.max(factor * peak + spare, growth * this.#settled)) return false;
    this.#settled = 0;
    this.#settling = settling;
    return true;
  }
}
