// map: new columns for a table, computed in ranges of rows, in this process or on threads.
import { ArgumentError } from "../../errors.js";
import { delayedProgress } from "../../progress/delayed.js";
import type { ColumnData } from "../columns/column-data.js";
import { concatColumns } from "../columns/column-infer.js";
import { type AnyBatchFunction, type AnyRowFunction, batchJob, type JobDescriptor, jobOf, moduleJob, rowJob } from "./jobs.js";
import { type JobRunner, threadRunner } from "./pool.js";
import { Table, wholeColumn } from "../columns/table.js";
import type { MapOptions, Mapper, ModuleRef } from "../types.js";

export type Mappable = ModuleRef | Mapper<never, unknown> | AnyRowFunction | AnyBatchFunction;
export interface AnyMapOptions extends MapOptions {
  readonly batched?: boolean;
}

const isRef = (what: object): what is ModuleRef => "filename" in what;

interface Job {
  readonly runner: JobRunner;
  /** The columns it needs; all of them when it does not say. */
  readonly reads: readonly string[] | undefined;
}

function positive(name: string, value: number | undefined, fallback: number): number {
  const given = value ?? fallback;
  if (Number.isInteger(given) && given > 0) return given;
  throw new ArgumentError(`map: ${name} is ${String(value)}`, { code: "ERR_MAP_OPTIONS", hint: "give a whole number of at least 1" });
}

/** @throws ArgumentError ERR_CLOSURE_TRAVEL for a closure with numProc. */
async function jobFor(what: Mappable, options: AnyMapOptions, tasks: number): Promise<Job> {
  const threads = positive("numProc", options.numProc, 1);
  if (typeof what === "function" && !("descriptor" in what)) {
    if (options.numProc !== undefined) {
      throw new ArgumentError("map: a closure cannot travel to other threads (numProc)", {
        code: "ERR_CLOSURE_TRAVEL",
        hint: "give tokenizer.mapper(...) or { filename, name } of a module's export, or leave numProc out",
      });
    }
    const job = options.batched ? batchJob(what as AnyBatchFunction) : rowJob(what as AnyRowFunction);
    return { reads: undefined, runner: inProcess(job) };
  }
  const descriptor: JobDescriptor = isRef(what)
    ? moduleJob(what, options.batched === true)
    : { kind: "mapper", mapper: (what as Mapper<never, unknown>).descriptor };
  const reads = isRef(what) ? undefined : (what as Mapper<never, unknown>).reads;
  return { reads, runner: threads === 1 ? inProcess(await jobOf(descriptor)) : threadRunner(descriptor, Math.max(1, Math.min(threads, tasks))) };
}

function inProcess(run: (...args: Parameters<JobRunner["run"]>) => ReturnType<JobRunner["run"]>): JobRunner {
  return { parallel: 1, run: (table, start, end, signal) => run(table, start, end, signal), [Symbol.asyncDispose]: async () => {} };
}

/** Maps several tables with one job (and one pool of threads), one after the other. */
export async function mapTables(tables: readonly (readonly [title: string, table: Table])[], what: Mappable, options: AnyMapOptions = {}): Promise<Table[]> {
  const size = positive("batchSize", options.batchSize, 1000);
  const tasks = tables.reduce((most, [, table]) => Math.max(most, Math.ceil(table.length / size)), 0);
  const { runner, reads } = await jobFor(what, options, tasks);
  await using _ = runner;
  const out: Table[] = [];
  for (const [title, table] of tables) out.push(await mapTable(title, table, { runner, reads }, size, options));
  return out;
}

async function mapTable(title: string, table: Table, { runner, reads }: Job, size: number, options: AnyMapOptions): Promise<Table> {
  const { signal } = options;
  const data = table.data(reads ?? [...table.columns.keys()]);
  using bar = delayedProgress(table.length, `${options.description ?? "map"}${title && ` ${title}`}`, options.description === undefined);
  const parts: Readonly<Record<string, ColumnData>>[] = [];
  let next = 0;
  // As many tasks in flight as there are threads: memory stays bounded, results keep their order.
  const work = async () => {
    while (next < table.length) {
      signal?.throwIfAborted();
      const start = next;
      const end = Math.min(start + size, table.length);
      next = end;
      parts[start / size] = await runner.run(data, start, end, signal);
      bar.update(end - start);
    }
  };
  // A library mapper knows its columns without rows; a function is not called for none.
  if (table.length === 0 && reads) parts.push(await runner.run(data, 0, 0, signal));
  await Promise.all(Array.from({ length: runner.parallel }, work));
  return merged(table, parts);
}

function merged(table: Table, parts: readonly Readonly<Record<string, ColumnData>>[]): Table {
  const names = [...new Set(parts.flatMap((part) => Object.keys(part)))];
  const columns = names.map((name) => {
    const pieces = parts.map((part) => part[name] ?? missing(name));
    try {
      return [name, concatColumns(pieces)] as const;
    } catch (error) {
      throw new ArgumentError(`map: column ${name}: ${(error as Error).message}`, { code: "ERR_MAP_RESULT", cause: error });
    }
  });
  const views = columns.map(([name, data]) => [name, wholeColumn(data)] as const);
  const odd = columns.find(([, data]) => data.length !== table.length);
  if (!odd) return table.with(views);
  const lengths = new Set(columns.map(([, data]) => data.length));
  const kept = [...table.columns.keys()].filter((name) => !names.includes(name));
  if (lengths.size > 1 || kept.length > 0) {
    throw new ArgumentError(`map: column ${odd[0]} has ${odd[1].length} rows, the dataset ${table.length}`, {
      code: "ERR_MAP_RESULT",
      hint:
        lengths.size > 1
          ? "return lists of one length for all columns"
          : `another number of rows is possible when every column is replaced; ${kept.join(", ")} would stay`,
    });
  }
  return new Table(new Map(views), odd[1].length);
}

function missing(name: string): never {
  throw new ArgumentError(`map: the function returned column ${name} for some batches only`, {
    code: "ERR_MAP_RESULT",
    hint: "return the same columns for every row",
  });
}
