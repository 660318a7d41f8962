// Files as bytes, with errors that name the file and the place in it.
import { isUtf8 } from "node:buffer";
import { createReadStream } from "node:fs";
import { open as openFile } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { AccelerateError } from "../../errors.js";

export type Files = string | readonly string[];

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
  if (byte > 0) {
    let read = 0;
    for await (const chunk of bytesOf(file)) {
      for (const c of chunk.subarray(0, byte - read)) if (c === 10) line++;
      read += chunk.length;
      if (read >= byte) break;
    }
  }
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

/** Whether a file begins as gzip does. */
async function isGzip(file: string): Promise<boolean> {
  const handle = await openFile(file);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await handle.close();
  }
}

/** The bytes of a file; of one that is compressed by gzip what it holds. Leaving the loop closes it. */
async function* bytesOf(file: string): AsyncGenerator<Buffer, void, undefined> {
  let raw: ReturnType<typeof createReadStream> | undefined;
  try {
    const packed = await isGzip(file);
    raw = createReadStream(file, { highWaterMark: 1 << 18 });
    if (!packed) yield* raw as AsyncIterable<Buffer>;
    else {
      const unpacked = createGunzip();
      raw.on("error", (error) => unpacked.destroy(error));
      yield* raw.pipe(unpacked) as AsyncIterable<Buffer>;
    }
  } catch (error) {
    if (error instanceof AccelerateError) throw error;
    throw new DataFileError(file, `cannot be read (${(error as NodeJS.ErrnoException).code ?? (error as Error).message})`, { cause: error });
  } finally {
    raw?.destroy();
  }
}
