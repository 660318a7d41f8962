// DataLoader: batches of a dataset, in a seeded order, made ahead while the loop works.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import { defaultGenerator } from "../tensor/index.js";
import { type Collated, defaultCollate, type FloatPaths } from "./collate.js";
import { Dataset } from "./dataset.js";
import { deal, lookAhead } from "./deal.js";
import { type GivenBatch, RankLoader, whole } from "./rank-loader.js";
import { epochOrder } from "./sampler.js";
import { rankBatchCount, rankBatches, rankBatchSize, type Shard } from "./shard.js";
import type { MapDataset } from "./types.js";

export interface DataLoaderOptions {
  /** Rows per batch; default 1. */
  readonly batchSize?: number;
  /** A new order every epoch; that of epoch e depends on the seed and e alone. Default false. */
  readonly shuffle?: boolean;
  /** Leaves out a last batch that is smaller. Default false. */
  readonly dropLast?: boolean;
  /** Threads that make batches; only 0 so far: batches are made ahead in this process. */
  readonly numWorkers?: number;
  /** Of the order; default drawn from the default generator (`setSeed`) when the loader is made. */
  readonly seed?: number;
  /** Batches made ahead; default 2. */
  readonly prefetch?: number;
}
/** Where a loader stands: batches given out in an epoch, of this worker once prepared. What was only made ahead does not count. */
export interface LoaderState {
  readonly epoch: number;
  readonly batch: number;
}
export interface DataLoader<B = unknown> extends AsyncIterable<B> {
  /** Batches per epoch; of this worker once prepared. @throws ArgumentError ERR_NO_LENGTH over a stream. */
  readonly length: number;
  readonly batchSize: number;
  /** The epoch of the next iteration; without it each iteration is one epoch further. */
  setEpoch(epoch: number): void;
  /** For checkpoints. */
  state(): LoaderState;
  /** The next iteration goes on where the state was taken. */
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

type Rows = MapDataset<unknown> | AsyncIterable<unknown> | Iterable<unknown>;
type AnyCollator = (rows: unknown[], floats: FloatPaths) => unknown;
interface RowsOfBatch {
  readonly rows: unknown[];
  readonly realRows: number;
  readonly last: boolean;
}
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

class BatchLoader<B> extends RankLoader<B> {
  readonly dataset: Rows;
  readonly batchSize: number;
  readonly dropLast: boolean;
  #seed: number | undefined;
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
    this.dataset = dataset;
    this.batchSize = whole("batchSize", options.batchSize ?? 1, 1);
    this.dropLast = options.dropLast ?? false;
    this.#seed = options.shuffle ? whole("seed", options.seed ?? defaultGenerator().words(1)[0]!, 0) : undefined;
    this.#collate = options.collateFn ?? defaultCollate;
    this.#floats = floatColumns(dataset);
  }

  get length(): number {
    if (isMap(this.dataset)) return rankBatchCount(rowsOf(this.dataset), rankBatchSize(this.batchSize, this.share), this.dropLast, this.share);
    throw fault("ERR_NO_LENGTH", "a stream of rows has no length", "count the steps yourself");
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
  protected override checkShard(shard: Shard): void {
    rankBatchSize(this.batchSize, shard);
  }

  protected async *epochOf(epoch: number, from: number, shard: Shard): AsyncGenerator<GivenBatch<B>, void, undefined> {
    for await (const { rows, ...use } of isMap(this.dataset) ? this.#chosen(this.dataset, epoch, from, shard) : this.#streamed(this.dataset, from, shard)) {
      yield { batch: (await this.#collate(rows, this.#floats)) as B, rows: rows.length, ...use };
    }
  }
  *#chosen(dataset: MapDataset<unknown>, epoch: number, from: number, shard: Shard): Generator<RowsOfBatch> {
    const order = epochOrder(rowsOf(dataset), epoch, this.#seed);
    for (const { rows, real, last } of rankBatches(order, rankBatchSize(this.batchSize, shard), this.dropLast, shard, from))
      yield { rows: Array.from(rows, (i) => rowAt(dataset, i)), realRows: real, last };
  }
  async *#streamed(dataset: AsyncIterable<unknown> | Iterable<unknown>, from: number, shard: Shard): AsyncGenerator<RowsOfBatch> {
    const dealt = deal(dataset, rankBatchSize(this.batchSize, shard), this.dropLast, shard, from);
    // Reading ahead delays a batch: not for a plain loader, of which nobody asks which is the last.
    if (!this.sharded) for await (const { items, real } of dealt) yield { rows: items, realRows: real, last: false };
    else for await (const { value, last } of lookAhead(dealt)) yield { rows: value.items, realRows: value.real, last };
  }
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
 * @throws ArgumentError ERR_LOADER_OPTIONS, ERR_LOADER_DATASET, ERR_NUM_WORKERS, ERR_SHUFFLE_STREAM
 * @example
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, seed: 7, collateFn: new DataCollatorWithPadding(tokenizer) });
 * for await (const batch of loader) console.log(batch.input_ids.shape); // [8, longest]
 */
export const DataLoader = BatchLoader as unknown as DataLoaderConstructor;
