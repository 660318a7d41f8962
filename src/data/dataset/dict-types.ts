// The type of a DatasetDict: its methods, each typed by the rows of its splits.
import type { Feature, Features, FeatureValue, RowOf } from "../columns/features.js";
import type {
  BatchFunction,
  BatchTest,
  ColumnName,
  Columns,
  ColumnsFunction,
  FilterOptions,
  MapOptions,
  MapperOf,
  Merge,
  ModuleRef,
  NoClosure,
  Nothing,
  Renamed,
  RenamedAll,
  Row,
  RowFunction,
  RowTest,
  Simplify,
  TensorRow,
  ValuesFunction,
  Without,
} from "../types.js";
import type { SaveOptions } from "../arrow/disk.js";
import type { Dataset } from "./dataset.js";
import type { FormatOptions } from "./format.js";
import type { SortOptions } from "./sort.js";

/** The operations of `Dataset` over all splits. */
export interface DatasetDictMethods<R, S extends string> {
  /** Names of the splits, in order. */
  readonly splits: readonly S[];
  /** A split by name. @throws ArgumentError ERR_SPLIT_NOT_FOUND that lists those there are. */
  get(split: S): Dataset<R>;
  readonly numRows: { readonly [split in S]: number };
  readonly numColumns: { readonly [split in S]: number };
  readonly shape: { readonly [split in S]: readonly [rows: number, columns: number] };
  readonly columnNames: { readonly [split in S]: readonly ColumnName<R>[] };
  unique<K extends ColumnName<R>>(name: K): { readonly [split in S]: R[K][] };

  removeColumns<K extends ColumnName<R>>(names: K | readonly K[]): DatasetDict<Without<R, K>, S>;
  selectColumns<K extends ColumnName<R>>(names: K | readonly K[]): DatasetDict<Simplify<Pick<R, K>>, S>;
  renameColumn<A extends ColumnName<R>, B extends string>(from: A, to: B): DatasetDict<Renamed<R, A, B>, S>;
  renameColumns<const M extends { readonly [K in ColumnName<R>]?: string }>(names: M): DatasetDict<RenamedAll<R, M>, S>;
  /** Each split with the same seed, or with its own. */
  shuffle(options?: { readonly seed?: number; readonly seeds?: { readonly [split in S]?: number } }): DatasetDict<R, S>;
  sort(columns: ColumnName<R> | readonly ColumnName<R>[], options?: SortOptions): DatasetDict<R, S>;

  /** In place: see `Dataset.setFormat`. */
  setFormat(type?: "tensor" | "plain", options?: FormatOptions<ColumnName<R>>): void;
  resetFormat(): void;
  setTransform(transform: (columns: Columns<R>) => Record<string, ArrayLike<unknown>>, options?: FormatOptions<ColumnName<R>>): void;
  withFormat<K extends ColumnName<R> = ColumnName<R>>(type: "tensor", options?: FormatOptions<K>): DatasetDict<TensorRow<Pick<R, K>>, S>;
  withFormat<K extends ColumnName<R> = ColumnName<R>>(type?: "plain", options?: FormatOptions<K>): DatasetDict<Simplify<Pick<R, K>>, S>;
  withTransform<Out>(transform: (columns: Columns<R>) => { [K in keyof Out]: readonly Out[K][] }, options?: FormatOptions<ColumnName<R>>): DatasetDict<Out, S>;

  filter(
    test: ModuleRef,
    options?: FilterOptions & { readonly batched?: boolean; readonly inputColumns?: ColumnName<R> | readonly ColumnName<R>[] },
  ): Promise<DatasetDict<R, S>>;
  filter<const C extends readonly ColumnName<R>[]>(
    test: ValuesFunction<R, C, boolean>,
    options: FilterOptions & { readonly inputColumns: C; readonly batched?: false; readonly numProc?: NoClosure },
  ): Promise<DatasetDict<R, S>>;
  filter(test: BatchTest<R>, options: FilterOptions & { readonly batched: true; readonly numProc?: NoClosure }): Promise<DatasetDict<R, S>>;
  filter(test: RowTest<R>, options?: FilterOptions & { readonly batched?: false; readonly numProc?: NoClosure }): Promise<DatasetDict<R, S>>;

