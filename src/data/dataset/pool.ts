// Jobs on Piscina threads: the tables go to each thread once, in shared memory; tasks are row ranges, results come back in shared memory.
import { AccelerateError } from "../../errors.js";
import { causeOf, startThreads, type ThreadFailure } from "../../threads/index.js";
import type { TableData } from "../columns/column-data.js";
import type { Job, JobDescriptor, JobResult } from "./jobs.js";
import type { PoolData, RangeResult, RangeTask } from "./pool-worker.js";

/** Something that computes new columns for ranges of rows. */
export interface JobRunner extends AsyncDisposable {
  /** How many ranges are worth being asked for at once. */
  readonly parallel: number;
  run(table: number, start: number, end: number, signal: AbortSignal | undefined): Promise<JobResult>;
}

/** In this thread. */
export function ownRunner(job: Job, tables: readonly TableData[], parallel: number): JobRunner {
  return { parallel, run: (table, start, end) => job(tables[table]!, start, end), [Symbol.asyncDispose]: async () => {} };
}

/** An error of a thread, with the thread's own stack as the cause. */
function revived(failure: ThreadFailure, verb: string, start: number, end: number): AccelerateError {
  const { name, message, code } = failure;
  // What the function threw tells its row already.
  const told = message.startsWith(`${verb}: `) ? message : `${verb}: rows ${start} to ${end - 1}: ${name}: ${message}`;
  return new AccelerateError(code?.startsWith("ERR_") ? code : "ERR_MAP_FAILED", told, { cause: causeOf(failure) });
}

/** Threads that all do one job; they start with the first task and end with dispose. */
export function threadRunner(job: JobDescriptor, verb: string, tables: readonly TableData[], threads: number): JobRunner {
  const data: PoolData = { job, tables, ranks: new Int32Array(new SharedArrayBuffer(4)) };
  const module = new URL("./pool-worker.js", import.meta.url);
  const pool = startThreads<RangeTask, RangeResult>({ module, name: "runRange", threads, data });
  return {
    // Each thread finds its next task waiting.
    parallel: threads * 2,
    async run(table, start, end, signal) {
      const result = await pool.run({ table, start, end }, signal).catch((error: unknown) => {
        signal?.throwIfAborted();
        // A task's own errors come as results: this thread is gone.
        throw new AccelerateError("ERR_MAP_FAILED", `${verb}: the thread of rows ${start} to ${end - 1} ended: ${(error as Error).message}`, {
          cause: error,
          hint: "the function must return, not end its thread (process.exit) or take more memory than there is",
        });
      });
      if ("failure" in result) throw revived(result.failure, verb, start, end);
      return result.columns;
    },
    [Symbol.asyncDispose]: () => pool.close(),
  };
}
