// What our loader and the wrapper of foreign ones share: iterations with a position, and the share of a rank.
import { ArgumentError } from "../../errors.js";
import type { LoaderState } from "./data-loader.js";
import { prefetch } from "./prefetch.js";
import { type LoaderStats, StatsCounter } from "./stats.js";
import { untilAborted } from "./until-ended.js";
import { type BatchInUse, type BatchListener, type GivenBatch, type IterationListener, RankLoader } from "./rank-loader.js";
import { type Shard, type ShardOptions, shardOf, unsharded } from "./shard.js";

export const whole = (name: string, value: number, least: number): number => {
  if (Number.isInteger(value) && value >= least) return value;
  throw new ArgumentError(`DataLoader: ${name} is ${value}`, { code: "ERR_LOADER_OPTIONS", hint: `give a whole number of at least ${least}` });
};

/** A generator gives nothing a second time. */
const isUsedUp = (source: object): boolean => "next" in source && typeof source.next === "function";

const start: LoaderState = { epoch: 0, batch: 0, consumed: 0, step: 0 };

/** What is common to all that deal batches themselves. */
export abstract class DealtLoader<B> extends RankLoader<B> {
  /** Batches made ahead. */
  protected readonly ahead: number;
  readonly #listeners = new Set<IterationListener>();
  readonly #batchListeners = new Set<BatchListener>();
  /** Iterations that have begun and not ended, the innermost last. */
  readonly #running: { batch: BatchInUse | undefined }[] = [];
  #shard: Shard | undefined;
  #options: ShardOptions | undefined;
  #position: LoaderState = start;
  /** Where it was before the last batch. */
  #before: LoaderState = start;
  /** An iteration has ended. */
  #ended = false;
  #next: LoaderState = start;
  readonly #counter = new StatsCounter();
  readonly #signal: AbortSignal | undefined;
  readonly #closed = new AbortController();

  constructor({ prefetch, signal }: { readonly prefetch: number; readonly signal?: AbortSignal | undefined }) {
    super();
    this.ahead = whole("prefetch", prefetch, 0);
    this.#signal = signal;
  }

  /** Batches of an epoch for this rank, behind what was `consumed` of it. */
  protected abstract epochOf(epoch: number, consumed: number, shard: Shard): AsyncGenerator<GivenBatch<B>, void, undefined>;
  /** What one batch of every rank consumes of an epoch. */
  protected abstract perRound(shard: Shard): number;
  /** How much there is to consume in an epoch, where that is known. */
  protected abstract get total(): number | undefined;
  /** What of the program's is iterated anew each epoch. */
  protected abstract get source(): object;
  /** Refuses a share that this loader cannot deal. */
  protected checkShard(_shard: Shard): void {}
  /** Told of an epoch as soon as it is known, and once more before it begins. */
  protected epochIs(_epoch: number): void {}

  shard(options: ShardOptions): void {
    const shard = shardOf(options);
    const now = this.#shard;
    if (now && (Object.keys(shard) as (keyof Shard)[]).every((key) => shard[key] === now[key])) return;
    this.refuseWhileRunning("be sharded");
    this.checkShard(shard);
    this.#shard = shard;
    this.#options = options;
  }
  get shardOptions(): ShardOptions | undefined {
    return this.#options;
  }
  /** The share in force: the whole before `shard`. */
  protected get share(): Shard {
    return this.#shard ?? unsharded;
  }
  get seed(): number | undefined {
    return undefined;
  }
  set seed(_seed: number | undefined) {}
  get seedIsGiven(): boolean {
    return false;
  }

  get current(): BatchInUse | undefined {
    return this.#running.at(-1)?.batch;
  }
  onIterate(listener: IterationListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onBatch(listener: BatchListener): () => void {
    this.#batchListeners.add(listener);
    return () => void this.#batchListeners.delete(listener);
  }

  setEpoch(epoch: number): void {
    this.#next = { epoch: whole("epoch", epoch, 0), batch: 0, consumed: 0, step: this.#position.step };
    if (this.#running.length === 0) this.#position = this.#next;
    this.epochIs(epoch);
  }
  state(): LoaderState {
    return this.#position;
  }
  unread(): void {
    if (this.#running.at(-1)?.batch) this.#position = this.#before;
  }
  loadState({ epoch, batch, consumed, step }: LoaderState): void {
    const given = { epoch, batch, consumed, step };
    for (const [name, value] of Object.entries(given)) {
      if (Number.isInteger(value) && value >= 0) continue;
      throw new ArgumentError(`DataLoader: ${name} of the state is ${value}`, { code: "ERR_LOADER_STATE", hint: "give what state() gave" });
    }
    this.epochIs(epoch);
    if (this.total !== undefined && consumed > this.total)
      throw new ArgumentError(`DataLoader: the state is behind ${consumed} rows or batches of an epoch that has ${this.total}`, {
        code: "ERR_LOADER_STATE",
        hint: "go on with the data that the state was taken with",
      });
    this.#next = given;
    this.#position = given;
  }

  async *iterate(skip: number): AsyncGenerator<B, void, undefined> {
    const { epoch } = this.#next;
    let { batch, consumed } = this.#next;
    if (skip > batch) [batch, consumed] = [skip, Math.max(consumed, skip * this.perRound(this.share))];
    this.#next = { ...start, epoch: epoch + 1 };
    this.#position = { epoch, batch, consumed, step: this.#position.step };
    const running: { batch: BatchInUse | undefined } = { batch: undefined };
    this.#running.push(running);
    this.#tell("begin");
    try {
      this.epochIs(epoch);
      // What rank 0 deals out goes out when it is asked for: calls between ranks keep their order.
      const ahead = this.share.dealer ? 0 : this.ahead;
      const signals = [this.#closed.signal, ...(this.#signal ? [this.#signal] : [])];
      let asked = performance.now();
      for await (const { batch: made, consumed: used, ...use } of untilAborted(prefetch(this.epochOf(epoch, consumed, this.share), ahead), signals)) {
        const given = performance.now();
        this.#counter.waited(given - asked, running.batch === undefined);
        this.#before = this.#position;
        this.#position = { epoch, batch: ++batch, consumed: used, step: this.#position.step + 1 };
        running.batch = use;
        for (const listener of this.#batchListeners) listener(made, given - asked);
        yield made;
        asked = performance.now();
        this.#counter.worked(asked - given);
      }
      if (!running.batch && this.#ended && isUsedUp(this.source))
        throw new ArgumentError("DataLoader: the data can be iterated only once, and were", {
          code: "ERR_LOADER_DATASET",
          hint: "give an object whose [Symbol.asyncIterator]() begins anew each epoch, not a generator",
        });
      this.#position = { ...start, epoch: epoch + 1, step: this.#position.step };
    } finally {
      this.#ended = true;
      this.#running.splice(this.#running.indexOf(running), 1);
      this.#tell("end");
    }
  }

  stats(): LoaderStats {
    return this.#counter.stats;
  }
  async close(): Promise<void> {
    this.#closed.abort(new ArgumentError("DataLoader: the loader was closed", { code: "ERR_LOADER_CLOSED", hint: "close it when its loops have ended" }));
  }

  protected refuseWhileRunning(what: string): void {
    if (this.#running.length === 0) return;
    throw new ArgumentError(`DataLoader: a loader cannot ${what} while it is iterated`, { code: "ERR_LOADER_BUSY", hint: "prepare loaders before the loop" });
  }
  #tell(event: "begin" | "end"): void {
    for (const listener of this.#listeners) listener(event);
  }
}
