// A foreign iterable of ready batches as a loader: every rank reads all of them and takes its own.
import { ArgumentError } from "../../errors.js";
import { Tensor } from "../../tensor/index.js";
import { type Plan, partOfItems } from "./deal.js";
import { DealtLoader } from "./dealt-loader.js";
import { rankBatches } from "./rank-batches.js";
import type { GivenBatch, RankLoader } from "./rank-loader.js";
import { type Stream, streamRounds } from "./rounds.js";
import { lengthOf, tellEpoch } from "./sampler.js";
import { rankBatchCount, type Shard, type ShardOptions } from "./shard.js";

/** Rows of a batch: the first dimension of the first tensor or typed array in it, else the length of the first list; 1 when it holds none. */
export const rowsOfBatch = (batch: unknown): number =>
  find(batch, tensorRows) ?? find(batch, (value) => (Array.isArray(value) ? value.length : undefined)) ?? 1;

function tensorRows(value: object): number | undefined {
  if (value instanceof Tensor) return value.shape[0];
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? (value as Uint8Array).length : undefined;
}
const MAX_DEPTH = 8; // a batch may hold itself
const MAX_PARTS = 8; // lists of many rows are not searched to their end
function find(value: unknown, rows: (value: object) => number | undefined, depth = 0): number | undefined {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return undefined;
  const own = rows(value);
  if (own !== undefined || value instanceof Tensor || ArrayBuffer.isView(value)) return own;
  for (const part of Array.isArray(value) ? value.slice(0, MAX_PARTS) : Object.values(value)) {
    const inner = find(part, rows, depth + 1);
    if (inner !== undefined) return inner;
  }
  return undefined;
}

class ShardedBatches<B> extends DealtLoader<B> {
  protected readonly source: Stream<B>;

  constructor(source: Stream<B>) {
    super({ prefetch: 1 });
    this.source = source;
  }
  /** What the foreign loader says; NaN when it does not. */
  get batchSize(): number {
    const { batchSize } = this.source as { readonly batchSize?: unknown };
    return typeof batchSize === "number" ? batchSize : Number.NaN;
  }
  get length(): number {
    const { total } = this;
    if (total !== undefined) return rankBatchCount(total, 1, false, this.share);
    throw new ArgumentError("this loader does not know its length", {
      code: "ERR_NO_LENGTH",
      hint: "count the steps yourself, or give the iterable a property length (its number of batches)",
    });
  }
  protected get total(): number | undefined {
    return lengthOf(this.source);
  }
  protected override epochIs(epoch: number): void {
    tellEpoch(this.source, epoch);
  }
  protected override checkShard({ split }: Shard): void {
    if (split)
      throw new ArgumentError("splitBatches: ready batches cannot be split", {
        code: "ERR_LOADER_SHARD",
        hint: "give a DataLoader over rows, or leave splitBatches out",
      });
  }
  protected perRound({ processes }: Shard): number {
    return processes;
  }

  protected epochOf(_epoch: number, consumed: number, shard: Shard): AsyncGenerator<GivenBatch<B>, void, undefined> {
    const { processes, index, even, dealer } = shard;
    const plan: Plan<B> = {
      rounds: () =>
        streamRounds(this.source, {
          size: processes,
          dropLast: false,
          from: consumed,
          keep: (place) => dealer !== undefined || place === index,
          keepFirst: even,
        }),
      part: (round, rank) => partOfItems(round, 1, rank, shard),
    };
    return rankBatches(plan, shard, {
      prefetch: this.ahead,
      lookAhead: true,
      parallel: 0,
      load: (batches) => batches,
      ofItems:
        async ([batch]) =>
        () =>
          batch!,
      ofRows:
        async ([batch]) =>
        () =>
          batch!,
      rows: (_, batch) => rowsOfBatch(batch),
    });
  }
}

/**
 * The batches of one rank out of an iterable of batches: number k goes to rank k mod P; for even batches the first ones are given out again where a last round lacks some.
 * Its length is known when the iterable has one; going on in the middle of an epoch reads what was consumed once more.
 * @internal
 */
export function shardedBatches<B>(source: Stream<B>, options: ShardOptions): RankLoader<B> {
  const loader = unshardedBatches(source);
  loader.shard(options);
  return loader;
}
/** The same before it is dealt. @internal */
export const unshardedBatches = <B>(source: Stream<B>): RankLoader<B> => new ShardedBatches(source);
