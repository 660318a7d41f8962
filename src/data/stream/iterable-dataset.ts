// IterableDataset: rows that are read, mapped and shuffled as they are iterated.
import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { checkNames } from "../../option-names.js";
import { checkFeatures, type Feature, type Features, printable, type RowOf } from "../columns/features.js";
import { pythonList } from "../columns/print.js";
import type { Table } from "../columns/table.js";
import type { BatchFunction, ColumnName, Columns, ColumnValue, MapperOf, Merge, ModuleRef, Renamed, Row, RowFunction, Without } from "../types.js";
import { BatchNode, columnsOf } from "./batches.js";
import type { Cursor, CursorState, Seed, StreamNode, StreamRow } from "./cursor.js";
import { filterNode, type Mappable, mapNode, positive, type StreamFilterOptions, type StreamMapOptions } from "./functions.js";
import { count, type ShuffleOptions, type StreamParts, type StreamState } from "./parts.js";
import { Shuffle } from "./shuffle.js";

import { Source } from "./source.js";
import { generatorShards, tableShards } from "./sources.js";
import { declaring, removing, renaming, RowNode, selecting } from "./transforms.js";
import { Repeat, Skip, Step, Take } from "./windows.js";

export type { ShuffleOptions, StreamState } from "./parts.js";

/**
 * Rows that are read as they are iterated: of `loadDataset(..., { streaming: true })`, `dataset.toIterableDataset()` or `IterableDataset.fromGenerator`. Nothing is held but what is being worked on.
 * Operations return new streams; each iteration begins anew. A DataLoader takes it.
 *
 * @example
 * const stream = await loadDataset("json", { dataFiles: "logs/*.jsonl", split: "train", streaming: true });
 * for await (const row of stream.filter((row) => row.score > 0).shuffle({ seed: 42 }).take(10)) console.log(row);
 */
export class IterableDataset<R = Row> implements AsyncIterable<R>, AsyncDisposable {
  readonly #parts: StreamParts;
  #epoch = 0;
  #start: StreamState | undefined;
  #at: (() => StreamState) | undefined;
  readonly #open = new Set<Cursor>();

