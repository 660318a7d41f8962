// A loader as the Accelerator sees it: the share of a rank, the batch in use, iterations that are told of.
import type { DataLoader, LoaderState } from "./data-loader.js";
import type { ShardOptions } from "./shard.js";
import type { LoaderStats } from "./stats.js";

/** The batch that the loop's body works on. */
export interface BatchInUse {
  /** Rows of this rank's batch. */
  readonly rows: number;
  /** How many of them count, always the first ones; the others were filled in so that the ranks' batches are even. */
  readonly realRows: number;
  /** This rank's last batch of the epoch. Streams know it once the loader was sharded, also for one process. */
  readonly last: boolean;
  /** What the batch counts among those of all ranks: with ignoreDuplicates its real rows, 0 for one that only keeps this rank's calls going; otherwise undefined, all count alike. */
  readonly weight: number | undefined;
}
export interface GivenBatch<B> extends BatchInUse {
  readonly batch: B;
  /** What of the epoch all ranks have used up with it: rows, items of a stream, batches of a batch sampler or of a foreign loader. */
  readonly consumed: number;
}
export type IterationListener = (event: "begin" | "end") => void;
/** Told of every batch that is given out, and how long it was waited for, in milliseconds. */
export type BatchListener = (batch: unknown, waitedMs: number) => void;

/**
 * A loader as the Accelerator sees it; users see DataLoader.
 * @internal
 */
export abstract class RankLoader<B> implements DataLoader<B> {
  abstract readonly length: number;
  abstract readonly batchSize: number;
  /**
   * From now on only the batches of one rank. Once more with the same options changes nothing, with others it replaces them for the iterations that follow; `shardOptions` are those in force, to come
   * back to.
   * @throws ArgumentError ERR_LOADER_BUSY during an iteration, ERR_LOADER_SHARD for options that do not fit.
   */
  abstract shard(options: ShardOptions): void;
  abstract readonly shardOptions: ShardOptions | undefined;
  /** The seed of the order, which all ranks must have in common; undefined when there is none. */
  abstract seed: number | undefined;
  /** The program gave the seed; otherwise it was drawn. */
  abstract readonly seedIsGiven: boolean;
  /** The batch that the innermost iteration has given out; undefined outside loops. */
  abstract readonly current: BatchInUse | undefined;
  /** Tells of every iteration: "begin" before its first batch, "end" however it ends. Returns what takes the listener away. */
  abstract onIterate(listener: IterationListener): () => void;
  /** Tells of every batch. Returns what takes the listener away. */
  abstract onBatch(listener: BatchListener): () => void;
  abstract setEpoch(epoch: number): void;
  abstract state(): LoaderState;
  /** The batch in use was not used after all: the position is the one before it. */
  abstract unread(): void;
  abstract loadState(state: LoaderState): void;
  /** An epoch without its first `skip` batches of this rank. */
  abstract iterate(skip: number): AsyncGenerator<B, void, undefined>;

  abstract stats(): LoaderStats;
  abstract close(): Promise<void>;

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
  get sharded(): boolean {
    return this.shardOptions !== undefined;
  }
  [Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    return this.iterate(0);
  }
}
