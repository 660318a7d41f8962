// ONNX Runtime's arena (BFCArena with its default settings), as far as memory goes: it hands out pieces of regions that double in size, and never gives a region back.
import type { ValueMemory } from "../../src/graph/live-ranges.js";

/** Sizes are rounded up to this, and bin b holds free pieces of at least this times 2^b. */
const grain = 256;
const bins = 21;
const firstRegion = 2 ** 20;
const biggestStep = 2 ** 30;
/** A piece that is bigger than asked for is cut where at least as much, or this much, is left over. */
const maxDead = 128 * 2 ** 20;
const page = 4096;
/** Regions of more pages than this are looked at in bigger steps. */
const maxPages = 2 ** 16;

/** Part of a region: in use, or free and in a bin. */
interface Piece {
  readonly region: Region;
  readonly offset: number;
  size: number;
  free: boolean;
  before: Piece | undefined;
  after: Piece | undefined;
}
interface Region {
  readonly number: number;
  /** Bytes of one of its pages. */
  readonly page: number;
  /** Pages that were ever written to: only those take memory. */
  readonly pages: Uint8Array;
}

/** By size, then by address: the system gives a later region a lower one. */
const order = (a: Piece, b: Piece): number => a.size - b.size || b.region.number - a.region.number || a.offset - b.offset;
const binOf = (size: number): number => Math.min(bins - 1, Math.floor(Math.log2(Math.max(size, grain) / grain)));

/** Keeps what every run has touched, as the arena of a process does. */
export class ArenaModel implements ValueMemory<Piece | undefined> {
  readonly #free: Piece[][] = Array.from({ length: bins }, () => []);
  #regions = 0;
  #step = firstRegion;
  #touched = 0;

  /** Bytes of the pages that were written to so far. */
  get touchedBytes(): number {
    return this.#touched;
  }

  allocate(bytes: number): Piece | undefined {
    if (bytes === 0) return undefined;
    const size = Math.ceil(bytes / grain) * grain;
    const piece = this.#take(size) ?? this.#extend(size);
    const { pages, page: step } = piece.region;
    for (let at = Math.floor(piece.offset / step); at < Math.ceil((piece.offset + bytes) / step); at++) {
      if (pages[at] === 0) this.#touched += step;
      pages[at] = 1;
    }
    return piece;
  }

  free(piece: Piece | undefined): void {
    if (!piece) return;
    let merged = piece;
    const { before, after } = piece;
    if (after?.free) merged = this.#join(merged, after, after);
    if (before?.free) merged = this.#join(before, merged, before);
    merged.free = true;
    this.#put(merged);
  }
  /** Makes one piece of two neighbours; the one that is free leaves its bin. */
  #join(first: Piece, second: Piece, free: Piece): Piece {
    this.#remove(free);
    first.size += second.size;
    first.after = second.after;
    if (second.after) second.after.before = first;
    return first;
  }

  /** The smallest free piece that is big enough. */
  #take(size: number): Piece | undefined {
    for (let bin = binOf(size); bin < bins; bin++) {
      const piece = this.#free[bin]!.find((candidate) => candidate.size >= size);
      if (!piece) continue;
      this.#remove(piece);
      piece.free = false;
      if (piece.size >= 2 * size || piece.size - size >= maxDead) this.#cut(piece, size);
      return piece;
    }
    return undefined;
  }
  #cut(piece: Piece, size: number): void {
    const rest: Piece = { region: piece.region, offset: piece.offset + size, size: piece.size - size, free: true, before: piece, after: piece.after };
    if (piece.after) piece.after.before = rest;
    piece.after = rest;
    piece.size = size;
    this.#put(rest);
  }
  #extend(size: number): Piece {
    const enough = this.#step >= size;
    while (this.#step < size) this.#step *= 2;
    const bytes = this.#step;
    // A region that had to be bigger than its turn is followed by one of the same size.
    if (enough) this.#step = Math.min(this.#step * 2, biggestStep);
    const step = Math.max(page, bytes / maxPages);
    const region = { number: this.#regions++, page: step, pages: new Uint8Array(Math.ceil(bytes / step)) };
    this.#put({ region, offset: 0, size: bytes, free: true, before: undefined, after: undefined });
    return this.#take(size)!;
  }

  #put(piece: Piece): void {
    const bin = this.#free[binOf(piece.size)]!;
    const at = bin.findIndex((other) => order(other, piece) > 0);
    bin.splice(at < 0 ? bin.length : at, 0, piece);
  }
  #remove(piece: Piece): void {
    const bin = this.#free[binOf(piece.size)]!;
    bin.splice(bin.indexOf(piece), 1);
  }
}
