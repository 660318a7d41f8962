// Writing text: the values of one column, a line each.
import { ArgumentError } from "../../errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import type { Table } from "../columns/table.js";
import { OutputFile, ranges } from "./output-file.js";

export interface TextWriteOptions {
  /** Default "text", or the only column. */
  readonly column?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}
const names: OptionNames<TextWriteOptions> = { column: true, signal: true };

/**
 * @returns Bytes written.
 * @throws AccelerateError ERR_DATA_WRITE; ArgumentError ERR_COLUMN_NOT_FOUND, ERR_OPTIONS, ERR_TEXT_LINE for a text that would be several lines
 */
export async function writeText(table: Table, path: string, options: TextWriteOptions = {}): Promise<number> {
  checkNames("toText", options, names);
  const column = options.column ?? (table.columns.size === 1 ? [...table.columns.keys()][0]! : "text");
  const read = table.reader(column);
  await using out = await OutputFile.create(path);
  for (const [start, end] of ranges(table.length)) {
    options.signal?.throwIfAborted();
    let text = "";
    for (let i = start; i < end; i++) {
      const value = read(i);
      if (value !== null && typeof value !== "string")
        throw new ArgumentError(`column ${column} holds no text`, { code: "ERR_TEXT_LINE", hint: "name one that does: { column }" });
      if (value && /[\r\n]/.test(value))
        throw new ArgumentError(`row ${i}, column ${column}: a text of several lines`, { code: "ERR_TEXT_LINE", hint: "write it with toJson or toCsv" });
      text += `${value ?? ""}\n`;
    }
    await out.write(text);
  }
  return out.close();
}
