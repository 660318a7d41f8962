// Which files a call of loadDataset means, and reading them as bytes with errors that name the file.
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

export async function* chunksOf(file: string): AsyncGenerator<Buffer, void, undefined> {
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
