// Worker processes of tests: started with a set of variables, their lines collected, their ends awaited.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("./programs/linked.js", import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly lines: readonly Line[];
  readonly stderr: string;
}
// biome-ignore lint/suspicious/noExplicitAny: what a program of ours prints, looked at by assertions
export type Line = any;

export class WorkerProgram {
  readonly child: ChildProcess;
  readonly lines: Line[] = [];
  readonly ended: Promise<Ended>;
  #stderr = "";
  #rest = "";
  readonly #hearers = new Set<() => void>();

  constructor(
    env: Readonly<Record<string, string | undefined>>,
    args: readonly string[],
    options: { readonly control?: boolean; readonly before?: readonly string[] } = {},
  ) {
    const { before = [], control = false } = options;
    const [command, ...rest] = [...before, process.execPath, program, ...args];
    this.child = spawn(command!, rest, { env: { PATH: process.env.PATH, ...env }, stdio: ["ignore", "pipe", "pipe", ...(control ? (["pipe"] as const) : [])] });
    this.child.stdout!.on("data", (chunk: Buffer) => {
      const parts = (this.#rest + chunk).split("\n");
      this.#rest = parts.pop()!;
      this.lines.push(...parts.map((line) => JSON.parse(line) as Line));
      for (const hear of [...this.#hearers]) hear();
    });
    this.child.stderr!.on("data", (chunk: Buffer) => {
      this.#stderr += chunk;
    });
    this.ended = once(this.child, "close").then(([code, signal]) => ({ code, signal, lines: this.lines, stderr: this.#stderr }) as Ended);
  }

  get control(): Duplex {
    return this.child.stdio[3] as Duplex;
  }

  /** The first line that fits; rejects when the process ends without. */
  line(fits: (line: Line) => boolean): Promise<Line> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = this.lines.find(fits);
        if (found === undefined) return;
        this.#hearers.delete(look);
        resolve(found);
      };
      this.#hearers.add(look);
      look();
      void this.ended.then(({ stderr, code }) => reject(new Error(`ended with ${code}: ${JSON.stringify(this.lines)} ${stderr}`)));
    });
  }

  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    this.child.kill(signal);
  }
}
