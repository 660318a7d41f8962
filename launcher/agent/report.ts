// A failed job in words: who failed first and how, where, who followed, where to read more.
import { pathToFileURL } from "node:url";
import type { Failure, Verdict } from "../../src/control/index.js";
import { isOwnCode } from "./own-code.js";

export interface ReportPlace {
  readonly worldSize: number;
  readonly hosts: number;
  readonly cwd: string;
  /** The log file of a worker of this host. */
  readonly logOf: (rank: number) => string | undefined;
  /** The worker's own words stand on the screen already: no stack, no tail. */
  readonly shown: boolean;
}

/** "0, 1 and 3" */
export const list = (items: readonly (number | string)[]): string =>
  items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items[items.length - 1]}`;
export const workersText = (ranks: readonly number[]): string => `worker${ranks.length === 1 ? "" : "s"} ${list(ranks)}`;
export const secondsText = (ms: number): string => `${(ms / 1000).toFixed(ms < 100_000 ? 1 : 0)} s`;

const MAX_FRAMES = 12;
const MAX_MESSAGE = 4000;

/** Of runs of this library's frames only the first is shown: what the user wrote must be seen. */
function folded(frames: readonly string[]): string[] {
  const kept: string[] = [];
  let hidden = 0;
  const say = () => {
    if (hidden > 0) kept.push(`... ${hidden} more of accelerate-ts`);
    hidden = 0;
  };
  for (const [i, line] of frames.entries()) {
    if (isOwnCode(line) && i > 0 && isOwnCode(frames[i - 1]!)) hidden++;
    else {
      say();
      kept.push(line);
    }
  }
  say();
  return kept;
}

/** A stack without Node's own frames, with paths as the user wrote them. */
export function readableStack(stack: string, cwd: string): string[] {
  const raw = stack.split("\n");
  const isFrame = (line: string) => /^\s+at /.test(line);
  const inside = raw.filter((line) => isFrame(line) && !/\((node:|internal\/)|at node:/.test(line));
  const lines = [...raw.filter((line) => !isFrame(line)), ...folded(inside)]
    .join("\n")
    .replaceAll(`${pathToFileURL(cwd).href}/`, "")
    .replaceAll(`${cwd}/`, "")
    .split("\n");
  const frames = lines.filter((line) => isFrame(line) || /^\.\.\. \d+ more of accelerate-ts$/.test(line));
  const kept = frames.map((line) => line.trimStart());
  const head = lines
    .filter((line) => !frames.includes(line))
    .join("\n")
    .trimEnd();
  return [
    ...(head.length > MAX_MESSAGE ? `${head.slice(0, MAX_MESSAGE)} ...` : head).split("\n"),
    ...kept.slice(0, MAX_FRAMES).map((line) => `    ${line}`),
    ...(kept.length > MAX_FRAMES ? [`    ... ${kept.length - MAX_FRAMES} more`] : []),
  ];
}

const indent = (lines: readonly string[]): string[] => lines.map((line) => (line === "" ? "" : `    ${line}`));

const crashes: ReadonlySet<string> = new Set(["SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP"]);

/** Exit codes that Node gives a meaning of its own. */
const exitCauses: Readonly<Record<number, string>> = {
  13: "exit code 13: its top-level await was never settled",
  134: "exit code 134: it was aborted",
};

function manner({ kind, error, exitCode, signal }: Failure): string {
  if (kind === "error") return `${error?.name || "Error"}${error?.code ? ` (${error.code})` : ""}`;
  if (signal) return crashes.has(signal) ? `it crashed with ${signal} in native code` : `it was killed by ${signal}`;
  return exitCauses[exitCode ?? 0] ?? `exit code ${exitCode}, without an uncaught error`;
}

const cures: Readonly<Record<string, string>> = {
  SIGKILL: "if nobody killed it by hand, the kernel may have been short of memory: see dmesg; a smaller batch or fewer workers need less",
  SIGABRT: "Node ends so when its heap is full (node's --max-old-space-size in NODE_OPTIONS), and native code when it finds itself broken",
};

const when = ({ atMs, step, epoch }: Failure): string =>
  [`${secondsText(atMs)} after the start`, ...(step === undefined ? [] : [`in step ${step}${epoch === undefined ? "" : ` of epoch ${epoch}`}`])].join(", ");

/** The ranks that a worker waited for in vain; none when it failed by itself. */
const missed = ({ symptom, error, ranks }: Failure): readonly number[] => (symptom ? (error?.ranks ?? []).filter((rank) => !ranks.includes(rank)) : []);

/** The words at once, when the first failure is known. */
export function failureText(failure: Failure, place: ReportPlace): string {
  const { worldSize, hosts, cwd, shown } = place;
  if (failure.kind === "host lost")
    return [
      `host ${failure.host} with ${workersText(failure.ranks)} is lost, ${when(failure)}: ${failure.error?.message || "its launcher has gone"}`,
      `look at the launcher's output on ${failure.host}`,
    ].join("\n");
  const where = hosts > 1 ? ` (on ${failure.host})` : "";
  const without = missed(failure);
  const did = without.length > 0 ? `could not go on without ${workersText(without)}` : "failed first";
  const who = worldSize === 1 ? "the worker failed" : `worker ${list(failure.ranks)} of ${worldSize}${where} ${did}`;
  const lines = [`${who}: ${manner(failure)}, ${when(failure)}`];
  if (!shown) {
    if (failure.kind === "error") {
      const { name = "", message = "", stack = "" } = failure.error ?? {};
      lines.push(...indent(readableStack(stack || `${name}: ${message}`, cwd)));
    } else if (failure.stderrTail) lines.push("    its last lines on stderr:", ...indent(failure.stderrTail.split("\n")));
  }
  const cure = failure.kind === "signal" ? cures[failure.signal ?? ""] : undefined;
  if (cure) lines.push(cure);
  return lines.join("\n");
}

