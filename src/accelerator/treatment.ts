// What was done to gradients behind their backward: clipped, reduced. It holds until a worker has made another backward into them.
import type { ArenaSegment, ParameterArena } from "../tensor/index.js";

/** Of each gradient by itself: what happens to one model leaves others as they were. The same on every worker. */
export class Treatment {
  /** Their mean lies in the reduced arena. */
  readonly reduced = new Set<ArenaSegment>();
  readonly #clips = new Map<ArenaSegment, { readonly factor: number; readonly writes: number }>();
  readonly #seen = new Map<ParameterArena, number[]>();

  /** What clipping multiplies a gradient by. */
  factor(segment: ArenaSegment): number {
    const clip = this.#clips.get(segment);
    return clip?.writes === segment.writes ? clip.factor : 1;
  }
  scale(segment: ArenaSegment, by: number): void {
    this.#clips.set(segment, { factor: by * this.factor(segment), writes: segment.writes });
  }

  /** By segment: how many backward passes had written it when it was last told. */
  seen(arena: ParameterArena): readonly number[] {
    return this.#seen.get(arena) ?? [];
  }
  /** All gradients of an arena have been told. `written`: not 0 for those that some worker has written since the last time. Returns whether there were any. */
  settle(arena: ParameterArena, written: ArrayLike<number>): boolean {
    this.#seen.set(
      arena,
      arena.segments.map((s) => s.writes),
    );
    let some = false;
    for (const s of arena.segments) {
      if (written[s.index] === 0) continue;
      some = true;
      this.#clips.delete(s);
      this.reduced.delete(s);
    }
    return some;
  }
}
