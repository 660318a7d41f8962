// Text files: one row { text } per line, paragraph or file.
import { ArgumentError } from "../../errors.js";
import type { Table } from "../columns/table.js";
import { chunksOf, DataFileError } from "./files.js";
import { byteLines } from "./lines.js";
import { type RowsOptions, RowTables } from "./rows.js";

export interface TextOptions {
  /** What a row is; default "line". Paragraphs are parted by empty lines, a document is a whole file. */
  readonly sampleBy?: "line" | "paragraph" | "document" | undefined;
  /** Keeps \n at the end of lines. */
  readonly keepLinebreaks?: boolean | undefined;
}
interface Sample {
  readonly text: string;
  readonly line: number;
  readonly byte: number;
}

/** Lines end as in Python's text files: at \n, \r\n or \r, and nowhere else; all are \n here. A byte order mark is dropped. */
async function* textLines(file: string): AsyncGenerator<Sample & { readonly ended: boolean }> {
  let last: (Sample & { readonly ended: boolean }) | undefined;
  for await (const { bytes, line, byte, ended } of byteLines(chunksOf(file))) {
    const content = ended ? bytes.toString("utf8").replace(/\r$/, "") : bytes.toString("utf8");
    const pieces = (byte === 0 ? content.replace(/^\uFEFF/, "") : content).split("\r");
    for (const [i, text] of pieces.entries()) {
      if (last) yield last;
      last = { text, line, byte, ended: ended || i < pieces.length - 1 };
    }
  }
  // Behind a last \r there is no line, as behind a last \n.
  if (last && (last.ended || last.text !== "")) yield last;
}

async function* paragraphs(file: string): AsyncGenerator<Sample> {
  let held: Sample[] = [];
  const joined = (): Sample => ({ ...held[0]!, text: held.map(({ text }) => text).join("\n") });
  let ended = false;
  for await (const sample of textLines(file)) {
    // Python parts the text at every "\n\n": a third line break is the beginning of the next paragraph.
    if (sample.text === "" && held.length > 0) {
      const whole = joined();
      if (whole.text !== "") yield whole;
      held = [];
    } else held.push(sample);
    ({ ended } = sample);
  }
  if (held.length === 0) return;
  const { text, ...place } = joined();
  const rest = ended ? `${text}\n` : text;
  if (rest !== "") yield { text: rest, ...place };
}

async function* documents(file: string): AsyncGenerator<Sample> {
  const lines: string[] = [];
  for await (const { text, ended } of textLines(file)) lines.push(ended ? `${text}\n` : text);
  yield { text: lines.join(""), line: 1, byte: 0 };
}

async function* samples(file: string, { sampleBy = "line", keepLinebreaks = false }: TextOptions): AsyncGenerator<Sample> {
  if (sampleBy === "paragraph") yield* paragraphs(file);
  else if (sampleBy === "document") yield* documents(file);
  else if (sampleBy !== "line")
    throw new ArgumentError(`sampleBy is ${JSON.stringify(sampleBy)}`, { code: "ERR_OPTIONS", hint: 'give "line", "paragraph" or "document"' });
  else for await (const { ended, ...line } of textLines(file)) yield keepLinebreaks && ended ? { ...line, text: `${line.text}\n` } : line;
}

/** The rows of a file in tables. @throws DataFileError ERR_DATA_FILE */
export async function* textTables(file: string, options: TextOptions, rows: RowsOptions): AsyncGenerator<Table> {
  const out = new RowTables(rows);
  let place = 0;
  for await (const { text, line, byte } of samples(file, options)) {
    out.push({ text }, (message, cause) => new DataFileError(file, message, { line, byte, cause }));
    place = byte;
    if (out.full(place)) yield out.take(place);
  }
  if (out.rows > 0) yield out.take(place);
}
