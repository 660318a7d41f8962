// What a data set shows: rows, columns, batches, its features and its text, in the format that is set.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import type { Features } from "../columns/features.js";
import { printable } from "../columns/features.js";
import { datasetText } from "../columns/print.js";
import type { Table } from "../columns/table.js";
import type { Batched, ColumnName, Columns, MapDataset, Row } from "../types.js";
import { type Format, FormattedReader, type FormatOptions, formatFor, plainFormat, type Transform } from "./format.js";
import { type Origin, unknownOrigin } from "./origin.js";
import { wholeNumber } from "./rows.js";

/** The reading side of `Dataset`. */
export class DatasetView<R = Row> implements MapDataset<R>, Iterable<R> {
  readonly #table: Table;
  readonly #origin: Origin;
  #format: Format;
  #reader: FormattedReader;
  #features: Features | undefined;

  protected constructor(table: Table, origin: Origin = unknownOrigin(), format: Format = plainFormat) {
    this.#table = table;
    this.#origin = origin;
    this.#format = format;
    this.#reader = new FormattedReader(table, format);
  }

  /** @internal */
  static tableOf<R>(dataset: DatasetView<R>): Table {
    return dataset.#table;
  }
  /** @internal */
  static originOf<R>(dataset: DatasetView<R>): Origin {
    return dataset.#origin;
  }
  /** @internal */
  static formatOf<R>(dataset: DatasetView<R>): Format {
    return dataset.#format;
  }
  get length(): number {
    return this.#table.length;
  }
  get numRows(): number {
    return this.#table.length;
  }
  get numColumns(): number {
    return this.#table.columns.size;
  }
  /** [rows, columns] */
  get shape(): readonly [rows: number, columns: number] {
    return [this.numRows, this.numColumns];
  }
  get features(): Features {
    this.#features ??= printable(Object.fromEntries([...this.#table.columns].map(([name, view]) => [name, view.feature])));
    return this.#features;
  }
  get columnNames(): readonly ColumnName<R>[] {
    return [...this.#table.columns.keys()] as ColumnName<R>[];
  }
  /** The name of the split that it was loaded as. */
  get split(): string | undefined {
    return this.#origin.split;
  }
  /** 16 hex digits: the same for the same data made the same way; results in the cache are named by it. */
  get fingerprint(): string {
    return this.#origin.fingerprint;
  }

  /** The row at an index; -1 is the last. @throws ArgumentError ERR_ROW_INDEX when there is none. */
  at(index: number): R {
    return this.#reader.row(this.rowNumber(index)) as R;
  }
  /** @throws ArgumentError ERR_ROW_INDEX */
  protected rowNumber(index: number): number {
    const at = index < 0 ? index + this.length : index;
    if (Number.isInteger(index) && at >= 0 && at < this.length) return at;
    throw new ArgumentError(`there is no row ${index} in a dataset of ${this.length} rows`, { code: "ERR_ROW_INDEX" });
  }
  *[Symbol.iterator](): IterableIterator<R> {
    for (let i = 0; i < this.length; i++) yield this.#reader.row(i) as R;
  }
  /**
   * Batches of rows as columns; in the format "tensor" rows of one shape are one tensor.
   * @example
   * for (const { text, label } of dataset.iter(32)) console.log(text.length, label[0]);
   */
  *iter(batchSize: number, options: { readonly dropLastBatch?: boolean } = {}): IterableIterator<Batched<R>> {
    wholeNumber("batchSize", batchSize, 1);
    const end = options.dropLastBatch ? this.length - (this.length % batchSize) : this.length;
    for (let i = 0; i < end; i += batchSize) yield this.#reader.columns(i, Math.min(i + batchSize, end)) as Batched<R>;
  }

  /** All values of a column. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  column<K extends ColumnName<R>>(name: K): R[K][] {
    return this.#reader.column(name) as R[K][];
  }
  /** Every column as a list: Python's `dataset[:]`, and `to_dict()`. */
  toColumns(): Columns<R> {
    return this.#reader.all() as Columns<R>;
  }
  /** Every row: Python's `to_list()`. */
  toRows(): R[] {
    return [...this];
  }
  /** The different values of a column in the order in which they come first; null is one. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  unique<K extends ColumnName<R>>(name: K): R[K][] {
    const read = this.#table.reader(name);
    const seen = new Map<unknown, unknown>();
    for (let i = 0; i < this.length; i++) {
      const value = read(i);
      const key = value instanceof Date ? `t${value.getTime()}` : typeof value === "object" && value !== null ? `o${JSON.stringify(value)}` : value;
      const unlike = typeof key === "string" && typeof value === "string" ? `s${key}` : key;
      if (!seen.has(unlike)) seen.set(unlike, value);
    }
    return [...seen.values()] as R[K][];
  }

  /** What `at` and the other readers give: { type, columns, outputAllColumns }. */
  get format(): Format {
    return this.#format;
  }
  /**
   * Changes what this data set shows, in place, as Python's `set_format`: "tensor" makes tensors of numbers and lists of numbers (int64, float32, bool), texts stay.
   * With columns the others are not shown unless outputAllColumns. The type of the rows stays what it was: `withFormat` gives a data set with the right one.
   * @throws ArgumentError ERR_FORMAT, ERR_COLUMN_NOT_FOUND
   */
  setFormat(type?: "tensor" | "plain", options: FormatOptions<ColumnName<R>> = {}): void {
    this.#show(formatFor(this.#table, type, options));
  }
  /** Rows are plain values again, all columns are shown. In place. */
  resetFormat(): void {
    this.#show(plainFormat);
  }
  /** As `setFormat`: rows are what the function makes of their columns whenever they are read. In place. */
  setTransform(transform: (columns: Columns<R>) => Record<string, ArrayLike<unknown>>, options: FormatOptions<ColumnName<R>> = {}): void {
    this.#show(formatFor(this.#table, "custom", options, transform as unknown as Transform));
  }
  #show(format: Format): void {
    this.#format = format;
    this.#reader = new FormattedReader(this.#table, format);
  }

  toString(): string {
    return datasetText([...this.#table.columns.keys()], this.length);
  }
  [inspect.custom](): string {
    return this.toString();
  }
}
