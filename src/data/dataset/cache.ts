// The cache of results: Arrow files named by what they were made of, beside the data they were made from.
import { existsSync, readFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { debuglog } from "node:util";
import { ArgumentError } from "../../errors.js";
import { version } from "../../version.js";
import type { Table } from "../columns/table.js";
import type { RunOptions } from "../types.js";
import { fingerprintOf, uniqueFingerprint } from "./fingerprint.js";
import type { JobDescriptor } from "./jobs.js";
import type { Origin } from "./origin.js";

const log = debuglog("accelerate-ts");

/** Where a result is kept and under what fingerprint. */
export interface CachePlan {
  readonly fingerprint: string;
  /** Whether another run would have the same fingerprint. */
  readonly known: boolean;
  readonly file: string | undefined;
  /** The file, when it is there, is the result. */
  readonly load: boolean;
}
/** What computes the result: a part of its name. A closure has none unless the user wants its text to be one. */
export type WorkKey = readonly unknown[] | undefined;

/** Code that has a name: a library mapper by its options, a module's export by the text of the module. */
export function keyOf(descriptor: JobDescriptor): WorkKey {
  if (descriptor.kind === "mapper") return ["mapper", version, descriptor.mapper.name, descriptor.mapper.options];
  const text = descriptor.url.startsWith("file:") ? readFileSync(fileURLToPath(descriptor.url)) : descriptor.url;
  return ["module", text, descriptor.name, { ...descriptor.call }];
}

/** A closure's text, when the user asks for its result to be found again. */
export function closureKey(fn: (...args: never[]) => unknown, call: object, options: RunOptions): WorkKey {
  const asked = options.loadFromCacheFile === true || options.cacheFileName !== undefined;
  if (!asked || options.newFingerprint !== undefined) return undefined;
  if (options.loadFromCacheFile === true)
    process.emitWarning(
      "a result of a closure is found again by the text of the function: changes of variables that it captures are not seen; pass them as fnKwargs",
      {
        code: "ACCELERATE_TS_CLOSURE_CACHE",
      },
    );
  return ["closure", Function.prototype.toString.call(fn), { ...call }];
}

const suffixed = (file: string, suffix: string): string => file.replace(/(\.[^./]*)?$/, (extension) => `${suffix}${extension}`);

/** @throws ArgumentError ERR_MAP_OPTIONS @param split distinguishes the results of one call over several splits */
export function cachePlan(origin: Origin, verb: string, key: WorkKey, options: RunOptions, split: string): CachePlan {
  const { newFingerprint, cacheFileName, keepInMemory, loadFromCacheFile } = options;
  if (newFingerprint !== undefined && !/^[\w-]{1,64}$/.test(newFingerprint))
    throw new ArgumentError(`${verb}: newFingerprint is ${JSON.stringify(newFingerprint)}`, {
      code: "ERR_MAP_OPTIONS",
      hint: "give up to 64 letters, digits, - and _",
    });
  const suffix = split ? `-${split}` : "";
  const fingerprint =
    newFingerprint !== undefined ? `${newFingerprint}${suffix}` : key === undefined ? uniqueFingerprint() : fingerprintOf(origin.fingerprint, verb, key);
  const known = key !== undefined || newFingerprint !== undefined;
  const file =
    cacheFileName !== undefined
      ? suffixed(cacheFileName, suffix)
      : known && !keepInMemory && origin.cacheDirectory !== undefined
        ? join(origin.cacheDirectory, `cache-${fingerprint}.arrow`)
        : undefined;
  return { fingerprint, known, file, load: loadFromCacheFile !== false };
}

/** The result of an earlier run; undefined when there is none that can be read. */
export async function cached({ file, load }: CachePlan): Promise<Table | undefined> {
  if (file === undefined || !load || !existsSync(file)) return undefined;
  const { openArrow } = await import("../arrow/index.js");
  try {
    const table = await openArrow([file]);
    log("Loading cached processed dataset at %s", file);
    return table;
  } catch (error) {
    process.emitWarning(`the cache file ${file} cannot be read (${(error as Error).message}): its rows are computed again`, { code: "ACCELERATE_TS_CACHE" });
    return undefined;
  }
}

/** The folder of a cache file; undefined, told once per call, when nothing can be written there. */
export async function writable({ file }: CachePlan, asked: boolean): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    await mkdir(dirname(file), { recursive: true });
    log("Caching processed dataset at %s", file);
    return file;
  } catch (error) {
    if (asked) throw new ArgumentError(`cacheFileName ${file}: ${(error as Error).message}`, { code: "ERR_MAP_OPTIONS", cause: error });
    process.emitWarning(`no cache can be written at ${dirname(file)} (${(error as Error).message}): results stay in memory`, { code: "ACCELERATE_TS_CACHE" });
    return undefined;
  }
}
