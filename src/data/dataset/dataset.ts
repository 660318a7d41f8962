// Dataset: rows over columns in shared memory or memory-mapped files.
import type { Feature, Features, FeatureValue, RowOf } from "../columns/features.js";
import { RowWriter } from "../columns/row-writer.js";
import type { Table } from "../columns/table.js";
import { IterableDataset } from "../stream/iterable-dataset.js";
import type {
  BatchFunction,
  BatchTest,
  ColumnName,
  Columns,
  ColumnsFunction,
  ColumnValue,
  FilterOptions,
  MapOptions,
  MapperOf,
  Merge,
  ModuleRef,
  NoClosure,
  Nothing,
  OwnOptions,
  Row,
  RowFunction,
  RowTest,
  Simplify,
  ValuesFunction,
  Without,
} from "../types.js";
import { batchTables, castTables, classEncodeTables, flattenTables } from "./computed.js";
import { carried, type Format } from "./format.js";
import { tableOfRows } from "./generated.js";
import { type AnyFilterOptions, type AnyMapOptions, filterTables, type MapInput, type Mappable, mapTables } from "./map.js";
import type { Builder, FileOptions, Files } from "../load/index.js";
import type { CsvWriteOptions, JsonWriteOptions, ParquetWriteOptions, TextWriteOptions } from "../save/index.js";
import type { SaveOptions } from "../arrow/disk.js";
import type { Origin } from "./origin.js";
import type { RunOutput } from "./run.js";
import { DatasetSelections } from "./selections.js";

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
export class Dataset<R = Row> extends DatasetSelections<R> {
  /** @internal */
  static ofTable<R>(table: Table, origin?: Origin, format?: Format): Dataset<R> {
    return new Dataset<R>(table, origin, format);
  }
  protected made<Q>(table: Table, origin: Origin, format: Format): Dataset<Q> {
    return new Dataset<Q>(table, origin, format);
  }
  /** What map and filter are given of a data set. @internal */
  static inputOf<R>(dataset: Dataset<R>, title = ""): MapInput {
    return { title, table: Dataset.tableOf(dataset), origin: Dataset.originOf(dataset), format: dataset.format };
  }
  /** A result of the rows of a data set, in its format. @internal */
  static resultOf<Q, R>(dataset: Dataset<R>, { table, origin }: RunOutput): Dataset<Q> {
    return new Dataset<Q>(table, origin, carried(dataset.format, Dataset.tableOf(dataset), table));
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
  /** As `fromRows`, under Python's name. */
  static readonly fromList = Dataset.fromRows;

  /** A dataset of columns of one length. @throws ArgumentError ERR_COLUMN_VALUE, ERR_COLUMN_LENGTH */
  static fromColumns<const F extends Features>(columns: { readonly [K in keyof F]: Iterable<unknown> }, options: { readonly features: F }): Dataset<RowOf<F>>;
  static fromColumns<R>(columns: { readonly [K in keyof R]: readonly R[K][] }, options?: { readonly features?: undefined }): Dataset<R>;
  static fromColumns(columns: Readonly<Record<string, Iterable<unknown>>>, options: { readonly features?: Features | undefined } = {}): unknown {
    const writer = new RowWriter(options.features);
    for (const [name, values] of Object.entries(columns)) writer.pushColumn(name, values);
    return new Dataset(writer.finish());
  }
  /** As `fromColumns`, under Python's name. */
  static readonly fromDict = Dataset.fromColumns;

  /**
   * A dataset of the rows that a function yields, at once or after waiting.
   * @throws ArgumentError ERR_COLUMN_VALUE that names row and column when a value does not fit.
   * @example
   * const squares = await Dataset.fromGenerator(function* () { for (let n = 0; n < 10; n++) yield { n, square: n * n }; });
   */
  static async fromGenerator<R extends { [K in keyof R]: ColumnValue }>(
    generator: () => Iterable<R> | AsyncIterable<R>,
    options: { readonly features?: Features } = {},
  ): Promise<Dataset<R>> {
    return new Dataset<R>(await tableOfRows(generator(), options.features));
  }

  /** The rows of CSV files; options are those of `loadDataset`. */
  static fromCsv<R = Row>(files: Files, options: FileOptions = {}): Promise<Dataset<R>> {
    return fromFiles("csv", files, options);
  }
  /** The rows of JSON files: one object per line, or one list of objects. */
  static fromJson<R = Row>(files: Files, options: FileOptions = {}): Promise<Dataset<R>> {
    return fromFiles("json", files, options);
  }
  static fromParquet<R = Row>(files: Files, options: FileOptions = {}): Promise<Dataset<R>> {
    return fromFiles("parquet", files, options);
  }
  /** The lines of text files, as column text. */
  static fromText<R = { text: string }>(files: Files, options: FileOptions = {}): Promise<Dataset<R>> {
    return fromFiles("text", files, options);
  }
  /** Opens the folder that `saveToDisk`, or Python's `save_to_disk`, made; the rows stay in its files. @throws ArgumentError ERR_DATASET_NOT_FOUND */
  static async loadFromDisk<R = Row>(folder: string): Promise<Dataset<R>> {
    const { loadOne } = await import("./disk.js");
    return loadOne<R>(folder);
  }
  /**
   * Writes the rows as Arrow files into a folder that `loadFromDisk`, and Python's `load_from_disk`, open.
   * @throws ArgumentError ERR_DATASET_OVERWRITE when its own rows lie there, ERR_SHARD_SIZE
   */
  async saveToDisk(folder: string, options: SaveOptions = {}): Promise<void> {
    const { saveDataset } = await import("./disk.js");
    await saveDataset(this, folder, options);
  }
  /** Writes a CSV file as pandas does, lists and objects as JSON. @returns bytes written @throws AccelerateError ERR_DATA_WRITE */
  async toCsv(file: string, options: CsvWriteOptions = {}): Promise<number> {
    return (await import("../save/index.js")).writeCsv(Dataset.tableOf(this), file, options);
  }
  /** Writes one JSON object per line, or one list. @returns bytes written @throws AccelerateError ERR_DATA_WRITE */
  async toJson(file: string, options: JsonWriteOptions = {}): Promise<number> {
    return (await import("../save/index.js")).writeJson(Dataset.tableOf(this), file, options);
  }
  /** Writes a Parquet file in which `loadDataset`, and Python's, find the same features. @returns bytes written @throws AccelerateError ERR_DATA_WRITE */
  async toParquet(file: string, options: ParquetWriteOptions = {}): Promise<number> {
    return (await import("../save/index.js")).writeParquet(Dataset.tableOf(this), file, options);
  }
  /** Writes the texts of a column, a line each. @returns bytes written @throws AccelerateError ERR_DATA_WRITE; ArgumentError ERR_TEXT_LINE */
  async toText(file: string, options: TextWriteOptions = {}): Promise<number> {
    return (await import("../save/index.js")).writeText(Dataset.tableOf(this), file, options);
  }
  /**
   * The rows as a stream, in numShards parts that a shuffle puts into another order; formats and transforms do not go with them.
   * @throws ArgumentError ERR_COUNT
   */
  toIterableDataset({ numShards = 1 }: { readonly numShards?: number } = {}): IterableDataset<R> {
    return IterableDataset.ofTable<R>(Dataset.tableOf(this), numShards);
  }

  /**
   * The rows for which the test holds, as a view: numbers of rows are computed and cached, no values copied. The test may be async.
   * @throws ArgumentError ERR_MAP_FAILED that names the row for which the test threw.
   * @example
   * const long = await dataset.filter((row) => row.text.length > 100);
   */
  filter(
    test: ModuleRef,
    options?: FilterOptions & { readonly batched?: boolean; readonly inputColumns?: ColumnName<R> | readonly ColumnName<R>[] },
  ): Promise<Dataset<R>>;
  filter<const C extends readonly ColumnName<R>[]>(
    test: ValuesFunction<R, C, boolean>,
    options: FilterOptions & { readonly inputColumns: C; readonly batched?: false; readonly numProc?: NoClosure },
  ): Promise<Dataset<R>>;
  filter(test: BatchTest<R>, options: FilterOptions & { readonly batched: true; readonly numProc?: NoClosure }): Promise<Dataset<R>>;
  filter(test: RowTest<R>, options?: FilterOptions & { readonly batched?: false; readonly numProc?: NoClosure }): Promise<Dataset<R>>;
  async filter(test: unknown, options: object = {}): Promise<Dataset<R>> {
    const [result] = await filterTables([Dataset.inputOf(this)], test as Mappable, options as AnyFilterOptions);
    return Dataset.resultOf(this, result!);
  }

  /**
   * Adds columns, or replaces those that exist. The function runs in this process; with numProc it must be able to travel: `tokenizer.mapper(...)`
   * or `{ filename, name }` of a module's export. Up to 1000 calls of an async function run at once. A function of batches may return another number of rows
   * when it replaces every column that is not in removeColumns.
   * @throws ArgumentError ERR_CLOSURE_TRAVEL, ERR_MAP_RESULT, ERR_MAP_FAILED that names the row, ERR_COLUMN_NOT_FOUND
   * @example
   * const longer = await dataset.map((row) => ({ characters: row.text.length }));
   * const upper = await dataset.map((columns) => ({ text: columns.text.map((t) => t.toUpperCase()) }), { batched: true });
   */
  map<Out = Row>(
    ref: ModuleRef,
    options?: MapOptions & { batched?: boolean; inputColumns?: ColumnName<R> | readonly ColumnName<R>[] },
  ): Promise<Dataset<Merge<R, Out>>>;
  map<V extends Nothing>(
    fn: (columns: Columns<R>, indices: readonly number[], ...more: never[]) => V,
    options: MapOptions & { batched: true; numProc?: NoClosure; inputColumns?: undefined },
  ): Promise<Dataset<R>>;
  map<V extends Nothing>(
    fn: (row: R, index: number, ...more: never[]) => V,
    options?: MapOptions & { batched?: false; numProc?: NoClosure; inputColumns?: undefined },
  ): Promise<Dataset<R>>;
  map<const C extends readonly ColumnName<R>[], Out extends Row>(
    fn: ColumnsFunction<R, C, Out>,
    options: MapOptions & { inputColumns: C; batched: true; numProc?: NoClosure },
  ): Promise<Dataset<Merge<R, Out>>>;
  map<const C extends readonly ColumnName<R>[], Out extends Row>(
    fn: ValuesFunction<R, C, Out>,
    options: MapOptions & { inputColumns: C; batched?: false; numProc?: NoClosure },
  ): Promise<Dataset<Merge<R, Out>>>;
  map<Out extends Row, const K extends ColumnName<R>>(
    fn: BatchFunction<R, Out>,
    options: MapOptions & { removeColumns: K | readonly K[]; batched: true; numProc?: NoClosure },
  ): Promise<Dataset<Merge<Without<R, K>, Out>>>;
  map<Out extends Row, const K extends ColumnName<R>>(
    fn: RowFunction<R, Out>,
    options: MapOptions & { removeColumns: K | readonly K[]; batched?: false; numProc?: NoClosure },
  ): Promise<Dataset<Merge<Without<R, K>, Out>>>;
  map<Out, const K extends ColumnName<R>>(
    mapper: MapperOf<R, Out>,
    options: MapOptions & { removeColumns: K | readonly K[]; batched?: boolean },
  ): Promise<Dataset<Merge<Without<R, K>, Out>>>;
  map<Out extends Row>(fn: BatchFunction<R, Out>, options: MapOptions & { batched: true; numProc?: NoClosure }): Promise<Dataset<Merge<R, Out>>>;
  map<Out extends Row>(fn: RowFunction<R, Out>, options?: MapOptions & { batched?: false; numProc?: NoClosure }): Promise<Dataset<Merge<R, Out>>>;
  map<Out>(mapper: MapperOf<R, Out>, options?: MapOptions & { batched?: boolean }): Promise<Dataset<Merge<R, Out>>>;
  async map(what: unknown, options: object = {}): Promise<unknown> {
    const [result] = await mapTables([Dataset.inputOf(this)], what as Mappable, options as AnyMapOptions);
    return Dataset.resultOf(this, result!);
  }

  /** All columns as other types. @throws ArgumentError ERR_CAST that names row and column, ERR_FEATURES */
  async cast<const F extends Features>(features: F, options: OwnOptions = {}): Promise<Dataset<RowOf<F>>> {
    const [result] = await castTables([Dataset.inputOf(this)], features, true, options);
    return Dataset.resultOf(this, result!);
  }
  /**
   * One column as another type: numbers from texts and texts from numbers, integers where no fraction is lost, classes by number or name.
   * @throws ArgumentError ERR_CAST that names row and column, ERR_FEATURES, ERR_COLUMN_NOT_FOUND
   * @example
   * const labelled = await dataset.castColumn("label", new ClassLabel(["negative", "positive"]));
   */
  async castColumn<K extends ColumnName<R>, const F extends Feature>(
    name: K,
    feature: F,
  ): Promise<Dataset<Simplify<Omit<R, K> & { [C in K]: FeatureValue<F> }>>> {
    const [result] = await castTables([Dataset.inputOf(this)], { [name]: feature }, false, {});
    return Dataset.resultOf(this, result!);
  }
  /** A column of texts, numbers or bool as class labels, whose names are its values in order. @throws ArgumentError ERR_CAST, ERR_COLUMN_NOT_FOUND */
  async classEncodeColumn<K extends ColumnName<R>>(
    name: K,
    options: { readonly includeNulls?: boolean } = {},
  ): Promise<Dataset<Simplify<Omit<R, K> & { [C in K]: number }>>> {
    const [result] = await classEncodeTables([Dataset.inputOf(this)], name, options.includeNulls ?? false);
    return Dataset.resultOf(this, result!);
  }
  /** Copies chosen rows one after the other, so that reading them in order is reading in order. */
  async flattenIndices(options: OwnOptions = {}): Promise<Dataset<R>> {
    const [result] = await flattenTables([Dataset.inputOf(this)], options);
    return Dataset.resultOf(this, result!);
  }
  /** Rows of batches: each value is a list of those of batchSize rows. @throws ArgumentError ERR_COUNT */
  async batch(batchSize: number, options: OwnOptions & { readonly dropLastBatch?: boolean } = {}): Promise<Dataset<{ [K in keyof R]: R[K][] }>> {
    const [result] = await batchTables([Dataset.inputOf(this)], batchSize, options);
    return Dataset.resultOf(this, result!);
  }
}

async function fromFiles<R>(builder: Builder, dataFiles: Files, options: FileOptions): Promise<Dataset<R>> {
  const { loadDataset } = await import("../load/index.js");
  return (await loadDataset(builder, { ...options, dataFiles, split: "train" })) as unknown as Dataset<R>;
}
