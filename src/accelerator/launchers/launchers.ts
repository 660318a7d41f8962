// Workers from within a running program: a notebook, a test, a server.
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { deserialize, serialize } from "node:v8";
import type { ModuleRef } from "../../data/index.js";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { type Call, callFile, type Outcome, outcomePrefix } from "./launched-call.js";
import { carried } from "../collectives/objects.js";

export interface LauncherOptions {
  /** Workers; default: one per GPU, else 1. */
  readonly numProcesses?: number;
  /** No GPUs, even where there are some; default false. */
  readonly cpu?: boolean;
  /** Stops the workers: they get SIGTERM, and five seconds to end. */
  readonly signal?: AbortSignal;
  /** Takes what the workers and the launcher write; default: this process writes it. */
  readonly onOutput?: (text: string, stream: "stdout" | "stderr") => void;
}

const near = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const cli = near("../../../launcher/cli.js");
const program = near("./launched-function.js");
const graceSeconds = 5;
const shownOutput = 2000;

/** Failures of collectives: another worker is the cause. */
const symptoms: ReadonlySet<unknown> = new Set(["ERR_PEER_LOST", "ERR_COLLECTIVE_TIMEOUT", "ERR_COLLECTIVE_ABORTED", "ERR_GROUP_CLOSED"]);

const writeOn = (text: string, stream: "stdout" | "stderr"): void => void process[stream].write(text);

async function urlOf(ref: ModuleRef): Promise<string> {
  if (typeof ref !== "object" || ref === null || !("filename" in ref) || typeof ref.name !== "string")
    throw new ArgumentError(`${typeof ref === "function" ? "a function" : "what was given"} cannot travel to other processes`, {
      hint: 'export it from a module and give { filename: new URL("./module.js", import.meta.url), name: "train" }',
    });
  const { filename } = ref;
  const text = String(filename);
  const url = filename instanceof URL || /^[a-z]+:\/\//.test(text) ? text : pathToFileURL(isAbsolute(text) ? text : resolve(text)).href;
  const main = process.argv[1] && (await realpath(process.argv[1]).catch(() => undefined));
  const file = url.startsWith("file:") && (await realpath(fileURLToPath(url)).catch(() => undefined));
  if (main && main === file)
    throw new ArgumentError(`${ref.name} lies in the main script, which every worker would run again`, { hint: "move it into a module of its own" });
  return url;
}

function packed(call: Call): Uint8Array {
  try {
    return serialize({ ...call, args: carried(call.args) });
  } catch (cause) {
    throw new ArgumentError(`the arguments cannot travel to other processes: ${(cause as Error).message}`, {
      cause,
      hint: "give what structured cloning can carry",
    });
  }
}

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what was written to stderr. */
  readonly tail: string;
}

/** Runs the command line to its end; it dies with this process. */
function runCli(args: readonly string[], { signal, onOutput = writeOn }: LauncherOptions): Promise<Ended> {
  const preload = new URL(`./die-with-parent.js?parent=${process.pid}`, import.meta.url).href;
  const child = spawn(process.execPath, ["--import", preload, cli, "launch", ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const stop = (): void => void child.kill("SIGTERM");
  signal?.addEventListener("abort", stop, { once: true });
  let tail = "";
  for (const name of ["stdout", "stderr"] as const)
    child[name].setEncoding("utf8").on("data", (text: string) => {
      if (name === "stderr") tail = (tail + text).slice(-shownOutput);
      onOutput(text, name);
    });
  return new Promise<Ended>((done, reject) => {
    child.on("error", reject);
    child.on("close", (code, killed) => done({ code, signal: killed, tail }));
  }).finally(() => signal?.removeEventListener("abort", stop));
}

async function outcomesIn(folder: string): Promise<Outcome[]> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(outcomePrefix));
  const outcomes = await Promise.all(names.map(async (name) => deserialize(await readFile(join(folder, name))) as Outcome));
  return outcomes.sort((a, b) => a.rank - b.rank);
}

/** The error of the first worker that failed by itself, as the cause of what is thrown. */
function failure(outcomes: readonly Outcome[], { code, signal, tail }: Ended): AccelerateError {
  const failed = outcomes.filter((o) => o.kind === "failed").sort((a, b) => Number(symptoms.has(a.code)) - Number(symptoms.has(b.code)) || a.at - b.at);
  const [first] = failed;
  if (!first) {
    const how = signal ? `by ${signal}` : `with code ${code}`;
    return new AccelerateError("ERR_LAUNCH_FAILED", `the workers ended ${how}, without the function's values`, { hint: tail.trim() || "see their output" });
  }
  const { name, message, stack, code: itsCode, rank } = first;
  const cause = Object.assign(new Error(message), { name, stack, ...(itsCode !== undefined && { code: itsCode }) });
  return new AccelerateError("ERR_LAUNCH_FAILED", `rank ${rank} failed: ${name}: ${message}`, { cause });
}

/**
 * Runs a function of a module in workers of its own, as `accelerate-ts launch` would run a script, and gives back what it returned, by rank. The function makes its own Accelerator. It must be an export
 * of a module that is not the main script: a closure cannot travel. The workers end with this process, however it ends.
 *
 * @throws AccelerateError ERR_LAUNCH_FAILED, with the error of the first worker that failed as its cause; the signal's reason when it was aborted.
 * @example
 * const losses = await notebookLauncher<number>({ filename: new URL("./train.js", import.meta.url), name: "train" }, [{ epochs: 3 }], { numProcesses: 2 });
 */
export async function notebookLauncher<V = unknown>(fn: ModuleRef, args: readonly unknown[] = [], options: LauncherOptions = {}): Promise<V[]> {
  const { numProcesses, cpu = false, signal } = options;
  signal?.throwIfAborted();
  if (numProcesses !== undefined && !(Number.isInteger(numProcesses) && numProcesses >= 1))
    throw new ArgumentError(`numProcesses is ${numProcesses}`, { hint: "give a whole number from 1 on" });
  const call = packed({ url: await urlOf(fn), name: fn.name, args });
  const folder = await mkdtemp(join(tmpdir(), "accelerate-ts-call-"));
  try {
    await writeFile(join(folder, callFile), call, { mode: 0o600 });
    // Workers of this call, on this machine: what a file of settings says of other launches does not count.
    const settings = join(folder, "settings.json");
    await writeFile(settings, "{}");
    const flags = ["--config-file", settings, "--num-machines", "1", "--stop-grace", String(graceSeconds)];
    if (numProcesses !== undefined) flags.push("--num-processes", String(numProcesses));
    if (cpu) flags.push("--cpu");
    const ended = await runCli([...flags, program, folder], options);
    signal?.throwIfAborted();
    const outcomes = await outcomesIn(folder);
    const values = outcomes.flatMap((o) => (o.kind === "returned" ? [o.value as V] : []));
    if (ended.code === 0 && values.length > 0 && values.length === outcomes[0]!.worldSize) return values;
    throw failure(outcomes, ended);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * `notebookLauncher` with two workers on the CPU, to try things out.
 *
 * @example
 * const ranks = await debugLauncher<number>({ filename: new URL("./probe.js", import.meta.url), name: "rank" }); // [0, 1]
 */
export function debugLauncher<V = unknown>(fn: ModuleRef, args: readonly unknown[] = [], options: Omit<LauncherOptions, "cpu"> = {}): Promise<V[]> {
  return notebookLauncher<V>(fn, args, { numProcesses: 2, ...options, cpu: true });
}
