// Dataset: rows over columns in shared memory. Every operation returns a new view; no values are copied but by map.
import { setImmediate as turn } from "node:timers/promises";
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { sharedUint32 } from "../columns/column-data.js";
import { type DatasetDict, datasetDict } from "./dataset-dict.js";
import { type Features, printable, type RowOf } from "../columns/features.js";
import { rowReader } from "./jobs.js";
import { type Origin, unknownOrigin } from "./origin.js";
import { type AnyMapOptions, type Mappable, mapTables } from "./map.js";
import { Pcg64 } from "../pcg64.js";
import { datasetText } from "../columns/print.js";
import { RowWriter } from "../columns/row-writer.js";
import type { Table } from "../columns/table.js";
import type {
  BatchFunction,
  ColumnName,
  Columns,
  ColumnValue,
  MapDataset,
  MapOptions,
  Mapper,
  Merge,
  ModuleRef,
  NoClosure,
  Renamed,
  Row,
  RowFunction,
  Without,
} from "../types.js";

/**
 * Rows of typed columns. Made by `loadDataset`, `Dataset.fromRows` or `Dataset.fromColumns`.
 *
 * @example
 * const dataset = Dataset.fromRows([{ text: "a", label: 0 }, { text: "b", label: 1 }]);
 * console.log(dataset); // Dataset({ features: ['text', 'label'], num_rows: 2 })
 * dataset.at(-1); // { text: "b", label: 1 }
 * dataset.column("label"); // [0, 1]
 * dataset.shuffle({ seed: 42 }).slice(0, 1).toColumns();
 */
export class Dataset<R = Row> implements MapDataset<R>, Iterable<R> {
  readonly #table: Table;
  readonly #row: (i: number) => Record<string, unknown>;
  readonly #features: Features;

  readonly #origin: Origin;

  private constructor(table: Table, origin: Origin = unknownOrigin()) {
    this.#table = table;
    this.#origin = origin;
    this.#row = rowReader(table);
    this.#features = printable(Object.fromEntries([...table.columns].map(([name, view]) => [name, view.feature])));
  }

  /** @internal */
  static ofTable<R>(table: Table, origin?: Origin): Dataset<R> {
    return new Dataset<R>(table, origin);
  }
  /** @internal */
  static originOf<R>(dataset: Dataset<R>): Origin {
    return dataset.#origin;
  }
  /** @internal */
  static tableOf<R>(dataset: Dataset<R>): Table {
    return dataset.#table;
  }

  /**
   * A dataset of rows; a key that a row lacks is null there. Without features the values decide: integers are int64, other numbers float64.
   * @throws ArgumentError ERR_COLUMN_VALUE that names row and column when a value does not fit.
   */
  static fromRows<const F extends Features>(rows: Iterable<Record<string, unknown>>, options: { readonly features: F }): Dataset<RowOf<F>>;
  static fromRows<R extends { [K in keyof R]: ColumnValue }>(rows: Iterable<R>, options?: { readonly features?: undefined }): Dataset<R>;
  static fromRows(rows: Iterable<Record<string, unknown>>, options: { readonly features?: Features | undefined } = {}): unknown {
    const writer = new RowWriter(options.features);
    for (const row of rows) writer.push(row);
    return new Dataset(writer.finish());
  }

  /** A dataset of columns of one length. @throws ArgumentError ERR_COLUMN_VALUE, ERR_COLUMN_LENGTH */
  static fromColumns<const F extends Features>(columns: { readonly [K in keyof F]: Iterable<unknown> }, options: { readonly features: F }): Dataset<RowOf<F>>;
  static fromColumns<R>(columns: { readonly [K in keyof R]: readonly R[K][] }, options?: { readonly features?: undefined }): Dataset<R>;
  static fromColumns(columns: Readonly<Record<string, Iterable<unknown>>>, options: { readonly features?: Features | undefined } = {}): unknown {
    const writer = new RowWriter(options.features);
    for (const [name, values] of Object.entries(columns)) writer.pushColumn(name, values);
    return new Dataset(writer.finish());
  }

  get length(): number {
    return this.#table.length;
  }
  get features(): Features {
    return this.#features;
  }
  get columnNames(): readonly ColumnName<R>[] {
    return [...this.#table.columns.keys()] as ColumnName<R>[];
  }

  /** The row at an index; -1 is the last. @throws ArgumentError ERR_ROW_INDEX when there is none. */
  at(index: number): R {
    return this.#row(this.#index(index)) as R;
  }
  #index(index: number): number {
    const at = index < 0 ? index + this.length : index;
    if (Number.isInteger(index) && at >= 0 && at < this.length) return at;
    throw new ArgumentError(`there is no row ${index} in a dataset of ${this.length} rows`, { code: "ERR_ROW_INDEX" });
  }

