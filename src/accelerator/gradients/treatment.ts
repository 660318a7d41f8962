// What became of gradients behind their backward: clipped, reduced, looked at, used. It holds until a worker has made another backward into them.
import type { ArenaSegment, ParameterArena } from "../../tensor/index.js";

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
  /** What lies in the reduced arena are sums, which no mean changes. */
  readonly #raw: boolean;
  /** Their mean lies in the reduced arena. */
  readonly reduced = new Set<ArenaSegment>();
  readonly #means = new Notes<{ readonly factor: number; readonly at: number }>();
  readonly #clips = new Notes<number>();
  readonly #finite = new Notes<boolean>();
  readonly #used = new Notes<true>();
  readonly #seen = new Map<ParameterArena, number[]>();
  #marked = new Map<ArenaSegment, number>();
  /** How often gradients, whichever, had been written when they were last told. */
  #written = 0;

  constructor({ raw = false }: { readonly raw?: boolean } = {}) {
    this.#raw = raw;
  }

  /** What the sum of a gradient is multiplied by for the mean: it is settled when the gradient is used. */
  mean(segment: ArenaSegment): number | undefined {
    return this.#means.get(segment)?.factor;
  }
  /** Settles means. One that was settled before stays where it was clipped, or nothing was written since: a window may have begun meanwhile that has nothing to do with it. */
  average(segments: Iterable<ArenaSegment>, factor: number): void {
    for (const s of segments) {
      const before = this.#means.get(s);
      if (before && (before.factor === factor || before.at === this.#written || this.#clips.get(s) !== undefined)) continue;
      if (!this.#raw) this.reduced.delete(s);
      this.#means.set(s, { factor, at: this.#written });
    }
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

  /** Notes what is written from now on: a body begins. */
  mark(arenas: readonly ParameterArena[]): void {
    this.#marked = new Map(arenas.flatMap((arena) => arena.segments.map((s) => [s, s.writes])));
  }
  /** Whether none of them was written in the body that runs: `zeroGrad` before its backward belongs to the window, as one behind it belongs to the step. */
  untouched(segments: readonly ArenaSegment[]): boolean {
    return segments.every((s) => s.writes === (this.#marked.get(s) ?? s.writes));
  }

  clear(): void {
    for (const known of [this.reduced, this.#means, this.#clips, this.#finite, this.#used, this.#seen, this.#marked]) known.clear();
  }

  /** By segment: how many backward passes had written it when it was last told. */
  seen(arena: ParameterArena): readonly number[] {
    return this.#seen.get(arena) ?? [];
  }
  /** One worker has nobody to tell. `written`: how often its gradients have been written. */
  settleAlone(written: number): void {
    this.#written = written;
  }
  /** All gradients of an arena have been told. `written`: not 0 for those that some worker has written since the last time. */
  settle(arena: ParameterArena, written: ArrayLike<number>): void {
    this.#seen.set(
      arena,
      arena.segments.map((s) => s.writes),
    );
    for (const s of arena.segments) {
      if (written[s.index] === 0) continue;
      this.#written++;
      this.#means.delete(s);
      this.#clips.delete(s);
      this.#finite.delete(s);
      this.reduced.delete(s);
    }
  }
}
