// Where in the user's program a call was made: the first frame of the stack outside this package, in the words of the source that the user wrote.
import { findSourceMap } from "node:module";
import { relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder that all compiled files of the package lie in: ".../src/". */
const own = new URL("..", import.meta.url).href;
const ownPath = fileURLToPath(own);
const frames = 24;
/** "file:line:column" as V8 says it, to the place that the user knows. Programs have few places. */
const known = new Map<string, string>();

/**
 * "train.ts:40:9", relative to the working folder; undefined when the call came from nowhere but this package. Costs a few microseconds.
 * To be called before the first await of a function: behind it the stack may be gone.
 */
export function callSite(): string | undefined {
  for (const site of rawStack()) {
    const file = site.getFileName();
    if (file === null || file === undefined || file.startsWith("node:") || file.startsWith(own) || file.startsWith(ownPath)) continue;
    const line = site.getLineNumber() ?? 1;
    const column = site.getColumnNumber() ?? 1;
    const key = `${file}:${line}:${column}`;
    let place = known.get(key);
    if (place === undefined) {
      place = original(file, line, column);
      known.set(key, place);
    }
    return place;
  }
  return undefined;
}

function rawStack(): readonly NodeJS.CallSite[] {
  const { prepareStackTrace, stackTraceLimit } = Error;
  // Not the formatted text: mapping that through source maps would cost a hundred times more.
  Error.prepareStackTrace = (_, sites) => sites;
  Error.stackTraceLimit = frames;
  try {
    const holder: { stack?: readonly NodeJS.CallSite[] } = {};
    Error.captureStackTrace(holder, callSite);
    return holder.stack ?? [];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
    Error.stackTraceLimit = stackTraceLimit;
  }
}

function original(file: string, line: number, column: number): string {
  // Tests and bundlers give places that no map knows; those stay as they are.
  const entry = findSourceMap(file)?.findEntry(line - 1, column - 1);
  return entry !== undefined && "originalSource" in entry && entry.originalSource
    ? `${shown(entry.originalSource)}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
    : `${shown(file)}:${line}:${column}`;
}

function shown(file: string): string {
  const path = file.startsWith("file:") ? fileURLToPath(file) : file;
  const fromHere = relative(process.cwd(), path);
  return fromHere === "" || fromHere.startsWith(`..${sep}`) ? path.slice(path.lastIndexOf(sep) + 1) : fromHere;
}
