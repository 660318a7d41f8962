// What was done to gradients behind their backward: clipped, reduced. It holds until a worker has made another backward into them.
import type { ArenaSegment, ParameterArena } from "../tensor/index.js";

/** Of each gradient by itself: what happens to one model leaves others as they were. The same on every worker. */
export class Treatment {
  /** Factors of clipping. */
  readonly clips = new Map<ArenaSegment, number>();
  /** Their mean lies in the reduced arena. */
  readonly reduced = new Set<ArenaSegment>();
  readonly #seen = new WeakMap<ParameterArena, number[]>();

  /** Whether a backward of this worker has written the gradient since the last `settle`. */
  isNew(segment: ArenaSegment): boolean {
    return segment.writes !== (this.#seen.get(segment.arena)?.[segment.index] ?? 0);
  }
  /** All gradients of an arena have been told. `written`: which of them some worker has written. */
  settle(arena: ParameterArena, written: readonly boolean[]): void {
    const seen = this.#seen.get(arena) ?? [];
    this.#seen.set(arena, seen);
    for (const s of arena.segments) {
      seen[s.index] = s.writes;
      if (!written[s.index]) continue;
      this.clips.delete(s);
      this.reduced.delete(s);
    }
  }
}
