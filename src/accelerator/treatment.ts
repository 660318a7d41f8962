// What became of gradients behind their backward: clipped, reduced, looked at, used. It holds until a worker has made another backward into them.
import type { ArenaSegment, ParameterArena } from "../tensor/index.js";

interface Noted<T> {
  readonly value: T;
  readonly writes: number;
}
/** What holds while this worker has not written the gradient again. */
class Notes<T> {
  readonly #notes = new Map<ArenaSegment, Noted<T>>();
  get(segment: ArenaSegment): T | undefined {
    const note = this.#notes.get(segment);
    return note?.writes === segment.writes ? note.value : undefined;
  }
  set(segment: ArenaSegment, value: T): void {
    this.#notes.set(segment, { value, writes: segment.writes });
  }
  delete(segment: ArenaSegment): void {
    this.#notes.delete(segment);
  }
  clear(): void {
    this.#notes.clear();
  }
}

/** Of each gradient by itself: what happens to one model leaves others as they were. The same on every worker. */
export class Treatment {
  /** Their mean lies in the reduced arena. */
  readonly reduced = new Set<ArenaSegment>();
  readonly #means = new Notes<number>();
  readonly #clips = new Notes<number>();
  readonly #finite = new Notes<boolean>();
  readonly #used = new Notes<true>();
  readonly #seen = new Map<ParameterArena, number[]>();

  /** What the sum of a gradient is multiplied by for the mean: it was settled when the gradient was first used. */
  mean(segment: ArenaSegment): number | undefined {
    return this.#means.get(segment);
  }
  average(segments: Iterable<ArenaSegment>, factor: number): void {
    for (const s of segments) if (this.mean(s) === undefined) this.#means.set(s, factor);
  }

  /** What clipping multiplies a gradient by. */
  factor(segment: ArenaSegment): number {
    return this.#clips.get(segment) ?? 1;
  }
  scale(segment: ArenaSegment, by: number): void {
    this.#clips.set(segment, by * this.factor(segment));
  }

  /** Whether all that were looked at together with it were finite; undefined: nobody has looked. */
  finite(segment: ArenaSegment): boolean | undefined {
    return this.#finite.get(segment);
  }
  looked(segments: Iterable<ArenaSegment>, finite: boolean): void {
    for (const s of segments) this.#finite.set(s, finite && this.finite(s) !== false);
  }

  /** Whether it waits for a step: it was written since its optimizer has stepped. */
  pending(segment: ArenaSegment): boolean {
    return segment.hasGrad && this.#used.get(segment) === undefined;
  }
  use(segment: ArenaSegment): void {
    this.#used.set(segment, true);
  }

  clear(): void {
    for (const known of [this.reduced, this.#means, this.#clips, this.#finite, this.#used, this.#seen]) known.clear();
  }

  /** By segment: how many backward passes had written it when it was last told. */
  seen(arena: ParameterArena): readonly number[] {
    return this.#seen.get(arena) ?? [];
  }
  /** All gradients of an arena have been told. `written`: not 0 for those that some worker has written since the last time. */
  settle(arena: ParameterArena, written: ArrayLike<number>): void {
    this.#seen.set(
      arena,
      arena.segments.map((s) => s.writes),
    );
    for (const s of arena.segments) {
      if (written[s.index] === 0) continue;
      this.#means.delete(s);
      this.#clips.delete(s);
      this.#finite.delete(s);
      this.reduced.delete(s);
    }
  }
}
