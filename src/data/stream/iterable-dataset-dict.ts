// IterableDatasetDict: one IterableDataset per split, each a property, and the operations that go through all of them.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { datasetDictText } from "../columns/print.js";
import type { BatchFunction, ColumnName, Columns, MapperOf, Merge, ModuleRef, Renamed, Row, RowFunction, Without } from "../types.js";
import type { StreamFilterOptions, StreamMapOptions } from "./functions.js";
import type { IterableDataset, ShuffleOptions } from "./iterable-dataset.js";

export interface IterableDatasetDictMethods<R, S extends string> {
  /** Names of the splits, in order. */
  readonly splits: readonly S[];
  /** A split by name. @throws ArgumentError ERR_SPLIT_NOT_FOUND that lists those there are. */
  get(split: S): IterableDataset<R>;
  map<Out = Row>(ref: ModuleRef, options?: StreamMapOptions): IterableDatasetDict<Merge<R, Out>, S>;
  map<Out extends Row>(fn: BatchFunction<R, Out>, options: StreamMapOptions & { batched: true }): IterableDatasetDict<Merge<R, Out>, S>;
  map<Out extends Row>(fn: RowFunction<R, Out>, options?: StreamMapOptions & { batched?: false }): IterableDatasetDict<Merge<R, Out>, S>;
  map<Out>(mapper: MapperOf<R, Out>, options?: StreamMapOptions): IterableDatasetDict<Merge<R, Out>, S>;
  filter(test: (row: R, index: number) => boolean | Promise<boolean>, options?: StreamFilterOptions & { batched?: false }): IterableDatasetDict<R, S>;
  filter(
    test: (columns: Columns<R>, indices: readonly number[]) => readonly boolean[] | Promise<readonly boolean[]>,
    options: StreamFilterOptions & { batched: true },
  ): IterableDatasetDict<R, S>;
  shuffle(options?: ShuffleOptions): IterableDatasetDict<R, S>;
  removeColumns<K extends ColumnName<R>>(names: K | readonly K[]): IterableDatasetDict<Without<R, K>, S>;
  renameColumn<A extends ColumnName<R>, B extends string>(from: A, to: B): IterableDatasetDict<Renamed<R, A, B>, S>;
  selectColumns<K extends ColumnName<R>>(names: K | readonly K[]): IterableDatasetDict<Pick<R, K>, S>;
}
export type IterableDatasetDict<R = Row, S extends string = string> = IterableDatasetDictMethods<R, S> & { readonly [split in S]: IterableDataset<R> };

type AnyStream = IterableDataset<Row>;

/** The methods; the splits are properties that iterableDatasetDict adds. */
class StreamDict {
  readonly #splits: ReadonlyMap<string, AnyStream>;
  constructor(splits: ReadonlyMap<string, AnyStream>) {
    this.#splits = splits;
  }
  get splits(): readonly string[] {
    return [...this.#splits.keys()];
  }
  get(split: string): AnyStream {
    const found = this.#splits.get(split);
    if (found) return found;
    throw new ArgumentError(`there is no split ${JSON.stringify(split)}`, { code: "ERR_SPLIT_NOT_FOUND", hint: `splits are ${this.splits.join(", ")}` });
  }
  #each(change: (stream: AnyStream) => AnyStream): IterableDatasetDict {
    return iterableDatasetDict([...this.#splits].map(([name, stream]) => [name, change(stream)]));
  }
  map(what: never, options?: never): IterableDatasetDict {
    return this.#each((stream) => stream.map(what, options));
  }
  filter(test: never, options?: never): IterableDatasetDict {
    return this.#each((stream) => stream.filter(test, options));
  }
  shuffle(options?: ShuffleOptions): IterableDatasetDict {
    return this.#each((stream) => stream.shuffle(options));
  }
  removeColumns(names: string | readonly string[]): IterableDatasetDict {
    return this.#each((stream) => stream.removeColumns(names));
  }
  renameColumn(from: string, to: string): IterableDatasetDict {
    return this.#each((stream) => stream.renameColumn(from, to));
  }
  selectColumns(names: string | readonly string[]): IterableDatasetDict {
    return this.#each((stream) => stream.selectColumns(names) as AnyStream);
  }
  toString(): string {
    return `Iterable${datasetDictText([...this.#splits].map(([name, stream]) => [name, stream.toString()]))}`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}

/** @throws ArgumentError ERR_SPLIT_NAME for a name that is a method's. */
export function iterableDatasetDict<R, S extends string>(splits: readonly (readonly [S, IterableDataset<R>])[]): IterableDatasetDict<R, S> {
  const dict = new StreamDict(new Map(splits as unknown as readonly (readonly [string, AnyStream])[]));
  for (const [name, value] of splits) {
    if (name in dict || name === "then") throw new ArgumentError(`a split cannot be called ${name}`, { code: "ERR_SPLIT_NAME", hint: "choose another name" });
    Object.defineProperty(dict, name, { value, enumerable: true });
  }
  return dict as unknown as IterableDatasetDict<R, S>;
}
