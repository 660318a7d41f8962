// From an epoch's plan to the batches of a rank, whoever reads: what every kind of loader ends with.
import { type Dealt, ownParts, type Plan } from "./deal.js";
import { dispatched } from "./dispatch.js";
import type { GivenBatch } from "./rank-loader.js";
import type { Consuming } from "./rounds.js";
import type { Shard } from "./shard.js";

export interface Making<T, V, B> {
  /** Rounds made ahead by a rank that reads for all. */
  readonly prefetch: number;
  /** Read one ahead, to know the last batch. */
  readonly lookAhead: boolean;
  /** The rows behind the items of a plan. */
  load(items: readonly T[]): readonly V[];
  collate(rows: readonly V[]): Promise<B>;
  /** Rows of a batch. */
  rows(rows: readonly V[], batch: B): number;
}

export async function* rankBatches<T, R extends Consuming, V, B>(
  plan: Plan<T, R>,
  shard: Shard,
  making: Making<T, V, B>,
): AsyncGenerator<GivenBatch<B>, void, undefined> {
  const { dealer } = shard;
  const load = (items: readonly T[]) => making.load(items);
  if (dealer) for await (const dealt of dispatched(plan, { ...shard, dealer }, { ahead: making.prefetch, load })) yield made(dealt, dealt.items);
  else for await (const dealt of ownParts(plan, shard.index, { ahead: making.lookAhead })) yield made(dealt, load(dealt.items));

  async function made({ items, real, last, consumed }: Dealt<unknown>, loaded: readonly V[]): Promise<GivenBatch<B>> {
    const batch = await making.collate(loaded);
    const rows = making.rows(loaded, batch);
    const realRows = real === items.length ? rows : real;
    return { batch, rows, realRows, last, consumed, weight: shard.ignoreDuplicates ? realRows : undefined };
  }
}
