// Where parameters and their gradients lie: flat arenas with a segment per parameter.
import { Arena } from "../runtime/arena.js";
import type { Parameter } from "./parameter.js";

/** The place of one parameter. Offsets and lengths are in elements. */
export interface ArenaSegment {
  readonly parameter: Parameter;
  readonly arena: ParameterArena;
  readonly offset: number;
  readonly length: number;
  /** Whether a backward has written a gradient since the last zeroGrad. */
  hasGrad: boolean;
  readonly value: Float32Array;
  readonly grad: Float32Array;
}

/**
 * Parameters of one dtype side by side, and their gradients in the same places of a second arena. A third one, made when it
 * is first needed, takes the gradients of a backward that is to be added to what is already there.
 */
export class ParameterArena {
  readonly segments: readonly ArenaSegment[];
  readonly #values: Arena;
  readonly #grads: Arena;
  #scratch: Arena | undefined;

  private constructor(parameters: readonly Parameter[]) {
    const layout = parameters.map((p) => ({ name: p.name, length: p.values().length }));
    this.#values = Arena.allocate(layout);
    this.#grads = Arena.allocate(layout);
    this.segments = parameters.map((parameter, i) => {
      const value = this.#values.view(i);
      value.set(parameter.values());
      const { offset, length } = this.#values.segments[i]!;
      return { parameter, arena: this, offset, length, hasGrad: false, value, grad: this.#grads.view(i) };
    });
    for (const s of this.segments) s.parameter.moveTo(s);
  }

  /** Moves parameters that lie in no arena yet into a new one, in the given order. */
  static adopt(parameters: readonly Parameter[]): void {
    const loose = [...new Set(parameters)].filter((p) => p.segment() === undefined);
    if (loose.length > 0) new ParameterArena(loose);
  }

  get values(): Float32Array {
    return this.#values.data;
  }
  get grads(): Float32Array {
    return this.#grads.data;
  }
  /** Where a gradient goes that is to be added to the segment's own. */
  scratch(segment: ArenaSegment): Float32Array {
    this.#scratch ??= Arena.allocate(this.#grads.segments);
    return this.#scratch.view(this.segments.indexOf(segment));
  }
}
