// What map and filter of a stream are given: functions, exports of modules, mappers of the library; as changes of rows or batches.
import { ArgumentError } from "../../errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import { type ColumnData, type TableData, valueReader } from "../columns/column-data.js";
import { checkFeatures, type Features } from "../columns/features.js";
import { RowWriter } from "../columns/row-writer.js";
import { importFunction, isModuleRef, moduleUrl } from "../module-ref.js";
import type { Mapper, ModuleRef } from "../types.js";
import { type BatchChange, BatchNode, type StreamColumns } from "./batches.js";
import type { StreamNode, StreamRow } from "./cursor.js";
import { declaring, type RowChange, RowNode } from "./transforms.js";

/** Options of IterableDataset.map; the names are those of Python's datasets. */
export interface StreamMapOptions {
  /** The function takes and returns columns of batchSize rows. */
  readonly batched?: boolean;
  /** Default 1000; null: all rows at once. */
  readonly batchSize?: number | null;
  /** A last batch that is not full is left out. */
  readonly dropLastBatch?: boolean;
  /** Columns that the result does not have; the function still sees them. */
  readonly removeColumns?: string | readonly string[];
  /** The values of these columns are the function's arguments, in place of the row. */
  readonly inputColumns?: string | readonly string[];
  /** Functions are given (row, index) with or without it. */
  readonly withIndices?: boolean;
  /** The last argument of every call. */
  readonly fnKwargs?: Readonly<Record<string, unknown>>;
  /** What the columns of the result hold; without it that is not known. */
  readonly features?: Features;
}
export type StreamFilterOptions = Omit<StreamMapOptions, "removeColumns" | "features" | "dropLastBatch">;
type AnyFunction = (...args: unknown[]) => unknown;
export type Mappable = AnyFunction | ModuleRef | Mapper<never, unknown>;

const mapOptions: OptionNames<StreamMapOptions> = {
  batched: true,
  batchSize: true,
  dropLastBatch: true,
  removeColumns: true,
  inputColumns: true,
  withIndices: true,
  fnKwargs: true,
  features: true,
};
const filterOptions: OptionNames<StreamFilterOptions> = { batched: true, batchSize: true, inputColumns: true, withIndices: true, fnKwargs: true };

const listOf = (names: string | readonly string[] | undefined): readonly string[] => (names === undefined ? [] : typeof names === "string" ? [names] : names);
/** @throws ArgumentError unless it can be called. */
function checkCallable(verb: string, what: unknown): void {
  if (typeof what === "function" || (typeof what === "object" && what !== null && ("descriptor" in what || isModuleRef(what)))) return;
  throw new ArgumentError(`IterableDataset.${verb}: ${what === null ? "null" : typeof what} is no function`, {
    hint: "give a function, { filename, name } of a module's export, or tokenizer.mapper(...)",
  });
}
const isMapper = (what: Mappable): what is Mapper<never, unknown> => "descriptor" in what;

/** @throws ArgumentError ERR_COUNT */
export function positive(what: string, value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError(`${what} is ${String(value)}`, { code: "ERR_COUNT", hint: "give a whole number of at least 1" });
}
const sizeOf = (options: StreamMapOptions): number =>
  options.batchSize === null || options.batchSize === -1 ? Infinity : positive("batchSize", options.batchSize ?? 1000);

/** Imports the function that a reference names, once. */
function functionOf(what: AnyFunction | ModuleRef): () => Promise<AnyFunction> | AnyFunction {
  if (!isModuleRef(what)) return () => what;
  let loading: Promise<AnyFunction> | undefined;
  const url = moduleUrl(what);
  return () => (loading ??= importFunction(url, what.name));
}

/** The arguments of a call: the row (or columns), or the values of inputColumns, then index and fnKwargs. */
function argumentsFor({ inputColumns, fnKwargs }: StreamMapOptions): (input: Readonly<Record<string, unknown>>, index: unknown) => readonly unknown[] {
  const names = inputColumns === undefined ? undefined : listOf(inputColumns);
  return (input, index) => {
    const missing = names?.find((name) => !Object.hasOwn(input, name));
    if (missing !== undefined)
      throw new ArgumentError(`inputColumns: there is no column ${JSON.stringify(missing)}`, {
        code: "ERR_COLUMN_NOT_FOUND",
        hint: `columns are ${Object.keys(input).join(", ")}`,
      });
    return [...(names ? names.map((name) => input[name]) : [input]), index, ...(fnKwargs ? [fnKwargs] : [])];
  };
}

const resultFault = (value: unknown, where: string): ArgumentError =>
  new ArgumentError(`map: the function returned ${JSON.stringify(value) ?? String(value)} for ${where}`, {
    code: "ERR_MAP_RESULT",
    hint: "return an object of columns, { name: value }",
  });
const isRecord = (value: unknown): value is StreamRow => typeof value === "object" && value !== null && !Array.isArray(value);
const without = (row: StreamRow, names: readonly string[]): StreamRow =>
  names.length === 0 ? row : Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));

