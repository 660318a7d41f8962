// Which rows of a table's gradient may be other than zero: one bit per row, beside the memory of the gradient.
import type { Parameter } from "./parameter.js";

/** What kernels are told of tables among the gradients. Rows without a bit hold zeros, and are not read. */
export interface SourceRows {
  /** Quadruples (offset, rows, elements per row, word): a table's place in the arrays, and that of its first bit in words of 32. */
  readonly tables: Float64Array;
  /** By array of gradients: the bits of all tables. */
  readonly bits: readonly Uint32Array[];
  /** The same of what is written to: rows that nobody has any more are cleared there. */
  readonly before?: Uint32Array;
  /** Rows whose optimizer state may be other than zero; default: all. */
  readonly state?: Uint32Array;
}

/** What tables of fewer rows could save is less than what looking costs. */
const fewestRows = 64;
const bitsPerWord = 32;

/** The place of a table's bits, in words, and its shape. */
export interface TablePlace {
  readonly word: number;
  readonly words: number;
  readonly rows: number;
  readonly width: number;
}

/** Places for all parameters that could be tables, in their order, and the words of all. */
export function layTables(parameters: readonly Parameter[]): { readonly places: readonly (TablePlace | undefined)[]; readonly words: number } {
  let end = 0;
  const places = parameters.map(({ shape }) => {
    const [rows = 0, ...others] = shape;
    const width = others.reduce((a, b) => a * b, 1);
    if (shape.length < 2 || rows < fewestRows || width === 0) return undefined;
    const place = { word: end, words: Math.ceil(rows / bitsPerWord), rows, width };
    end += place.words;
    return place;
  });
  return { places, words: end };
}

/** Sets all bits of a table: anything may lie anywhere. */
export const fillRows = (bits: Uint32Array, { word, words }: TablePlace): Uint32Array => bits.fill(0xffffffff, word, word + words);

/**
 * The rows of one gradient in the memory of this worker. It holds at any time, whether there is a gradient or only what is left of one: what has no bit is zero. Who writes to the memory by other ways
 * than rows says so before, with `fill`.
 */
export class GradientRows {
  readonly place: TablePlace;
  /** Its own bits. */
  readonly bits: Uint32Array;
  #state: "untouched" | "rows" | "whole" = "untouched";
  #exposed = false;

  /** `all`: the bits of all tables of the arena. */
  constructor(place: TablePlace, all: Uint32Array) {
    this.place = place;
    this.bits = all.subarray(place.word, place.word + place.words);
  }

  /** There is nothing to gain from looking at the bits. */
  get whole(): boolean {
    return this.#state !== "rows";
  }
  /** The gradient is written as a whole, or may be. */
  fill(): void {
    if (this.#state !== "whole") this.bits.fill(0xffffffff);
    this.#state = "whole";
  }
  /** The program was given the memory and may write to it whenever it likes: from now on it is always whole. */
  expose(): void {
    this.#exposed = true;
    this.fill();
  }
  /** A run has put rows in the place of all that was there. */
  written(): void {
    this.#state = "rows";
    if (this.#exposed) this.fill();
  }
  /** Takes over what is known of another memory with the same numbers. */
  copy(other: GradientRows | undefined): void {
    if (!other || other.whole) this.fill();
    else {
      this.bits.set(other.bits);
      this.#state = "rows";
    }
  }
}

/** Segments whose rows are known, as kernels take them. */
export function tablesOf(segments: Iterable<{ readonly offset: number; readonly rows: GradientRows | undefined }>): Float64Array {
  const tables = [...segments].filter((s) => s.rows !== undefined).sort((a, b) => a.offset - b.offset);
  return Float64Array.from(tables.flatMap(({ offset, rows }) => [offset, rows!.place.rows, rows!.place.width, rows!.place.word]));
}
