// The log of one worker: both of its streams, line by line, in one file.
import { createWriteStream, type WriteStream } from "node:fs";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { AccelerateError } from "../../src/errors.js";

export class LogFile {
  readonly path: string;
  readonly #stream: WriteStream;
  #failed = false;

  private constructor(path: string, stream: WriteStream, onError: (error: Error) => void) {
    this.path = path;
    this.#stream = stream;
    stream.on("error", (error) => {
      if (!this.#failed) onError(error);
      this.#failed = true;
    });
  }

  /**
   * Opens <folder>/rank-<rank>.log anew; the folder is made. onError hears once of a file that cannot be written any more; the job goes on.
   * @throws AccelerateError ERR_LOG_DIR
   */
  static async open(folder: string, rank: number, onError: (error: Error) => void): Promise<LogFile> {
    const path = join(folder, `rank-${rank}.log`);
    try {
      await mkdir(folder, { recursive: true });
      return new LogFile(path, createWriteStream(path, { fd: await open(path, "w") }), onError);
    } catch (cause) {
      throw new AccelerateError("ERR_LOG_DIR", `${path} cannot be written (${(cause as Error).message})`, { hint: "give another --log-dir", cause });
    }
  }

  write(text: string): void {
    if (!this.#failed) this.#stream.write(text);
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#stream.once("close", resolve);
      if (this.#stream.destroyed || this.#failed) resolve();
      else this.#stream.end();
    });
  }
}
