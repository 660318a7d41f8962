// A file that only grows: what is appended goes out in order and in one write, however fast it comes.
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { TrackingError } from "./tracker.js";

export interface AppendFileOptions {
  /** What holds a whole record at the end of a file that is there already; a last line that was cut off is closed with it. */
  readonly lineEnd?: string;
  /** Fail when the file exists. */
  readonly fresh?: boolean;
}

export class AppendFile {
  readonly path: string;
  readonly #handle: FileHandle;
  #pending: Uint8Array[] = [];
  #writing: Promise<void> | undefined;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /** Opens the file, with the directories above it. */
  static async open(path: string, options: AppendFileOptions = {}): Promise<AppendFile> {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, options.fresh ? "ax+" : "a+");
    try {
      const { size } = await handle.stat();
      if (options.lineEnd !== undefined && size > 0) {
        const last = Buffer.alloc(1);
        await handle.read(last, 0, 1, size - 1);
        if (last.toString() !== "\n") await handle.appendFile(options.lineEnd);
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    return new AppendFile(path, handle);
  }

  /** Returns when the system has the bytes. Calls that come meanwhile share the next write. */
  append(bytes: Uint8Array | string): Promise<void> {
    this.#pending.push(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
    this.#writing ??= this.#drain();
    return this.#writing;
  }

  async #drain(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const bytes = Buffer.concat(this.#pending);
        this.#pending = [];
        await this.#handle.appendFile(bytes);
      }
    } catch (cause) {
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new TrackingError("ERR_TRACKER", `${this.path} cannot be written (${message})`, { cause, hint: "is the disk full, or the directory gone?" });
    } finally {
      this.#writing = undefined;
    }
  }

  /** Writes what is left, waits for the disk, and closes. */
  async close(): Promise<void> {
    try {
      if (this.#writing) await this.#writing;
      await this.#handle.sync();
    } finally {
      await this.#handle.close();
    }
  }
}
