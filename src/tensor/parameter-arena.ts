// Where parameters and their gradients lie: flat arenas with a segment per parameter.
import { Arena, type ArenaMemory } from "../runtime/arena.js";
import type { GradientExchange, GradientSources } from "./gradient-exchange.js";
import { GradientRows, layTables, tablesOf } from "./gradient-rows.js";
import type { Parameter } from "./parameter.js";

/** The place of one parameter. Offsets and lengths are in elements. */
export interface ArenaSegment {
  readonly parameter: Parameter;
  readonly arena: ParameterArena;
  /** Its number in the arena. */
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  /** Whether a backward has written a gradient since the last zeroGrad. */
  hasGrad: boolean;
  /** How many times a backward has written its gradient. */
  writes: number;
  readonly value: Float32Array;
  readonly grad: Float32Array;
  /** Which rows of the gradient's memory may be other than zero; undefined: it is no table. */
  readonly rows: GradientRows | undefined;
}

/** Where the memory of an arena comes from, and who shares it. */
export interface ArenaPlacement {
  readonly values: ArenaMemory;
  readonly grads: ArenaMemory;
  /** The bits of tables' rows: `rowBytes` of zeros. */
  readonly rowBits?: Uint32Array;
  /** The values are those that lie in the memory already, not the parameters' own. */
  readonly keepsValues?: boolean;
  readonly exchange?: GradientExchange;
}

const layoutOf = (parameters: readonly Parameter[]) => parameters.map((p) => ({ name: p.name, length: p.values().length }));

/**
 * Parameters of one dtype side by side, and their gradients in the same places of a second arena. A third one, made when it
 * is first needed, takes the gradients of a backward that is to be added to what is already there.
 */
export class ParameterArena {
  readonly segments: readonly ArenaSegment[];
  /** Brings the gradients of several workers together; undefined while one process trains alone. */
  readonly exchange: GradientExchange | undefined;
  readonly #values: Arena;
  readonly #grads: Arena;
  /** The bits of all tables' rows. */
  readonly rowBits: Uint32Array;
  #scratch: Arena | undefined;

  private constructor(parameters: readonly Parameter[], { values, grads, rowBits, keepsValues = false, exchange }: Partial<ArenaPlacement> = {}) {
    const layout = layoutOf(parameters);
    this.#values = Arena.allocate(layout, values);
    this.#grads = Arena.allocate(layout, grads);
    this.exchange = exchange;
    const { places, words } = layTables(parameters);
    this.rowBits = rowBits ?? new Uint32Array(words);
    this.segments = parameters.map((parameter, i) => {
      const value = this.#values.view(i);
      if (!keepsValues) value.set(parameter.values());
      const { offset, length } = this.#values.segments[i]!;
      const grad = this.#grads.view(i);
      const before = parameter.segment();
      const place = places[i];
      const rows = place && new GradientRows(place, this.rowBits);
      if (before?.hasGrad) {
        rows?.copy(before.rows);
        grad.set(before.grad);
      }
      const [hasGrad, writes] = [before?.hasGrad ?? false, Number(before?.hasGrad ?? false)];
      return { parameter, arena: this, index: i, offset, length, hasGrad, writes, value, grad, rows };
    });
    for (const s of this.segments) s.parameter.moveTo(s);
  }

  /** Moves parameters that lie in no arena yet into a new one, in the given order. */
  static adopt(parameters: readonly Parameter[]): void {
    const loose = [...new Set(parameters)].filter((p) => p.segment() === undefined);
    if (loose.length > 0) new ParameterArena(loose);
  }

  /** Moves parameters, wherever they lie, into a new arena, in given memory or the engine's; gradients come along. */
  static place(parameters: readonly Parameter[], placement: Partial<ArenaPlacement>): ParameterArena {
    return new ParameterArena(parameters, placement);
  }
  /** Bytes that the values of these parameters take in an arena; as many again for their gradients, and for each state. */
  static bytes(parameters: readonly Parameter[]): number {
    return Arena.bytes(layoutOf(parameters));
  }

  /** Bytes of the bits of these parameters' rows. */
  static rowBytes(parameters: readonly Parameter[]): number {
    return layTables(parameters).words * Uint32Array.BYTES_PER_ELEMENT;
  }

  get values(): Float32Array {
    return this.#values.data;
  }
  get grads(): Float32Array {
    return this.#grads.data;
  }
  /** The gradients of this worker as kernels take them: with what is known of rows, where anything is. */
  ownGradients(): Float32Array | GradientSources {
    const known = this.segments.filter((s) => s.hasGrad && s.rows?.whole === false);
    return known.length === 0 ? this.grads : { arrays: [this.grads], factor: 1, rows: { tables: tablesOf(known), bits: [this.rowBits] } };
  }
  /** Where a gradient goes that is to be added to the segment's own. */
  scratch(segment: ArenaSegment): Float32Array {
    this.#scratch ??= Arena.allocate(this.#grads.segments);
    return this.#scratch.view(segment.index);
  }
}
