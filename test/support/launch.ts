// Runs the built command line for a test: the real launcher, real workers.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));

export interface LaunchOptions {
  /** Of launch, before the script. */
  readonly options?: readonly string[];
  readonly script: string | URL;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Before the command: ["ip", "netns", "exec", "a"]. */
  readonly prefix?: readonly string[];
  readonly timeoutMs?: number;
}
export interface Launched {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/** A launch in progress. */
export interface Launching {
  readonly child: ChildProcess;
  readonly done: Promise<Launched>;
  /** What came out so far. */
  readonly output: () => string;
}

export function startLaunch({ options = [], script, args = [], env = {}, cwd, prefix = [], timeoutMs = 300_000 }: LaunchOptions): Launching {
  const file = script instanceof URL ? fileURLToPath(script) : script;
  const [program = process.execPath, ...rest] = [...prefix, process.execPath, cli, "launch", ...options, file, ...args];
  const started = performance.now();
  // A test runner's own variables must not reach the workers.
  const { NODE_TEST_CONTEXT: _, NODE_OPTIONS: __, ...inherited } = process.env;
  const child = spawn(program, rest, { stdio: ["ignore", "pipe", "pipe"], env: { ...inherited, ...env }, ...(cwd !== undefined && { cwd: join(cwd) }) });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  const done = new Promise<Launched>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, stdout, stderr, ms: performance.now() - started });
    });
  });
  return { child, done, output: () => stdout + stderr };
}

/** Runs to the end. */
export const launch = (options: LaunchOptions): Promise<Launched> => startLaunch(options).done;