  /** As `Dataset.map`, over all splits with one pool of threads. */
  map<Out = Row>(
    ref: ModuleRef,
    options?: MapOptions & { batched?: boolean; inputColumns?: ColumnName<R> | readonly ColumnName<R>[] },
  ): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<V extends Nothing>(
    fn: (columns: Columns<R>, indices: readonly number[], ...more: never[]) => V,
    options: MapOptions & { batched: true; numProc?: NoClosure; inputColumns?: undefined },
  ): Promise<DatasetDict<R, S>>;
  map<V extends Nothing>(
    fn: (row: R, index: number, ...more: never[]) => V,
    options?: MapOptions & { batched?: false; numProc?: NoClosure; inputColumns?: undefined },
  ): Promise<DatasetDict<R, S>>;
  map<const C extends readonly ColumnName<R>[], Out extends Row>(
    fn: ColumnsFunction<R, C, Out>,
    options: MapOptions & { inputColumns: C; batched: true; numProc?: NoClosure },
  ): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<const C extends readonly ColumnName<R>[], Out extends Row>(
    fn: ValuesFunction<R, C, Out>,
    options: MapOptions & { inputColumns: C; batched?: false; numProc?: NoClosure },
  ): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<Out extends Row, const K extends ColumnName<R>>(
    fn: BatchFunction<R, Out>,
    options: MapOptions & { removeColumns: K | readonly K[]; batched: true; numProc?: NoClosure },
  ): Promise<DatasetDict<Merge<Without<R, K>, Out>, S>>;
  map<Out extends Row, const K extends ColumnName<R>>(
    fn: RowFunction<R, Out>,
    options: MapOptions & { removeColumns: K | readonly K[]; batched?: false; numProc?: NoClosure },
  ): Promise<DatasetDict<Merge<Without<R, K>, Out>, S>>;
  map<Out, const K extends ColumnName<R>>(
    mapper: MapperOf<R, Out>,
    options: MapOptions & { removeColumns: K | readonly K[]; batched?: boolean },
  ): Promise<DatasetDict<Merge<Without<R, K>, Out>, S>>;
  map<Out extends Row>(fn: BatchFunction<R, Out>, options: MapOptions & { batched: true; numProc?: NoClosure }): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<Out extends Row>(fn: RowFunction<R, Out>, options?: MapOptions & { batched?: false; numProc?: NoClosure }): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<Out>(mapper: MapperOf<R, Out>, options?: MapOptions & { batched?: boolean }): Promise<DatasetDict<Merge<R, Out>, S>>;

  cast<const F extends Features>(features: F): Promise<DatasetDict<RowOf<F>, S>>;
  castColumn<K extends ColumnName<R>, const F extends Feature>(
    name: K,
    feature: F,
  ): Promise<DatasetDict<Simplify<Omit<R, K> & { [C in K]: FeatureValue<F> }>, S>>;
  /** Each split has its own class names: those of the values that are in it, as in Python. */
  classEncodeColumn<K extends ColumnName<R>>(
    name: K,
    options?: { readonly includeNulls?: boolean },
  ): Promise<DatasetDict<Simplify<Omit<R, K> & { [C in K]: number }>, S>>;
  flattenIndices(): Promise<DatasetDict<R, S>>;
  /** A folder for each split, which `DatasetDict.loadFromDisk` and Python's `load_from_disk` open. */
  saveToDisk(folder: string, options?: SaveOptions): Promise<void>;
}
/** One Dataset per split, each a property: `raw.train`. An intersection, because a class with an index signature could have no methods. */
export type DatasetDict<R = Row, S extends string = string> = DatasetDictMethods<R, S> & { readonly [split in S]: Dataset<R> };
