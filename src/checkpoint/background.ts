// Writes files on a thread of its own, out of memory that is lent to it: the program goes on meanwhile.
import { isMainThread, Worker } from "node:worker_threads";
import type { BackgroundFile, BackgroundNews, BackgroundTask } from "./background-worker.js";
import { CheckpointError, type CheckpointErrorCode } from "./errors.js";
import type { WriteOptions } from "./files.js";
import { HostBuffers } from "./host-buffers.js";
import type { ManifestFile } from "./manifest.js";

/** One file in copied memory. */
export interface CopiedFile {
  readonly path: string;
  readonly buffer: ArrayBuffer;
  readonly bytes: number;
}

/** One set of files at a time. An idle thread keeps no process alive; one that writes does. */
export class BackgroundWriter {
  readonly buffers: HostBuffers = new HostBuffers();
  #worker: Worker | undefined;

  /** Makes memory for files of such sizes on the thread, before it is needed. Does not wait for it. */
  reserve(sizes: readonly number[]): void {
    this.#start().postMessage({ kind: "reserve", sizes } satisfies BackgroundTask);
  }

  /** Copies the parts of a file into memory of our own, one behind the other. */
  copy({ path, parts }: { readonly path: string; readonly parts: readonly Uint8Array[] }): CopiedFile {
    const bytes = parts.reduce((sum, part) => sum + part.byteLength, 0);
    const buffer = this.buffers.take(bytes);
    const into = new Uint8Array(buffer);
    let at = 0;
    for (const part of parts) {
      into.set(part, at);
      at += part.byteLength;
    }
    return { path, buffer, bytes };
  }

  /**
   * Writes and forces to disk; the memory comes back to `buffers`.
   * @throws CheckpointError as `writeHashed`
   */
  async write(directory: string, files: readonly CopiedFile[], options: WriteOptions = {}): Promise<readonly ManifestFile[]> {
    const lent: BackgroundFile[] = files.map(({ path, buffer, bytes }) => ({ path, buffer, bytes }));
    const task = { kind: "write", directory, files: lent, tellsPoints: options.onPoint !== undefined } as const;
    const buffers = files.map((f) => f.buffer);
    const { files: written } = (await this.#ask(task, buffers, options)) as Extract<BackgroundNews, { kind: "written" }>;
    this.buffers.trim(files.length);
    return written;
  }
  /** `verifyCheckpoint` on the thread. */
  async verify(directory: string): Promise<void> {
    await this.#ask({ kind: "verify", directory }, [], {});
  }

  /** Resolves with the news that a task is done. */
  async #ask(
    task: Extract<BackgroundTask, { directory: string }>,
    buffers: readonly ArrayBuffer[],
    { signal, onPoint, onBytes }: WriteOptions,
  ): Promise<BackgroundNews> {
    const worker = this.#start();
    worker.ref();
    const send = (message: BackgroundTask, transfer: readonly ArrayBuffer[] = []): void => worker.postMessage(message, transfer);
    const abort = (): void => send({ kind: "abort" });
    const listeners = new AbortController();
    try {
      return await new Promise<BackgroundNews>((resolve, reject) => {
        const handlers: { readonly [K in BackgroundNews["kind"]]: (news: Extract<BackgroundNews, { kind: K }>) => void } = {
          point: ({ point, path }) => void Promise.resolve(onPoint?.(point, path)).then(() => send({ kind: "go-on" }), reject),
          bytes: ({ bytes }) => onBytes?.(bytes),
          // Taken where the thread is started, whenever it comes.
          reserved: () => {},
          verified: resolve,
          written: (news) => {
            this.buffers.give(news.buffers);
            resolve(news);
          },
          failed: (news) => {
            this.buffers.give(news.buffers);
            reject(new CheckpointError(news.code as CheckpointErrorCode, news.message));
          },
        };
        const gone = (why: string, cause?: unknown): void => {
          this.#worker = undefined;
          reject(new CheckpointError("ERR_CHECKPOINT_WRITE", `the thread that worked on ${task.directory} ended: ${why}`, { cause }));
        };
        const listen = <A>(event: "message" | "exit" | "error", listener: (argument: A) => void): void => {
          worker.on(event, listener);
          listeners.signal.addEventListener("abort", () => worker.off(event, listener));
        };
        listen("message", (news: BackgroundNews) => (handlers[news.kind] as (news: BackgroundNews) => void)(news));
        listen("exit", (code: number) => gone(`exit code ${code}`));
        listen("error", (error: Error) => gone(error.message, error));
        send(task, buffers);
        if (signal?.aborted) abort();
        else signal?.addEventListener("abort", abort);
      });
    } finally {
      signal?.removeEventListener("abort", abort);
      listeners.abort();
      worker.unref();
    }
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    // Inherited flags such as --import would be run again in the thread.
    const worker = new Worker(new URL("./background-worker.js", import.meta.url), {
      ...(isMainThread ? { execArgv: process.execArgv.filter((flag) => flag === "--enable-source-maps") } : {}),
    });
    // Between two sets of files nobody listens; the next one finds no thread and starts one.
    worker.once("exit", () => {
      if (this.#worker === worker) this.#worker = undefined;
    });
    worker.on("error", () => {});
    worker.on("message", (news: BackgroundNews) => {
      if (news.kind === "reserved") this.buffers.give(news.buffers);
    });
    worker.unref();
    this.#worker = worker;
    return worker;
  }
}
