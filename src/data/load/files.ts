// Which files a call of loadDataset means, and reading them as bytes with errors that name the file.
import { isUtf8 } from "node:buffer";
import { createReadStream, existsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import { AccelerateError, ArgumentError } from "../../errors.js";

export type Files = string | readonly string[];
export type Format = "csv" | "json" | "text";

/** A file that does not hold what it should: code ERR_DATA_FILE, and where. */
export class DataFileError extends AccelerateError {
  readonly file: string;
  readonly line: number | undefined;
  /** Offset in the file, in bytes, from 0. */
  readonly byte: number | undefined;
  constructor(
    file: string,
    message: string,
    options: { readonly line?: number; readonly byte?: number; readonly hint?: string | undefined; readonly cause?: unknown } = {},
  ) {
    const place = options.line === undefined ? file : `${file}:${options.line}${options.byte === undefined ? "" : ` (byte ${options.byte})`}`;
    super("ERR_DATA_FILE", `${place}: ${message}`, { ...(options.hint ? { hint: options.hint } : {}), cause: options.cause });
    this.file = file;
    this.line = options.line;
    this.byte = options.byte;
  }
}

/** @throws ArgumentError ERR_FILE_NOT_FOUND with the names nearby. */
export async function checkFile(file: string): Promise<void> {
  if (existsSync(file) && statSync(file).isFile()) return;
  const folder = join(file, "..");
  const near = existsSync(folder) ? (await readdir(folder)).filter((name) => extname(name) === extname(file)).slice(0, 8) : [];
  const what = existsSync(file) ? "is a folder" : "no such file";
  throw new ArgumentError(`${file}: ${what}`, { code: "ERR_FILE_NOT_FOUND", ...(near.length > 0 ? { hint: `in this folder: ${near.join(", ")}` } : {}) });
}

/** Bytes at the end that begin a character whose rest is still to come. */
function openBytes(data: Buffer): number {
  for (let back = 1; back <= Math.min(3, data.length); back++) {
    const c = data[data.length - back]!;
    if (c >= 0xc0) return (c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2) > back ? back : 0;
    if (c < 0x80) return 0;
  }
  return 0;
}

/** The place of the first byte that is no UTF-8; `data` begins at a character, `base` bytes into the file. */
async function utf8Fault(file: string, data: Buffer, base: number): Promise<DataFileError> {
  let [valid, bad] = [0, data.length];
  while (bad - valid > 1) {
    const middle = (valid + bad) >> 1;
    const head = data.subarray(0, middle);
    if (isUtf8(head.subarray(0, middle - openBytes(head)))) valid = middle;
    else bad = middle;
  }
  // The head is valid but for a character that its next byte does not go on with.
  const byte = base + valid - openBytes(data.subarray(0, valid));
  let line = 1;
  if (byte > 0) for await (const chunk of createReadStream(file, { end: byte - 1 })) for (const c of chunk as Buffer) if (c === 10) line++;
  return new DataFileError(file, "the text is not UTF-8", { line, byte, hint: "convert it: iconv -f latin1 -t utf-8 (or -f utf-16, ...)" });
}

/** The bytes of a text file, cut between characters. @throws DataFileError ERR_DATA_FILE when it cannot be read or is not UTF-8 */
export async function* chunksOf(file: string): AsyncGenerator<Buffer, void, undefined> {
  let [open, byte]: [Buffer, number] = [Buffer.alloc(0), 0];
  for await (const chunk of bytesOf(file)) {
    const data = open.length > 0 ? Buffer.concat([open, chunk]) : chunk;
    const whole = data.subarray(0, data.length - openBytes(data));
    if (!isUtf8(whole)) throw await utf8Fault(file, whole, byte);
    open = Buffer.from(data.subarray(whole.length));
    byte += whole.length;
    if (whole.length > 0) yield whole;
  }
  if (open.length > 0) throw await utf8Fault(file, open, byte);
}

async function* bytesOf(file: string): AsyncGenerator<Buffer, void, undefined> {
  try {
    yield* createReadStream(file, { highWaterMark: 1 << 18 }) as AsyncIterable<Buffer>;
  } catch (error) {
    throw new DataFileError(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`, { cause: error });
  }
}

export const formats: { readonly [extension: string]: Format } = {
  ".csv": "csv",
  ".tsv": "csv",
  ".json": "json",
  ".jsonl": "json",
  ".ndjson": "json",
  ".txt": "text",
};
/** File names that mean a split, in the order in which splits are shown. */
const splitNames: readonly (readonly [split: string, names: RegExp])[] = [
  ["train", /^(train|training)([-_.].*)?$/],
  ["validation", /^(validation|valid|dev|val)([-_.].*)?$/],
  ["test", /^(test|testing)([-_.].*)?$/],
];

export interface FolderFiles {
  readonly format: Format;
  readonly splits: readonly (readonly [split: string, files: readonly string[]])[];
}

/** Files of a folder by split: train, validation and test by their names; one format, that of most precedence (json, csv, text). */
export async function filesOfFolder(folder: string): Promise<FolderFiles> {
  const names = (await readdir(folder)).sort();
  for (const format of ["json", "csv", "text"] as const) {
    const candidates = names.filter((name) => formats[extname(name)] === format);
    const stem = (name: string) => basename(name, extname(name));
    const splits = splitNames.flatMap(([split, pattern]) => {
      const files = candidates.filter((name) => pattern.test(stem(name))).map((name) => join(folder, name));
      return files.length > 0 ? [[split, files] as const] : [];
    });
    if (splits.length > 0) return { format, splits };
  }
  throw new ArgumentError(`${folder} holds no train, validation or test file`, {
    code: "ERR_DATASET_NOT_FOUND",
    hint: `expected train.jsonl, train.json, train.csv, train.tsv or train.txt (found ${names.slice(0, 8).join(", ") || "nothing"}); name files with loadDataset("json", { dataFiles })`,
  });
}
