// DataLoader: batches of a dataset, in a seeded order, made ahead while the loop works.
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import { defaultGenerator } from "../tensor/index.js";
import { type Collated, defaultCollate, type FloatPaths } from "./collate.js";
import { Dataset } from "./dataset.js";
import { prefetch } from "./prefetch.js";
import { batchCount, batchesOf, epochOrder } from "./sampler.js";
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
/** Where a loader stands: batches given out in an epoch. What was only made ahead does not count. */
export interface LoaderState {
  readonly epoch: number;
  readonly batch: number;
}
export interface DataLoader<B = unknown> extends AsyncIterable<B> {
  /** Batches per epoch. @throws ArgumentError ERR_NO_LENGTH over a stream. */
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
const isMap = (dataset: Rows): dataset is MapDataset<unknown> => "at" in dataset && typeof dataset.at === "function" && "length" in dataset;
const fault = (code: string, message: string, hint: string): ArgumentError => new ArgumentError(`DataLoader: ${message}`, { code, hint });

function whole(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw fault("ERR_LOADER_OPTIONS", `${name} is ${value}`, `give a whole number of at least ${least}`);
}

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

class BatchLoader<B> implements DataLoader<B> {
  readonly dataset: Rows;
  readonly batchSize: number;
  readonly dropLast: boolean;
  readonly #shuffle: { readonly seed: number } | undefined;
  readonly #ahead: number;
  readonly #collate: AnyCollator;
  readonly #floats: FloatPaths;
  #position: LoaderState = { epoch: 0, batch: 0 };
  #next: LoaderState = { epoch: 0, batch: 0 };

  constructor(dataset: Rows, options: DataLoaderOptions & { readonly collateFn?: AnyCollator | undefined } = {}) {
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
    this.#shuffle = options.shuffle ? { seed: whole("seed", options.seed ?? defaultGenerator().words(1)[0]!, 0) } : undefined;
    this.#ahead = whole("prefetch", options.prefetch ?? 2, 0);
    this.#collate = options.collateFn ?? defaultCollate;
    this.#floats = floatColumns(dataset);
  }

  get length(): number {
    if (isMap(this.dataset)) return batchCount(rowsOf(this.dataset), this.batchSize, this.dropLast);
    throw fault("ERR_NO_LENGTH", "a stream of rows has no length", "count the steps yourself");
  }
  setEpoch(epoch: number): void {
    this.#next = { epoch: whole("epoch", epoch, 0), batch: 0 };
  }
  state(): LoaderState {
    return this.#position;
  }
  loadState(state: LoaderState): void {
    this.#next = { epoch: whole("epoch", state.epoch, 0), batch: whole("batch", state.batch, 0) };
    this.#position = this.#next;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<B, void, undefined> {
    const { epoch, batch: from } = this.#next;
    this.#next = { epoch: epoch + 1, batch: 0 };
    this.#position = { epoch, batch: from };
    for await (const batch of prefetch(this.#batches(epoch, from), this.#ahead)) {
      this.#position = { epoch, batch: this.#position.epoch === epoch ? this.#position.batch + 1 : 1 };
      yield batch;
    }
    this.#position = { epoch: epoch + 1, batch: 0 };
  }

  async *#batches(epoch: number, from: number): AsyncGenerator<B> {
    for await (const rows of isMap(this.dataset) ? this.#chosen(this.dataset, epoch, from) : this.#streamed(this.dataset, from)) {
      yield (await this.#collate(rows, this.#floats)) as B;
    }
  }
  *#chosen(dataset: MapDataset<unknown>, epoch: number, from: number): Generator<unknown[]> {
    for (const indices of batchesOf(epochOrder(rowsOf(dataset), epoch, this.#shuffle), this.batchSize, this.dropLast, from)) {
      yield Array.from(indices, (i) => {
        const row = dataset.at(i);
        if (row === undefined)
          throw fault(
            "ERR_LOADER_DATASET",
            `the dataset's at(${i}) gave undefined, its length is ${dataset.length}`,
            "at must give a row for every index below length",
          );
        if (row instanceof Promise) {
          row.catch(() => {}); // told of below
          throw fault(
            "ERR_LOADER_DATASET",
            `the dataset's at(${i}) gave a promise`,
            "at must not be async: give an async iterable of rows, or await in collateFn",
          );
        }
        return row;
      });
    }
  }
  async *#streamed(dataset: AsyncIterable<unknown> | Iterable<unknown>, from: number): AsyncGenerator<unknown[]> {
    let rows: unknown[] = [];
    let skip = from * this.batchSize;
    for await (const row of dataset) {
      if (skip-- > 0) continue;
      rows.push(row);
      if (rows.length < this.batchSize) continue;
      yield rows;
      rows = [];
    }
    if (rows.length > 0 && !this.dropLast) yield rows;
  }
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
