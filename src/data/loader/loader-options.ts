// The options of a DataLoader, and which of them exclude each other.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import { isModuleRef } from "../module-ref.js";
import type { MapDataset, ModuleRef } from "../types.js";
import type { Stream } from "./rounds.js";
import { type BatchSampler, checkBatchSampler, checkSampler, type Sampler } from "./sampler.js";

export interface DataLoaderOptions {
  /** Rows per batch; default 1. */
  readonly batchSize?: number;
  /** A new order every epoch; that of epoch e depends on the seed and e alone. Default false. */
  readonly shuffle?: boolean;
  /** Leaves out a last batch that is smaller. Default false. */
  readonly dropLast?: boolean;
  /**
   * Threads that read rows and make batches of them; default 0: this thread does it, between the steps of the loop. They read a Dataset and datasets with a `descriptor` themselves; rows of others are
   * read here and sent. The collateFn must be one of the library's or a module's export.
   */
  readonly numWorkers?: number;
  /** Batches that each thread makes ahead; default 2. */
  readonly prefetchFactor?: number;
  /** The longest that no thread gives a batch, in milliseconds; default 600,000. */
  readonly timeoutMs?: number;
  /** Called in each thread before its first batch, with the thread's number from 0. */
  readonly workerInitFn?: ModuleRef;
  /** Of the order; default drawn from the default generator (`setSeed`) when the loader is made, or the Accelerator's `dataloaderConfig.dataSeed`. */
  readonly seed?: number;
  /** Batches made ahead without threads; default 2. */
  readonly prefetch?: number;
  /** The order of rows, instead of `shuffle`: iterated anew each epoch, and told of it (`setEpoch`). Workers must have the same, or use `dispatchBatches`. */
  readonly sampler?: Sampler;
  /** Which rows come together, instead of `batchSize`, `shuffle`, `sampler` and `dropLast`. With a `batchSize` a last batch is filled up row by row, without one batches are dealt whole. */
  readonly batchSampler?: BatchSampler;
  /** With shuffle: rows of about the same length come together, the longest first (`LengthGroupedSampler`); true measures "input_ids", or the column that is named. */
  readonly groupByLength?: boolean | string;
  /** Ends loops over the loader with its reason. In a job of several workers all must end theirs. */
  readonly signal?: AbortSignal;
}
const names: OptionNames<DataLoaderOptions & { collateFn: unknown }> = {
  batchSize: true,
  shuffle: true,
  dropLast: true,
  numWorkers: true,
  prefetchFactor: true,
  timeoutMs: true,
  workerInitFn: true,
  seed: true,
  prefetch: true,
  sampler: true,
  batchSampler: true,
  groupByLength: true,
  signal: true,
  collateFn: true,
};

export type Rows = MapDataset<unknown> | Stream<unknown>;
export const isMap = (dataset: Rows): dataset is MapDataset<unknown> => "at" in dataset && typeof dataset.at === "function" && "length" in dataset;
export const loaderFault = (code: string, message: string, hint: string): ArgumentError => new ArgumentError(`DataLoader: ${message}`, { code, hint });
const refused = (message: string, hint: string): ArgumentError => loaderFault("ERR_LOADER_OPTIONS", message, hint);

/** @throws ArgumentError ERR_OPTIONS, ERR_LOADER_DATASET, ERR_LOADER_OPTIONS, ERR_LOADER_SAMPLER, ERR_SHUFFLE_STREAM */
export function checkOptions(dataset: Rows, options: DataLoaderOptions & { readonly collateFn?: unknown }): void {
  checkNames("DataLoader", options, names);
  if (typeof dataset !== "object" || dataset === null || !(isMap(dataset) || Symbol.asyncIterator in dataset || Symbol.iterator in dataset))
    throw loaderFault(
      "ERR_LOADER_DATASET",
      `${inspect(dataset, { depth: 0 })} is no dataset`,
      "give an array, a Dataset, anything with length and at(index), or an async iterable of rows",
    );
  if (options.shuffle && !isMap(dataset))
    throw loaderFault("ERR_SHUFFLE_STREAM", "a stream of rows cannot be shuffled", "give a dataset with length and at(index)");
  const { collateFn, workerInitFn, groupByLength } = options;
  if (collateFn !== undefined && typeof collateFn !== "function" && !isModuleRef(collateFn))
    throw refused(`collateFn is ${inspect(collateFn, { depth: 0 })}`, "give a function of rows, or { filename, name } of a module's export");
  if (workerInitFn !== undefined && !isModuleRef(workerInitFn))
    throw refused(
      `workerInitFn is ${inspect(workerInitFn, { depth: 0 })}`,
      "give { filename, name } of a module's export: a closure cannot travel to other threads",
    );
  const ofThreads = (["prefetchFactor", "timeoutMs", "workerInitFn"] as const).find((name) => options[name] !== undefined);
  if (ofThreads && !options.numWorkers)
    throw refused(`${ofThreads} without numWorkers`, "give numWorkers, or leave it out; without threads `prefetch` says how many batches are made ahead");
  if (options.numWorkers && options.prefetch !== undefined)
    throw refused("prefetch together with numWorkers", "with threads prefetchFactor says how many batches each makes ahead");
  if (groupByLength && !options.shuffle) throw refused("groupByLength without shuffle", "give shuffle: true, or a sampler of your own");
  checkSamplers(dataset, options);
}

/** @throws ArgumentError ERR_LOADER_OPTIONS, ERR_LOADER_SAMPLER */
function checkSamplers(dataset: Rows, options: DataLoaderOptions): void {
  const which = (["batchSampler", "sampler"] as const).find((name) => options[name] !== undefined);
  if (!which) return;
  if (!isMap(dataset)) throw refused(`${which} over a stream of rows`, "give a dataset with length and at(index)");
  if (which === "sampler") checkSampler(options.sampler);
  else checkBatchSampler(options.batchSampler);
  const other = (which === "sampler" ? (["shuffle", "seed"] as const) : (["sampler", "batchSize", "shuffle", "seed", "dropLast"] as const)).find(
    (name) => options[name] !== undefined && options[name] !== false,
  );
  if (other) throw refused(`${which} together with ${other}`, `the ${which} decides that: leave ${other} out`);
}
