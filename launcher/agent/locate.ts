// Where a silent worker is: its JavaScript frames by the inspector, opened for that moment on loopback; else what the kernel says about its main thread.
import { readFileSync } from "node:fs";
import { SourceMap, type SourceMapPayload, type SourceMapping } from "node:module";
import { dirname, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { WorkerState } from "../../src/control/index.js";
import type { Inspector } from "./inspector.js";
import { isOwnCode } from "./own-code.js";

export interface Located {
  readonly state: WorkerState;
  /** Call frames "readImage (data.ts:88:5)", or what the kernel knows; one per line. */
  readonly text: string;
}

/** What locate needs of a worker. */
export interface Suspect {
  readonly pid: number;
  readonly cwd: string;
  /** Asks the worker to open its inspector. */
  openInspector(signal: AbortSignal): Promise<Inspector>;
}

/**
 * Until the inspector must be open: the worker's own event loop opens it, so in a native call it stays closed. The second figure is for a main thread
 * that wants to run all the while: on a machine that is busy elsewhere it comes to nothing for a long time.
 */
const OPEN_MS = [1500, 3000] as const;
/** Until a busy loop must have paused. */
const PAUSE_MS = [500, 1500] as const;
const LOOK_MS = 50;
const MAX_FRAMES = 4;

interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  readonly location: { readonly scriptId: string; readonly lineNumber: number; readonly columnNumber?: number };
}

interface Script {
  readonly url: string;
  /** Where its source map is; "": it has none. */
  readonly map: string;
}

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined; // the process is gone, or not Linux
  }
};

/** The main thread's state letter: R, S, D, T, Z; undefined: gone. */
const threadState = (pid: number): string | undefined => read(`/proc/${pid}/task/${pid}/stat`)?.match(/\) (\S)/)?.[1];

/** Resolves when the main thread has slept for so long, or when more time has passed. */
async function patience(pid: number, [asleep, all]: readonly [asleep: number, all: number], ended: AbortSignal): Promise<undefined> {
  let slept = 0;
  for (const end = performance.now() + all; slept < asleep && performance.now() < end && !ended.aborted; ) {
    await sleep(LOOK_MS);
    if (threadState(pid) !== "R") slept += LOOK_MS;
  }
}
/** What it gives, or undefined when patience ends. */
async function within<T>(pid: number, ms: readonly [asleep: number, all: number], given: Promise<T>): Promise<T | undefined> {
  const over = new AbortController();
  try {
    return await Promise.race([given, patience(pid, ms, over.signal)]);
  } finally {
    over.abort();
  }
}

/** Place in the user's source, by the script's source map when it has one. */
function sourcePlace(frame: CallFrame, scripts: ReadonlyMap<string, Script>, cwd: string): string {
  const { scriptId, lineNumber, columnNumber = 0 } = frame.location;
  const file = fileURLToPath(frame.url.replace(/\?.*$/, ""));
  const place = (path: string, line: number, column: number) =>
    `${relative(cwd, path).startsWith("..") ? path : relative(cwd, path)}:${line + 1}:${column + 1}`;
  const url = scripts.get(scriptId)?.map;
  try {
    const inline = url?.match(/^data:application\/json[^,]*;base64,(.*)$/s)?.[1];
    const json = inline !== undefined ? Buffer.from(inline, "base64").toString("utf8") : url ? readFileSync(resolve(dirname(file), url), "utf8") : undefined;
    const { originalSource, originalLine, originalColumn } = (
      json === undefined ? {} : new SourceMap(JSON.parse(json) as SourceMapPayload).findEntry(lineNumber, columnNumber)
    ) as Partial<SourceMapping>;
    if (originalSource !== undefined && originalLine !== undefined) {
      const source = originalSource.startsWith("file:") ? fileURLToPath(originalSource) : resolve(dirname(file), originalSource);
      return place(source, originalLine, originalColumn ?? 0);
    }
  } catch {
    // a map that cannot be read: the place in the file that ran
  }
  return place(file, lineNumber, columnNumber);
}