  /** Rows start..end as a view; negative numbers count from the end, as in Array. */
  slice(start?: number, end?: number): Dataset<R> {
    const from = clamp(start ?? 0, this.length);
    const to = Math.max(from, clamp(end ?? this.length, this.length));
    const rows = sharedUint32(to - from);
    for (let i = 0; i < rows.length; i++) rows[i] = from + i;
    return new Dataset(this.#table.select(rows));
  }
  *[Symbol.iterator](): IterableIterator<R> {
    for (let i = 0; i < this.length; i++) yield this.#row(i) as R;
  }

  /** All values of a column. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  column<K extends ColumnName<R>>(name: K): R[K][] {
    const read = this.#table.reader(name);
    return Array.from({ length: this.length }, (_, i) => read(i) as R[K]);
  }
  /** Every column as a list: Python's `dataset[:]`. */
  toColumns(): Columns<R> {
    return Object.fromEntries(this.columnNames.map((name) => [name, this.column(name)])) as Columns<R>;
  }

  /** The rows of the given numbers, in their order. @throws ArgumentError ERR_ROW_INDEX */
  select(indices: Iterable<number>): Dataset<R> {
    const list = Array.from(indices, (i) => this.#index(i));
    const rows = sharedUint32(list.length);
    rows.set(list);
    return new Dataset(this.#table.select(rows));
  }
  /** Rows in random order: that of Python's `dataset.shuffle(seed=...)` (numpy's PCG64). Without a seed each call differs. */
  shuffle(options: { readonly seed?: number } = {}): Dataset<R> {
    return new Dataset(this.#table.select(new Pcg64(options.seed).permutation(this.length)));
  }
  /**
   * Two parts at random, as Python's `train_test_split`: testSize is a part of the rows (below 1) or a number of rows; default 0.25.
   * @throws ArgumentError ERR_TEST_SIZE when a part would be empty or too large.
   */
  trainTestSplit(options: { readonly testSize?: number; readonly seed?: number } = {}): DatasetDict<R, "train" | "test"> {
    const n = this.length;
    const size = options.testSize ?? 0.25;
    const test = size < 1 ? Math.ceil(size * n) : size;
    if (!(size > 0) || !Number.isInteger(test) || test >= n) {
      throw new ArgumentError(`testSize ${size} leaves ${Math.max(0, n - test)} of ${n} rows to train on`, {
        code: "ERR_TEST_SIZE",
        hint: "give a part between 0 and 1 or a number of rows",
      });
    }
    const order = new Pcg64(options.seed).permutation(n);
    return datasetDict<R, "train" | "test">([
      ["train", new Dataset<R>(this.#table.select(order.subarray(test)))],
      ["test", new Dataset<R>(this.#table.select(order.subarray(0, test)))],
    ]);
  }

  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  removeColumns<K extends ColumnName<R>>(names: K | readonly K[]): Dataset<Without<R, K>> {
    return new Dataset(this.#table.without(typeof names === "string" ? [names] : (names as readonly K[])));
  }
  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_EXISTS */
  renameColumn<A extends ColumnName<R>, B extends string>(from: A, to: B): Dataset<Renamed<R, A, B>> {
    return new Dataset(this.#table.renamed(from, to));
  }

  /** The rows for which the test holds. @throws ArgumentError ERR_FILTER_TEST for an async test */
  async filter(test: (row: R, index: number) => boolean): Promise<Dataset<R>> {
    const kept: number[] = [];
    for (let i = 0; i < this.length; i++) {
      const keep: unknown = test(this.#row(i) as R, i);
      if (typeof keep === "object" && keep !== null && "then" in keep)
        throw new ArgumentError("filter: the test gave a promise, which would keep every row", {
          code: "ERR_FILTER_TEST",
          hint: "give a function that is not async; map a column first when the answer takes waiting",
        });
      if (keep) kept.push(i);
      if (i % 1000 === 999) await turn(); // a long filter lets timers run
    }
    return this.select(kept);
  }

  /**
   * Adds columns, or replaces those that exist. The function runs in this process; with numProc it must be able to travel: `tokenizer.mapper(...)`
   * or `{ filename, name }` of a module's export.
   * @throws ArgumentError ERR_CLOSURE_TRAVEL, ERR_MAP_RESULT, ERR_COLUMN_NOT_FOUND
   * @example
   * const longer = await dataset.map((row) => ({ characters: row.text.length }));
   * const upper = await dataset.map((columns) => ({ text: columns.text.map((t) => t.toUpperCase()) }), { batched: true });
   */
  map<Out = Row>(ref: ModuleRef, options?: MapOptions & { batched?: boolean }): Promise<Dataset<Merge<R, Out>>>;
  map<Out extends Row>(fn: BatchFunction<R, Out>, options: MapOptions & { batched: true; numProc?: NoClosure }): Promise<Dataset<Merge<R, Out>>>;
  map<Out extends Row>(fn: RowFunction<R, Out>, options?: MapOptions & { batched?: false; numProc?: NoClosure }): Promise<Dataset<Merge<R, Out>>>;
  map<Out>(mapper: Mapper<R, Out>, options?: MapOptions & { batched?: boolean }): Promise<Dataset<Merge<R, Out>>>;
  async map(what: Mappable | Mapper<R, unknown>, options: object = {}): Promise<unknown> {
    const [table] = await mapTables([["", this.#table]], what as Mappable, options as AnyMapOptions);
    return new Dataset(table!);
  }

  toString(): string {
    return datasetText(this.columnNames, this.length);
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

const clamp = (index: number, length: number): number => Math.min(Math.max(Math.trunc(index < 0 ? index + length : index), 0), length);
