// DataLoader: batches of a dataset, in a seeded order, made ahead while the loop works.
import { defaultGenerator } from "../../tensor/index.js";
import type { Collated } from "../collate/collate.js";
import type { CollateContext, FloatPaths } from "../collate/context.js";
import { Dataset } from "../dataset/dataset.js";
import type { Batch, MapDataset, ModuleRef } from "../types.js";
import { type AnyCollator, type BatchMaker, LocalMaker, ThreadMaker } from "./batch-maker.js";
import { type Plan, partOfItems } from "./deal.js";
import { DealtLoader, whole } from "./dealt-loader.js";
import { LengthGroupedSampler } from "./length-grouped.js";
import { checkOptions, type DataLoaderOptions, isMap, loaderFault, type Rows } from "./loader-options.js";
import { rankBatches } from "./rank-batches.js";
import type { GivenBatch } from "./rank-loader.js";
import { orderRounds, type Stream, streamRounds } from "./rounds.js";
import { type KeyedRow, keyedRows, rowsOf } from "./rows.js";
import { type BatchSampler, checkedIndices, epochOrder, lengthOf, type Sampler, tellEpoch } from "./sampler.js";
import { batchSamplerCount, batchSamplerPlan } from "./sampler-batches.js";
import { SeededSampler } from "./samplers.js";
import { rankBatchCount, rankBatchSize, type Shard } from "./shard.js";
import type { LoaderStats } from "./stats.js";

export type { DataLoaderOptions } from "./loader-options.js";

/** Where a loader stands, by what it has given out; what was only made ahead does not count. Another number of workers or another batch size goes on in the same order. */
export interface LoaderState {
  readonly epoch: number;
  /** Batches of the epoch, of this worker once prepared. */
  readonly batch: number;
  /** What all workers together have used up of the epoch's order: rows, items of a stream, or batches of a batch sampler or of a foreign loader. */
  readonly consumed: number;
  /** Batches over all epochs, of this worker once prepared. */
  readonly step: number;
}
export interface DataLoader<B = unknown> extends AsyncIterable<B> {
  /** Batches per epoch; of this worker once prepared. @throws ArgumentError ERR_NO_LENGTH over a stream or with a sampler that has no length. */
  readonly length: number;
  /** Rows per batch, as given; NaN when a batch sampler does not say. */
  readonly batchSize: number;
  /** The epoch of the next iteration; without it each iteration is one epoch further. Samplers and datasets with a `setEpoch` are told. */
  setEpoch(epoch: number): void;
  /** For checkpoints. */
  state(): LoaderState;
  /** The next iteration goes on where the state was taken. @throws ArgumentError ERR_LOADER_STATE */
  loadState(state: LoaderState): void;
  /** How long loops have waited for batches. */
  stats(): LoaderStats;
  /** Ends its threads and loops that still run; also what `await using` does. Without it threads end with the program, or when nobody holds the loader. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  [Symbol.asyncIterator](): AsyncGenerator<B, void, undefined>;
}
export type Collator<R, B> = (rows: R[]) => B | Promise<B>;
/** What a loader calls: collators that draw are told of the epoch and of the rows' numbers. */
export type CollateFunction<R, B> = (rows: R[], context: CollateContext) => B | Promise<B>;
export interface DataLoaderConstructor {
  /** Rows that the type checker does not know: the collator says what they are. */
  new <R, C, B>(
    dataset: (MapDataset<R> | AsyncIterable<R>) & (string extends keyof R ? unknown : never),
    options: DataLoaderOptions & { collateFn: CollateFunction<C, B> },
  ): DataLoader<B>;
  new <R>(dataset: MapDataset<R> | AsyncIterable<R>, options?: DataLoaderOptions & { collateFn?: undefined }): DataLoader<Collated<R>>;
  /** A collator that is a module's export. */
  new <B = Batch>(dataset: MapDataset<unknown> | AsyncIterable<unknown>, options: DataLoaderOptions & { collateFn: ModuleRef }): DataLoader<B>;
  new <R, B>(dataset: MapDataset<R> | AsyncIterable<R>, options: DataLoaderOptions & { collateFn: CollateFunction<R, B> }): DataLoader<B>;
  readonly prototype: DataLoader<unknown>;
}

/** Columns declared as fractions stay float32 even in a batch of whole numbers. */
function floatColumns(dataset: Rows): FloatPaths {
  if (!(dataset instanceof Dataset)) return new Set();
  const isFloat = (feature: unknown): boolean =>
    typeof feature === "object" && feature !== null && "sequence" in feature
      ? isFloat(feature.sequence)
      : typeof feature === "string" && /^float\d+$/.test(feature);
  return new Set(Object.entries(dataset.features).flatMap(([name, feature]) => (isFloat(feature) ? [name] : [])));
}

class BatchLoader<B> extends DealtLoader<B> {
  readonly dataset: Rows;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly #sampler: Sampler | undefined;
  readonly #batchSampler: BatchSampler | undefined;
  /** The sampler that draws with the seed, if there is one. */
  readonly #drawing: SeededSampler | undefined;
  #seed: number | undefined;
  readonly #seedIsGiven: boolean;
  readonly #maker: BatchMaker<B>;

