// Files mapped into memory, seen through windows of which each is one ArrayBuffer. Nothing here may be written to: the pages are read-only.
import { AccelerateError } from "../../errors.js";
import { loadNative, type NativeHandle } from "../../native/binding.js";
import { DataFileError } from "../load/files.js";
import type { FileIdentity } from "./messages.js";

declare module "../../native/binding.js" {
  interface NativeBinding {
    /** identity: device, inode, size, modification time in ns. */
    mapFile(path: string, identity: BigUint64Array): NativeHandle<"mapped file">;
    mapWindow(file: NativeHandle<"mapped file">, offset: number, length: number): ArrayBuffer;
  }
}

/** Bytes of one window; an ArrayBuffer of Node 20 holds less than 4 GiB. */
const windowBytes = 2 ** 30;
const page = 2 ** 16; // a multiple of every system's page size: what is aligned in the file is aligned in memory

/**
 * A file in memory. Its mapping is shared by all threads of the process and goes when nobody holds a window any more; until then the file may be
 * removed or replaced by another one of the same name. It must not be made shorter: the system ends a process that reads what is gone (SIGBUS).
 */
export class MappedFile {
  readonly path: string;
  readonly #size: number;
  readonly #handle: NativeHandle<"mapped file">;
  readonly #windows = new Map<number, ArrayBuffer>();

  /** @throws DataFileError when it cannot be mapped, or is another one than `file` says */
  constructor(file: FileIdentity) {
    this.path = file.path;
    this.#size = file.size;
    const identity = new BigUint64Array([BigInt(file.device), BigInt(file.inode), BigInt(file.size), BigInt.asUintN(64, BigInt(file.modified))]);
    this.#handle = told(file.path, () => loadNative().mapFile(file.path, identity));
  }
  /** Bytes start..start + length of the file, without a copy. @throws DataFileError beyond its end */
  bytes(start: number, length: number): Uint8Array<ArrayBuffer> {
    if (!(start >= 0 && length >= 0 && start + length <= this.#size))
      throw new DataFileError(this.path, `byte ${start}: ${length} bytes are expected, the file ends at ${this.#size}`, { byte: start });
    if (length === 0) return new Uint8Array(0);
    const first = Math.floor(start / windowBytes) * windowBytes;
    if (start + length > first + windowBytes) return this.#across(start, length);
    let window = this.#windows.get(first);
    if (!window) {
      window = this.#map(first, Math.min(windowBytes, this.#size - first));
      this.#windows.set(first, window);
    }
    return new Uint8Array(window, start - first, length);
  }
  /** What lies on both sides of a window's border gets one of its own. */
  #across(start: number, length: number): Uint8Array<ArrayBuffer> {
    const first = Math.floor(start / page) * page;
    return new Uint8Array(this.#map(first, start + length - first), start - first, length);
  }
  #map(start: number, length: number): ArrayBuffer {
    return told(this.path, () => loadNative().mapWindow(this.#handle, start, length));
  }
}

function told<T>(path: string, map: () => T): T {
  try {
    return map();
  } catch (error) {
    if (error instanceof AccelerateError) throw error;
    const changed = (error as { code?: unknown }).code === "ERR_FILE_CHANGED";
    throw new DataFileError(path, changed ? "was changed or replaced after it was opened" : (error as Error).message, {
      cause: error,
      hint: changed ? "load the data set again" : undefined,
    });
  }
}

const opened = new Map<string, WeakRef<MappedFile>>();
const closed = new FinalizationRegistry<string>((key) => {
  if (!opened.get(key)?.deref()) opened.delete(key);
});

/** The file as this thread has it mapped already, or mapped now: each window costs V8 the trouble of a garbage collection. */
export function mappedFile(file: FileIdentity): MappedFile {
  const key = [file.device, file.inode, file.size, file.modified].join(":");
  const known = opened.get(key)?.deref();
  if (known) return known;
  const mapped = new MappedFile(file);
  opened.set(key, new WeakRef(mapped));
  closed.register(mapped, key);
  return mapped;
}

const held = new WeakMap<object, MappedFile>();
/** Keeps a file mapped for as long as an object lives. */
export const holdMapped = (owner: object, file: FileIdentity): void => {
  held.set(owner, mappedFile(file));
};
