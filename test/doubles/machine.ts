// A machine with doubled GPUs: processes are started on it, and what they did to its GPUs is read from their logs.
import { spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildDoubles } from "./build.js";

/** A line of the double's log (test/doubles/cuda/script.cc and who calls its `log`). */
export interface LogLine {
  readonly call?: string;
  /** addon, provider, nccl, other. */
  readonly from?: string;
  /** Address of the call: the same in all calls of one place in one process. */
  readonly site?: string;
  readonly launch?: string;
  readonly copy?: "up" | "down" | "device" | "host";
  readonly bytes?: number;
  readonly stream?: number;
  readonly pinned?: boolean;
  readonly memset?: number;
  readonly allocate?: number;
  readonly free?: number;
  readonly got?: boolean;
  readonly graph?: number;
  readonly collective?: string;
  readonly count?: number;
  readonly violation?: string;
  readonly scripted?: string;
  readonly mark?: string;
  readonly note?: string;
  /** An entry of a stream in modelled time (test/doubles/cuda/times.cc), microseconds. */
  readonly ran?: string;
  readonly ready?: number;
  readonly begin?: number;
  readonly end?: number;
  readonly late?: number;
  readonly exit?: { readonly leaks: { readonly [owner: string]: { readonly [kind: string]: number } }; readonly launches: number; readonly violations: number };
}

export interface Ran {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
  /** Logs by process, those that touched a GPU. */
  readonly logs: ReadonlyMap<number, readonly LogLine[]>;
}

export interface RunOptions {
  /** Lines of the double's script. */
  readonly script?: readonly string[];
  readonly env?: { readonly [name: string]: string };
  readonly timeoutMs?: number;
}

/** Names the folder of logs. */
export const marking = "ACCELERATE_TS_DOUBLE_LOG";

/** Writes a line into this process's own log, in order with what its GPUs were asked to do. */
export function mark(text: string): void {
  const folder = process.env[marking];
  if (folder) appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify({ mark: text })}\n`);
}

/** Variables of a process on the machine. */
export async function doubledEnvironment(): Promise<Record<string, string>> {
  const { libraries, onnxruntime } = await buildDoubles();
  // Our kernels take part where a test says so, not where somebody has built them.
  return { ACCELERATE_TS_ONNXRUNTIME: onnxruntime, LD_LIBRARY_PATH: libraries, ACCELERATE_TS_CUDA_KERNELS: "0" };
}

/** Runs a command of Node on the machine; resolves when it has ended, or was ended at the deadline. */
export async function runOnGpus(args: readonly (string | URL)[], { script = [], env = {}, timeoutMs = 120_000 }: RunOptions = {}): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-gpus-"));
  try {
    const logs = join(folder, "script");
    writeFileSync(logs, `${script.join("\n")}\n`);
    const doubled = await doubledEnvironment();
    const began = performance.now();
    const child = spawn(
      process.execPath,
      args.map((arg) => (arg instanceof URL ? fileURLToPath(arg) : arg)),
      {
        stdio: ["ignore", "pipe", "pipe"],
        env: { ...process.env, ...doubled, [marking]: folder, ACCELERATE_TS_DOUBLE_SCRIPT: logs, ...env },
      },
    );
    const [stdout, stderr]: [string[], string[]] = [[], []];
    child.stdout.setEncoding("utf8").on("data", (text: string) => stdout.push(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => stderr.push(text));
    const deadline = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
      child.on("error", reject);
      child.on("close", (...ended) => resolve(ended));
    });
    clearTimeout(deadline);
    return { code, signal, stdout: stdout.join(""), stderr: stderr.join(""), ms: performance.now() - began, logs: readLogs(folder) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export function readLogs(folder: string): ReadonlyMap<number, readonly LogLine[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".jsonl"));
  return new Map(
    files.map((name) => {
      const lines = readFileSync(join(folder, name), "utf8").split("\n").filter(Boolean);
      // The last line of a process that was killed may be a part of one.
      return [Number.parseInt(name, 10), lines.flatMap((line) => (line.endsWith("}") ? [JSON.parse(line) as LogLine] : []))];
    }),
  );
}

/** The lines between the mark and the next one. */
export function part(lines: readonly LogLine[], from: string): readonly LogLine[] {
  const begin = lines.findIndex(({ mark: text }) => text === from);
  if (begin < 0) return [];
  const end = lines.findIndex(({ mark: text }, i) => i > begin && text !== undefined);
  return lines.slice(begin + 1, end < 0 ? undefined : end);
}

export interface Work {
  readonly launches: number;
  /** CUDA graphs that were launched. */
  readonly graphs: number;
  readonly up: number;
  readonly bytesUp: number;
  readonly down: number;
  readonly bytesDown: number;
  /** Copies within the device. */
  readonly copies: number;
  readonly memsets: number;
  readonly allocations: number;
  /** Copies of the host's pageable memory, which wait. */
  readonly pageable: number;
  readonly collectives: number;
}

/** What was asked of the GPUs in some lines of a log. */
export function work(lines: readonly LogLine[]): Work {
  const copies = (kind: string): readonly LogLine[] => lines.filter(({ copy }) => copy === kind);
  const bytes = (of: readonly LogLine[]): number => of.reduce((sum, line) => sum + (line.bytes ?? 0), 0);
  const [up, down] = [copies("up"), copies("down")];
  return {
    launches: lines.filter(({ launch, from }) => launch !== undefined && from !== "nccl").length,
    graphs: lines.filter(({ graph }) => graph !== undefined).length,
    up: up.length,
    bytesUp: bytes(up),
    down: down.length,
    bytesDown: bytes(down),
    copies: copies("device").length,
    memsets: lines.filter(({ memset }) => memset !== undefined).length,
    allocations: lines.filter(({ allocate }) => allocate !== undefined).length,
    pageable: [...up, ...down].filter(({ pinned }) => !pinned).length,
    collectives: lines.filter(({ collective }) => collective !== undefined).length,
  };
}

export const violations = (ran: Pick<Ran, "logs">): readonly string[] =>
  [...ran.logs.values()].flatMap((lines) => lines.flatMap(({ violation }) => (violation === undefined ? [] : [violation])));

/** What the owner did not give back, over all processes. */
export function leaks(ran: Pick<Ran, "logs">, owner = "addon"): Readonly<Record<string, number>> {
  const sum: Record<string, number> = {};
  for (const lines of ran.logs.values())
    for (const [kind, n] of Object.entries(lines.findLast(({ exit }) => exit !== undefined)?.exit?.leaks[owner] ?? {})) sum[kind] = (sum[kind] ?? 0) + n;
  return sum;
}