  constructor(dataset: Rows, options: DataLoaderOptions & { readonly collateFn?: AnyCollator | ModuleRef | undefined } = {}) {
    super({ prefetch: options.numWorkers ? 0 : (options.prefetch ?? 2), signal: options.signal });
    checkOptions(dataset, options);
    const { batchSampler, groupByLength } = options;
    this.dataset = dataset;
    this.batchSize = batchSampler ? (batchSampler.batchSize ?? Number.NaN) : whole("batchSize", options.batchSize ?? 1, 1);
    this.dropLast = options.dropLast ?? false;
    const seed = options.shuffle ? whole("seed", options.seed ?? defaultGenerator().words(1)[0]!, 0) : undefined;
    this.#batchSampler = batchSampler;
    this.#sampler = groupByLength
      ? new LengthGroupedSampler(this.batchSize, {
          dataset: dataset as MapDataset<unknown>,
          seed: seed!,
          ...(typeof groupByLength === "string" ? { modelInputName: groupByLength } : {}),
        })
      : options.sampler;
    const drawing = [this.#sampler, batchSampler, batchSampler?.sampler].find((sampler) => sampler instanceof SeededSampler);
    this.#drawing = drawing;
    this.#seed = drawing ? drawing.seed : seed;
    this.#seedIsGiven = options.seed !== undefined || (!groupByLength && (drawing?.seedIsGiven ?? false));
    const threads = whole("numWorkers", options.numWorkers ?? 0, 0);
    const making = { dataset: isMap(dataset) ? dataset : undefined, collateFn: options.collateFn, floats: floatColumns(dataset) };
    this.#maker =
      threads === 0
        ? new LocalMaker(making)
        : new ThreadMaker(this, making, {
            threads,
            prefetchFactor: whole("prefetchFactor", options.prefetchFactor ?? 2, 1),
            timeoutMs: whole("timeoutMs", options.timeoutMs ?? 600_000, 1),
            workerInitFn: options.workerInitFn,
          });
  }

  get length(): number {
    const { share } = this;
    if (this.#batchSampler) return batchSamplerCount(this.#batchSampler, share);
    const rows = this.total;
    if (rows !== undefined) return rankBatchCount(rows, rankBatchSize(this.batchSize, share), this.dropLast, share);
    throw loaderFault(
      "ERR_NO_LENGTH",
      this.#sampler ? "the sampler has no length" : "a stream of rows has no length",
      "count the steps yourself, or give it a property length",
    );
  }
  protected get total(): number | undefined {
    const said = this.#batchSampler ?? this.#sampler;
    if (said) return lengthOf(said);
    return isMap(this.dataset) ? rowsOf(this.dataset) : lengthOf(this.dataset);
  }
  protected get source(): object {
    return this.dataset;
  }
  override get seed(): number | undefined {
    return this.#seed;
  }
  override set seed(seed: number | undefined) {
    if (seed === this.#seed) return;
    this.refuseWhileRunning("take another seed");
    if ((seed === undefined) !== (this.#seed === undefined))
      throw loaderFault("ERR_LOADER_OPTIONS", `seed is ${seed}`, this.#seed === undefined ? "this loader does not shuffle" : "give a whole number");
    this.#seed = seed === undefined ? undefined : whole("seed", seed, 0);
    if (this.#drawing && seed !== undefined) this.#drawing.seed = seed;
  }
  override get seedIsGiven(): boolean {
    return this.#seedIsGiven;
  }
  protected override epochIs(epoch: number): void {
    for (const listener of [this.#sampler, this.#batchSampler, this.#batchSampler?.sampler, this.dataset]) tellEpoch(listener, epoch);
  }
  protected override checkShard(shard: Shard): void {
    if (shard.split && Number.isNaN(this.batchSize))
      throw loaderFault("ERR_LOADER_SHARD", "splitBatches: the batch sampler has no batchSize", "give it one, or leave splitBatches out");
    rankBatchSize(this.batchSize, shard);
  }
  protected perRound(shard: Shard): number {
    if (this.#batchSampler) return shard.split ? 1 : shard.processes;
    return rankBatchSize(this.batchSize, shard) * shard.processes;
  }

  override async close(): Promise<void> {
    await super.close();
    await this.#maker.close();
  }

  protected epochOf(epoch: number, consumed: number, shard: Shard): AsyncGenerator<GivenBatch<B>, void, undefined> {
    const { dataset } = this;
    const maker = this.#maker;
    maker.begin();
    const making = { parallel: maker.parallel, ofRows: (rows: readonly KeyedRow[]) => maker.ofRows(rows, epoch), rows: (count: number) => count };
    const ahead = { prefetch: Math.max(this.ahead, maker.parallel), lookAhead: true };
    if (!isMap(dataset)) {
      // Reading ahead delays a batch: not for a plain loader of a stream, of which nobody asks which is the last.
      const rows = { load: (given: readonly KeyedRow[]) => given, ofItems: making.ofRows };
      return rankBatches(this.#streamed(dataset, consumed, shard), shard, { ...making, ...rows, ...ahead, lookAhead: this.sharded });
    }
    const rows = {
      load: (indices: readonly number[]) => keyedRows(dataset, indices),
      ofItems: (indices: readonly number[]) => maker.ofIndices(indices, epoch),
    };
    const plans = { from: consumed, rows: rowsOf(dataset), shard };
    if (this.#batchSampler) return rankBatches(batchSamplerPlan(this.#batchSampler, plans), shard, { ...making, ...rows, ...ahead });
    return rankBatches(this.#chosen(epoch, plans), shard, { ...making, ...rows, ...ahead });
  }
  #chosen(epoch: number, { from, rows, shard }: { readonly from: number; readonly rows: number; readonly shard: Shard }): Plan<number> {
    const size = rankBatchSize(this.batchSize, shard);
    const options = { size: size * shard.processes, dropLast: this.dropLast, from };
    const sampler = this.#sampler;
    return {
      rounds: () =>
        sampler
          ? streamRounds(checkedIndices(sampler, rows), { ...options, keep: () => true, keepFirst: true })
          : orderRounds(epochOrder(rows, epoch, this.#seed), options),
      part: (round, rank) => partOfItems(round, size, rank, shard),
    };
  }
  #streamed(dataset: Stream<unknown>, from: number, shard: Shard): Plan<KeyedRow> {
    const { processes, index, even, dealer } = shard;
    const size = rankBatchSize(this.batchSize, shard);
    const keep = (place: number) => dealer !== undefined || Math.floor(place / size) === index;
    return {
      rounds: () =>
        streamRounds(dataset, {
          size: size * processes,
          dropLast: this.dropLast,
          from,
          keep,
          keepFirst: even,
          as: (row: unknown, key): KeyedRow => ({ key, row }),
        }),
      part: (round, rank) => partOfItems(round, size, rank, shard),
    };
  }
}

/**
 * Batches of a dataset (anything with length and at, or an async iterable of rows). Each iteration is an epoch; the order of epoch e is numpy's
 * `default_rng([seed, e]).permutation(n)`. The collator makes a batch of rows; without one numbers, lists and tensors are stacked (`defaultCollate`).
 * Leaving the loop early leaves nothing behind. With numWorkers threads read rows and make batches, whose memory comes over without a copy; they start with the first loop and stay for all epochs.
 *
 * @throws ArgumentError ERR_LOADER_OPTIONS, ERR_LOADER_DATASET, ERR_LOADER_SAMPLER, ERR_CLOSURE_TRAVEL, ERR_SHUFFLE_STREAM
 * @example
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, seed: 7, collateFn: new DataCollatorWithPadding(tokenizer) });
 * for await (const batch of loader) console.log(batch.input_ids.shape); // [8, longest]
 *
 * await using fast = new DataLoader(tokenized.train, { batchSize: 512, shuffle: true, numWorkers: 4, collateFn: { filename: new URL("./collate.js", import.meta.url), name: "collate" } });
 * for await (const batch of fast) train(batch);
 * console.log(fast.stats().waitedShare); // below 0.02 when batches are made faster than they are used
 */
export const DataLoader = BatchLoader as unknown as DataLoaderConstructor;
