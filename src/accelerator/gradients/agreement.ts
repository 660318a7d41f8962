// What workers tell each other before gradients travel early: who has, or will have, which gradient.
import type { CollectiveOptions, ProcessGroup } from "../../distributed/index.js";
import type { ArenaSegment, ParameterArena } from "../../tensor/index.js";
import type { PlacedArena } from "./placed-arena.js";
import { ranksOf } from "./shares.js";
import type { Treatment } from "./treatment.js";

/** What a worker says of a gradient: it has one, or will have; it was written, or will be, since gradients were collected. */
const [present, fresh] = [1, 2];

export interface Agreement {
  /** Somebody's backward tells of its gradients. Else nothing travels. */
  readonly begun: boolean;
  /** By arena and segment: whether any worker has one. */
  readonly any: ReadonlyMap<ParameterArena, readonly boolean[]>;
  /** What nobody has written since it was collected may have been limited: it must not be added up anew. */
  readonly travels: ReadonlySet<ArenaSegment>;
}

/** A collective: a byte per parameter. `tells`: this worker's backward does; `has`: its gradients, those among them that are still to be written as `coming`. */
export async function agree(
  group: ProcessGroup,
  arenas: readonly PlacedArena[],
  own: {
    readonly tells: boolean;
    readonly has: ReadonlySet<ArenaSegment>;
    readonly coming: ReadonlySet<ArenaSegment>;
    readonly treatment: Treatment | undefined;
  },
  options: CollectiveOptions,
): Promise<Agreement> {
  const segments = arenas.flatMap(({ arena }) => arena.segments);
  const isFresh = (s: ArenaSegment): boolean => own.coming.has(s) || s.writes !== (own.treatment?.seen(s.arena)[s.index] ?? 0);
  const data = Uint8Array.of(Number(own.tells), ...segments.map((s) => (own.has.has(s) ? present : 0) | (isFresh(s) ? fresh : 0)));
  const all = new Uint8Array(data.length * group.size);
  await group.allGather({ dtype: "uint8", data }, { dtype: "uint8", data: all }, options);
  const ranks = ranksOf(group.size);
  const somebody = (at: number, bit: number): boolean => ranks.some((rank) => (all[rank * data.length + at]! & bit) !== 0);
  const numbers = new Map(segments.map((s, i) => [s, i + 1]));
  return {
    begun: somebody(0, 1),
    any: new Map(arenas.map(({ arena }) => [arena, arena.segments.map((s) => somebody(numbers.get(s)!, present))])),
    travels: new Set(segments.filter((s) => somebody(numbers.get(s)!, present) && somebody(numbers.get(s)!, fresh))),
  };
}
