// Who has a gradient of which parameter: told to each other once per step.
import type { CollectiveOptions, World } from "../distributed/index.js";
import type { ArenaSegment, ParameterArena } from "../tensor/index.js";
import type { Placement } from "./placement.js";
import { shareOf } from "./shares.js";

export interface Presence {
  /** By arena: bit r says that local rank r has a gradient of the segment. */
  readonly contributors: ReadonlyMap<ParameterArena, readonly number[]>;
  /** By arena: whether any worker of the job has one. Of one worker alone, the segments say so themselves. */
  readonly any: ReadonlyMap<ParameterArena, readonly boolean[]>;
  /** By arena: the part that this worker adds up and updates. */
  readonly shares: ReadonlyMap<ParameterArena, { readonly begin: number; readonly end: number }>;
}
/** One worker alone knows it all. */
export const alone: Presence = { contributors: new Map(), any: new Map(), shares: new Map() };

/** What the workers know of each other's gradients, until one of them changes. */
export interface Collected extends Presence {
  /** Count of changes of gradients that it belongs to. */
  readonly stamp: number;
  /** Micro-batches in the gradients. */
  readonly divisor: number;
  /** The mean lies in the reduced arenas. */
  reduced: boolean;
  /** Factors of clipping. */
  readonly clips: Map<ArenaSegment, number>;
}

export const ranksOf = (size: number): number[] => Array.from({ length: size }, (_, rank) => rank);

/** A collective: a byte per parameter and worker, and a byte of wishes (bits), which come back or-ed over all workers. */
export async function tellPresence(
  { group, local }: World,
  { arenas, localRanks }: Placement,
  wishes: number,
  options: CollectiveOptions,
): Promise<{ readonly presence: Presence; readonly wishes: number }> {
  const own = Uint8Array.from([...arenas.flatMap(({ arena }) => arena.segments.map((s) => Number(s.hasGrad))), wishes]);
  const all = new Uint8Array(own.length * group.size);
  await group.allGather({ dtype: "uint8", data: own }, { dtype: "uint8", data: all }, options);
  const ranks = ranksOf(group.size);
  const contributors = new Map<ParameterArena, readonly number[]>();
  const any = new Map<ParameterArena, readonly boolean[]>();
  const shares = new Map<ParameterArena, { readonly begin: number; readonly end: number }>();
  let at = 0;
  const has = (rank: number, i: number): number => all[rank * own.length + at + i]!;
  for (const { arena } of arenas) {
    const somewhere = arena.segments.map((_, i) => ranks.some((rank) => has(rank, i) === 1));
    contributors.set(
      arena,
      arena.segments.map((_, i) => localRanks.reduce((sum, rank, r) => sum + has(rank, i) * 2 ** r, 0)),
    );
    any.set(arena, somewhere);
    shares.set(arena, shareOf(arena, somewhere, { rank: local.rank, size: local.size }));
    at += arena.segments.length;
  }
  return { presence: { contributors, any, shares }, wishes: ranks.reduce((sum, rank) => sum | has(rank, 0), 0) };
}
