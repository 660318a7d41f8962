// Real processes that play the ranks of a test: they stay alive between tasks, each task is an exported function that every rank calls.
import { type ChildProcess, fork } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Store } from "../../src/distributed/store.js";

/** What a task gets to know. */
export interface RankContext {
  readonly rank: number;
  readonly size: number;
  readonly store: Store;
  /** Reaches the test's `heard`; for "now I am waiting". */
  tell(text: string): void;
}

/** A task's function, exported by name from the module that `run` is told. Arguments and result are plain data (structured cloning). */
export type Task<A = never, R = unknown> = (context: RankContext, args: A) => Promise<R> | R;

/** What became of a task on one rank. */
export type Outcome<R = unknown> = { readonly ms: number } & (
  | { readonly kind: "value"; readonly value: R }
  | {
      readonly kind: "error";
      readonly error: { readonly name: string; readonly code?: string; readonly message: string; readonly ranks?: readonly number[]; readonly stack?: string };
    }
  | { readonly kind: "exit"; readonly code: number | null; readonly signal: string | null }
);

export type FromRank = { readonly tell: string } | { readonly done: number; readonly outcome: Outcome };
export interface ToRank {
  readonly task: number;
  readonly module: string;
  readonly name: string;
  readonly args: unknown;
}

export interface RanksOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Before the program, for one rank: ["ip", "netns", "exec", "a"], ["taskset", "-c", "0"]. */
  readonly prefix?: (rank: number) => readonly string[];
}

const main = fileURLToPath(new URL("./rank-main.js", import.meta.url));

export class Ranks implements AsyncDisposable {
  readonly size: number;
  readonly folder: string;
  readonly #children: readonly ChildProcess[];
  readonly #waiting = new Map<string, (outcome: Outcome) => void>();
  readonly #heard: ((rank: number, text: string) => void)[] = [];
  readonly #started = new Map<string, number>();
  #tasks = 0;
  /** What the ranks wrote to stderr, for messages of failed tests. */
  stderr = "";

  private constructor(size: number, folder: string, options: RanksOptions) {
    this.size = size;
    this.folder = folder;
    this.#children = Array.from({ length: size }, (_, rank) => {
      const [program = process.execPath, ...before] = [...(options.prefix?.(rank) ?? []), process.execPath];
      const child = fork(main, [String(rank), String(size), folder], {
        execPath: program,
        execArgv: [...before, "--enable-source-maps"],
        env: { ...process.env, ...options.env },
        serialization: "advanced",
        stdio: ["ignore", "inherit", "pipe", "ipc"],
      });
      child.stderr!.on("data", (chunk: Buffer) => {
        this.stderr += chunk;
      });
      child.on("message", (message: FromRank) => {
        if ("tell" in message) for (const listener of this.#heard) listener(rank, message.tell);
        else this.#settle(rank, message.done, message.outcome);
      });
      child.on("exit", (code, signal) => {
        for (let task = 1; task <= this.#tasks; task++) {
          const key = `${rank}/${task}`;
          this.#settle(rank, task, { kind: "exit", code, signal, ms: performance.now() - (this.#started.get(key) ?? 0) });
        }
      });
      return child;
    });
  }

  static async start(size: number, options: RanksOptions = {}): Promise<Ranks> {
    return new Ranks(size, await mkdtemp(join(tmpdir(), "ranks-")), options);
  }

  pid(rank: number): number {
    return this.#children[rank]!.pid!;
  }

  #settle(rank: number, task: number, outcome: Outcome): void {
    const key = `${rank}/${task}`;
    this.#waiting.get(key)?.(outcome);
    this.#waiting.delete(key);
  }

  /** Calls the module's export on every rank (or on those named); an outcome per rank, in order. Fails when a rank has not answered in time. */
  async run<R>(
    module: string | URL,
    name: string,
    args: unknown,
    options: { readonly timeoutMs?: number; readonly ranks?: readonly number[] } = {},
  ): Promise<Outcome<R>[]> {
    const task = ++this.#tasks;
    const ranks = options.ranks ?? [...this.#children.keys()];
    const timeoutMs = options.timeoutMs ?? 180_000;
    return Promise.all(
      ranks.map(
        (rank) =>
          new Promise<Outcome<R>>((resolve, reject) => {
            const timer = setTimeout(() => reject(new Error(`rank ${rank} did not finish ${name} within ${timeoutMs} ms\n${this.stderr}`)), timeoutMs);
            const key = `${rank}/${task}`;
            this.#started.set(key, performance.now());
            this.#waiting.set(key, (outcome) => {
              clearTimeout(timer);
              resolve(outcome as Outcome<R>);
            });
            const child = this.#children[rank]!;
            if (child.exitCode !== null || child.signalCode !== null)
              this.#settle(rank, task, { kind: "exit", code: child.exitCode, signal: child.signalCode, ms: 0 });
            else child.send({ task, module: String(module), name, args } satisfies ToRank);
          }),
      ),
    );
  }

  /** The values of all ranks; throws the first error. */
  async values<R>(module: string | URL, name: string, args: unknown, options: { readonly timeoutMs?: number } = {}): Promise<R[]> {
    return (await this.run<R>(module, name, args, options)).map((outcome, rank) => {
      if (outcome.kind === "value") return outcome.value;
      const what = outcome.kind === "error" ? (outcome.error.stack ?? outcome.error.message) : `ended with ${outcome.signal ?? outcome.code}`;
      throw new Error(`rank ${rank}: ${what}\n${this.stderr}`);
    });
  }

  /** Resolves once every one of these ranks has told this text, from now on. */
  heard(text: string, ranks: readonly number[]): Promise<void> {
    const open = new Set(ranks);
    return new Promise((resolve) => {
      this.#heard.push((rank, told) => {
        if (told === text && open.delete(rank) && open.size === 0) resolve();
      });
    });
  }

  kill(rank: number, signal: NodeJS.Signals): void {
    this.#children[rank]!.kill(signal);
  }

  /** Closes the channel, so that a rank with nothing left to do ends by itself; resolves with the exit code. */
  release(rank: number): Promise<number | null> {
    const child = this.#children[rank]!;
    return new Promise((resolve) => {
      if (child.exitCode !== null) return resolve(child.exitCode);
      child.once("exit", (code) => resolve(code));
      child.disconnect();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#children.map(
        (child) =>
          new Promise<void>((resolve) => {
            if (child.exitCode !== null || child.signalCode !== null) return resolve();
            child.once("exit", () => resolve());
            child.kill("SIGKILL");
          }),
      ),
    );
    await rm(this.folder, { recursive: true, force: true });
  }
}
