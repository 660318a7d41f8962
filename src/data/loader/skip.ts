// skipFirstBatches: a loader without the first batches of its epochs.
import { ArgumentError } from "../../errors.js";
import type { DataLoader, LoaderState } from "./data-loader.js";
import { unshardedBatches } from "./foreign.js";
import { type BatchInUse, type BatchListener, type IterationListener, RankLoader } from "./rank-loader.js";
import type { Stream } from "./rounds.js";
import type { ShardOptions } from "./shard.js";
import type { LoaderStats } from "./stats.js";

/** The same loader, seen from a later batch on: epochs, position, share and batch in use are the loader's own. */
class Rest<B> extends RankLoader<B> {
  readonly #loader: RankLoader<B>;
  readonly #skip: number;

  constructor(loader: RankLoader<B>, skip: number) {
    super();
    this.#loader = loader;
    this.#skip = skip;
  }
  get length(): number {
    return Math.max(0, this.#loader.length - this.#skip);
  }
  get batchSize(): number {
    return this.#loader.batchSize;
  }
  shard(options: ShardOptions): void {
    this.#loader.shard(options);
  }
  get shardOptions(): ShardOptions | undefined {
    return this.#loader.shardOptions;
  }
  get seed(): number | undefined {
    return this.#loader.seed;
  }
  set seed(seed: number | undefined) {
    this.#loader.seed = seed;
  }
  get seedIsGiven(): boolean {
    return this.#loader.seedIsGiven;
  }
  get current(): BatchInUse | undefined {
    return this.#loader.current;
  }
  onIterate(listener: IterationListener): () => void {
    return this.#loader.onIterate(listener);
  }
  onBatch(listener: BatchListener): () => void {
    return this.#loader.onBatch(listener);
  }
  setEpoch(epoch: number): void {
    this.#loader.setEpoch(epoch);
  }
  state(): LoaderState {
    return this.#loader.state();
  }
  unread(): void {
    this.#loader.unread();
  }
  loadState(state: LoaderState): void {
    this.#loader.loadState(state);
  }
  stats(): LoaderStats {
    return this.#loader.stats();
  }
  close(): Promise<void> {
    return this.#loader.close();
  }
  iterate(skip: number): AsyncGenerator<B, void, undefined> {
    return this.#loader.iterate(skip + this.#skip);
  }
}

/**
 * A loader without its first `batches` batches (of this worker, once prepared) of every epoch. It shares everything with the given one: options, epoch, position. Rows that are skipped are not read, unless
 * they come from a stream. An epoch that goes on behind those batches anyway, after `loadState`, is not shortened once more.
 *
 * @throws ArgumentError ERR_LOADER_OPTIONS when `batches` is no whole number from 0.
 * @example
 * for (let epoch = first; epoch < epochs; epoch++)
 *   for await (const batch of epoch === first ? skipFirstBatches(loader, done) : loader) console.log(batch);
 */
export function skipFirstBatches<B>(loader: DataLoader<B> | Stream<B>, batches: number): DataLoader<B> {
  if (!(Number.isInteger(batches) && batches >= 0))
    throw new ArgumentError(`skipFirstBatches: ${batches} batches`, { code: "ERR_LOADER_OPTIONS", hint: "give a whole number of at least 0" });
  return new Rest(loader instanceof RankLoader ? (loader as RankLoader<B>) : unshardedBatches(loader), batches);
}
