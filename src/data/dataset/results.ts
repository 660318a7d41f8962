// What a function of the user's returned, as columns: for one row each, or for a batch.
import { ArgumentError } from "../../errors.js";
import type { ColumnData, NumberType } from "../columns/column-data.js";
import { InferringWriter } from "../columns/column-infer.js";
import { type ColumnWriter, ValueError } from "../columns/column-writer.js";
import type { AnyRow } from "./call.js";
import type { JobResult } from "./jobs.js";

const fault = (message: string, hint: string): ArgumentError => new ArgumentError(message, { code: "ERR_MAP_RESULT", hint });
const isNothing = (value: unknown): value is null | undefined => value === null || value === undefined;

function asRow(value: unknown, where: string): AnyRow {
  if (typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value)) return value as AnyRow;
  throw fault(
    `map: the function returned ${isNothing(value) ? "nothing" : JSON.stringify(value)} for ${where}`,
    "return an object of columns, { name: value }",
  );
}

/** Rows that lack a column hold null there. */
export function columnsOfRows(results: readonly unknown[], start: number): JobResult {
  if (results.every(isNothing)) return undefined;
  const writers = new Map<string, ColumnWriter>();
  results.forEach((value, k) => {
    const row = asRow(value, isNothing(value) ? `row ${start + k}, columns for others` : `row ${start + k}`);
    for (const name of Object.keys(row)) if (!writers.has(name)) writers.set(name, padded(k));
    for (const [name, writer] of writers) push(writer, name, Object.hasOwn(row, name) ? row[name] : null, `row ${start + k}`);
  });
  return finished(writers);
}

export function columnsOfBatch(result: unknown, start: number, end: number): JobResult {
  if (isNothing(result)) return undefined;
  const where = `rows ${start} to ${end - 1}`;
  const writers = new Map<string, ColumnWriter>();
  for (const [name, values] of Object.entries(asRow(result, where))) {
    if (!Array.isArray(values) && !ArrayBuffer.isView(values))
      throw fault(`map: column ${name} of ${where} is ${typeof values}`, "a batched function returns a list per column");
    const writer = new InferringWriter();
    for (const value of values as Iterable<unknown> & object) push(writer, name, value, where);
    writers.set(name, writer);
  }
  return finished(writers);
}

/** The numbers of the rows that stay, as a column. */
export function keptOfRows(results: readonly unknown[], start: number): JobResult {
  return keptRows(results.flatMap((keep, k) => (keep ? [start + k] : [])));
}
export function keptOfBatch(result: unknown, start: number, end: number): JobResult {
  if ((Array.isArray(result) || ArrayBuffer.isView(result)) && (result as unknown as ArrayLike<unknown>).length === end - start)
    return keptOfRows(Array.from(result as unknown as ArrayLike<unknown>), start);
  const what =
    Array.isArray(result) || ArrayBuffer.isView(result)
      ? `${(result as unknown as ArrayLike<unknown>).length} values`
      : isNothing(result)
        ? "nothing"
        : typeof result;
  throw fault(`filter: the function returned ${what} for rows ${start} to ${end - 1}`, "a batched function returns a list with a boolean for every row");
}
function keptRows(rows: readonly number[]): JobResult {
  const values = new Float64Array(new SharedArrayBuffer(rows.length * 8));
  values.set(rows);
  return { indices: { kind: "number", type: "uint64", length: rows.length, values } };
}

function padded(rows: number): ColumnWriter {
  const writer = new InferringWriter();
  for (let i = 0; i < rows; i++) writer.push(null);
  return writer;
}
function push(writer: ColumnWriter, name: string, value: unknown, where: string): void {
  try {
    writer.push(value);
  } catch (error) {
    throw error instanceof ValueError
      ? new ArgumentError(`map: column ${name} of ${where}: ${error.message}`, { code: "ERR_MAP_RESULT", cause: error })
      : error;
  }
}
const finished = (writers: ReadonlyMap<string, ColumnWriter>): Record<string, ColumnData> =>
  Object.fromEntries([...writers].map(([name, writer]) => [name, narrowed(name, writer.finish())]));

/** Columns that tokenizers make are of few bits, as in Python's datasets. */
const narrow: Readonly<Record<string, { readonly type: NumberType; readonly array: { readonly BYTES_PER_ELEMENT: number }; readonly most: number }>> = {
  input_ids: { type: "int32", array: Int32Array, most: 2 ** 31 },
  token_type_ids: { type: "int8", array: Int8Array, most: 2 ** 7 },
  attention_mask: { type: "int8", array: Int8Array, most: 2 ** 7 },
  special_tokens_mask: { type: "int8", array: Int8Array, most: 2 ** 7 },
};
function narrowed(name: string, data: ColumnData): ColumnData {
  const to = Object.hasOwn(narrow, name) ? narrow[name] : undefined;
  if (!to) return data;
  if (data.kind === "list") return { ...data, items: narrowed(name, data.items) };
  if (data.kind !== "number" || data.type !== "int64" || !data.values.every((value) => value < to.most && value >= -to.most)) return data;
  const shared = new SharedArrayBuffer(data.length * to.array.BYTES_PER_ELEMENT);
  const values = to.array === Int8Array ? new Int8Array(shared) : new Int32Array(shared);
  values.set(data.values);
  return { ...data, type: to.type, values };
}
