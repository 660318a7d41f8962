// map and filter: what the user gives is made into work over rows.
import { ArgumentError } from "../../errors.js";
import { type ColumnData, type TableData, valueReader } from "../columns/column-data.js";
import type { Table } from "../columns/table.js";
import { isModuleRef, moduleUrl } from "../module-ref.js";
import type { FilterOptions, MapOptions, Mapper, ModuleRef, RunOptions } from "../types.js";
import { type AnyFunction, type CallOptions, type Inputs, plainInputsOf, runningAtOnce } from "./call.js";
import { closureKey, keyOf } from "./cache.js";
import { listed } from "./columns.js";
import { type Format, FormattedReader } from "./format.js";
import { functionJob, type Job, type JobDescriptor } from "./jobs.js";
import { sharedRows } from "./rows.js";
import { type RunInput, type RunOutput, runWork, type Work } from "./run.js";

export type Mappable = ModuleRef | Mapper<never, unknown> | AnyFunction;
interface CallChoices extends RunOptions {
  readonly batched?: boolean;
  readonly inputColumns?: string | readonly string[];
}
export interface AnyMapOptions extends MapOptions, CallChoices {}
export interface AnyFilterOptions extends FilterOptions, CallChoices {}
/** A table with what its data set shows of it: what closures are given. */
export interface MapInput extends RunInput {
  readonly format: Format;
}

const isMapper = (what: Mappable): what is Mapper<never, unknown> => "descriptor" in what;
const isAsync = (fn: AnyFunction): boolean => fn.constructor.name === "AsyncFunction";

function callOf(verb: CallOptions["verb"], options: CallChoices): CallOptions {
  const { fnKwargs, inputColumns } = options;
  return {
    verb,
    batched: options.batched ?? false,
    withIndices: options.withIndices ?? false,
    withRank: options.withRank ?? false,
    ...(inputColumns === undefined ? {} : { inputColumns: [...listed(inputColumns)] }),
    ...(fnKwargs === undefined ? {} : { fnKwargs }),
  };
}

/** What runs, under what name its result is kept, and which columns it reads. @throws ArgumentError ERR_CLOSURE_TRAVEL, ERR_MAP_OPTIONS */
function workOf(inputs: readonly MapInput[], what: Mappable, call: CallOptions, options: CallChoices): Pick<Work, "code" | "key" | "reads" | "runsEmpty"> {
  if (isMapper(what)) {
    const code: JobDescriptor = { kind: "mapper", mapper: what.descriptor };
    return { code, key: options.newFingerprint === undefined ? keyOf(code) : undefined, reads: what.reads, runsEmpty: call.verb === "map" };
  }
  if (isModuleRef(what)) {
    const code: JobDescriptor = { kind: "module", url: moduleUrl(what), name: what.name, call };
    checkTravel(call);
    return { code, key: options.newFingerprint === undefined ? keyOf(code) : undefined, reads: call.inputColumns, runsEmpty: false };
  }
  if (typeof what !== "function")
    throw new ArgumentError(`${call.verb}: ${what === null ? "null" : typeof what} is no function`, {
      code: "ERR_MAP_OPTIONS",
      hint: "give a function, tokenizer.mapper(...) or { filename, name } of a module's export",
    });
  if (options.numProc !== undefined) {
    throw new ArgumentError(`${call.verb}: a closure cannot travel to other threads (numProc)`, {
      code: "ERR_CLOSURE_TRAVEL",
      hint: "give tokenizer.mapper(...) or { filename, name } of a module's export, or leave numProc out",
    });
  }
  const parallel = !isAsync(what) ? 1 : call.batched ? runningAtOnce : 2;
  const job = (tables: readonly TableData[]): Job => functionJob(what, call, 0, shownInputs(inputs, tables));
  return { code: { kind: "own", job, parallel }, key: closureKey(what, call, options), reads: call.inputColumns, runsEmpty: false };
}

function checkTravel({ verb, fnKwargs }: CallOptions): void {
  try {
    structuredClone(fnKwargs);
  } catch (error) {
    throw new ArgumentError(`${verb}: fnKwargs cannot travel to other threads: ${(error as Error).message}`, {
      code: "ERR_MAP_OPTIONS",
      cause: error,
      hint: "give numbers, texts, lists, objects and typed arrays",
    });
  }
}

/** A closure sees rows as `at` gives them; code that can travel sees plain values, in any thread. */
function shownInputs(inputs: readonly MapInput[], tables: readonly TableData[]): (data: TableData) => Inputs {
  const plain = plainInputsOf();
  const shown = new Map(
    inputs.flatMap(({ table, format }, i) => (format.type === "plain" && !format.columns ? [] : [[tables[i]!, new FormattedReader(table, format)]])),
  );
  return (data) => shown.get(data) ?? plain(data);
}

export async function mapTables(inputs: readonly MapInput[], what: Mappable, options: AnyMapOptions = {}): Promise<RunOutput[]> {
  const removed = options.removeColumns === undefined ? [] : listed(options.removeColumns);
  const call = callOf("map", options);
  const { key, ...work } = workOf(inputs, what, call, options);
  const { features } = options;
  const dropLast = call.batched && (options.dropLastBatch ?? false);
  // Of the options those that change the result: how large a batch is matters to a function of batches.
  const choices = { removed, features: features && Object.entries(features), dropLast, batchSize: call.batched ? (options.batchSize ?? 1000) : undefined };
  return runWork(inputs, { verb: "map", label: "Map", ...work, key: key && [...key, choices], removed, features, dropLast }, options);
}

/** Rows for which the test holds: their numbers are computed, kept and found again; no values are copied. */
export async function filterTables(inputs: readonly MapInput[], what: Mappable, options: AnyFilterOptions = {}): Promise<RunOutput[]> {
  if (isMapper(what))
    throw new ArgumentError("filter: a mapper makes columns, it chooses no rows", { code: "ERR_MAP_OPTIONS", hint: "give a function or { filename, name }" });
  const call = callOf("filter", options);
  const { key, ...work } = workOf(inputs, what, call, options);
  const choices = { batchSize: call.batched ? (options.batchSize ?? 1000) : undefined };
  const out: RunOutput[] = [];
  const results = await runWork(inputs, { verb: "filter", label: "Filter", ...work, key: key && [...key, choices], removed: "all" }, options);
  for (const [i, { table, origin }] of results.entries()) {
    const source = inputs[i]!.table;
    out.push({ table: table === source ? source : source.select(rowNumbers(table)), origin });
  }
  return out;
}

function rowNumbers(table: Table): Uint32Array {
  const { data } = table.view("indices");
  if (data.kind === "number") return sharedRows(data.values);
  return sharedRows(numbersOf(data));
}
function numbersOf(data: ColumnData): number[] {
  const read = valueReader(data);
  return Array.from({ length: data.length }, (_, i) => Number(read(i)));
}
