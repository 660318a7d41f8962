// Streams dealt to ranks by the rules of shard.ts: every rank reads the whole stream and keeps its part.
import { fillPlace, type Shard } from "./shard.js";

export interface Dealt<T> {
  readonly items: T[];
  /** How many are the rank's own; what follows them fills up and belongs to others. */
  readonly real: number;
}
type Stream<T> = AsyncIterable<T> | Iterable<T>;

/**
 * A rank's batches of `size` items, beginning with its batch number `from`. A batch is given out when its round is complete, so that ranks stay together; for even batches the items
 * of the first round are kept to fill the last one. Items may be batches themselves (size 1): then a missing one is filled by a whole early batch.
 */
export async function* deal<T>(stream: Stream<T>, size: number, dropLast: boolean, shard: Shard, from = 0): AsyncGenerator<Dealt<T>, void, undefined> {
  const { processes, index, even } = shard;
  const round = size * processes;
  const [start, end] = [index * size, (index + 1) * size];
  const first: T[] = [];
  const keep = even && !dropLast ? round : 0;
  let own: T[] = [];
  let [place, batch] = [0, 0];
  for await (const item of stream) {
    if (first.length < keep) first.push(item);
    if (batch >= from && place >= start && place < end) own.push(item);
    if (++place < round) continue;
    if (batch++ >= from) yield { items: own, real: own.length };
    own = [];
    place = 0;
  }
  if (place === 0 || dropLast || batch < from) return;
  const real = own.length;
  if (even) for (let i = Math.max(start, place); i < end; i++) own.push(first[fillPlace(i - place, first.length)]!);
  if (own.length > 0) yield { items: own, real };
}

/**
 * Reads one ahead, so that the last one is known to be the last while it is in use. What fails ahead of its turn is thrown at its turn.
 */
export async function* lookAhead<T>(stream: AsyncIterable<T>): AsyncGenerator<{ readonly value: T; readonly last: boolean }, void, undefined> {
  const source = stream[Symbol.asyncIterator]();
  try {
    let next = await source.next();
    while (!next.done) {
      const { value } = next;
      const following = await source.next().then(
        (result) => ({ result }),
        (error: unknown) => ({ error }),
      );
      yield { value, last: "result" in following && following.result.done === true };
      if ("error" in following) throw following.error;
      next = following.result;
    }
  } finally {
    await source.return?.();
  }
}