const isLibrary = (file: string): boolean => file.includes("/node_modules/") || isOwnCode(file);

/** Frames of the user's own files; else of any file. */
function userFrames(frames: readonly CallFrame[], scripts: ReadonlyMap<string, Script>, cwd: string): string {
  const files = frames.filter((frame) => frame.url.startsWith("file:"));
  const own = files.filter((frame) => !isLibrary(fileURLToPath(frame.url.replace(/\?.*$/, ""))));
  return (own.length > 0 ? own : files)
    .slice(0, MAX_FRAMES)
    .map((frame) => `${frame.functionName || "top level"} (${sourcePlace(frame, scripts, cwd)})`)
    .join("\n");
}

/** By the kernel: the main thread does not run JavaScript. */
function byKernel(pid: number): Located {
  const channel = read(`/proc/${pid}/task/${pid}/wchan`);
  const asleep = channel && channel !== "0" ? ` (the kernel says: ${channel})` : "";
  return { state: "native call", text: `in a native call${asleep}` };
}

async function ask(inspector: Inspector, suspect: Suspect): Promise<Located | undefined> {
  const scripts = new Map<string, Script>();
  let paused: ((frames: readonly CallFrame[]) => void) | undefined;
  const pause = new Promise<readonly CallFrame[]>((settle) => {
    paused = settle;
  });
  inspector.onEvent = (method, params) => {
    if (method === "Debugger.scriptParsed") scripts.set(String(params.scriptId), { url: String(params.url), map: String(params.sourceMapURL ?? "") });
    if (method === "Debugger.paused") {
      paused?.((params.callFrames as readonly CallFrame[]).map((frame) => ({ ...frame, url: frame.url || (scripts.get(frame.location.scriptId)?.url ?? "") })));
      void inspector.call("Debugger.resume");
    }
  };
  void inspector.call("Debugger.enable");
  void inspector.call("Debugger.pause");
  const frames = await within(suspect.pid, PAUSE_MS, pause);
  if (frames?.some((frame) => frame.url.startsWith("file:"))) return { state: "user code", text: userFrames(frames, scripts, suspect.cwd) };
  if (frames === undefined && threadState(suspect.pid) === "D") return undefined;
  // A thread that waits in its event loop answers, one in a native call does not.
  const question = inspector.call("Runtime.evaluate", { expression: "JSON.stringify(process.getActiveResourcesInfo())", returnByValue: true });
  const answer = await within(suspect.pid, PAUSE_MS, question);
  const { value } = (answer?.result ?? {}) as { value?: unknown };
  if (typeof value !== "string") return undefined;
  const resources = [...new Set(JSON.parse(value) as string[])].filter((name) => !/^(TTYWrap|PipeWrap)$/.test(name));
  return { state: "user code", text: `waiting for something outside JavaScript${resources.length > 0 ? ` (${resources.join(", ")})` : ""}` };
}

/** Never fails: what cannot be found out is said. The inspector is closed again before this returns, or at the latest when the worker reads its messages. */
export async function locate(suspect: Suspect): Promise<Located> {
  const state = threadState(suspect.pid);
  if (state === undefined || state === "Z") return { state: "ended", text: "it has ended" };
  if (state === "T" || state === "t") return { state: "stopped", text: `it was stopped by a signal (kill -CONT ${suspect.pid} lets it go on)` };
  const over = new AbortController();
  try {
    const opening = suspect.openInspector(over.signal);
    opening.catch(() => {}); // it comes too late
    const inspector = await within(suspect.pid, OPEN_MS, opening);
    if (!inspector) {
      over.abort();
      return byKernel(suspect.pid);
    }
    const found = await ask(inspector, suspect);
    inspector.finish();
    return found ?? byKernel(suspect.pid);
  } catch {
    return byKernel(suspect.pid);
  }
}
