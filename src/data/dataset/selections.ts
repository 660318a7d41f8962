// What a data set makes of itself without computing values: chosen rows, chosen and renamed columns, formats.
import { checkNames, type OptionNames } from "../../option-names.js";
import type { Feature, FeatureValue } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import { Pcg64 } from "../pcg64.js";
import type { ColumnName, Columns, Renamed, RenamedAll, Row, Simplify, TensorRow, Without } from "../types.js";
import { listed, only, renamed, withColumn } from "./columns.js";
import type { Dataset } from "./dataset.js";
import { type DatasetDict, datasetDict } from "./dataset-dict.js";
import { carried, type Format, type FormatOptions, formatFor, type Transform } from "./format.js";
import { after, afterUnknown, type Origin } from "./origin.js";
import { clamp, range, repeatedRows, type ShardOfRows, type SplitOptions, sharedRows, shardRows, splitRows, wholeNumber } from "./rows.js";
import { type SortOptions, sortedRows } from "./sort.js";
import { DatasetView } from "./view.js";

const splitOptionNames: OptionNames<SplitOptions> = { testSize: true, trainSize: true, shuffle: true, seed: true, stratifyByColumn: true };

/** Every operation returns a new view of the same values. */
export abstract class DatasetSelections<R = Row> extends DatasetView<R> {
  protected abstract made<Q>(table: Table, origin: Origin, format: Format): Dataset<Q>;

