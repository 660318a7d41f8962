// Column jobs: what map and filter do to a range of rows, made from a closure, a library mapper or an export of a module.
import { setImmediate as turn } from "node:timers/promises";
import type { ColumnData, TableData } from "../columns/column-data.js";
import { importFunction } from "../module-ref.js";
import type { MapperDescriptor } from "../types.js";
import { type AnyFunction, argumentsFor, type CallOptions, Caller, type Inputs, isThenable, plainInputsOf } from "./call.js";
import { columnsOfBatch, columnsOfRows, keptOfBatch, keptOfRows } from "./results.js";

/** New columns for a range of rows; undefined when the function returned nothing. */
export type JobResult = Readonly<Record<string, ColumnData>> | undefined;
export type Job = (table: TableData, start: number, end: number) => Promise<JobResult>;

/** What a thread can be sent: names of code, never code. */
export type JobDescriptor =
  | { readonly kind: "mapper"; readonly mapper: MapperDescriptor }
  | { readonly kind: "module"; readonly url: string; readonly name: string; readonly call: CallOptions };

/** The job of a function. */
export function functionJob(fn: AnyFunction, call: CallOptions, rank: number, inputsOf: (data: TableData) => Inputs = plainInputsOf()): Job {
  const caller = new Caller();
  const run = call.batched ? batchJob(fn, call, rank, inputsOf, caller) : rowJob(fn, call, rank, inputsOf, caller);
  return async (data, start, end) => {
    const result = await run(data, start, end);
    await turn(); // a long map lets timers run between batches
    return result;
  };
}

function rowJob(fn: AnyFunction, call: CallOptions, rank: number, inputsOf: (data: TableData) => Inputs, caller: Caller): Job {
  const argumentsOf = argumentsFor(call, rank);
  const finish = call.verb === "filter" ? keptOfRows : columnsOfRows;
  return async (data, start, end) => {
    const inputs = inputsOf(data);
    const results: unknown[] = [];
    let promises = false;
    for (let i = start; i < end; i++) {
      const room = caller.room();
      if (room) await room;
      if (promises && caller.failure) break;
      const value = caller.call(fn, argumentsOf(inputs.row(i), i), () => `${call.verb}: row ${i}`);
      promises ||= isThenable(value);
      results.push(value);
    }
    if (!promises) return finish(results, start);
    // One after the other: of those that fail the first row is told, not the quickest.
    const values: unknown[] = [];
    for (const result of results) values.push(await result);
    if (values.length < end - start) throw caller.failure!; // a call of other rows, beside these
    return finish(values, start);
  };
}

function batchJob(fn: AnyFunction, call: CallOptions, rank: number, inputsOf: (data: TableData) => Inputs, caller: Caller): Job {
  const argumentsOf = argumentsFor(call, rank);
  const finish = call.verb === "filter" ? keptOfBatch : columnsOfBatch;
  return async (data, start, end) => {
    const room = caller.room();
    if (room) await room;
    const indices = Array.from({ length: end - start }, (_, i) => start + i);
    const where = () => `${call.verb}: rows ${start} to ${end - 1}`;
    return finish(await caller.call(fn, argumentsOf(inputsOf(data).columns(start, end), indices), where), start, end);
  };
}

/** Imports the code that a descriptor names. @throws ArgumentError ERR_MODULE_EXPORT when the module has no such function. */
export async function jobOf(descriptor: JobDescriptor, rank: number): Promise<Job> {
  const { url, name } = descriptor.kind === "mapper" ? { url: descriptor.mapper.module, name: descriptor.mapper.name } : descriptor;
  const fn = await importFunction(url, name);
  if (descriptor.kind === "mapper") return (await fn(descriptor.mapper.options)) as Job;
  return functionJob(fn as AnyFunction, descriptor.call, rank);
}
