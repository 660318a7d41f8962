// Text files: one row { text } per line.
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { RowWriter } from "../dataset.js";
import { chunksOf } from "./files.js";

export async function readText(file: string, into: RowWriter): Promise<void> {
  for await (const text of createInterface({ input: Readable.from(chunksOf(file)), crlfDelay: Infinity })) into.push({ text });
}
