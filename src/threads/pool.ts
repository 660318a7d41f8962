// A pool of threads that do one kind of task.
import { isMainThread } from "node:worker_threads";
import { Piscina } from "piscina";

export interface ThreadOptions {
  /** The module that threads load, and its export that does a task. */
  readonly module: URL;
  readonly name: string;
  readonly threads: number;
  /** What every thread has from its start. */
  readonly data?: unknown;
  /** Tasks that a thread is given ahead; it finds the next in its queue, however busy this thread is. Default 1. */
  readonly perThread?: number;
  /** What a thread has thrown outside of any task; default: it is thrown here, too. */
  readonly onStray?: (error: unknown) => void;
}
export interface Threads<Task, Result> extends AsyncDisposable {
  /** Rejects when the thread ends, when the signal is aborted and when the pool is closed. */
  run(task: Task, signal?: AbortSignal): Promise<Result>;
  /** Ends the threads, also busy ones. */
  close(): Promise<void>;
}

/** Starts threads, which keep no process alive while they have nothing to do. */
export function startThreads<Task, Result>({ module, name, threads, data, perThread = 1, onStray }: ThreadOptions): Threads<Task, Result> {
  const pool = new Piscina<Task, Result>({
    filename: new URL("./entry.cjs", import.meta.url).href,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: perThread,
    workerData: { module: module.href, name, data },
    // Inherited flags such as --import would be run again in every thread; threads register what they need.
    ...(isMainThread ? { execArgv: process.execArgv.filter((flag) => flag === "--enable-source-maps") } : {}),
  });
  // A thread may answer while the pool is being taken down; Piscina then no longer knows the task and emits an error.
  let closing = false;
  pool.on("error", (error: unknown) => {
    if (closing) return;
    if (!onStray) throw error;
    onStray(error);
  });
  const close = async (): Promise<void> => {
    closing = true;
    await pool.destroy();
  };
  return { run: (task, signal) => pool.run(task, signal ? { signal } : {}) as Promise<Result>, close, [Symbol.asyncDispose]: close };
}
