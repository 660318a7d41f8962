// DatasetDict: one Dataset per split, each a property, and the operations that go through all of them.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { Dataset } from "./dataset.js";
import { type AnyMapOptions, type Mappable, mapTables } from "./map.js";
import { datasetDictText } from "../columns/print.js";
import type { BatchFunction, ColumnName, MapOptions, Mapper, Merge, ModuleRef, NoClosure, Renamed, Row, RowFunction, Without } from "../types.js";

export interface DatasetDictMethods<R, S extends string> {
  /** Names of the splits, in order. */
  readonly splits: readonly S[];
  /** A split by name. @throws ArgumentError ERR_SPLIT_NOT_FOUND that lists those there are. */
  get(split: S): Dataset<R>;
  removeColumns<K extends ColumnName<R>>(names: K | readonly K[]): DatasetDict<Without<R, K>, S>;
  renameColumn<A extends ColumnName<R>, B extends string>(from: A, to: B): DatasetDict<Renamed<R, A, B>, S>;
  filter(test: (row: R, index: number) => boolean): Promise<DatasetDict<R, S>>;
  /** As `Dataset.map`, over all splits with one pool of threads. */
  map<Out = Row>(ref: ModuleRef, options?: MapOptions & { batched?: boolean }): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<Out extends Row>(fn: BatchFunction<R, Out>, options: MapOptions & { batched: true; numProc?: NoClosure }): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<Out extends Row>(fn: RowFunction<R, Out>, options?: MapOptions & { batched?: false; numProc?: NoClosure }): Promise<DatasetDict<Merge<R, Out>, S>>;
  map<Out>(mapper: Mapper<R, Out>, options?: MapOptions & { batched?: boolean }): Promise<DatasetDict<Merge<R, Out>, S>>;
}
/** One Dataset per split, each a property: `raw.train`. An intersection, because a class with an index signature could have no methods. */
export type DatasetDict<R = Row, S extends string = string> = DatasetDictMethods<R, S> & { readonly [split in S]: Dataset<R> };

type AnyDataset = Dataset<Row>;

/** The methods; the splits are properties that datasetDict adds. */
class SplitDict {
  readonly #splits: ReadonlyMap<string, AnyDataset>;
  constructor(splits: ReadonlyMap<string, AnyDataset>) {
    this.#splits = splits;
  }
  get splits(): readonly string[] {
    return [...this.#splits.keys()];
  }
  get(split: string): AnyDataset {
    const found = this.#splits.get(split);
    if (found) return found;
    throw new ArgumentError(`there is no split ${JSON.stringify(split)}`, { code: "ERR_SPLIT_NOT_FOUND", hint: `splits are ${this.splits.join(", ")}` });
  }
  #each(change: (dataset: AnyDataset) => AnyDataset): DatasetDict {
    return datasetDict([...this.#splits].map(([name, dataset]) => [name, change(dataset)]));
  }
  removeColumns(names: string | readonly string[]): DatasetDict {
    return this.#each((dataset) => dataset.removeColumns(names));
  }
  renameColumn(from: string, to: string): DatasetDict {
    return this.#each((dataset) => dataset.renameColumn(from, to));
  }
  async filter(test: (row: Row, index: number) => boolean): Promise<DatasetDict> {
    const out: [string, AnyDataset][] = [];
    for (const [name, dataset] of this.#splits) out.push([name, await dataset.filter(test)]);
    return datasetDict(out);
  }
  async map(what: Mappable, options: AnyMapOptions = {}): Promise<DatasetDict> {
    const names = this.splits;
    const tables = await mapTables(
      names.map((name) => [name, Dataset.tableOf(this.get(name))]),
      what,
      options,
    );
    return datasetDict(names.map((name, i) => [name, Dataset.ofTable<Row>(tables[i]!)]));
  }
  toString(): string {
    return datasetDictText([...this.#splits].map(([name, dataset]) => [name, dataset.toString()]));
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

/** @throws ArgumentError ERR_SPLIT_NAME for a name that is a method's. */
export function datasetDict<R, S extends string>(splits: readonly (readonly [S, Dataset<R>])[]): DatasetDict<R, S> {
  const dict = new SplitDict(new Map(splits as unknown as readonly (readonly [string, AnyDataset])[]));
  for (const [name, value] of splits) {
    if (name in dict || name === "then") throw new ArgumentError(`a split cannot be called ${name}`, { code: "ERR_SPLIT_NAME", hint: "choose another name" });
    Object.defineProperty(dict, name, { value, enumerable: true });
  }
  return dict as unknown as DatasetDict<R, S>;
}
