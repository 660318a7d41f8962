// The messages of Arrow files: their headers are read, their bodies are not touched.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { resolve } from "node:path";
import { ArgumentError } from "../../errors.js";
import { DataFileError } from "../load/files.js";
import { FlatTable, int64At } from "./flat-table.js";

/** Tells a file from every other one, and from itself after a change. */
export interface FileIdentity {
  readonly path: string;
  readonly size: number;
  /** Decimal digits: they are beyond 2^53. */
  readonly device: string;
  readonly inode: string;
  readonly modified: string;
}

/** An error at a place of the file. */
export const damaged = (path: string, byte: number, message: string, cause?: unknown): DataFileError =>
  new DataFileError(path, `byte ${byte}: ${message}`, { byte, cause, hint: "the file is damaged or was not written to its end: make it again" });

const firstRead = 4096;
/** No header of a record batch or schema is longer; what claims to be is damage. */
const longestHeader = 1 << 30;

/** A file that is read by places. */
export class PlacedFile implements Disposable {
  readonly path: string;
  readonly size: number;
  readonly identity: FileIdentity;
  readonly #fd: number;
  #buffer = new Uint8Array(1 << 16);

  /** @throws ArgumentError ERR_FILE_NOT_FOUND, DataFileError when it cannot be read */
  constructor(path: string) {
    this.path = path;
    try {
      // A pipe, which would be waited for, is told below to be no file.
      this.#fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === "ENOENT") throw new ArgumentError(`${path}: no such file`, { code: "ERR_FILE_NOT_FOUND" });
      throw new DataFileError(path, `cannot be read (${code ?? message})`, { cause: error });
    }
    const status = fstatSync(this.#fd, { bigint: true });
    if (!status.isFile()) {
      closeSync(this.#fd);
      throw new DataFileError(path, status.isDirectory() ? "is a folder" : "is no file");
    }
    this.size = Number(status.size);
    this.identity = { path: resolve(path), size: this.size, device: String(status.dev), inode: String(status.ino), modified: String(status.mtimeNs) };
  }
  /** Bytes that the next call may overwrite. @throws DataFileError when the file has fewer */
  read(at: number, length: number): Uint8Array {
    if (at < 0 || length < 0 || at + length > this.size) throw damaged(this.path, at, `${length} bytes are expected, the file ends at ${this.size}`);
    if (this.#buffer.length < length) this.#buffer = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const count = this.#readSome(at, done, length);
      if (count === 0) throw damaged(this.path, at + done, "the file became shorter while it was read");
      done += count;
    }
    return this.#buffer.subarray(0, length);
  }
  #readSome(at: number, done: number, length: number): number {
    try {
      return readSync(this.#fd, this.#buffer, done, length - done, at + done);
    } catch (error) {
      throw new DataFileError(this.path, `cannot be read at byte ${at} (${(error as NodeJS.ErrnoException).code})`, { byte: at, cause: error });
    }
  }
  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }
}

export interface Message {
  readonly at: number;
  readonly type: "schema" | "dictionary" | "batch";
  /** Valid until the next read. */
  readonly header: FlatTable;
  readonly body: number;
  readonly bodyLength: number;
  /** Where the next message begins. */
  readonly end: number;
}

const types = { 1: "schema", 2: "dictionary", 3: "batch" } as const;

/** The message at a place; undefined at the end of a stream. @throws DataFileError where there is none */
export function readMessage(file: PlacedFile, at: number): Message | undefined {
  if (at === file.size) return undefined;
  const head = file.read(at, Math.min(firstRead, file.size - at));
  if (head.length < 4) throw damaged(file.path, at, "the file ends in the middle of a message");
  const words = new DataView(head.buffer, head.byteOffset, head.byteLength);
  // Before 2019 there was no marker.
  const marked = words.getUint32(0, true) === 0xffffffff;
  const start = marked ? 8 : 4;
  if (head.length < start) throw damaged(file.path, at, "the file ends in the middle of a message");
  const length = words.getInt32(marked ? 4 : 0, true);
  if (length === 0) return undefined;
  if (length < 8 || length > longestHeader || (!marked && at + start + length > file.size))
    throw damaged(file.path, at, `no message begins here (a header of ${length} bytes)`);
  const metadata = start + length <= head.length ? head.subarray(start, start + length) : file.read(at + start, length);
  try {
    const message = FlatTable.root(metadata);
    const type = types[message.byte(1) as keyof typeof types];
    const header = message.table(2);
    if (!type || !header) throw new RangeError(`a message of type ${message.byte(1)}`);
    const bodyLength = message.int64(3);
    const body = at + start + length;
    if (bodyLength < 0 || body + bodyLength > file.size)
      throw damaged(file.path, body, `a body of ${bodyLength} bytes is expected, the file ends at ${file.size}`);
    return { at, type, header, body, bodyLength, end: body + bodyLength };
  } catch (error) {
    throw error instanceof RangeError ? damaged(file.path, at, `no message can be read here (${error.message})`, error) : error;
  }
}

export interface Block {
  readonly at: number;
}
export interface Footer {
  readonly schema: FlatTable;
  readonly dictionaries: readonly Block[];
  readonly batches: readonly Block[];
}

const magic = "ARROW1";
const blockBytes = 24;

export const isFileFormat = (file: PlacedFile): boolean => file.size >= 8 && Buffer.from(file.read(0, 6)).toString("latin1") === magic;

/** The end of a file in Arrow's file format. @param keep called with the schema, which is valid only while it runs */
export function readFooter<T>(file: PlacedFile, keep: (footer: Footer) => T): T {
  if (file.size < 20) throw damaged(file.path, 0, "it is too short for an Arrow file");
  const tail = Buffer.from(file.read(file.size - 10, 10));
  if (tail.toString("latin1", 4) !== magic) throw damaged(file.path, file.size - 6, "the end of an Arrow file is missing");
  const length = tail.readInt32LE(0);
  const at = file.size - 10 - length;
  if (length < 8 || at < 8) throw damaged(file.path, file.size - 10, `no footer has ${length} bytes`);
  try {
    const footer = FlatTable.root(file.read(at, length));
    const schema = footer.table(1);
    if (!schema) throw new RangeError("there is no schema");
    const blocks = (field: number): Block[] => {
      const { at: first, length: count } = footer.vector(field, blockBytes);
      return Array.from({ length: count }, (_, i) => ({ at: int64At(footer.view, first + i * blockBytes) }));
    };
    return keep({ schema, dictionaries: blocks(2), batches: blocks(3) });
  } catch (error) {
    throw error instanceof RangeError ? damaged(file.path, at, `the footer cannot be read (${error.message})`, error) : error;
  }
}
