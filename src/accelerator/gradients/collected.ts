// Who has a gradient of which parameter: told to each other before gradients are used.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import type { ArenaSegment, ParameterArena } from "../../tensor/index.js";
import type { EarlyGradients } from "./early.js";
import type { Placement } from "./placement.js";
import { ranksOf, type Shares, sharesOf } from "./shares.js";
import type { Treatment } from "./treatment.js";

export interface Presence {
  /** By arena: bit r says that local rank r has a gradient of the segment. */
  readonly contributors: ReadonlyMap<ParameterArena, readonly number[]>;
  /** By arena: whether any worker of the job has one. Of one worker alone, the segments say so themselves. */
  readonly any: ReadonlyMap<ParameterArena, readonly boolean[]>;
  /** By arena: the parts that this worker adds up and updates. */
  readonly shares: ReadonlyMap<ParameterArena, Shares>;
  /** By arena: tables of which some worker of the job has rows only. */
  readonly tables: ReadonlyMap<ParameterArena, ReadonlySet<ArenaSegment>>;
  /** What it was worked out from: a byte per worker and parameter, ... */
  readonly told: Uint8Array;
  /** ... and whether arenas are shared out by whole parameters. */
  readonly whole: boolean;
}
/** One worker alone knows it all. */
export const alone: Presence = { contributors: new Map(), any: new Map(), shares: new Map(), tables: new Map(), told: new Uint8Array(0), whole: false };

/** What goes round beside it. */
export interface News {
  /** Bits, or-ed over all workers; see ExchangeOptions. */
  readonly wishes: number;
  /** A worker has parameters that have no place yet. */
  readonly grown: boolean;
  /** What the sum of the gradients is divided by: of one worker its part, of all their sum. */
  readonly weight: number;
  /** By which the gradients were multiplied against underflow; 0 from a worker that had no backward. */
  readonly scale: number;
}

/** Bits of a parameter: it has a gradient, which was written since the last time, and of which not all rows are there; what was sent of it early is no longer what it is. */
const [present, fresh, rowed, changed] = [1, 2, 4, 8];

/** Weight and scale, behind the bytes. */
const numbers = 2;

interface Telling {
  readonly treatment: Treatment;
  readonly before: Presence | undefined;
  /** Gradients that travelled before they were collected. */
  readonly early: EarlyGradients | undefined;
}
export interface Told {
  readonly presence: Presence;
  /** By arena, not 0 for what some worker has written since the last time. */
  readonly written: ReadonlyMap<ParameterArena, Uint8Array>;
  /** By arena, not 0 for what some worker has changed since it was sent early. */
  readonly changed: ReadonlyMap<ParameterArena, Uint8Array>;
  readonly news: News;
}

/**
 * A collective: a byte per parameter and worker, two bytes of news and two float64. When it returns, no worker reads or writes gradients or parameters any more. `before`, what came out the last time, comes
 * out again when nothing has changed. `written`: by arena, not 0 for what some worker has written since the last time.
 */
export async function tellPresence(
  world: World,
  placement: Placement,
  { wishes, grown, weight, scale, treatment, before, early }: News & Telling,
  options: CollectiveOptions,
): Promise<Told> {
  const { arenas } = placement;
  const count = arenas.reduce((sum, { arena }) => sum + arena.segments.length, 0);
  const length = count + 2 + 8 * numbers;
  const own = new Uint8Array(length);
  let at = 0;
  for (const { arena } of arenas) {
    const seen = treatment.seen(arena);
    for (const s of arena.segments)
      own[at++] =
        (s.hasGrad ? present : 0) |
        (s.writes !== (seen[s.index] ?? 0) ? fresh : 0) |
        (s.hasGrad && s.rows?.whole === false ? rowed : 0) |
        (early?.current(s) === false ? changed : 0);
  }
  own.set([wishes, Number(grown)], count);
  own.set(new Uint8Array(Float64Array.of(weight, scale).buffer), count + 2);
  const all = new Uint8Array(length * world.group.size);
  await world.group.allGather({ dtype: "uint8", data: own }, { dtype: "uint8", data: all }, options);

  const somewhere = new Uint8Array(length);
  for (let i = 0; i < all.length; i++) somewhere[i % length]! |= all[i]!;
  const told = all.filter((_, i) => i % length < count).map((byte) => byte & (present | rowed));
  const written = new Map<ParameterArena, Uint8Array>();
  const changes = new Map<ParameterArena, Uint8Array>();
  at = 0;
  for (const { arena } of arenas) {
    const bits = somewhere.subarray(at, at + arena.segments.length);
    written.set(
      arena,
      bits.map((b) => b & fresh),
    );
    changes.set(
      arena,
      bits.map((b) => b & changed),
    );
    at += arena.segments.length;
  }
  const presence =
    before && before.whole === placement.wholeParameters && Buffer.compare(before.told, told) === 0 ? before : presenceOf(told, count, world, placement);
  const given = ranksOf(world.group.size).map((rank) => new Float64Array(all.slice(rank * length + count + 2, (rank + 1) * length).buffer));
  return {
    presence,
    written,
    changed: changes,
    news: {
      wishes: somewhere[count]!,
      grown: somewhere[count + 1] !== 0,
      // In the order of ranks, so that all get the same bits.
      weight: given.reduce((sum, [w]) => sum + w!, 0),
      scale: given.find(([, s]) => s !== 0)?.[1] ?? 0,
    },
  };
}

function presenceOf(told: Uint8Array, count: number, { group, local, hosts }: World, placement: Placement): Presence {
  const { arenas, localRanks, wholeParameters: whole, host, sharding } = placement;
  const ranks = ranksOf(group.size);
  const contributors = new Map<ParameterArena, readonly number[]>();
  const any = new Map<ParameterArena, readonly boolean[]>();
  const shares = new Map<ParameterArena, Shares>();
  const tables = new Map<ParameterArena, ReadonlySet<ArenaSegment>>();
  let at = 0;
  for (const { arena, buckets, own } of arenas) {
    const says = (rank: number, i: number, bit: number): number => Number((told[rank * count + at + i]! & bit) !== 0);
    const has = arena.segments.map((_, i) => ranks.some((rank) => says(rank, i, present) !== 0));
    contributors.set(
      arena,
      arena.segments.map((_, i) => localRanks.reduce((sum, rank, r) => sum + says(rank, i, present) * 2 ** r, 0)),
    );
    any.set(arena, has);
    const everything = [{ begin: 0, end: arena.length }];
    const onDevices = own && { sums: [], looks: placement.updated(arena) ?? everything, updates: placement.updated(arena) ?? everything };
    shares.set(arena, onDevices ?? sharesOf(arena, has, { rank: local.rank, size: local.size, host, hosts, whole, sharding, buckets }));
    tables.set(arena, new Set(arena.segments.filter((_, i) => ranks.some((rank) => says(rank, i, rowed) !== 0))));
    at += arena.segments.length;
  }
  return { contributors, any, shares, tables, told, whole };
}
