// DatasetDict: one Dataset per split, each a property, and the operations that go through all of them.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { checkNames } from "../../option-names.js";
import type { Features } from "../columns/features.js";
import { datasetDictText } from "../columns/print.js";
import type { Row } from "../types.js";
import { castTables, classEncodeTables, flattenTables } from "./computed.js";
import type { SaveOptions } from "../arrow/disk.js";
import { Dataset } from "./dataset.js";
import type { DatasetDict as Dict } from "./dict-types.js";
import type { FormatOptions, Transform } from "./format.js";
import { type AnyFilterOptions, type AnyMapOptions, filterTables, type MapInput, type Mappable, mapTables } from "./map.js";
import type { RunOutput } from "./run.js";
import type { SortOptions } from "./sort.js";

export type { DatasetDictMethods } from "./dict-types.js";
/** One Dataset per split, each a property: `raw.train`. */
export type DatasetDict<R = Row, S extends string = string> = Dict<R, S>;

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
  #each(change: (dataset: AnyDataset, split: string) => unknown): DatasetDict {
    return datasetDict([...this.#splits].map(([name, dataset]) => [name, change(dataset, name) as AnyDataset]));
  }
  #tell<T>(of: (dataset: AnyDataset) => T): Record<string, T> {
    return Object.fromEntries([...this.#splits].map(([name, dataset]) => [name, of(dataset)]));
  }
  async #computed(compute: (inputs: readonly MapInput[]) => Promise<readonly RunOutput[]>): Promise<DatasetDict> {
    const all = [...this.#splits];
    const results = await compute(all.map(([name, dataset]) => Dataset.inputOf(dataset, name)));
    return datasetDict(all.map(([name, dataset], i) => [name, Dataset.resultOf<Row, Row>(dataset, results[i]!)]));
  }

  get numRows(): Record<string, number> {
    return this.#tell((dataset) => dataset.numRows);
  }
  get numColumns(): Record<string, number> {
    return this.#tell((dataset) => dataset.numColumns);
  }
  get shape(): Record<string, readonly [number, number]> {
    return this.#tell((dataset) => dataset.shape);
  }
  get columnNames(): Record<string, readonly string[]> {
    return this.#tell((dataset) => dataset.columnNames);
  }
  unique(name: string): Record<string, unknown[]> {
    return this.#tell((dataset) => dataset.unique(name));
  }

  removeColumns(names: string | readonly string[]): DatasetDict {
    return this.#each((dataset) => dataset.removeColumns(names));
  }
  selectColumns(names: string | readonly string[]): DatasetDict {
    return this.#each((dataset) => dataset.selectColumns(names));
  }
  renameColumn(from: string, to: string): DatasetDict {
    return this.#each((dataset) => dataset.renameColumn(from, to));
  }
  renameColumns(names: Readonly<Record<string, string>>): DatasetDict {
    return this.#each((dataset) => dataset.renameColumns(names));
  }
  shuffle(options: { readonly seed?: number; readonly seeds?: Readonly<Record<string, number | undefined>> } = {}): DatasetDict {
    checkNames("shuffle", options, { seed: true, seeds: true });
    return this.#each((dataset, split) => {
      const seed = options.seeds?.[split] ?? options.seed;
      return dataset.shuffle(seed === undefined ? {} : { seed });
    });
  }
  sort(columns: string | readonly string[], options: SortOptions = {}): DatasetDict {
    return this.#each((dataset) => dataset.sort(columns, options));
  }

  setFormat(type?: "tensor" | "plain", options: FormatOptions = {}): void {
    for (const dataset of this.#splits.values()) dataset.setFormat(type, options);
  }
  resetFormat(): void {
    for (const dataset of this.#splits.values()) dataset.resetFormat();
  }
  setTransform(transform: Transform, options: FormatOptions = {}): void {
    for (const dataset of this.#splits.values()) dataset.setTransform(transform as never, options);
  }
  withFormat(type?: "tensor" | "plain", options: FormatOptions = {}): DatasetDict {
    return this.#each((dataset) => dataset.withFormat(type as "plain", options));
  }
  withTransform(transform: Transform, options: FormatOptions = {}): DatasetDict {
    return this.#each((dataset) => dataset.withTransform(transform as never, options));
  }

  filter(test: Mappable, options: AnyFilterOptions = {}): Promise<DatasetDict> {
    return this.#computed((inputs) => filterTables(inputs, test, options));
  }
  map(what: Mappable, options: AnyMapOptions = {}): Promise<DatasetDict> {
    return this.#computed((inputs) => mapTables(inputs, what, options));
  }
  cast(features: Features): Promise<DatasetDict> {
    return this.#computed((inputs) => castTables(inputs, features, true, {}));
  }
  castColumn(name: string, feature: Features[string]): Promise<DatasetDict> {
    return this.#computed((inputs) => castTables(inputs, { [name]: feature }, false, {}));
  }
  classEncodeColumn(name: string, options: { readonly includeNulls?: boolean } = {}): Promise<DatasetDict> {
    return this.#computed((inputs) => classEncodeTables(inputs, name, options.includeNulls ?? false));
  }
  flattenIndices(): Promise<DatasetDict> {
    return this.#computed((inputs) => flattenTables(inputs, {}));
  }

  async saveToDisk(folder: string, options: SaveOptions = {}): Promise<void> {
    const { saveDict } = await import("./disk.js");
    await saveDict(this.#splits, folder, options);
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

export const DatasetDict = {
  /** Opens the folder that a DatasetDict was saved in, here or by Python. @throws ArgumentError ERR_DATASET_NOT_FOUND */
  async loadFromDisk<R = Row, S extends string = string>(folder: string): Promise<Dict<R, S>> {
    const { loadDict } = await import("./disk.js");
    return loadDict<R, S>(folder);
  },
};