  private constructor(parts: StreamParts) {
    this.#parts = parts;
  }
  /** @internal */
  static ofParts<R>(parts: StreamParts): IterableDataset<R> {
    return new IterableDataset<R>(parts);
  }
  /** @internal */
  static partsOf<R>(stream: IterableDataset<R>): StreamParts {
    return stream.#parts;
  }
  /** @internal The rows of a table in `numShards` parts. */
  static ofTable<R>(table: Table, numShards = 1): IterableDataset<R> {
    const features = printable(Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, feature])));
    return new IterableDataset<R>({ node: new Source(tableShards(table, numShards), true), features });
  }

  /**
   * The rows that a function gives, called anew for every iteration. Lists in genKwargs are the shards: the function is called with one item of each list at a time.
   * @example
   * const stream = IterableDataset.fromGenerator(async function* ({ files }) { for (const file of files) yield* rowsOf(file); }, { genKwargs: { files: ["a", "b"] } });
   */
  static fromGenerator<const F extends Features, K extends object = Record<never, never>>(
    generator: (kwargs: K) => Iterable<object> | AsyncIterable<object>,
    options: { readonly genKwargs?: K; readonly features: F; readonly signal?: AbortSignal },
  ): IterableDataset<RowOf<F>>;
  static fromGenerator<R extends { [C in keyof R]: ColumnValue }, K extends object = Record<never, never>>(
    generator: (kwargs: K) => Iterable<R> | AsyncIterable<R>,
    options?: { readonly genKwargs?: K; readonly features?: undefined; readonly signal?: AbortSignal },
  ): IterableDataset<R>;
  static fromGenerator(
    generator: (kwargs: never) => Iterable<object> | AsyncIterable<object>,
    options: { readonly genKwargs?: object; readonly features?: Features | undefined; readonly signal?: AbortSignal } = {},
  ): unknown {
    const { features } = options;
    if (features) checkFeatures(features);
    const source = new Source(generatorShards(generator as never, options.genKwargs ?? {}), false);
    return new IterableDataset({
      node: features ? new RowNode(source, declaring(features)) : source,
      features: features && printable(features),
      signal: options.signal,
    });
  }

  /** What the columns hold; undefined after a map that does not say it. */
  get features(): Features | undefined {
    return this.#parts.features;
  }
  get columnNames(): readonly ColumnName<R>[] | undefined {
    return this.features && (Object.keys(this.features) as ColumnName<R>[]);
  }
  /** Parts that can be read apart from each other. */
  get numShards(): number {
    return this.#node().shards;
  }
  get epoch(): number {
    return this.#epoch;
  }
  /** In every epoch but 0 the shards come in another order, and shuffles draw other numbers. The DataLoader calls it. */
  setEpoch(epoch: number): void {
    this.#epoch = count("epoch", epoch);
  }

  #with<Out>(node: StreamNode, features = this.#parts.features): IterableDataset<Out> {
    return new IterableDataset<Out>({ ...this.#parts, node, features: features && printable(features) });
  }
  /** The node of this epoch. */
  #node(): StreamNode {
    let { node } = this.#parts;
    if (this.#epoch > 0) node = (node.shuffled(this.#epoch) ?? node).shifted(this.#epoch);
    const { reader } = this.#parts;
    if (!reader) return node;
    const { rank: index, worldSize } = reader;
    return node.shards % worldSize === 0 ? node.part({ count: worldSize, index, contiguous: false }) : new Step(node, worldSize, index);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<R, void, undefined> {
    const start = this.#start?.epoch === this.#epoch ? (this.#start.position as CursorState) : undefined;
    this.#start = undefined;
    const cursor = this.#node().open(start);
    const epoch = this.#epoch;
    this.#at = () => ({ epoch, position: cursor.state() });
    this.#open.add(cursor);
    try {
      for (;;) {
        this.#parts.signal?.throwIfAborted();
        const row = await cursor.next();
        if (!row) return;
        yield row as R;
      }
    } finally {
      this.#open.delete(cursor);
      const state = cursor.state();
      this.#at = () => ({ epoch, position: state });
      await cursor.close();
    }
  }
  /** Columns of `batchSize` rows at a time. */
  async *iter({
    batchSize,
    dropLastBatch = false,
  }: {
    readonly batchSize: number;
    readonly dropLastBatch?: boolean;
  }): AsyncGenerator<Columns<R>, void, undefined> {
    positive("batchSize", batchSize);
    let rows: StreamRow[] = [];
    for await (const row of this) {
      if (rows.push(row as StreamRow) < batchSize) continue;
      yield columnsOf(rows) as Columns<R>;
      rows = [];
    }
    if (rows.length > 0 && !dropLastBatch) yield columnsOf(rows) as Columns<R>;
  }
  /** The values of a column. @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  async *column<K extends ColumnName<R>>(name: K): AsyncGenerator<R[K], void, undefined> {
    this.#known([name]);
    for await (const row of this.selectColumns(name)) yield (row as R)[name];
  }

  /**
   * New columns, or others in place of those there are; computed while the stream is iterated. What the columns hold is known afterwards only with `features`.
   * @throws ArgumentError ERR_OPTIONS, ERR_COUNT; while iterating ERR_MAP_RESULT, ERR_COLUMN_NOT_FOUND
   */
  map<Out = Row>(ref: ModuleRef, options?: StreamMapOptions): IterableDataset<Merge<R, Out>>;
  map<Out extends Row>(fn: BatchFunction<R, Out>, options: StreamMapOptions & { batched: true }): IterableDataset<Merge<R, Out>>;
  map<Out extends Row>(fn: RowFunction<R, Out>, options?: StreamMapOptions & { batched?: false }): IterableDataset<Merge<R, Out>>;
  map<Out>(mapper: MapperOf<R, Out>, options?: StreamMapOptions): IterableDataset<Merge<R, Out>>;
  map(what: unknown, options: StreamMapOptions = {}): unknown {
    const node = mapNode(this.#parts.node, what as Mappable, options);
    return new IterableDataset({ ...this.#parts, node, features: options.features && printable(options.features) });
  }
  /** The rows for which the test holds. @throws ArgumentError ERR_OPTIONS, ERR_COUNT; while iterating ERR_FILTER_TEST */
  filter(test: (row: R, index: number) => boolean | Promise<boolean>, options?: StreamFilterOptions & { batched?: false }): IterableDataset<R>;
  filter(
    test: (columns: Columns<R>, indices: readonly number[]) => readonly boolean[] | Promise<readonly boolean[]>,
    options: StreamFilterOptions & { batched: true },
  ): IterableDataset<R>;
  filter(test: ModuleRef, options?: StreamFilterOptions): IterableDataset<R>;
  filter(test: unknown, options: StreamFilterOptions = {}): IterableDataset<R> {
    return this.#with(filterNode(this.#parts.node, test as never, options));
  }

  /** The first n rows. */
  take(n: number): IterableDataset<R> {
    return this.#with(new Take(this.#parts.node, count("take", n)));
  }
  /** All but the first n rows. */
  skip(n: number): IterableDataset<R> {
    return this.#with(new Skip(this.#parts.node, count("skip", n)));
  }
  /** The rows n times; null: for ever. */
  repeat(n: number | null): IterableDataset<R> {
    return this.#with(new Repeat(this.#parts.node, n === null ? Infinity : count("repeat", n)));
  }
  /** Rows in random order, as Python's datasets 5 gives them for the seed: the shards are shuffled, and rows of several shards fill a buffer that is permuted whenever it is full. */
  shuffle(options: ShuffleOptions = {}): IterableDataset<R> {
    checkNames("shuffle", options, { seed: true, bufferSize: true, maxBufferInputShards: true });
    const { seed, bufferSize = 1000, maxBufferInputShards = 10 } = options;
    const settings: { seed: Seed; bufferSize: number } = {
      seed: seed === undefined ? randomBytes(6).readUIntBE(0, 6) : count("seed", seed),
      bufferSize: positive("bufferSize", bufferSize),
    };
    const shuffled = this.#parts.node.shuffled(settings.seed);
    const inputShards = shuffled ? positive("maxBufferInputShards", maxBufferInputShards) : 1;
    return this.#with(new Shuffle(shuffled ?? this.#parts.node, { ...settings, inputShards }));
  }
  /** Rows of lists: batchSize rows each. */
  batch(batchSize: number, { dropLastBatch = false }: { readonly dropLastBatch?: boolean } = {}): IterableDataset<Columns<R>> {
    positive("batchSize", batchSize);
    const lists = this.features && Object.fromEntries(Object.entries(this.features).map(([name, feature]): [string, Feature] => [name, { sequence: feature }]));
    const node = new BatchNode(this.#parts.node, (columns) => Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, [values]])), {
      batchSize,
      dropLastBatch,
    });
    return this.#with(node, lists);
  }

  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND when the columns are known. */
  #known(names: readonly string[]): void {
    const missing = this.features && names.find((name) => !Object.hasOwn(this.features!, name));
    if (missing === undefined) return;
    throw new ArgumentError(`there is no column ${JSON.stringify(missing)}`, {
      code: "ERR_COLUMN_NOT_FOUND",
      hint: `columns are ${Object.keys(this.features!).join(", ")}`,
    });
  }
  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  selectColumns<K extends ColumnName<R>>(names: K | readonly K[]): IterableDataset<Pick<R, K>> {
    const list: readonly string[] = typeof names === "string" ? [names] : (names as readonly K[]);
    this.#known(list);
    return this.#with(
      new RowNode(this.#parts.node, selecting(list), true),
      this.features && Object.fromEntries(list.map((name) => [name, this.features![name]!])),
    );
  }
  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND */
  removeColumns<K extends ColumnName<R>>(names: K | readonly K[]): IterableDataset<Without<R, K>> {
    const list: readonly string[] = typeof names === "string" ? [names] : (names as readonly K[]);
    this.#known(list);
    return this.#with(
      new RowNode(this.#parts.node, removing(list)),
      this.features && Object.fromEntries(Object.entries(this.features).filter(([name]) => !list.includes(name))),
    );
  }
  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_EXISTS */
  renameColumn<A extends ColumnName<R>, B extends string>(from: A, to: B): IterableDataset<Renamed<R, A, B>> {
    return this.renameColumns({ [from]: to }) as unknown as IterableDataset<Renamed<R, A, B>>;
  }
  /** @throws ArgumentError ERR_COLUMN_NOT_FOUND, ERR_COLUMN_EXISTS */
  renameColumns(names: Readonly<Record<string, string>>): IterableDataset<Row> {
    const map = new Map(Object.entries(names));
    this.#known([...map.keys()]);
    const renamed = this.features && Object.fromEntries(Object.entries(this.features).map(([name, feature]) => [map.get(name) ?? name, feature]));
    const change = new RowNode(this.#parts.node, renaming(map));
    // Rows keep the order of the features.
    return this.#with(renamed ? new RowNode(change, selecting(Object.keys(renamed))) : change, renamed);
  }

  /** Some of the shards. @throws ArgumentError ERR_COUNT */
  shard({ numShards, index, contiguous = true }: { readonly numShards: number; readonly index: number; readonly contiguous?: boolean }): IterableDataset<R> {
    const part = { count: positive("numShards", numShards), index: count("index", index), contiguous };
    if (index >= numShards)
      throw new ArgumentError(`there is no shard ${index} of ${numShards}`, { code: "ERR_COUNT", hint: `index goes from 0 to ${numShards - 1}` });
    return this.#with(this.#parts.node.part(part));
  }
  /** What one of several processes reads, as Python's split_dataset_by_node: whole shards where they can be shared out evenly, else every worldSize-th row. A prepared DataLoader shares out rows itself. */
  splitByNode({ rank, worldSize }: { readonly rank: number; readonly worldSize: number }): IterableDataset<R> {
    if (count("rank", rank) >= positive("worldSize", worldSize))
      throw new ArgumentError(`rank ${rank} of ${worldSize}`, { code: "ERR_COUNT", hint: `rank goes from 0 to ${worldSize - 1}` });
    return new IterableDataset<R>({ ...this.#parts, reader: { rank, worldSize } });
  }

  /** Where the last iteration stands: behind the row that it gave last. JSON. */
  stateDict(): StreamState {
    return this.#at?.() ?? { epoch: this.#epoch, position: this.#node().open().state() };
  }
  /** The next iteration goes on from there when it is of the same epoch; later ones begin at the beginning. Shuffles read what their buffer needs once more. */
  loadStateDict(state: StreamState): void {
    if (typeof state !== "object" || state === null || !("position" in state) || typeof state.epoch !== "number")
      throw new ArgumentError("this is no state of a stream", { code: "ERR_STREAM_STATE", hint: "give what stateDict() returned" });
    this.#start = state;
    this.#at = () => state;
  }

  /** Ends iterations that were left standing, and closes their files. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const cursor of this.#open) await cursor.close();
    this.#open.clear();
  }
  toString(): string {
    return `IterableDataset({\n    features: ${this.features ? pythonList(Object.keys(this.features)) : "Unknown"},\n    num_shards: ${this.numShards}\n})`;
  }
  [inspect.custom](): string {
    return this.toString();
  }
}
