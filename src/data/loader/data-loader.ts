// DataLoader: batches of a dataset, in a seeded order, made ahead while the loop works.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { defaultGenerator } from "../../tensor/index.js";
import { type Collated, defaultCollate, type FloatPaths } from "../collate/collate.js";
import { Dataset } from "../dataset/dataset.js";
import { type Plan, partOfItems } from "./deal.js";
import { DealtLoader, whole } from "./dealt-loader.js";
import { rankBatches } from "./rank-batches.js";
import type { GivenBatch } from "./rank-loader.js";
import { orderRounds, type Stream, streamRounds } from "./rounds.js";
import { type BatchSampler, checkBatchSampler, checkedIndices, checkSampler, epochOrder, lengthOf, type Sampler, tellEpoch } from "./sampler.js";
import { batchSamplerCount, batchSamplerPlan } from "./sampler-batches.js";
import { rankBatchCount, rankBatchSize, type Shard } from "./shard.js";
import type { MapDataset } from "../types.js";

export interface DataLoaderOptions {
  /** Rows per batch; default 1. */
  readonly batchSize?: number;
  /** A new order every epoch; that of epoch e depends on the seed and e alone. Default false. */
  readonly shuffle?: boolean;
  /** Leaves out a last batch that is smaller. Default false. */
  readonly dropLast?: boolean;
  /** Threads that make batches; only 0 so far: batches are made ahead in this process. */
  readonly numWorkers?: number;
  /** Of the order; default drawn from the default generator (`setSeed`) when the loader is made, or the Accelerator's `dataloaderConfig.dataSeed`. */
  readonly seed?: number;
  /** Batches made ahead; default 2. */
  readonly prefetch?: number;
  /** The order of rows, instead of `shuffle`: iterated anew each epoch, and told of it (`setEpoch`). Workers must have the same, or use `dispatchBatches`. */
  readonly sampler?: Sampler;
  /** Which rows come together, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. With a `batchSize` a last batch is filled up row by row, without one batches are dealt whole. */
  readonly batchSampler?: BatchSampler;
}
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
  [Symbol.asyncIterator](): AsyncGenerator<B, void, undefined>;
}
export type Collator<R, B> = (rows: R[]) => B | Promise<B>;
export interface DataLoaderConstructor {
  /** Rows that the type checker does not know: the collator says what they are. */
  new <R, C, B>(
    dataset: (MapDataset<R> | AsyncIterable<R>) & (string extends keyof R ? unknown : never),
    options: DataLoaderOptions & { collateFn: Collator<C, B> },
  ): DataLoader<B>;
  new <R>(dataset: MapDataset<R> | AsyncIterable<R>, options?: DataLoaderOptions & { collateFn?: undefined }): DataLoader<Collated<R>>;
  new <R, B>(dataset: MapDataset<R> | AsyncIterable<R>, options: DataLoaderOptions & { collateFn: Collator<R, B> }): DataLoader<B>;
  readonly prototype: DataLoader<unknown>;
}

type Rows = MapDataset<unknown> | Stream<unknown>;
type AnyCollator = (rows: unknown[], floats: FloatPaths) => unknown;
const isMap = (dataset: Rows): dataset is MapDataset<unknown> => "at" in dataset && typeof dataset.at === "function" && "length" in dataset;
const fault = (code: string, message: string, hint: string): ArgumentError => new ArgumentError(`DataLoader: ${message}`, { code, hint });

/** The length of a map-style dataset. @throws ArgumentError ERR_LOADER_DATASET when it is no number of rows. */
function rowsOf(dataset: MapDataset<unknown>): number {
  const { length }: { readonly length: unknown } = dataset;
  if (typeof length === "number" && Number.isInteger(length) && length >= 0 && length < 2 ** 32) return length;
  throw fault(
    "ERR_LOADER_DATASET",
    `the dataset's length is ${typeof length === "function" ? "a function" : inspect(length)}`,
    "length must be a number of rows (get length() { ... })",
  );
}

