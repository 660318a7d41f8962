// Writing CSV as pandas does: fields are quoted where they must be, null is nothing.
import { ArgumentError } from "../../errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import type { Table } from "../columns/table.js";
import { jsonText } from "./json.js";
import { OutputFile, ranges } from "./output-file.js";

export interface CsvWriteOptions {
  /** What separates fields; default a comma. */
  readonly sep?: string | undefined;
  /** The same as sep. */
  readonly delimiter?: string | undefined;
  /** false: no line of column names. */
  readonly header?: boolean | undefined;
  /** Columns to write, in this order; default all. */
  readonly columns?: readonly string[] | undefined;
  /** What stands for null and NaN; default nothing. */
  readonly naRep?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}
const names: OptionNames<CsvWriteOptions> = { sep: true, delimiter: true, header: true, columns: true, naRep: true, signal: true };

/** As Python's repr: 1 is "1.0", 1e-7 "1e-07". */
function floatText(value: number): string {
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const text = Math.abs(value) >= 1e16 && Math.abs(value) < 1e21 ? value.toExponential() : String(value);
  const small = Math.abs(value) < 1e-4 && value !== 0 && !text.includes("e") ? value.toExponential() : text;
  const [digits, exponent] = small.split("e");
  if (exponent === undefined) return small.includes(".") ? small : Object.is(value, -0) ? "-0.0" : `${small}.0`;
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

function fieldText(value: unknown, isFloat: boolean, nothing: string): string {
  if (value === null || value === undefined || Number.isNaN(value)) return nothing;
  if (typeof value === "number") return isFloat ? floatText(value) : String(value);
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "string") return value;
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  return typeof value === "bigint" ? String(value) : jsonText(value);
}

/**
 * Lists and objects are written as JSON, bytes as base64.
 * @returns Bytes written.
 * @throws AccelerateError ERR_DATA_WRITE; ArgumentError ERR_COLUMN_NOT_FOUND, ERR_CSV_DELIMITER, ERR_OPTIONS
 */
export async function writeCsv(table: Table, path: string, options: CsvWriteOptions = {}): Promise<number> {
  checkNames("toCsv", options, names);
  const sep = options.sep ?? options.delimiter ?? ",";
  if (sep.length !== 1 || '"\n\r'.includes(sep))
    throw new ArgumentError(`sep ${JSON.stringify(sep)}`, { code: "ERR_CSV_DELIMITER", hint: 'give one character, such as "," or "\\t"' });
  const columns = options.columns ?? [...table.columns.keys()];
  const readers = columns.map((name) => {
    const { feature } = table.view(name);
    return [table.reader(name), typeof feature === "string" && feature.startsWith("float")] as const;
  });
  const special = new RegExp(`["\\r\\n${sep === "\\" || sep === "]" || sep === "^" || sep === "-" ? `\\${sep}` : sep}]`);
  const quoted = (field: string) => (special.test(field) ? `"${field.replaceAll('"', '""')}"` : field);
  // A row of one empty field would be an empty line, which readers pass over.
  const line = (fields: readonly string[]) => `${fields.length === 1 && fields[0] === "" ? '""' : fields.map(quoted).join(sep)}\n`;
  const nothing = options.naRep ?? "";
  await using out = await OutputFile.create(path);
  if (options.header !== false) await out.write(line(columns));
  for (const [start, end] of ranges(table.length)) {
    options.signal?.throwIfAborted();
    let text = "";
    for (let i = start; i < end; i++) text += line(readers.map(([read, isFloat]) => fieldText(read(i), isFloat, nothing)));
    await out.write(text);
  }
  return out.close();
}
