// Bytes of a file at a position: the file is opened for each turn of reading and must stay the one that was looked at first.
import { constants, type FileHandle, open } from "node:fs/promises";
import type { Fault } from "./error.js";

/** Bytes per system call at most. */
const maxReadBytes = 1 << 30;

/** An open file for the time of a call. */
export interface Bytes {
  readonly size: number;
  /** Fills `into` from a position. @throws TorchFileError ERR_TORCH_FILE_TRUNCATED */
  read(into: Uint8Array, position: number): Promise<void>;
}

async function fill(handle: FileHandle, into: Uint8Array, position: number, fault: Fault): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, maxReadBytes), position + done);
    if (bytesRead === 0)
      throw fault(
        "ERR_TORCH_FILE_TRUNCATED",
        `the file ends at byte ${(position + done).toLocaleString("en-US")}, ${(into.length - done).toLocaleString("en-US")} more were to be read`,
        {
          offset: position + done,
          hint: "the file is cut off; download it again",
        },
      );
    done += bytesRead;
  }
}

/** A file that may be read again later. */
export class FileSource {
  readonly file: string;
  readonly fault: Fault;
  #identity: string | undefined;

  constructor(file: string, fault: Fault) {
    this.file = file;
    this.fault = fault;
  }

  /** @throws TorchFileError ERR_TORCH_FILE_CHANGED when the file is not the one of the first turn, ERR_TORCH_FILE_OPEN when the system refuses it. */
  async open<T>(work: (bytes: Bytes) => Promise<T>): Promise<T> {
    try {
      // A pipe would be waited for.
      await using handle = await open(this.file, constants.O_RDONLY | constants.O_NONBLOCK);
      const status = await handle.stat();
      if (!status.isFile()) throw this.fault("ERR_TORCH_FILE_OPEN", status.isDirectory() ? "it is a folder" : "it is no file");
      const { dev, ino, size, mtimeMs } = status;
      const identity = [dev, ino, size, mtimeMs].join();
      this.#identity ??= identity;
      if (identity !== this.#identity) throw this.fault("ERR_TORCH_FILE_CHANGED", "the file has changed since it was opened", { hint: "read it anew" });
      return await work({ size, read: (into, position) => fill(handle, into, position, this.fault) });
    } catch (error) {
      const { code, syscall } = error as NodeJS.ErrnoException;
      if (syscall === undefined) throw error;
      throw this.fault("ERR_TORCH_FILE_OPEN", `it cannot be read (${code})`, { cause: error });
    }
  }
}
