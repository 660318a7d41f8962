// JSON files: one object per line, or one array of objects, read as a stream; errors name line and byte.
import { parseJson } from "../columns/exact-json.js";
import type { Features } from "../columns/features.js";
import type { Table } from "../columns/table.js";
import { chunksOf, DataFileError } from "./files.js";
import { byteLines } from "./lines.js";
import { type Fault, type RowsOptions, RowTables } from "./rows.js";

export interface JsonOptions {
  /** The rows stand in this field of the one object that a file holds: as a list of objects, or as columns. */
  readonly field?: string | undefined;
}

/** A piece of a file that should be one JSON value. */
interface Piece {
  readonly text: string;
  readonly line: number;
  readonly byte: number;
}
const [NEWLINE, QUOTE, BACKSLASH, COMMA] = [10, 34, 92, 44];
const [OPEN_BRACKET, CLOSE_BRACKET, OPEN_BRACE, CLOSE_BRACE] = [91, 93, 123, 125];
const isSpace = (byte: number): boolean => byte === 32 || byte === NEWLINE || byte === 13 || byte === 9;

/** The lines of a stream that are not empty. */
async function* lines(chunks: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  for await (const { bytes, line, byte } of byteLines(chunks)) if (!bytes.every(isSpace)) yield { text: bytes.toString("utf8"), line, byte };
}

/** The elements of one array, cut out by counting brackets outside strings. */
async function* elements(file: string, chunks: AsyncIterable<Buffer>): AsyncGenerator<Piece> {
  let [depth, quoted, escaped, closed] = [0, false, false, false];
  let [line, byte] = [1, 0];
  let start: { line: number; byte: number } | undefined;
  // Elements so far, and commas between them.
  let [count, commas] = [0, 0];
  let held: Buffer[] = [];
  for await (const chunk of chunks) {
    let from = start ? 0 : -1;
    const cut = (to: number): Piece => {
      const text = Buffer.concat([...held, chunk.subarray(from, to)]).toString("utf8");
      const piece = { text, ...start! };
      held = [];
      start = undefined;
      from = -1;
      return piece;
    };
    for (let i = 0; i < chunk.length; i++, byte++) {
      const c = chunk[i]!;
      if (c === NEWLINE) line++;
      if (quoted) {
        if (escaped) escaped = false;
        else if (c === BACKSLASH) escaped = true;
        else if (c === QUOTE) quoted = false;
        continue;
      }
      if (isSpace(c) && !start) continue;
      if (closed) throw new DataFileError(file, "there is something behind the closing bracket", { line, byte });
      if (depth === 0) {
        depth = 1; // the opening bracket of the array
        continue;
      }
      if (depth === 1 && (c === COMMA || c === CLOSE_BRACKET)) {
        if (start) {
          count++;
          yield cut(i);
        }
        if (c === COMMA) commas++;
        else [depth, closed] = [0, true];
        if (count !== commas + (closed && count > 0 ? 1 : 0)) throw new DataFileError(file, "there is a comma too many", { line, byte });
        continue;
      }
      if (!start) {
        start = { line, byte };
        from = i;
      }
      if (c === QUOTE) quoted = true;
      else if (c === OPEN_BRACKET || c === OPEN_BRACE) depth++;
      else if (c === CLOSE_BRACKET || c === CLOSE_BRACE) depth--;
    }
    if (start) held.push(Buffer.from(chunk.subarray(from)));
  }
  if (!closed) throw new DataFileError(file, "ends inside the array", { line, byte, hint: "the file is cut off" });
}

/** The stream again, with its first byte that is no space looked at; a byte order mark is dropped. */
async function peek(file: string): Promise<{ first: number | undefined; chunks: AsyncIterable<Buffer> }> {
  const source = chunksOf(file);
  const seen: Buffer[] = [];
  let first: number | undefined;
  while (first === undefined) {
    const next = await source.next();
    if (next.done) break;
    // A blank stands for the mark, so that byte offsets stay right.
    if (seen.length === 0 && next.value.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]))) next.value.fill(32, 0, 3);
    seen.push(next.value);
    first = next.value.find((byte) => !isSpace(byte));
  }
  async function* chunks() {
    yield* seen;
    yield* source;
  }
  return { first, chunks: chunks() };
}

/** V8 names the place in some messages: "... in JSON at position 17". */
function faultAt({ text, byte }: Piece, message: string): number {
  const position = /at position (\d+)/.exec(message)?.[1];
  return position === undefined ? byte : byte + Buffer.byteLength(text.slice(0, Number(position)));
}

type JsonRow = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is JsonRow => typeof value === "object" && value !== null && !Array.isArray(value);

