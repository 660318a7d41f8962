// Rounds: what all ranks get at once, cut from an order of rows, a stream, or the batches of a sampler.

export interface Consuming {
  /** Items of the epoch that are used up with it. */
  readonly consumed: number;
}
/** A round of an epoch. Places that nobody asks for may be undefined. */
export interface Round<T> extends Consuming {
  readonly items: ArrayLike<T>;
  /** The items of the epoch's first round, which fill up the last one. */
  readonly first: ArrayLike<T>;
}
/** A round that knows whether it is the last. */
export interface PlacedRound<T> extends Round<T> {
  readonly followed: boolean;
}
export type Stream<T> = AsyncIterable<T> | Iterable<T>;

export interface RoundOptions {
  /** Items of a round. */
  readonly size: number;
  /** Leaves out a last round that is not complete. */
  readonly dropLast: boolean;
  /** Items that were used up before. */
  readonly from: number;
}

export interface StreamOptions<T, S> extends RoundOptions {
  /** Which places of a round are wanted; the others are let go at once. */
  readonly keep: (place: number) => boolean;
  /** Keep the first round. */
  readonly keepFirst: boolean;
  /** What an item of the stream becomes, with its place in the stream; default itself. */
  readonly as?: (item: S, place: number) => T;
}

/** Of an order that lies in memory: what was used up costs nothing. */
export function* orderRounds(order: Uint32Array, { size, dropLast, from }: RoundOptions): Generator<Round<number>> {
  const first = order.subarray(0, size);
  for (let start = from; start < order.length; start += size) {
    const items = order.subarray(start, start + size);
    if (dropLast && items.length < size) return;
    yield { items, first, consumed: start + items.length };
  }
}

/** Of a stream, which is read from its start. */
export async function* streamRounds<T, S = T>(
  stream: Stream<S>,
  { size, dropLast, from, keep, keepFirst, as }: StreamOptions<T, S>,
): AsyncGenerator<Round<T>, void, undefined> {
  const first: T[] = [];
  let items: (T | undefined)[] = [];
  let read = 0;
  for await (const given of stream) {
    const filling = keepFirst && first.length < size;
    const wanted = read >= from && keep(items.length);
    const item = filling || wanted ? (as ? as(given, read) : (given as unknown as T)) : undefined;
    if (filling) first.push(item!);
    if (read++ < from) continue;
    items.push(wanted ? item : undefined);
    if (items.length < size) continue;
    yield { items: items as T[], first, consumed: read };
    items = [];
  }
  if (items.length > 0 && !dropLast) yield { items: items as T[], first, consumed: read };
}

/** Reads one ahead, so that the last one is known to be the last while it is in use. What fails ahead of its turn is thrown at its turn. */
export async function* lookAhead<T>(stream: AsyncIterable<T>): AsyncGenerator<{ readonly value: T; readonly next: T | undefined; readonly last: boolean }> {
  const source = stream[Symbol.asyncIterator]();
  try {
    let now = await source.next();
    while (!now.done) {
      const { value } = now;
      const following = await source.next().then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      );
      const next = "result" in following && !following.result.done ? following.result.value : undefined;
      yield { value, next, last: "result" in following && following.result.done === true };
      if ("error" in following) throw following.error;
      now = following.result;
    }
  } finally {
    await source.return?.();
  }
}

/** Rounds that know whether they are the last; for what is cheap to read ahead. */
export async function* placed<T>(rounds: AsyncIterable<Round<T>>): AsyncGenerator<PlacedRound<T>, void, undefined> {
  for await (const { value, last } of lookAhead(rounds)) yield { ...value, followed: !last };
}
