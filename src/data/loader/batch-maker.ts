// Who makes the batches of a loader: its own thread, or threads of its own.
import type { CollateContext, FloatPaths } from "../collate/context.js";
import { defaultCollate } from "../collate/collate.js";
import type { MapDataset, ModuleRef } from "../types.js";
import { BatchPool, type PoolOptions } from "./batch-pool.js";
import { type BatchTask, rowsForThread } from "./batch-task.js";
import type { Settle } from "./ordered.js";
import { putTogether } from "./parts.js";
import { type KeyedRow, keyedRows } from "./rows.js";
import { exportedFunction, isModuleRef, refOfModule, travellingCollator, travellingRows } from "./travelling.js";

export type AnyCollator = (rows: unknown[], context: CollateContext) => unknown;

export interface BatchMaker<B> {
  /** Batches in the making at once; 0: one, when it is asked for. */
  readonly parallel: number;
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

/** Ends the threads of a loader that nobody holds any more. */
const finalizers = new FinalizationRegistry<BatchPool>((pool) => void pool.close());

export interface ThreadOptions extends Omit<PoolOptions, "perThread"> {
  /** Batches made ahead by each thread. */
  readonly prefetchFactor: number;
  readonly workerInitFn: ModuleRef | undefined;
}

/** In threads, several batches at once. Rows that threads cannot read are read here and sent. */
export class ThreadMaker<B> implements BatchMaker<B> {
  readonly parallel: number;
  readonly #options: MakerOptions;
  readonly #reading: boolean;
  readonly #pool: BatchPool;

  /** @throws ArgumentError ERR_CLOSURE_TRAVEL for a collator that threads cannot have. */
  constructor(loader: object, options: MakerOptions, { threads, prefetchFactor, timeoutMs, workerInitFn }: ThreadOptions) {
    const { dataset, collateFn } = options;
    const rows = dataset && travellingRows(dataset);
    const plan = {
      rows,
      collator: collateFn && travellingCollator(collateFn),
      init: workerInitFn && refOfModule(workerInitFn),
      counter: new Int32Array(new SharedArrayBuffer(4)),
    };
    this.parallel = threads * prefetchFactor;
    this.#options = options;
    this.#reading = rows !== undefined;
    this.#pool = new BatchPool(plan, { threads, perThread: prefetchFactor, timeoutMs });
    finalizers.register(loader, this.#pool);
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
    const make = () => this.#pool.run({ ...task, floats: [...floats] });
    const first = await make();
    return async () => {
      const known = new Set(first.floats);
      const answer = [...floats].every((path) => known.has(path)) ? first : await make();
      for (const path of answer.floats) floats.add(path);
      return putTogether(answer.batch) as B;
    };
  }
  close(): Promise<void> {
    return this.#pool.close();
  }
}
