// Cuts CSV bytes into fields by the rules of Python's readers (csv, pandas), so that the same file gives the same rows:
// a quote opens a quoted field only at its start, a doubled quote inside is a quote, text behind the closing quote belongs to the field.
import { ArgumentError } from "../../errors.js";
import { chunksOf, DataFileError } from "./files.js";

export interface CsvRecord {
  readonly fields: string[];
  /** Where the record begins: line from 1, offset in bytes from 0. */
  readonly line: number;
  readonly byte: number;
}
const [NEWLINE, RETURN] = [10, 13];
/** Bytes that separate and quote; no byte is -1. */
interface Marks {
  readonly delimiter: number;
  readonly quote: number;
}
export interface CsvMarks {
  readonly delimiter: string;
  /** What fields may stand in; null: nothing, quotes are part of the text (csv.QUOTE_NONE). */
  readonly quoteChar: string | null;
}

interface Scanned {
  /** Nothing but the end of the line. */
  readonly empty: boolean;
  readonly fields: string[];
  readonly end: number;
  readonly newlines: number;
}

/** One record from `start`; undefined when the buffer ends inside it and more may come. */
function scan(data: Buffer, start: number, { delimiter, quote }: Marks, final: boolean): Scanned | "open quote" | undefined {
  const fields: string[] = [];
  let [at, newlines] = [start, 0];
  for (;;) {
    let text = "";
    if (data[at] === quote) {
      let from = ++at;
      for (;;) {
        const to = data.indexOf(quote, at);
        if (to < 0 || (to + 1 >= data.length && !final)) return final ? "open quote" : undefined;
        text += data.toString("utf8", from, to);
        if (data[to + 1] !== quote) {
          at = to + 1;
          break;
        }
        // The second quote of the pair is the first byte of the next piece.
        from = to + 1;
        at = to + 2;
      }
      for (const c of text) if (c === "\n") newlines++;
    }
    const from = at;
    while (at < data.length && data[at] !== delimiter && data[at] !== NEWLINE && data[at] !== RETURN) at++;
    if (at >= data.length && !final) return undefined;
    fields.push(text + data.toString("utf8", from, at));
    if (at < data.length && data[at] === delimiter) {
      at++;
      continue;
    }
    const empty = at === start;
    if (data[at] !== RETURN) return { fields, empty, end: at + 1, newlines: newlines + 1 };
    if (at + 1 >= data.length && !final) return undefined;
    return { fields, empty, end: at + (data[at + 1] === NEWLINE ? 2 : 1), newlines: newlines + 1 };
  }
}

/** @throws ArgumentError ERR_CSV_DELIMITER */
function marksOf({ delimiter, quoteChar }: CsvMarks): Marks {
  const code = (name: string, text: string): number => {
    const byte = text.charCodeAt(0);
    if (text.length === 1 && byte <= 127 && byte !== NEWLINE && byte !== RETURN) return byte;
    throw new ArgumentError(`${name} ${JSON.stringify(text)}`, { code: "ERR_CSV_DELIMITER", hint: 'give one ASCII character, such as "," or "\\t"' });
  };
  const marks = { delimiter: code("delimiter", delimiter), quote: quoteChar === null ? -1 : code("quoteChar", quoteChar) };
  if (marks.delimiter !== marks.quote) return marks;
  throw new ArgumentError(`delimiter ${JSON.stringify(delimiter)} is the quote, too`, { code: "ERR_CSV_DELIMITER", hint: "give two different characters" });
}

/** The records of a file; empty lines are skipped. @throws DataFileError ERR_DATA_FILE for a quote that is never closed. */
export async function* csvRecords(file: string, given: CsvMarks): AsyncGenerator<CsvRecord, void, undefined> {
  const marks = marksOf(given);
  let held: Buffer[] = [];
  let [line, byte, length, needed] = [1, 0, 0, 0];
  const take = function* (data: Buffer, final: boolean): Generator<CsvRecord, number> {
    let at = 0;
    while (at < data.length) {
      const record = scan(data, at, marks, final);
      if (!record) break;
      if (record === "open quote") throw new DataFileError(file, "a quote is opened and never closed", { line, byte });
      if (!record.empty) yield { fields: record.fields, line, byte };
      const end = Math.min(record.end, data.length);
      line += record.newlines;
      byte += end - at;
      at = end;
    }
    return at;
  };
  let first = true;
  for await (const chunk of chunksOf(file)) {
    const marked = first && chunk.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf]));
    if (marked) byte = 3;
    first = false;
    held.push(marked ? chunk.subarray(3) : chunk);
    length += held.at(-1)!.length;
    // A record longer than what is held is looked at again only when that has doubled.
    if (length < needed) continue;
    const data = held.length > 1 ? Buffer.concat(held) : held[0]!;
    const used = yield* take(data, false);
    held = used < data.length ? [Buffer.from(data.subarray(used))] : [];
    length = data.length - used;
    needed = used === 0 ? length * 2 : 0;
  }
  yield* take(Buffer.concat(held), true);
}
