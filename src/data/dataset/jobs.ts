// Column jobs: what map does to a range of rows, made from a closure, a library mapper or an export of a module.

import { isAbsolute, resolve } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ArgumentError } from "../../errors.js";
import type { ColumnData, ColumnJob } from "../columns/column-data.js";
import { InferringWriter } from "../columns/column-infer.js";
import { type ColumnWriter, ValueError } from "../columns/column-writer.js";
import { type Table, tableOf } from "../columns/table.js";
import type { MapperDescriptor, ModuleRef } from "../types.js";

type AnyRow = Record<string, unknown>;
export type AnyRowFunction = (row: never, index: number) => unknown;
export type AnyBatchFunction = (columns: never, indices: readonly number[]) => unknown;

/** What a thread can be sent: names of code, never code. */
export type JobDescriptor =
  | { readonly kind: "mapper"; readonly mapper: MapperDescriptor }
  | { readonly kind: "module"; readonly url: string; readonly name: string; readonly batched: boolean };

export const rowReader = (table: Table): ((i: number) => AnyRow) => {
  const readers = [...table.columns.keys()].map((name) => [name, table.reader(name)] as const);
  return (i) => {
    const row: AnyRow = {};
    for (const [name, read] of readers) row[name] = read(i);
    return row;
  };
};

function asRow(value: unknown, where: string): AnyRow {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as AnyRow;
  throw new ArgumentError(`map: the function returned ${value === undefined ? "nothing" : JSON.stringify(value)} for ${where}`, {
    code: "ERR_MAP_RESULT",
    hint: "return an object of columns, { name: value }",
  });
}

const isThenable = (value: unknown): value is PromiseLike<unknown> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";

/** Writes what the function returns for each row; rows that lack a column hold null there. */
export function rowJob(fn: AnyRowFunction): ColumnJob {
  return async (data, start, end) => {
    const read = rowReader(tableOf(data));
    const results: unknown[] = [];
    for (let i = start; i < end; i++) results.push(fn(read(i) as never, i));
    const rows = results.some(isThenable) ? await Promise.all(results) : results;
    const writers = new Map<string, ColumnWriter>();
    rows.forEach((value, k) => {
      const row = asRow(value, `row ${start + k}`);
      for (const name of Object.keys(row)) if (!writers.has(name)) writers.set(name, padded(k));
      for (const [name, writer] of writers) pushNamed(writer, name, Object.hasOwn(row, name) ? row[name] : null, `row ${start + k}`);
    });
    await turn(); // a long map lets timers run between batches
    return finished(writers);
  };
}

/** Calls the function with columns start..end. */
export function batchJob(fn: AnyBatchFunction): ColumnJob {
  return async (data, start, end) => {
    const table = tableOf(data);
    const indices = Array.from({ length: end - start }, (_, i) => start + i);
    const columns: Record<string, unknown[]> = {};
    for (const name of table.columns.keys()) {
      const read = table.reader(name);
      columns[name] = indices.map((i) => read(i));
    }
    const where = `rows ${start} to ${end - 1}`;
    const result = asRow(await fn(columns as never, indices), where);
    const writers = new Map<string, ColumnWriter>();
    for (const [name, values] of Object.entries(result)) {
      if (!Array.isArray(values) && !ArrayBuffer.isView(values)) {
        throw new ArgumentError(`map: column ${name} of ${where} is ${typeof values}`, {
          code: "ERR_MAP_RESULT",
          hint: "a batched function returns a list per column",
        });
      }
      const writer = new InferringWriter();
      for (const value of values as Iterable<unknown> & object) pushNamed(writer, name, value, where);
      writers.set(name, writer);
    }
    await turn();
    return finished(writers);
  };
}

function padded(rows: number): ColumnWriter {
  const writer = new InferringWriter();
  for (let i = 0; i < rows; i++) writer.push(null);
  return writer;
}
function pushNamed(writer: ColumnWriter, name: string, value: unknown, where: string): void {
  try {
    writer.push(value);
  } catch (error) {
    throw error instanceof ValueError
      ? new ArgumentError(`map: column ${name} of ${where}: ${error.message}`, { code: "ERR_MAP_RESULT", cause: error })
      : error;
  }
}
function finished(writers: ReadonlyMap<string, ColumnWriter>): Record<string, ColumnData> {
  return Object.fromEntries([...writers].map(([name, writer]) => [name, writer.finish()]));
}

export function moduleJob(ref: ModuleRef, batched: boolean): JobDescriptor {
  const url =
    ref.filename instanceof URL || /^[a-z]+:\/\//.test(ref.filename)
      ? String(ref.filename)
      : pathToFileURL(isAbsolute(ref.filename) ? ref.filename : resolve(ref.filename)).href;
  return { kind: "module", url, name: ref.name, batched };
}

/** Imports the code that a descriptor names. @throws ArgumentError ERR_MODULE_EXPORT when the module has no such function. */
export async function jobOf(descriptor: JobDescriptor): Promise<ColumnJob> {
  const { url, name } = descriptor.kind === "mapper" ? { url: descriptor.mapper.module, name: descriptor.mapper.name } : descriptor;
  const exports = (await import(url)) as Record<string, unknown>;
  const fn = exports[name];
  if (typeof fn !== "function") {
    const names = Object.keys(exports).filter((key) => typeof exports[key] === "function");
    throw new ArgumentError(`${url} exports no function ${name}`, { code: "ERR_MODULE_EXPORT", hint: `its functions are ${names.join(", ") || "none"}` });
  }
  if (descriptor.kind === "mapper") return (await fn(descriptor.mapper.options)) as ColumnJob;
  return descriptor.batched ? batchJob(fn as AnyBatchFunction) : rowJob(fn as AnyRowFunction);
}
