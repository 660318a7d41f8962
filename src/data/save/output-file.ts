// A file being written: under a temporary name beside it, taken over by its own when it is whole.
import { type FileHandle, mkdir, open, realpath, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { sweepUnfinished, unfinishedName } from "../../unfinished.js";
import { writeError } from "../arrow/write-error.js";

const packed = promisify(gzip);

/** Descriptors of this process: a file behind one is written, not replaced. */
const DESCRIPTOR = /^\/(dev\/(stdin|stdout|stderr|fd\/)|proc\/)/;

/** Where a path leads: to the file that a link names, and whether to no file at all but a device or a pipe. */
async function targetOf(path: string): Promise<{ readonly path: string; readonly direct: boolean }> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return { path, direct: false };
  if (!found.isFile() || DESCRIPTOR.test(path)) return { path, direct: true };
  return { path: await realpath(path), direct: false };
}

/** Of files that others write next to it nobody sees half of one; a failure leaves the older file as it was. */
export class OutputFile implements AsyncDisposable {
  readonly path: string;
  readonly #target: string;
  /** Undefined: devices and pipes are written as they are. */
  readonly #temporary: string | undefined;
  readonly #handle: FileHandle;
  readonly #gzip: boolean;
  #bytes = 0;
  #open = true;

  private constructor(path: string, target: string, temporary: string | undefined, handle: FileHandle) {
    this.path = path;
    this.#target = target;
    this.#temporary = temporary;
    this.#handle = handle;
    // A file of several gzip members is one gzip file.
    this.#gzip = path.endsWith(".gz");
  }
  /** @throws AccelerateError ERR_DATA_WRITE */
  static async create(path: string): Promise<OutputFile> {
    try {
      const { path: target, direct } = await targetOf(path);
      if (direct) return new OutputFile(path, target, undefined, await open(target, "w"));
      const temporary = unfinishedName(target);
      await mkdir(dirname(target), { recursive: true });
      await sweepUnfinished(dirname(target));
      return new OutputFile(path, target, temporary, await open(temporary, "wx"));
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
      if (this.#temporary !== undefined) await rename(this.#temporary, this.#target);
    } catch (error) {
      await this.#remove();
      throw writeError(this.path, error);
    }
    return this.#bytes;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.#handle.close().catch(() => {}); // a full disk may say so here once more
    await this.#remove();
  }
  async #remove(): Promise<void> {
    if (this.#temporary !== undefined) await rm(this.#temporary, { force: true });
  }
}

/** Rows that are put together before they are written. */
const BATCH_ROWS = 1000;

/** Ranges of rows that cover a table. */
export function* ranges(length: number, size = BATCH_ROWS): Generator<readonly [start: number, end: number]> {
  for (let start = 0; start < length; start += size) yield [start, Math.min(start + size, length)];
}
