// Which rows of tables have state: those that had a gradient in any step. Of the others an update has nothing to move but their decay.
import { type ArenaSegment, fillRows, type GradientSources, type ParameterArena } from "../tensor/index.js";

/** A segment that makes its `step`, counted from 1. */
export interface SteppingSegment {
  readonly segment: ArenaSegment;
  readonly step: number;
  /** Bit r: array r of the gradients has one. */
  readonly contributors: number;
}

/** Of one optimizer. It knows what it has seen from a parameter's first step on, and takes all rows of others to have state. */
export class StateRows {
  #written = 0;
  #bits = new Map<ParameterArena, Uint32Array>();
  #known = new Set<ArenaSegment>();

  /** `written`: changes when state was written by other ways than steps (loaded, moved): nothing is known of it then. */
  refresh(written: number): void {
    if (written === this.#written) return;
    this.#written = written;
    this.#bits = new Map();
    this.#known = new Set();
  }

  /** The gradients of a step of these segments, with what is known of their state. */
  with(arena: ParameterArena, gradients: Float32Array | GradientSources, segments: readonly SteppingSegment[]): Float32Array | GradientSources {
    let bits = this.#bits.get(arena);
    const rows = gradients instanceof Float32Array ? undefined : gradients.rows;
    if (!bits && !rows) return gradients;
    bits ??= new Uint32Array(arena.rowBits.length);
    this.#bits.set(arena, bits);
    const tables = new Set<number>();
    for (let i = 0; rows && i < rows.tables.length; i += 4) tables.add(rows.tables[i]!);
    for (const { segment, step, contributors } of segments) {
      if (!segment.rows) continue;
      const { place } = segment.rows;
      if (step === 1) {
        bits.fill(0, place.word, place.word + place.words);
        this.#known.add(segment);
      }
      if (!this.#known.has(segment) || !tables.has(segment.offset)) {
        this.#known.delete(segment);
        fillRows(bits, place);
      } else
        for (const [r, own] of rows!.bits.entries())
          if (Math.floor(contributors / 2 ** r) % 2 === 1) for (let w = place.word; w < place.word + place.words; w++) bits[w]! |= own[w]!;
    }
    return rows ? { ...(gradients as GradientSources), rows: { ...rows, state: bits } } : gradients;
  }
}
