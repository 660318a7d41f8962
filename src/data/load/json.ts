// JSON files: one object per line, or one array of objects, read as a stream; errors name line and byte.
import type { RowWriter } from "../columns/row-writer.js";
import { chunksOf, DataFileError } from "./files.js";
import { byteLines } from "./lines.js";

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

/** Appends the rows of a file. @throws DataFileError ERR_DATA_FILE */
export async function readJson(file: string, into: RowWriter): Promise<void> {
  const { first, chunks } = await peek(file);
  if (first === undefined) throw new DataFileError(file, "is empty");
  for await (const piece of first === OPEN_BRACKET ? elements(file, chunks) : lines(chunks)) {
    let row: unknown;
    try {
      row = JSON.parse(piece.text);
    } catch (error) {
      const { message } = error as Error;
      throw new DataFileError(file, message, {
        line: piece.line,
        byte: faultAt(piece, message),
        cause: error,
        hint: first === OPEN_BRACKET ? undefined : "JSON lines hold one object per line",
      });
    }
    if (typeof row !== "object" || row === null || Array.isArray(row)) {
      throw new DataFileError(file, `expected an object, found ${piece.text.slice(0, 40)}`, { line: piece.line, byte: piece.byte });
    }
    into.pushFrom(row as Record<string, unknown>, (message, cause) => new DataFileError(file, message, { line: piece.line, byte: piece.byte, cause }));
  }
}
