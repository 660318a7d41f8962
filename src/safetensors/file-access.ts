// How a file of tensors is held: open all the time, or only while something is read of it, so that thousands of shards need no thousands of handles.
import { type FileHandle, open, stat } from "node:fs/promises";
import { SafetensorsError } from "./error.js";

/** What tells a file from another one that has taken its place. */
interface Identity {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}
const differs = (a: Identity, b: Identity): boolean => a.ino !== b.ino || a.size !== b.size || a.mtimeMs !== b.mtimeMs;

export class FileAccess {
  readonly file: string;
  readonly size: number;
  readonly #identity: Identity;
  #kept: FileHandle | undefined;

  private constructor(file: string, identity: Identity, kept: FileHandle) {
    this.file = file;
    this.size = identity.size;
    this.#identity = identity;
    this.#kept = kept;
  }

  /** @throws SafetensorsError ERR_SAFETENSORS_HEADER for a folder, a pipe or a device: opening some of these would wait for ever */
  static async open(file: string): Promise<FileAccess> {
    if (!(await stat(file)).isFile())
      throw new SafetensorsError("ERR_SAFETENSORS_HEADER", "this is no file", { file, hint: "give the path of a .safetensors file" });
    const handle = await open(file, "r");
    try {
      return new FileAccess(file, await handle.stat(), handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Lets go of the handle; from now on each use opens the file again. */
  async release(): Promise<void> {
    const handle = this.#kept;
    this.#kept = undefined;
    await handle?.close();
  }

  /** @throws SafetensorsError ERR_SAFETENSORS_HEADER for a file that is another one by now */
  async use<T>(body: (handle: FileHandle) => Promise<T>): Promise<T> {
    if (this.#kept) return body(this.#kept);
    const handle = await open(this.file, "r");
    try {
      if (differs(await handle.stat(), this.#identity))
        throw new SafetensorsError("ERR_SAFETENSORS_HEADER", "the file was replaced after it was opened", { file: this.file, hint: "open it again" });
      return await body(handle);
    } finally {
      await handle.close();
    }
  }
}
