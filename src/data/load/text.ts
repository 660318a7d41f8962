// Text files: one row { text } per line.
import type { RowWriter } from "../columns/row-writer.js";
import { chunksOf, DataFileError } from "./files.js";
import { byteLines } from "./lines.js";

/** Lines end as in Python's text files: at \n, \r\n or \r, and nowhere else. A byte order mark is dropped. */
export async function readText(file: string, into: RowWriter): Promise<void> {
  // A file without lines has the column nevertheless.
  if (into.rows === 0) into.pushColumn("text", [], "string");
  for await (const { bytes, line, byte } of byteLines(chunksOf(file))) {
    const content = bytes.toString("utf8").replace(/\r$/, "");
    for (const text of (byte === 0 ? content.replace(/^\uFEFF/, "") : content).split("\r"))
      into.pushFrom({ text }, (message, cause) => new DataFileError(file, message, { line, byte, cause }));
  }
}
