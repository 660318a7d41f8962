// A rank's part of each round, by Accelerate's rules, and the sequence of them that a rank goes through.
import { type Consuming, lookAhead, type PlacedRound, type Round } from "./rounds.js";
import type { Shard } from "./shard.js";

/** What a rank gets of a round. */
export interface Part<T> {
  readonly items: readonly T[];
  /** How many are the rank's own; what follows them fills up and belongs to others. */
  readonly real: number;
}
export interface Dealt<T> extends Part<T>, Consuming {
  /** The rank's last of the epoch, where that is known. */
  readonly last: boolean;
}
/** How an epoch comes in rounds, and what of a round is whose. A round that lacks a part for some rank is the last. */
export interface Plan<T, R extends Consuming = Round<T>> {
  rounds(): AsyncIterable<R> | Iterable<R>;
  part(round: R, rank: number): Part<T> | undefined;
}

/** What fills a place: items of the first round, over and over. */
const fill = <T>(first: ArrayLike<T>, i: number): T => first[i % first.length]!;

/**
 * `size` items of the round, starting at rank * size. Missing ones are filled in when batches are even, or when `whole` asks for it because more rounds follow. Without duplicates only a rank that has
 * no items of its own is given some. Where rank 0 reads for all, a short round of even batches is spread over the ranks: all get as many, and as few as can be are filled in.
 */
export function partOfItems<T>(
  round: Round<T>,
  most: number,
  rank: number,
  { even, ignoreDuplicates, dealer, processes }: Shard,
  whole = false,
): Part<T> | undefined {
  const { items, first } = round;
  const size = dealer && even ? Math.min(most, Math.ceil(items.length / processes)) : most;
  const [start, end] = [rank * size, (rank + 1) * size];
  const own: T[] = [];
  for (let i = start; i < Math.min(end, items.length); i++) own.push(items[i]!);
  const real = own.length;
  if (real < size && (even || whole) && !(ignoreDuplicates && real > 0)) {
    for (let i = Math.max(start, items.length); i < end; i++) own.push(fill(first, i - items.length));
  }
  return own.length > 0 ? { items: own, real } : undefined;
}

/** Ready batches of rows, one per rank; whole early ones stand in for those that are missing. */
export function partOfBatches<T>(round: Round<readonly T[]>, rank: number, shard: Shard): Part<T> | undefined {
  const part = partOfItems(round, 1, rank, shard);
  return part && { items: part.items[0]!, real: part.real === 1 ? part.items[0]!.length : 0 };
}

/**
 * The same for batches that should have `size` rows each: behind the last one of all, missing rows are filled in one by one, from the rows of the first round. Short batches before it stay as they are.
 */
export function partOfSizedBatches<T>(round: PlacedRound<readonly T[]>, size: number, rank: number, { even, ignoreDuplicates }: Shard): Part<T> | undefined {
  const { items, first, followed } = round;
  const own = items[rank];
  const lastPlace = items.length - 1;
  if (own && (!even || followed || rank < lastPlace || ignoreDuplicates)) return { items: own, real: own.length };
  if (!even) return undefined;
  const early = Array.from(first).flat();
  const behind = Math.max(0, size - items[lastPlace]!.length);
  const begin = own ? 0 : behind + (rank - lastPlace - 1) * size;
  const missing = own ? behind : size;
  return { items: [...(own ?? []), ...Array.from({ length: missing }, (_, i) => fill(early, begin + i))], real: own?.length ?? 0 };
}

/** The parts of one rank, which reads for itself. With `ahead` the last one knows that it is. */
export async function* ownParts<T, R extends Consuming>(
  plan: Plan<T, R>,
  rank: number,
  { ahead }: { readonly ahead: boolean },
): AsyncGenerator<Dealt<T>, void, undefined> {
  const parts = async function* (): AsyncGenerator<Part<T> & Consuming, void, undefined> {
    for await (const round of plan.rounds()) {
      const part = plan.part(round, rank);
      if (part) yield { ...part, consumed: round.consumed };
    }
  };
  if (!ahead) for await (const part of parts()) yield { ...part, last: false };
  else for await (const { value, last } of lookAhead(parts())) yield { ...value, last };
}
