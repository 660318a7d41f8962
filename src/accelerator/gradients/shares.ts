// Which part of an arena a worker adds up, and which it updates.
import type { ArenaPart, ParameterArena } from "../../tensor/index.js";
import type { Bucket } from "./buckets.js";
import { hostPart, type Sharding } from "./zero.js";

export const ranksOf = (size: number): number[] => Array.from({ length: size }, (_, rank) => rank);

/** Elements of a cache line: shares begin on one, so that no two workers write to the same. */
const line = 16;

type Layout = Pick<ParameterArena, "length" | "segments">;

/**
 * Equal parts, counted over the segments that have a gradient: frozen ones cost nobody anything. From `begin` to `end` in elements of the arena.
 * The parts of all workers cover the arena, or what is shared out of it (`within`), without gaps. `whole`: they are cut between parameters only, as equal as that goes.
 */
export function shareOf(
  { segments, length: all }: Layout,
  has: readonly boolean[],
  {
    rank,
    size,
    whole = false,
    within = { begin: 0, end: all },
  }: { readonly rank: number; readonly size: number; readonly whole?: boolean; readonly within?: ArenaPart },
): ArenaPart {
  const active: { readonly offset: number; readonly length: number }[] = [];
  for (const [i, s] of segments.entries()) {
    const offset = Math.max(s.offset, within.begin);
    const length = Math.min(s.offset + s.length, within.end) - offset;
    if (has[i] && length > 0) active.push({ offset, length });
  }
  const total = active.reduce((sum, s) => sum + s.length, 0);
  /** Where the first `count` elements with a gradient end. */
  const place = (count: number): number => {
    let left = count;
    for (const { offset, length } of active) {
      if (left <= length && whole) return left <= length / 2 ? offset : Math.min(within.end, offset + Math.ceil(length / line) * line);
      if (left <= length) return Math.min(within.end, offset + Math.ceil(left / line) * line);
      left -= length;
    }
    return within.end;
  };
  return {
    begin: rank === 0 ? within.begin : place(Math.round((total * rank) / size)),
    end: rank === size - 1 ? within.end : place(Math.round((total * (rank + 1)) / size)),
  };
}

/** What a worker does with an arena. */
export interface Shares {
  /** It adds up the gradients of its host. */
  readonly sums: readonly ArenaPart[];
  /** It looks at the sums of all: norms, limits. */
  readonly looks: readonly ArenaPart[];
  /** It updates. */
  readonly updates: readonly ArenaPart[];
}

export interface SharePlace {
  /** Of this worker on its host. */
  readonly rank: number;
  readonly size: number;
  readonly host: number;
  readonly hosts: number;
  readonly whole: boolean;
  readonly sharding: Sharding;
  readonly buckets: readonly Bucket[];
}

/** Of one host the arena is cut in one piece per worker. Of several each bucket is, so that a bucket that has come is everybody's work. */
export function sharesOf(arena: Layout, has: readonly boolean[], { rank, size, host, hosts, whole, sharding, buckets }: SharePlace): Shares {
  const everything = [{ begin: 0, end: arena.length }];
  const of = (pieces: readonly ArenaPart[]): ArenaPart[] =>
    pieces
      .map((within) => shareOf(arena, has, { rank, size, within }))
      .filter(({ begin, end }) => begin < end)
      .sort((a, b) => a.begin - b.begin);
  const sums = hosts === 1 || whole ? [shareOf(arena, has, { rank, size, whole })] : of(buckets);
  const looks = hosts > 1 && sharding === "world" && !whole ? of(buckets.map((bucket) => hostPart(bucket, { host, hosts }))) : sums;
  return { sums, looks, updates: sharding === "none" ? everything : looks };
}
