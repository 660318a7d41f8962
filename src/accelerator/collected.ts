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
  /** By arena: whether any worker has written it since the last time. */
  readonly written: ReadonlyMap<ParameterArena, readonly boolean[]>;
  /** By arena: the part that this worker adds up and updates. */
  readonly shares: ReadonlyMap<ParameterArena, { readonly begin: number; readonly end: number }>;
}
/** One worker alone knows the rest. */
export const presenceAlone = (arenas: readonly { readonly arena: ParameterArena }[], isNew: (segment: ArenaSegment) => boolean): Presence => ({
  contributors: new Map(),
  any: new Map(),
  written: new Map(arenas.map(({ arena }) => [arena, arena.segments.map(isNew)])),
  shares: new Map(),
});

/** What the workers know of each other's gradients. */
export interface Collected extends Presence {
  /** Micro-batches in the gradients. */
  readonly divisor: number;
}

export const ranksOf = (size: number): number[] => Array.from({ length: size }, (_, rank) => rank);

/** What goes round beside it: bits, or-ed over all workers. */
export interface News {
  /** See ExchangeOptions. */
  readonly wishes: number;
  /** A worker has parameters that have no place yet. */
  readonly grown: boolean;
}

/** Bits of a parameter: it has a gradient, which was written since the last time. */
const [present, fresh] = [1, 2];

/** A collective: a byte per parameter and worker, and two bytes of news. When it returns, no worker reads or writes gradients or parameters any more. */
export async function tellPresence(
  { group, local }: World,
  { arenas, localRanks }: Placement,
  { wishes, grown, isNew }: News & { isNew(segment: ArenaSegment): boolean },
  options: CollectiveOptions,
): Promise<{ readonly presence: Presence; readonly news: News }> {
  const told = arenas.flatMap(({ arena }) => arena.segments.map((s) => Number(s.hasGrad) * present + Number(isNew(s)) * fresh));
  const own = Uint8Array.from([...told, wishes, Number(grown)]);
  const all = new Uint8Array(own.length * group.size);
  await group.allGather({ dtype: "uint8", data: own }, { dtype: "uint8", data: all }, options);
  const ranks = ranksOf(group.size);
  const contributors = new Map<ParameterArena, readonly number[]>();
  const any = new Map<ParameterArena, readonly boolean[]>();
  const written = new Map<ParameterArena, readonly boolean[]>();
  const shares = new Map<ParameterArena, { readonly begin: number; readonly end: number }>();
  let at = 0;
  const said = (rank: number, i: number): number => all[rank * own.length + at + i]!;
  const somewhere = (i: number): number => ranks.reduce((bits, rank) => bits | said(rank, i), 0);
  for (const { arena } of arenas) {
    const bits = arena.segments.map((_, i) => somewhere(i));
    const has = bits.map((b) => (b & present) !== 0);
    contributors.set(
      arena,
      arena.segments.map((_, i) => localRanks.reduce((sum, rank, r) => sum + (said(rank, i) & present) * 2 ** r, 0)),
    );
    any.set(arena, has);
    written.set(
      arena,
      bits.map((b) => (b & fresh) !== 0),
    );
    shares.set(arena, shareOf(arena, has, { rank: local.rank, size: local.size }));
    at += arena.segments.length;
  }
  return { presence: { contributors, any, written, shares }, news: { wishes: somewhere(0), grown: somewhere(1) !== 0 } };
}