  get #table(): Table {
    return DatasetView.tableOf(this);
  }
  /** The data set of another table, made by a transform with these arguments. */
  protected derived<Q = R>(table: Table, transform: string, ...args: unknown[]): Dataset<Q> {
    return this.made(table, after(DatasetView.originOf(this), transform, ...args), carried(this.format, this.#table, table));
  }
  #rows(rows: Uint32Array, transform: string, ...args: unknown[]): Dataset<R> {
    return this.derived(this.#table.select(rows), transform, ...args);
  }
  #drawn(rows: Uint32Array, seed: number | undefined, transform: string, ...args: unknown[]): Dataset<R> {
    if (seed !== undefined) return this.#rows(rows, transform, seed, ...args);
    return this.made(this.#table.select(rows), afterUnknown(DatasetView.originOf(this)), this.format);
  }

  /** Rows start..end as a view; negative numbers count from the end, as in Array. */
  slice(start?: number, end?: number): Dataset<R> {
    const [from, to] = [clamp(start ?? 0, this.length), clamp(end ?? this.length, this.length)];
    return this.#rows(range(from, to), "slice", from, to);
  }
  /** The first rows. @throws ArgumentError ERR_COUNT */
  take(count: number): Dataset<R> {
    return this.slice(0, wholeNumber("take", count, 0));
  }
  /** All but the first rows. @throws ArgumentError ERR_COUNT */
  skip(count: number): Dataset<R> {
    return this.slice(wholeNumber("skip", count, 0));
  }
  /** The rows of the given numbers, in their order; -1 is the last. @throws ArgumentError ERR_ROW_INDEX */
  select(indices: Iterable<number>): Dataset<R> {
    const rows = sharedRows(Array.from(indices, (i) => this.rowNumber(i)));
    return this.#rows(rows, "select", rows);
  }
  /** All rows so many times over. @throws ArgumentError ERR_COUNT */
  repeat(times: number): Dataset<R> {
    wholeNumber("repeat", times, 0);
    return this.#rows(repeatedRows(this.length, times), "repeat", times);
  }
  /** Rows in random order: that of Python's `dataset.shuffle(seed=...)` (numpy's PCG64). Without a seed each call differs. */
  shuffle(options: { readonly seed?: number } = {}): Dataset<R> {
    checkNames("shuffle", options, { seed: true });
    return this.#drawn(new Pcg64(options.seed).permutation(this.length), options.seed, "shuffle");
  }
  /**
   * Rows in the order of one column or several; rows that are equal keep theirs. Texts are compared by code points.
   * @throws ArgumentError ERR_SORT, ERR_COLUMN_NOT_FOUND
   * @example
   * dataset.sort(["label", "text"], { reverse: [true, false] });
   */
  sort(columns: ColumnName<R> | readonly ColumnName<R>[], options: SortOptions = {}): Dataset<R> {
    return this.#rows(sortedRows(this.#table, columns, options), "sort", columns, options);
  }
  /** One of numShards parts. @throws ArgumentError ERR_COUNT */
  shard(options: ShardOfRows): Dataset<R> {
    return this.#rows(shardRows(this.length, options), "shard", options);
  }
  /**
   * Two parts at random, as Python's `train_test_split`: testSize is a part of the rows (below 1) or a number of rows; default 0.25.
   * @throws ArgumentError ERR_TEST_SIZE when a part would be empty or too large, ERR_STRATIFY
   * @example
   * const { train, test } = dataset.trainTestSplit({ testSize: 0.1, seed: 42, stratifyByColumn: "label" });
   */
  trainTestSplit(options: SplitOptions<ColumnName<R>> = {}): DatasetDict<R, "train" | "test"> {
    checkNames("trainTestSplit", options, splitOptionNames);
    const rows = splitRows(this.#table, options);
    const seed = options.shuffle === false ? 0 : options.seed;
    return datasetDict<R, "train" | "test">([
      ["train", this.#drawn(rows.train, seed, "train", options)],
      ["test", this.#drawn(rows.test, seed, "test", options)],
    ]);
  }

  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  removeColumns<K extends ColumnName<R>>(names: K | readonly K[]): Dataset<Without<R, K>> {
    return this.derived(this.#table.without(listed(names)), "removeColumns", names);
  }
  /** The named columns alone, in that order. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  selectColumns<K extends ColumnName<R>>(names: K | readonly K[]): Dataset<Simplify<Pick<R, K>>> {
    return this.derived(only(this.#table, listed(names)), "selectColumns", names);
  }
  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_EXISTS */
  renameColumn<A extends ColumnName<R>, B extends string>(from: A, to: B): Dataset<Renamed<R, A, B>> {
    return this.#renamed({ [from]: to });
  }
  /** Several at once, old names to new. @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_EXISTS */
  renameColumns<const M extends { readonly [K in ColumnName<R>]?: string }>(names: M): Dataset<RenamedAll<R, M>> {
    return this.#renamed(names as Record<string, string>);
  }
  #renamed<Q>(names: Readonly<Record<string, string>>): Dataset<Q> {
    const table = renamed(this.#table, names);
    return this.made(table, after(DatasetView.originOf(this), "rename", names), carried(this.format, this.#table, table, names));
  }
  /** With one more column, at the end. @throws ArgumentError ERR_COLUMN_EXISTS, ERR_COLUMN_LENGTH, ERR_COLUMN_VALUE */
  addColumn<const N extends string, const F extends Feature>(
    name: N,
    values: Iterable<unknown>,
    feature: F,
  ): Dataset<Simplify<R & { [K in N]: FeatureValue<F> }>>;
  addColumn<const N extends string, V>(name: N, values: Iterable<V>): Dataset<Simplify<R & { [K in N]: V }>>;
  addColumn(name: string, values: Iterable<unknown>, feature?: Feature): unknown {
    const table = withColumn(this.#table, name, values, feature);
    return this.derived(table, "addColumn", name, table.view(name));
  }

  /** Another view that shows rows as tensors, or plain: see `setFormat`. @throws ArgumentError ERR_FORMAT, ERR_COLUMN_NOT_FOUND */
  withFormat<K extends ColumnName<R> = ColumnName<R>>(type: "tensor", options?: FormatOptions<K>): Dataset<TensorRow<Pick<R, K>>>;
  withFormat<K extends ColumnName<R> = ColumnName<R>>(type?: "plain", options?: FormatOptions<K>): Dataset<Simplify<Pick<R, K>>>;
  withFormat(type?: "tensor" | "plain", options: FormatOptions = {}): unknown {
    return this.made(this.#table, DatasetView.originOf(this), formatFor(this.#table, type, options));
  }
  /** Another view whose rows are what the function makes of their columns whenever they are read: see `setTransform`. */
  withTransform<Out>(transform: (columns: Columns<R>) => { [K in keyof Out]: readonly Out[K][] }, options: FormatOptions<ColumnName<R>> = {}): Dataset<Out> {
    return this.made(this.#table, DatasetView.originOf(this), formatFor(this.#table, "custom", options, transform as unknown as Transform));
  }
}
