// Writing JSON: one object per line, or one array.
import { checkNames, type OptionNames } from "../../option-names.js";
import type { Table } from "../columns/table.js";
import { OutputFile, ranges } from "./output-file.js";

export interface JsonWriteOptions {
  /** One object per line; false: one array. Default true. */
  readonly lines?: boolean | undefined;
  /** Writes everything but ASCII as \uXXXX, as pandas does unless told otherwise. Default false. */
  readonly forceAscii?: boolean | undefined;
  /** Columns to write, in this order; default all. */
  readonly columns?: readonly string[] | undefined;
  readonly signal?: AbortSignal | undefined;
}
const names: OptionNames<JsonWriteOptions> = { lines: true, forceAscii: true, columns: true, signal: true };

/** Integers beyond 2^53 keep their digits, bytes become base64; NaN and infinities null, as in pandas. */
export function jsonText(value: unknown): string {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return JSON.stringify(Buffer.from(value).toString("base64"));
  if (Array.isArray(value)) return `[${value.map(jsonText).join(",")}]`;
  if (typeof value !== "object" || value === null || value instanceof Date) return JSON.stringify(value) ?? "null";
  return `{${Object.entries(value)
    .map(([name, inner]) => `${JSON.stringify(name)}:${jsonText(inner)}`)
    .join(",")}}`;
}

/**
 * @returns Bytes written.
 * @throws AccelerateError ERR_DATA_WRITE; ArgumentError ERR_COLUMN_NOT_FOUND, ERR_OPTIONS
 */
export async function writeJson(table: Table, path: string, options: JsonWriteOptions = {}): Promise<number> {
  checkNames("toJson", options, names);
  const { lines = true, forceAscii = false, signal } = options;
  const readers = (options.columns ?? [...table.columns.keys()]).map((name) => [name, table.reader(name)] as const);
  const rowText = (i: number): string => {
    const text = jsonText(Object.fromEntries(readers.map(([name, read]) => [name, read(i)])));
    return forceAscii ? text.replaceAll(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`) : text;
  };
  await using out = await OutputFile.create(path);
  if (!lines) await out.write("[");
  for (const [start, end] of ranges(table.length)) {
    signal?.throwIfAborted();
    let text = "";
    for (let i = start; i < end; i++) text += lines ? `${rowText(i)}\n` : `${i > 0 ? "," : ""}${rowText(i)}`;
    await out.write(text);
  }
  if (!lines) await out.write("]\n");
  return out.close();
}
