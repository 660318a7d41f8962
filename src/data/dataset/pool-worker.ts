// The entry module of a pool thread: loads the job that the pool is for, then runs it over row ranges of the pool's tables.
import { registerTypeScript } from "../../register/register.js";
import { threadData } from "../../threads/thread-data.js";
import { failureOf, type ThreadFailure } from "../../threads/failure.js";
import type { TableData } from "../columns/column-data.js";
import { type Job, type JobDescriptor, type JobResult, jobOf } from "./jobs.js";

export interface PoolData {
  readonly job: JobDescriptor;
  readonly tables: readonly TableData[];
  /** Counts the threads: each takes the next number as its rank. */
  readonly ranks: Int32Array;
}
export interface RangeTask {
  /** Which of the pool's tables. */
  readonly table: number;
  readonly start: number;
  readonly end: number;
}
export type RangeResult = { readonly columns: JobResult } | { readonly failure: ThreadFailure };

const { job: descriptor, tables, ranks } = threadData<PoolData>();
const rank = Atomics.add(ranks, 0, 1);
// A thread does not inherit the hooks of the main thread (Node 20).
if (descriptor.kind === "module") registerTypeScript();
let loading: Promise<Job> | undefined;

export async function runRange({ table, start, end }: RangeTask): Promise<RangeResult> {
  try {
    loading ??= jobOf(descriptor, rank);
    return { columns: await (await loading)(tables[table]!, start, end) };
  } catch (error) {
    return { failure: failureOf(error) };
  }
}
