// One worker as a process of its own session: started, signalled with all that it has started, its end told once.
import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { AccelerateError } from "../../src/errors.js";

export interface WorkerStart {
  readonly script: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The launcher's stdin is this worker's. */
  readonly stdin: boolean;
  /** stdout and stderr are the launcher's own, untouched: for a job of one worker. */
  readonly inherit: boolean;
}

export interface WorkerEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const preload = new URL("../worker/preload.js", import.meta.url).href;

/** Flags of every worker: lines of the user's sources in stacks; an inspector that is closed, and on a port of its own if it is opened. */
const flags = ["--enable-source-maps", "--inspect-port=127.0.0.1:0", "--import", preload];

export class WorkerProcess {
  readonly pid: number;
  /** The agent's end of the control socket. */
  readonly control: Socket;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
  readonly ended: Promise<WorkerEnd>;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, pid: number) {
    this.#child = child;
    this.pid = pid;
    this.control = child.stdio[3] as Socket;
    this.stdout = child.stdout;
    this.stderr = child.stderr;
    this.control.on("error", () => {}); // the worker has gone: its end says so
    this.ended = new Promise((resolve) => {
      child.once("exit", (code, signal) => resolve({ code, signal }));
    });
  }

  /** @throws AccelerateError ERR_SPAWN when the system starts no more processes. */
  static async start({ script, args, env, stdin, inherit }: WorkerStart): Promise<WorkerProcess> {
    const output = inherit ? "inherit" : "pipe";
    // A session of its own: Ctrl-C of the terminal reaches the launcher only, and one signal reaches all that the worker has started.
    const child = spawn(process.execPath, [...flags, script, ...args], {
      env,
      detached: true,
      stdio: [stdin ? "inherit" : "ignore", output, output, "pipe"],
    });
    const { pid } = child;
    if (pid === undefined) {
      const cause = await new Promise<Error>((resolve) => child.once("error", resolve));
      throw new AccelerateError("ERR_SPAWN", `worker ${env.RANK} does not start (${cause.message})`, {
        hint: "look at the limits of processes (ulimit -u) and of memory",
        cause,
      });
    }
    child.on("error", () => {}); // a signal that came too late
    return new WorkerProcess(child, pid);
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** To the worker and all that it has started. */
  kill(signal: NodeJS.Signals): void {
    try {
      process.kill(-this.pid, signal);
    } catch {
      // all are gone
    }
  }
  /** To the worker alone. */
  signal(signal: NodeJS.Signals): void {
    if (this.running) this.#child.kill(signal);
  }
}