/** Columns declared as fractions stay float32 even in a batch of whole numbers. */
function floatColumns(dataset: Rows): FloatPaths {
  if (!(dataset instanceof Dataset)) return new Set();
  const isFloat = (feature: unknown): boolean =>
    typeof feature === "object" && feature !== null && "sequence" in feature ? isFloat(feature.sequence) : feature === "float32" || feature === "float64";
  return new Set(Object.entries(dataset.features).flatMap(([name, feature]) => (isFloat(feature) ? [name] : [])));
}

class BatchLoader<B> extends DealtLoader<B> {
  readonly dataset: Rows;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly #sampler: Sampler | undefined;
  readonly #batchSampler: BatchSampler | undefined;
  #seed: number | undefined;
  readonly #seedIsGiven: boolean;
  readonly #collate: AnyCollator;
  readonly #floats: FloatPaths;

  constructor(dataset: Rows, options: DataLoaderOptions & { readonly collateFn?: AnyCollator | undefined } = {}) {
    super(options.prefetch ?? 2);
    if (typeof dataset !== "object" || dataset === null || !(isMap(dataset) || Symbol.asyncIterator in dataset || Symbol.iterator in dataset)) {
      throw fault(
        "ERR_LOADER_DATASET",
        `${inspect(dataset, { depth: 0 })} is no dataset`,
        "give an array, a Dataset, anything with length and at(index), or an async iterable of rows",
      );
    }
    if ((options.numWorkers ?? 0) !== 0)
      throw fault(
        "ERR_NUM_WORKERS",
        `numWorkers ${options.numWorkers}`,
        "batches cannot be made on threads yet: leave numWorkers out, they are made ahead in this process",
      );
    if (options.shuffle && !isMap(dataset))
      throw fault("ERR_SHUFFLE_STREAM", "a stream of rows cannot be shuffled", "give a dataset with length and at(index)");
    checkSamplers(dataset, options);
    const { sampler, batchSampler } = options;
    this.dataset = dataset;
    this.batchSize = batchSampler ? (batchSampler.batchSize ?? Number.NaN) : whole("batchSize", options.batchSize ?? 1, 1);
    this.dropLast = options.dropLast ?? false;
    this.#sampler = sampler;
    this.#batchSampler = batchSampler;
    this.#seed = options.shuffle ? whole("seed", options.seed ?? defaultGenerator().words(1)[0]!, 0) : undefined;
    this.#seedIsGiven = options.seed !== undefined;
    this.#collate = options.collateFn ?? defaultCollate;
    this.#floats = floatColumns(dataset);
  }