function rowChange(what: AnyFunction | ModuleRef, options: StreamMapOptions): RowChange {
  const load = functionOf(what);
  const argumentsOf = argumentsFor(options);
  const removed = listOf(options.removeColumns);
  return async (row, index) => {
    const fn = await load();
    const value = await fn(...argumentsOf({ ...row }, index));
    if (value === null || value === undefined) return without(row, removed);
    if (!isRecord(value)) throw resultFault(value, `row ${index}`);
    return { ...without(row, removed), ...value };
  };
}

function listsOf(value: unknown, where: string): StreamColumns {
  if (!isRecord(value)) throw resultFault(value, where);
  return Object.fromEntries(
    Object.entries(value).map(([name, values]) => {
      if (Array.isArray(values)) return [name, values as unknown[]];
      if (ArrayBuffer.isView(values) && !(values instanceof DataView)) return [name, Array.from(values as unknown as ArrayLike<unknown>)];
      throw new ArgumentError(`map: column ${name} of ${where} is ${typeof values}`, {
        code: "ERR_MAP_RESULT",
        hint: "a batched function returns a list per column",
      });
    }),
  );
}

function batchChange(what: AnyFunction | ModuleRef, options: StreamMapOptions): BatchChange {
  const load = functionOf(what);
  const argumentsOf = argumentsFor(options);
  const removed = listOf(options.removeColumns);
  return async (columns, indices) => {
    const fn = await load();
    const value = await fn(...argumentsOf({ ...columns }, indices));
    const kept = without(columns, removed) as StreamColumns;
    return value === null || value === undefined ? kept : { ...kept, ...listsOf(value, `rows ${indices[0]} to ${indices.at(-1)}`) };
  };
}

/** A mapper of the library works on tables: the batch becomes one. */
function mapperChange(mapper: Mapper<never, unknown>, options: StreamMapOptions): BatchChange {
  const removed = listOf(options.removeColumns);
  let job: Promise<(table: TableData, start: number, end: number) => Promise<Readonly<Record<string, ColumnData>>>> | undefined;
  const load = async () => {
    const { module, name, options: given } = mapper.descriptor;
    const exports = (await import(module)) as Record<string, (options: unknown) => never>;
    return exports[name]!(given);
  };
  return async (columns, indices) => {
    job ??= load();
    const writer = new RowWriter();
    for (const [name, values] of Object.entries(columns)) if ((mapper.reads as readonly string[]).includes(name)) writer.pushColumn(name, values);
    const table = writer.finish();
    const made = await (await job)(table.data(mapper.reads), 0, indices.length);
    const lists = Object.entries(made).map(([name, data]) => {
      const read = valueReader(data);
      return [name, Array.from({ length: data.length }, (_, i) => read(i) as unknown)] as const;
    });
    return { ...(without(columns, removed) as StreamColumns), ...Object.fromEntries(lists) };
  };
}

/** @throws ArgumentError ERR_OPTIONS, ERR_COUNT, ERR_FEATURES */
export function mapNode(inner: StreamNode, what: Mappable, options: StreamMapOptions): StreamNode {
  checkCallable("map", what);
  checkNames("IterableDataset.map", options, mapOptions);
  if (options.features) checkFeatures(options.features);
  const settings = { batchSize: sizeOf(options), dropLastBatch: options.dropLastBatch ?? false };
  const node = isMapper(what)
    ? new BatchNode(inner, mapperChange(what, options), settings)
    : options.batched
      ? new BatchNode(inner, batchChange(what, options), settings)
      : new RowNode(inner, rowChange(what, options));
  return options.features ? new RowNode(node, declaring(options.features)) : node;
}

/** @throws ArgumentError ERR_OPTIONS, ERR_COUNT */
export function filterNode(inner: StreamNode, test: AnyFunction | ModuleRef, options: StreamFilterOptions): StreamNode {
  checkCallable("filter", test);
  checkNames("IterableDataset.filter", options, filterOptions);
  const load = functionOf(test);
  const argumentsOf = argumentsFor(options);
  if (!options.batched) return new RowNode(inner, async (row, index) => ((await (await load())(...argumentsOf({ ...row }, index))) ? row : undefined));
  const change: BatchChange = async (columns, indices) => {
    const kept = await (await load())(...argumentsOf({ ...columns }, indices));
    if (!Array.isArray(kept) || kept.length !== indices.length)
      throw new ArgumentError(`filter: the test returned ${Array.isArray(kept) ? `${kept.length} values` : typeof kept} for ${indices.length} rows`, {
        code: "ERR_FILTER_TEST",
        hint: "a batched test returns a boolean per row",
      });
    return Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, values.filter((_, i) => kept[i])]));
  };
  return new BatchNode(inner, change, { batchSize: sizeOf(options), dropLastBatch: false });
}
