// Who makes the batches of a loader: its own thread, or threads of its own.
import type { CollateContext, FloatPaths } from "../collate/context.js";
import { defaultCollate } from "../collate/collate.js";
import { isModuleRef } from "../module-ref.js";
import type { MapDataset, ModuleRef } from "../types.js";
import { BatchPool, type PoolOptions } from "./batch-pool.js";
import { type BatchTask, rowsForThread } from "./batch-task.js";
import { type ExportRef, exportedFunction } from "./exported.js";
import type { Settle } from "./ordered.js";
import { putTogether } from "./parts.js";
import { type KeyedRow, keyedRows } from "./rows.js";
import { refOfModule, shownAs, travellingCollator, travellingRows } from "./travelling.js";

export type AnyCollator = (rows: unknown[], context: CollateContext) => unknown;

export interface BatchMaker<B> {
  /** Batches in the making at once; 0: one, when it is asked for. */
  readonly parallel: number;
  /** An epoch begins. */
  begin(): void;
  /** The batch of rows of a map-style dataset, by their numbers. */
  ofIndices(indices: readonly number[], epoch: number): Promise<Settle<B>>;
  ofRows(rows: readonly KeyedRow[], epoch: number): Promise<Settle<B>>;
  close(): Promise<void>;
}
export interface MakerOptions {
  /** Undefined for a stream. */
  readonly dataset: MapDataset<unknown> | undefined;
  readonly collateFn: AnyCollator | ModuleRef | undefined;
  /** Columns that are known to hold fractions. */
  readonly floats: FloatPaths;
}

/** In this thread, one batch after the other. */
export class LocalMaker<B> implements BatchMaker<B> {
  readonly parallel = 0;
  readonly #options: MakerOptions;
  #collate: AnyCollator | undefined;

  constructor(options: MakerOptions) {
    this.#options = options;
    const { collateFn = defaultCollate } = options;
    if (!isModuleRef(collateFn)) this.#collate = collateFn as AnyCollator;
  }
  begin(): void {}
  ofIndices(indices: readonly number[], epoch: number): Promise<Settle<B>> {
    return this.ofRows(keyedRows(this.#options.dataset!, indices), epoch);
  }
  async ofRows(rows: readonly KeyedRow[], epoch: number): Promise<Settle<B>> {
    const { collateFn, floats } = this.#options;
    this.#collate ??= await exportedFunction(refOfModule(collateFn as ModuleRef));
    const batch = (await this.#collate(
      rows.map(({ row }) => row),
      { epoch, rows: rows.map(({ key }) => key), floats },
    )) as B;
    return () => batch;
  }
  async close(): Promise<void> {}
}

/** The threads of a loader, which are others when its data set is shown in another way. */
interface Held {
  pool: BatchPool | undefined;
}
/** Ends the threads of a loader that nobody holds any more. */
const finalizers = new FinalizationRegistry<Held>(({ pool }) => void pool?.close());

export interface ThreadOptions extends Omit<PoolOptions, "perThread"> {
  /** Batches made ahead by each thread. */
  readonly prefetchFactor: number;
  readonly workerInitFn: ModuleRef | undefined;
}

/** In threads, several batches at once. Rows that threads cannot read are read here and sent. */
export class ThreadMaker<B> implements BatchMaker<B> {
  readonly parallel: number;
  readonly #options: MakerOptions;
  readonly #threads: PoolOptions;
  readonly #collator: ExportRef | undefined;
  readonly #init: ExportRef | undefined;
  readonly #held: Held = { pool: undefined };
  #reading = false;
  #shown: unknown;

  /** @throws ArgumentError ERR_CLOSURE_TRAVEL for a collator that threads cannot have. */
  constructor(loader: object, options: MakerOptions, { threads, prefetchFactor, timeoutMs, workerInitFn }: ThreadOptions) {
    const { collateFn } = options;
    this.parallel = threads * prefetchFactor;
    this.#options = options;
    this.#threads = { threads, perThread: prefetchFactor, timeoutMs };
    this.#collator = collateFn && travellingCollator(collateFn);
    this.#init = workerInitFn && refOfModule(workerInitFn);
    finalizers.register(loader, this.#held);
  }
  begin(): void {
    const { dataset } = this.#options;
    const shown = shownAs(dataset);
    if (this.#held.pool && shown === this.#shown) return;
    void this.#held.pool?.close();
    const rows = dataset && travellingRows(dataset);
    const plan = { rows, collator: this.#collator, init: this.#init, counter: new Int32Array(new SharedArrayBuffer(4)) };
    this.#shown = shown;
    this.#reading = rows !== undefined;
    this.#held.pool = new BatchPool(plan, this.#threads);
  }
  ofIndices(indices: readonly number[], epoch: number): Promise<Settle<B>> {
    return this.#reading ? this.#made({ epoch, keys: indices, rows: undefined }) : this.ofRows(keyedRows(this.#options.dataset!, indices), epoch);
  }
  async ofRows(rows: readonly KeyedRow[], epoch: number): Promise<Settle<B>> {
    const parts = await rowsForThread(rows.map(({ row }) => row));
    return this.#made({ epoch, keys: rows.map(({ key }) => key), rows: parts });
  }
  /** Where an earlier batch has found fractions in what is whole here, the batch is made once more: types do not depend on who was first. */
  async #made(task: Omit<BatchTask, "floats">): Promise<Settle<B>> {
    const { floats } = this.#options;
    const pool = this.#held.pool!;
    const make = () => pool.run({ ...task, floats: [...floats] });
    const first = await make();
    return async () => {
      const known = new Set(first.floats);
      const answer = [...floats].every((path) => known.has(path)) ? first : await make();
      for (const path of answer.floats) floats.add(path);
      return putTogether(answer.batch) as B;
    };
  }
  async close(): Promise<void> {
    await this.#held.pool?.close();
  }
}
