// Column jobs on Piscina threads: tasks carry shared memory and row ranges, results come back in shared memory.
import { isMainThread } from "node:worker_threads";
import { Piscina } from "piscina";
import { AccelerateError } from "../../errors.js";
import type { ColumnData, TableData } from "../columns/column-data.js";
import type { JobDescriptor } from "./jobs.js";
import type { RangeResult, RangeTask } from "./pool-worker.js";

/** Something that computes new columns for ranges of rows. */
export interface JobRunner extends AsyncDisposable {
  readonly parallel: number;
  run(table: TableData, start: number, end: number, signal: AbortSignal | undefined): Promise<Readonly<Record<string, ColumnData>>>;
}

/** An error of a thread, with the thread's own stack as the cause. */
function revived(
  failure: { readonly name: string; readonly message: string; readonly stack: string; readonly code?: string },
  start: number,
  end: number,
): AccelerateError {
  const cause = new Error(failure.message);
  cause.name = failure.name;
  cause.stack = failure.stack;
  return new AccelerateError(
    failure.code?.startsWith("ERR_") ? failure.code : "ERR_MAP_FAILED",
    `map failed in a thread, rows ${start} to ${end - 1}: ${failure.name}: ${failure.message}`,
    { cause },
  );
}

/** Threads that all do one job; they start with the first task and end with dispose. */
export function threadRunner(job: JobDescriptor, threads: number): JobRunner {
  const pool = new Piscina<RangeTask, RangeResult>({
    filename: new URL("./pool-worker.js", import.meta.url).href,
    name: "runRange",
    minThreads: threads,
    maxThreads: threads,
    workerData: job,
    // Inherited flags such as --import would be run again in every thread; the worker registers what it needs.
    ...(isMainThread ? { execArgv: process.execArgv.filter((flag) => flag === "--enable-source-maps") } : {}),
  });
  // A thread may answer while the pool is being taken down after another one's failure; Piscina then no longer knows the task and emits an error.
  let closing = false;
  pool.on("error", (error: Error) => {
    if (!closing) throw error;
  });
  return {
    parallel: threads,
    async run(table, start, end, signal) {
      const result = await pool.run({ table, start, end }, signal ? { signal } : {}).catch((error: unknown) => {
        signal?.throwIfAborted();
        // A task's own errors come as results: this thread is gone.
        throw new AccelerateError("ERR_MAP_FAILED", `map: the thread of rows ${start} to ${end - 1} ended: ${(error as Error).message}`, {
          cause: error,
          hint: "the function must return, not end its thread (process.exit) or take more memory than there is",
        });
      });
      if ("failure" in result) throw revived(result.failure, start, end);
      return result.columns;
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      await pool.destroy();
    },
  };
}
