// The threads of a loader: they start with its first batch, stay for all epochs, and keep no process alive.
import { setImmediate as turn } from "node:timers/promises";
import { AccelerateError } from "../../errors.js";
import { causeOf, startThreads, type Threads } from "../../threads/index.js";
import type { BatchAnswer, BatchTask, ThreadPlan } from "./batch-task.js";

export interface PoolOptions {
  readonly threads: number;
  /** Batches that a thread is given ahead. */
  readonly perThread: number;
  /** The longest that no thread answers while batches are asked for. */
  readonly timeoutMs: number;
}
type Made = Exclude<BatchAnswer, { readonly failure: unknown }>;
type BatchThreads = Threads<BatchTask, BatchAnswer>;

const MOST_SHOWN = 8;
/** "rows 3, 1, 4", of many the first ones. */
export function rowsText(keys: readonly number[]): string {
  const shown = keys.slice(0, MOST_SHOWN).join(", ");
  return `row${keys.length === 1 ? "" : "s"} ${shown}${keys.length > MOST_SHOWN ? `, ... (${keys.length})` : ""}`;
}

const hints = {
  died: "the dataset and the collateFn must return, not end their thread (process.exit) or take more memory than there is",
  late: "a batch that takes so long needs a larger timeoutMs; or the dataset or the collateFn waits for something that never comes",
} as const;

export class BatchPool implements AsyncDisposable {
  readonly #plan: ThreadPlan;
  readonly #options: PoolOptions;
  #threads: BatchThreads | undefined;
  /** What a thread has thrown outside of any task. */
  #stray: unknown;
  #asked = 0;
  #answers = 0;
  #watch: NodeJS.Timeout | undefined;

  constructor(plan: ThreadPlan, options: PoolOptions) {
    this.#plan = plan;
    this.#options = options;
  }

  /** @throws AccelerateError with the thread's own code or ERR_LOADER_WORKER, and ERR_LOADER_TIMEOUT */
  async run(task: BatchTask): Promise<Made> {
    const threads = this.#started();
    this.#asked++;
    this.#watched();
    let answer: BatchAnswer;
    try {
      answer = await threads.run(task);
    } catch (cause) {
      throw this.#gone(threads, task, cause);
    } finally {
      this.#asked--;
      this.#answers++;
    }
    if (!("failure" in answer)) return answer;
    const { name, message, code } = answer.failure;
    const own = code?.startsWith("ERR_") ? code : "ERR_LOADER_WORKER";
    throw new AccelerateError(own, `DataLoader: a thread could not make the batch of ${rowsText(task.keys)}: ${name}: ${message}`, {
      cause: causeOf(answer.failure),
    });
  }

  /** Ends the threads; batches that are still asked for fail. */
  async close(): Promise<void> {
    clearTimeout(this.#watch);
    this.#watch = undefined;
    const threads = this.#threads;
    this.#threads = undefined;
    await threads?.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #started(): BatchThreads {
    if (this.#stray !== undefined) {
      const cause = this.#stray;
      this.#stray = undefined;
      throw new AccelerateError("ERR_LOADER_WORKER", `DataLoader: a thread ended between batches: ${(cause as Error).message}`, { cause, hint: hints.died });
    }
    if (this.#threads) return this.#threads;
    const { threads, perThread } = this.#options;
    const pool: BatchThreads = startThreads({
      module: new URL("./batch-thread.js", import.meta.url),
      name: "makeBatch",
      threads,
      perThread,
      data: this.#plan,
      onStray: (error) => {
        this.#stray = error;
      },
    });
    this.#threads = pool;
    return pool;
  }

  #gone(threads: BatchThreads, { keys }: BatchTask, cause: unknown): AccelerateError {
    if (this.#threads === threads)
      return new AccelerateError("ERR_LOADER_WORKER", `DataLoader: the thread that made the batch of ${rowsText(keys)} ended: ${(cause as Error).message}`, {
        cause,
        hint: hints.died,
      });
    const { timeoutMs } = this.#options;
    return this.#late
      ? new AccelerateError("ERR_LOADER_TIMEOUT", `DataLoader: no batch came from the threads in ${timeoutMs} ms; ${rowsText(keys)} were asked for`, {
          hint: hints.late,
        })
      : new AccelerateError("ERR_LOADER_CLOSED", "DataLoader: the loader was closed", { hint: "close it when its loops have ended" });
  }
  #late = false;

  /** Its timer keeps no process alive: tasks do, until they are answered or it fires. */
  #watched(): void {
    if (this.#watch) return;
    const seen = this.#answers;
    this.#watch = setTimeout(async () => {
      await turn(); // answers that have come while this thread was busy are taken in first
      this.#watch = undefined;
      if (this.#asked === 0) return;
      if (this.#answers > seen) this.#watched();
      else {
        this.#late = true;
        await this.close();
        this.#late = false;
      }
    }, this.#options.timeoutMs).unref();
  }
}
