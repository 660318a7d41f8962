// A file being written: under a temporary name beside it, taken over by its own when it is whole.
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { sweepUnfinished, unfinishedName } from "../../unfinished.js";
import { writeError } from "../arrow/write-error.js";

const packed = promisify(gzip);

/** Of files that others write next to it nobody sees half of one; a failure leaves the older file as it was. */
export class OutputFile implements AsyncDisposable {
  readonly path: string;
  readonly #temporary: string;
  readonly #handle: FileHandle;
  readonly #gzip: boolean;
  #bytes = 0;
  #open = true;

  private constructor(path: string, temporary: string, handle: FileHandle) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
    // A file of several gzip members is one gzip file.
    this.#gzip = path.endsWith(".gz");
  }
  /** @throws AccelerateError ERR_DATA_WRITE */
  static async create(path: string): Promise<OutputFile> {
    const temporary = unfinishedName(path);
    try {
      await mkdir(dirname(path), { recursive: true });
      await sweepUnfinished(dirname(path));
      return new OutputFile(path, temporary, await open(temporary, "wx"));
    } catch (error) {
      throw writeError(path, error);
    }
  }
  /** Bytes before compression. */
  get bytes(): number {
    return this.#bytes;
  }
  /** @throws AccelerateError ERR_DATA_WRITE */
  async write(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    this.#bytes += bytes.length;
    try {
      const out = this.#gzip ? await packed(bytes) : bytes;
      for (let at = 0; at < out.length; ) at += (await this.#handle.write(out, at)).bytesWritten;
    } catch (error) {
      throw writeError(this.path, error);
    }
  }
  /** Bytes written, before compression. @throws AccelerateError ERR_DATA_WRITE */
  async close(): Promise<number> {
    try {
      this.#open = false;
      await this.#handle.close();
      await rename(this.#temporary, this.path);
    } catch (error) {
      await rm(this.#temporary, { force: true });
      throw writeError(this.path, error);
    }
    return this.#bytes;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close().catch(() => {}); // a full disk may say so here once more
    await rm(this.#temporary, { force: true });
  }
}

/** Rows that are put together before they are written. */
export const BATCH_ROWS = 1000;

/** Ranges of rows that cover a table. */
export function* ranges(length: number, size = BATCH_ROWS): Generator<readonly [start: number, end: number]> {
  for (let start = 0; start < length; start += size) yield [start, Math.min(start + size, length)];
}
