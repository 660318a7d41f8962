// Where the system's loader would find a library, without loading it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "./ask.js";

/** Paths by the names of libraries, of LD_LIBRARY_PATH first, then of the loader's cache; undefined: neither has it. */
export function findLibrary(name: string, env: Environment): string | undefined {
  const folders = (env.LD_LIBRARY_PATH ?? "").split(":").filter((folder) => folder !== "");
  const named = folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
  if (named) return named;
  try {
    const cache = readFileSync("/etc/ld.so.cache", "latin1");
    const end = cache.indexOf(`/${name}\0`);
    if (end < 0) return undefined;
    const path = cache.slice(cache.lastIndexOf("\0", end) + 1, end + 1 + name.length);
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined; // not Linux
  }
}
