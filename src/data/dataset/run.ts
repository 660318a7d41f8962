// Runs one job over the rows of tables: threads or this one, progress, cache, results in order.
import { ArgumentError } from "../../errors.js";
import type { TableData } from "../columns/column-data.js";
import type { Features } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import type { RunOptions } from "../types.js";
import { type CachePlan, cached, cachePlan, type WorkKey, writable } from "./cache.js";
import { type Job, type JobDescriptor, type JobResult, jobOf } from "./jobs.js";
import { afterUnknown, named, type Origin } from "./origin.js";
import { type JobRunner, ownRunner, threadRunner } from "./pool.js";
import { MapLine } from "./map-line.js";
import { batchRows, inOrder } from "./ranges.js";
import { ResultSink } from "./sink.js";

export interface RunInput {
  /** The name of the split, of several. */
  readonly title: string;
  readonly table: Table;
  readonly origin: Origin;
}
export interface RunOutput {
  readonly table: Table;
  readonly origin: Origin;
}
export interface Work {
  readonly verb: "map" | "filter";
  /** What the bar says when the user does not. */
  readonly label: string;
  /** Code that can travel, or a job of this thread and how many ranges it works at once. */
  readonly code: JobDescriptor | { readonly kind: "own"; readonly job: (tables: readonly TableData[]) => Job; readonly parallel: number };
  readonly key: WorkKey;
  /** The columns that it needs; all of them when it does not say. */
  readonly reads: readonly string[] | undefined;
  /** Columns that the result lacks; "all": it has those that are computed alone. */
  readonly removed: readonly string[] | "all";
  readonly features?: Features | undefined;
  /** A last range that is not full is left out. */
  readonly dropLast?: boolean;
  /** Whether it tells the columns of no rows: a function is not called for none. */
  readonly runsEmpty: boolean;
}

function threadsOf(verb: string, numProc: number | undefined): number | undefined {
  if (numProc === undefined || (Number.isInteger(numProc) && numProc > 0)) return numProc;
  throw new ArgumentError(`${verb}: numProc is ${String(numProc)}`, { code: "ERR_MAP_OPTIONS", hint: "give a whole number of at least 1" });
}

/** Computes the results of several tables with one job (and one pool of threads), one after the other. Those of the cache are only opened. */
export async function runWork(inputs: readonly RunInput[], work: Work, options: RunOptions): Promise<RunOutput[]> {
  const threads = threadsOf(work.verb, options.numProc);
  const sizes = inputs.map(({ table }) => batchRows(work.verb, options.batchSize, table.length));
  const datas = inputs.map(({ table }) => table.data(work.reads ?? [...table.columns.keys()]));
  const plans = inputs.map(({ origin, title }) => cachePlan(origin, work.verb, work.key, options, inputs.length > 1 ? title : ""));
  let runner: JobRunner | undefined;
  const started = async (): Promise<JobRunner> => {
    const tasks = inputs.reduce((most, { table }, i) => Math.max(most, Math.ceil(table.length / sizes[i]!)), 1);
    runner ??= await runnerFor(work, datas, threads, tasks);
    return runner;
  };
  const out: RunOutput[] = [];
  try {
    for (const [i, input] of inputs.entries()) {
      const plan = plans[i]!;
      const table = (await cached(plan)) ?? (await runTable(input, i, sizes[i]!, work, plan, options, started));
      const origin = plan.known ? named(input.origin, plan.fingerprint) : afterUnknown(input.origin);
      out.push(table ? { table, origin } : { table: input.table, origin: input.origin });
    }
  } finally {
    await runner?.[Symbol.asyncDispose]();
  }
  return out;
}

async function runnerFor(work: Work, tables: readonly TableData[], threads: number | undefined, tasks: number): Promise<JobRunner> {
  const { code } = work;
  if (code.kind === "own") return ownRunner(code.job(tables), tables, code.parallel);
  if ((threads ?? 1) > 1) return threadRunner(code, work.verb, tables, Math.min(threads!, tasks));
  return ownRunner(await jobOf(code, 0), tables, 1);
}

async function runTable(
  { title, table }: RunInput,
  index: number,
  size: number,
  work: Work,
  plan: CachePlan,
  options: RunOptions,
  started: () => Promise<JobRunner>,
): Promise<Table | undefined> {
  const { signal, numProc } = options;
  const rows = work.dropLast ? table.length - (table.length % size) : table.length;
  if (rows === 0 && !work.runsEmpty) return table.length === 0 ? undefined : table.select(new Uint32Array(new SharedArrayBuffer(0)));
  const runner = await started();
  const file = await writable(plan, options.cacheFileName !== undefined);
  const description = options.description ?? options.desc;
  const label = `${description ?? work.label}${numProc === undefined || work.code.kind === "own" ? "" : ` (num_proc=${numProc})`}${title && ` ${title}`}`;
  using line = new MapLine(label, rows, description === undefined);
  await using sink = new ResultSink(table, {
    verb: work.verb,
    removed: work.removed === "all" ? [...table.columns.keys()] : work.removed,
    keepInMemory: options.keepInMemory ?? false,
    fingerprint: plan.fingerprint,
    ...(work.features ? { features: work.features } : {}),
    ...(file === undefined ? {} : { file }),
    ...(options.writerBatchSize === undefined ? {} : { batchRows: options.writerBatchSize }),
    ...(signal ? { signal } : {}),
  });
  const span = (k: number): readonly [start: number, end: number] => [k * size, Math.min((k + 1) * size, rows)];
  await inOrder<JobResult>(
    Math.max(1, Math.ceil(rows / size)),
    runner.parallel,
    (k) => runner.run(index, ...span(k), signal),
    async (columns, k) => {
      const [start, end] = span(k);
      await sink.push(columns, start, end);
      line.update(end - start);
    },
    signal,
  );
  return sink.finish();
}