  get length(): number {
    const { share } = this;
    if (this.#batchSampler) return batchSamplerCount(this.#batchSampler, share);
    const rows = this.total;
    if (rows !== undefined) return rankBatchCount(rows, rankBatchSize(this.batchSize, share), this.dropLast, share);
    throw fault(
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
      throw fault("ERR_LOADER_OPTIONS", `seed is ${seed}`, this.#seed === undefined ? "this loader does not shuffle" : "give a whole number");
    this.#seed = seed === undefined ? undefined : whole("seed", seed, 0);
  }
  override get seedIsGiven(): boolean {
    return this.#seedIsGiven;
  }
  protected override epochIs(epoch: number): void {
    for (const listener of [this.#sampler, this.#batchSampler, this.#batchSampler?.sampler, this.dataset]) tellEpoch(listener, epoch);
  }
  protected override checkShard(shard: Shard): void {
    if (shard.split && Number.isNaN(this.batchSize))
      throw fault("ERR_LOADER_SHARD", "splitBatches: the batch sampler has no batchSize", "give it one, or leave splitBatches out");
    rankBatchSize(this.batchSize, shard);
  }
  protected perRound(shard: Shard): number {
    if (this.#batchSampler) return shard.split ? 1 : shard.processes;
    return rankBatchSize(this.batchSize, shard) * shard.processes;
  }

  protected epochOf(epoch: number, consumed: number, shard: Shard): AsyncGenerator<GivenBatch<B>, void, undefined> {
    const { dataset } = this;
    // Reading ahead delays a batch: not for a plain loader of a stream, of which nobody asks which is the last.
    const making = { prefetch: this.ahead, lookAhead: true, collate: async (rows: readonly unknown[]) => (await this.#collate([...rows], this.#floats)) as B };
    const count = (rows: readonly unknown[]) => rows.length;
    if (!isMap(dataset)) {
      const load = (rows: readonly unknown[]) => rows;
      return rankBatches(this.#streamed(dataset, consumed, shard), shard, { ...making, lookAhead: this.sharded, load, rows: count });
    }
    const load = (indices: readonly number[]) => indices.map((i) => rowAt(dataset, i));
    const plans = { from: consumed, rows: rowsOf(dataset), shard };
    if (this.#batchSampler) return rankBatches(batchSamplerPlan(this.#batchSampler, plans), shard, { ...making, load, rows: count });
    return rankBatches(this.#chosen(epoch, plans), shard, { ...making, load, rows: count });
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
  #streamed(dataset: Stream<unknown>, from: number, shard: Shard): Plan<unknown> {
    const { processes, index, even, dealer } = shard;
    const size = rankBatchSize(this.batchSize, shard);
    const keep = (place: number) => dealer !== undefined || Math.floor(place / size) === index;
    return {
      rounds: () => streamRounds(dataset, { size: size * processes, dropLast: this.dropLast, from, keep, keepFirst: even }),
      part: (round, rank) => partOfItems(round, size, rank, shard),
    };
  }
}

/** @throws ArgumentError ERR_LOADER_OPTIONS, ERR_LOADER_SAMPLER */
function checkSamplers(dataset: Rows, options: DataLoaderOptions): void {
  const which = (["batchSampler", "sampler"] as const).find((name) => options[name] !== undefined);
  if (!which) return;
  if (!isMap(dataset)) throw fault("ERR_LOADER_OPTIONS", `${which} over a stream of rows`, "give a dataset with length and at(index)");
  if (which === "sampler") checkSampler(options.sampler);
  else checkBatchSampler(options.batchSampler);
  const other = (which === "sampler" ? (["shuffle", "seed"] as const) : (["sampler", "batchSize", "shuffle", "seed", "dropLast"] as const)).find(
    (name) => options[name] !== undefined && options[name] !== false,
  );
  if (other) throw fault("ERR_LOADER_OPTIONS", `${which} together with ${other}`, `the ${which} decides that: leave ${other} out`);
}

/** @throws ArgumentError ERR_LOADER_DATASET when the dataset gives none. */
function rowAt(dataset: MapDataset<unknown>, i: number): unknown {
  const row = dataset.at(i);
  if (row === undefined)
    throw fault(
      "ERR_LOADER_DATASET",
      `the dataset's at(${i}) gave undefined, its length is ${dataset.length}`,
      "at must give a row for every index below length",
    );
  if (row instanceof Promise) {
    row.catch(() => {}); // told of below
    throw fault("ERR_LOADER_DATASET", `the dataset's at(${i}) gave a promise`, "at must not be async: give an async iterable of rows, or await in collateFn");
  }
  return row;
}

/**
 * Batches of a dataset (anything with length and at, or an async iterable of rows). Each iteration is an epoch; the order of epoch e is numpy's
 * `default_rng([seed, e]).permutation(n)`. The collator makes a batch of rows; without one numbers, lists and tensors are stacked (`defaultCollate`).
 * Leaving the loop early leaves nothing behind.
 *
 * @throws ArgumentError ERR_LOADER_OPTIONS, ERR_LOADER_DATASET, ERR_LOADER_SAMPLER, ERR_NUM_WORKERS, ERR_SHUFFLE_STREAM
 * @example
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, seed: 7, collateFn: new DataCollatorWithPadding(tokenizer) });
 * for await (const batch of loader) console.log(batch.input_ids.shape); // [8, longest]
 */
export const DataLoader = BatchLoader as unknown as DataLoaderConstructor;