const collective = /\b(all-reduce|reduce-scatter|all-gather|broadcast|barrier)\b(?: #?\d+)?(?: \([^)]*\))?/;

const sameWay = (a: Failure, b: Failure): boolean =>
  a.kind === b.kind &&
  (a.kind === "error" ? a.error?.name === b.error?.name && a.error?.message === b.error?.message : a.kind !== "host lost" && manner(a) === manner(b));

/** The words at the end: who followed, and where the logs are. */
export function verdictText({ first, others }: Verdict, place: ReportPlace): string {
  if (!first) return "";
  const lines: string[] = [];
  const symptoms = others.filter((f) => f.symptom);
  if (symptoms.length > 0) {
    // Where nobody but the missing one has failed, the first report has said who waited where.
    const waited =
      missed(first).length > 0 ? undefined : symptoms.map(({ error }) => error?.message.match(collective)?.[0]).find((found) => found !== undefined);
    const ranks = symptoms.flatMap((f) => f.ranks).sort((a, b) => a - b);
    lines.push(
      `${workersText(ranks)} ${ranks.length === 1 ? "was" : "were"} stopped${waited ? `; ${ranks.length === 1 ? "it" : "they"} waited for ${first.ranks.length === 1 ? "it" : "them"} in ${waited}` : ""}`,
    );
  }
  const further = others.filter((f) => !f.symptom);
  const alike = further.filter((f) => sameWay(f, first)).flatMap((f) => f.ranks);
  if (alike.length > 0) lines.push(`${workersText(alike.sort((a, b) => a - b))} failed in the same way`);
  for (const failure of further.filter((f) => !sameWay(f, first))) {
    const what = failure.kind === "host lost" ? `host ${failure.host} is lost, too` : `${workersText(failure.ranks)} failed, too: ${manner(failure)}`;
    const message = failure.kind === "error" ? `: ${failure.error?.message.split("\n")[0]}` : "";
    lines.push(`${what}${message}, ${secondsText(Math.max(0, failure.atMs - first.atMs))} later`);
  }
  const logs = first.ranks.map(place.logOf).filter((path) => path !== undefined);
  if (logs.length > 0) lines.push(`logs: ${logs.join(", ")}`);
  return lines.join("\n");
}
