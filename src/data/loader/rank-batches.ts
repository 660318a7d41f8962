// From an epoch's plan to the batches of a rank, whoever reads: what every kind of loader ends with.
import { type Dealt, ownParts, type Plan } from "./deal.js";
import { dispatched } from "./dispatch.js";
import { ordered, type Settle } from "./ordered.js";
import type { GivenBatch } from "./rank-loader.js";
import type { Consuming } from "./rounds.js";
import type { Shard } from "./shard.js";

export interface Making<T, V, B> {
  /** Rounds made ahead by a rank that reads for all. */
  readonly prefetch: number;
  /** Read one ahead, to know the last batch. */
  readonly lookAhead: boolean;
  /** Batches in the making at once; 0: one, when it is asked for. */
  readonly parallel: number;
  /** The rows behind the items of a plan. */
  load(items: readonly T[]): readonly V[];
  /** A batch of items that this rank reads itself. */
  ofItems(items: readonly T[]): Promise<Settle<B>>;
  /** A batch of rows. */
  ofRows(rows: readonly V[]): Promise<Settle<B>>;
  /** Rows of a batch of so many items. */
  rows(items: number, batch: B): number;
}

export async function* rankBatches<T, R extends Consuming, V, B>(
  plan: Plan<T, R>,
  shard: Shard,
  making: Making<T, V, B>,
): AsyncGenerator<GivenBatch<B>, void, undefined> {
  const { dealer } = shard;
  const { prefetch, parallel, lookAhead } = making;
  const given = ({ items, real, last, consumed }: Dealt<unknown>, batch: B): GivenBatch<B> => {
    const rows = making.rows(items.length, batch);
    const realRows = real === items.length ? rows : real;
    return { batch, rows, realRows, last, consumed, weight: shard.ignoreDuplicates ? realRows : undefined };
  };
  // Calls between ranks are made when a batch is asked for, so that they keep their place among the program's others.
  if (dealer) {
    const dealt = dispatched(plan, { ...shard, dealer }, { ahead: prefetch, load: (items: readonly T[]) => making.load(items) });
    for await (const part of dealt) yield given(part, await (await making.ofRows(part.items))());
    return;
  }
  const own = ownParts(plan, shard.index, { ahead: lookAhead });
  if (parallel === 0) for await (const part of own) yield given(part, await (await making.ofItems(part.items))());
  else for await (const { item, made } of ordered(own, { depth: parallel, begin: (part) => making.ofItems(part.items) })) yield given(item, made);
}
