// The entry module of a pool thread: loads the job that the pool is for, then runs it over row ranges.
import { workerData } from "piscina";
import { registerTypeScript } from "../../register/register.js";
import type { ColumnData, ColumnJob, TableData } from "../columns/column-data.js";
import { type JobDescriptor, jobOf } from "./jobs.js";

export interface RangeTask {
  readonly table: TableData;
  readonly start: number;
  readonly end: number;
}
export type RangeResult =
  | { readonly columns: Readonly<Record<string, ColumnData>> }
  | { readonly failure: { name: string; message: string; stack: string; code?: string } };

const descriptor = workerData as JobDescriptor;
// A thread does not inherit the hooks of the main thread (Node 20).
if (descriptor.kind === "module") registerTypeScript();
let loading: Promise<ColumnJob> | undefined;

/** Errors are returned, not thrown: thrown ones lose their code and class on the way to the main thread. */
export async function runRange({ table, start, end }: RangeTask): Promise<RangeResult> {
  try {
    loading ??= jobOf(descriptor);
    return { columns: await (await loading)(table, start, end) };
  } catch (error) {
    const { name, message, stack, code }: Error & { code?: unknown } = error instanceof Error ? error : new Error(String(error));
    return { failure: { name, message, stack: stack ?? `${name}: ${message}`, ...(typeof code === "string" ? { code } : {}) } };
  }
}
