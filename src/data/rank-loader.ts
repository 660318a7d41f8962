// What our loader and the wrapper of foreign ones share: iterations with a position, the batch in use, the share of a rank.
import { ArgumentError } from "../errors.js";
import type { DataLoader, LoaderState } from "./data-loader.js";
import { prefetch } from "./prefetch.js";
import { type Shard, type ShardOptions, shardOf, unsharded } from "./shard.js";

/** The batch that the loop's body works on. */
export interface BatchInUse {
  /** Rows of this rank's batch. */
  readonly rows: number;
  /** How many of them count, always the first ones; the others were filled in so that the ranks' batches are even. */
  readonly realRows: number;
  /** This rank's last batch of the epoch. Streams know it once the loader was sharded, also for one process. */
  readonly last: boolean;
}
export interface GivenBatch<B> extends BatchInUse {
  readonly batch: B;
}
export type IterationListener = (event: "begin" | "end") => void;

export const whole = (name: string, value: number, least: number): number => {
  if (Number.isInteger(value) && value >= least) return value;
  throw new ArgumentError(`DataLoader: ${name} is ${value}`, { code: "ERR_LOADER_OPTIONS", hint: `give a whole number of at least ${least}` });
};

/**
 * A loader as the Accelerator sees it; users see DataLoader.
 * @internal
 */
export abstract class RankLoader<B> implements DataLoader<B> {
  abstract readonly batchSize: number;
  readonly #ahead: number;
  readonly #listeners = new Set<IterationListener>();
  /** Iterations that have begun and not ended, the innermost last. */
  readonly #running: { batch: BatchInUse | undefined }[] = [];
  #shard: Shard | undefined;
  #position: LoaderState = { epoch: 0, batch: 0 };
  #next: LoaderState = { epoch: 0, batch: 0 };

  constructor(prefetch: number) {
    this.#ahead = whole("prefetch", prefetch, 0);
  }

  abstract get length(): number;
  /** Batches of an epoch for this rank, from its batch number `from`. */
  protected abstract epochOf(epoch: number, from: number, shard: Shard): AsyncGenerator<GivenBatch<B>, void, undefined>;
  /** Refuses a share that this loader cannot deal. */
  protected checkShard(_shard: Shard): void {}

  /**
   * From now on only the batches of one rank. Once more with the same options changes nothing, with others it replaces them.
   * @throws ArgumentError ERR_LOADER_BUSY during an iteration, ERR_LOADER_SHARD for options that do not fit.
   */
  shard(options: ShardOptions): void {
    const shard = shardOf(options);
    const now = this.#shard;
    if (now && (Object.keys(shard) as (keyof Shard)[]).every((key) => shard[key] === now[key])) return;
    this.refuseWhileRunning("be sharded");
    this.checkShard(shard);
    this.#shard = shard;
  }
  get sharded(): boolean {
    return this.#shard !== undefined;
  }
  /** The share in force: the whole before `shard`. */
  protected get share(): Shard {
    return this.#shard ?? unsharded;
  }
  /** The seed of the order, which all ranks must have in common; undefined when there is none. */
  get seed(): number | undefined {
    return undefined;
  }
  set seed(_seed: number | undefined) {}

  /** The batch that the innermost iteration has given out; undefined outside loops. */
  get current(): BatchInUse | undefined {
    return this.#running.at(-1)?.batch;
  }
  /** Tells of every iteration: "begin" before its first batch, "end" however it ends. Returns what takes the listener away. */
  onIterate(listener: IterationListener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
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
    const running: { batch: BatchInUse | undefined } = { batch: undefined };
    this.#running.push(running);
    this.#tell("begin");
    try {
      for await (const given of prefetch(this.epochOf(epoch, from, this.share), this.#ahead)) {
        this.#position = { epoch, batch: this.#position.epoch === epoch ? this.#position.batch + 1 : 1 };
        running.batch = given;
        yield given.batch;
      }
      this.#position = { epoch: epoch + 1, batch: 0 };
    } finally {
      this.#running.splice(this.#running.indexOf(running), 1);
      this.#tell("end");
    }
  }

  protected refuseWhileRunning(what: string): void {
    if (this.#running.length === 0) return;
    throw new ArgumentError(`DataLoader: a loader cannot ${what} while it is iterated`, { code: "ERR_LOADER_BUSY", hint: "prepare loaders before the loop" });
  }
  #tell(event: "begin" | "end"): void {
    for (const listener of this.#listeners) listener(event);
  }
}