/** The rows of one field of the object that the file is. */
async function* rowsOfField(file: string, field: string): AsyncGenerator<readonly [row: JsonRow, place: { readonly line: number; readonly byte: number }]> {
  const start = { line: 1, byte: 0 };
  const held: Buffer[] = [];
  for await (const chunk of chunksOf(file)) held.push(chunk);
  const text = Buffer.concat(held)
    .toString("utf8")
    .replace(/^\uFEFF/, "");
  const fault = (message: string, more: object = {}) => new DataFileError(file, message, { ...start, ...more });
  let whole: unknown;
  try {
    whole = parseJson(text);
  } catch (error) {
    const { message } = error as Error;
    const byte = /end of JSON/.test(message) ? Buffer.byteLength(text) : faultAt({ text, ...start }, message);
    throw new DataFileError(file, message, {
      line:
        Buffer.from(text)
          .subarray(0, byte)
          .filter((c) => c === NEWLINE).length + 1,
      byte,
      cause: error,
    });
  }
  if (!isObject(whole) || !Object.hasOwn(whole, field)) {
    const hint = isObject(whole) ? `its fields are ${Object.keys(whole).join(", ")}` : "with `field` a file is one object";
    throw fault(`there is no field ${JSON.stringify(field)}`, { hint });
  }
  const rows = whole[field];
  if (Array.isArray(rows)) {
    for (const [i, row] of rows.entries()) {
      if (!isObject(row)) throw fault(`field ${field}, element ${i}: expected an object, found ${JSON.stringify(row).slice(0, 40)}`);
      yield [row, start];
    }
    return;
  }
  const columns = isObject(rows) ? Object.entries(rows) : [];
  const length = Array.isArray(columns[0]?.[1]) ? columns[0][1].length : -1;
  if (length < 0 || columns.some(([, values]) => !Array.isArray(values) || values.length !== length))
    throw fault(`field ${field} holds neither a list of objects nor lists of one length`);
  for (let i = 0; i < length; i++) yield [Object.fromEntries(columns.map(([name, values]) => [name, (values as unknown[])[i]])), start];
}

/** The rows of a file, one after the other, with their places. */
async function* jsonRows(
  file: string,
  { field }: JsonOptions,
): AsyncGenerator<readonly [row: JsonRow, place: { readonly line: number; readonly byte: number }]> {
  if (field !== undefined) {
    yield* rowsOfField(file, field);
    return;
  }
  const { first, chunks } = await peek(file);
  if (first === undefined) throw new DataFileError(file, "is empty");
  for await (const piece of first === OPEN_BRACKET ? elements(file, chunks) : lines(chunks)) {
    let row: unknown;
    try {
      row = parseJson(piece.text);
    } catch (error) {
      const { message } = error as Error;
      throw new DataFileError(file, message, {
        line: piece.line,
        byte: faultAt(piece, message),
        cause: error,
        hint: first === OPEN_BRACKET ? undefined : "JSON lines hold one object per line",
      });
    }
    if (!isObject(row)) throw new DataFileError(file, `expected an object, found ${piece.text.slice(0, 40)}`, { line: piece.line, byte: piece.byte });
    yield [row, piece];
  }
}

/** The rows of a file in tables. @throws DataFileError ERR_DATA_FILE */
export async function* jsonTables(file: string, options: JsonOptions, rows: RowsOptions & { readonly features: Features }): AsyncGenerator<Table> {
  const out = new RowTables(rows);
  let place = 0;
  for await (const [row, { line, byte }] of jsonRows(file, options)) {
    const fault: Fault = (message, cause) => new DataFileError(file, message, { line, byte, cause });
    const strange = rows.declared ? undefined : Object.keys(row).find((name) => !Object.hasOwn(rows.features, name));
    if (strange !== undefined) throw fault(`column ${JSON.stringify(strange)} is not among those of the first rows: declare the columns with features`);
    out.push(row, fault);
    place = byte;
    if (out.full(place)) yield out.take(place);
  }
  if (out.rows > 0) yield out.take(place);
}

/** All rows of all files in one table, whose columns the values decide. */
export async function jsonTable(files: readonly string[], options: JsonOptions, rows = Infinity): Promise<Table> {
  const out = new RowTables({ features: undefined, declared: false });
  for (const file of files) {
    if (out.rows >= rows) break;
    for await (const [row, { line, byte }] of jsonRows(file, options)) {
      out.push(row, (message, cause) => new DataFileError(file, message, { line, byte, cause }));
      if (out.rows >= rows) break;
    }
  }
  return out.take(0);
}

/** What the columns hold, by the first rows. */
export async function jsonFeatures(files: readonly string[], options: JsonOptions, rows: number): Promise<Features> {
  const table = await jsonTable(files, options, rows);
  return Object.fromEntries([...table.columns].map(([name, { feature }]) => [name, feature]));
}
