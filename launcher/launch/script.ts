// The script of a launch: it must be a file that Node can run, or the message says what is in its folder.
import { readdirSync, statSync } from "node:fs";
import { basename, dirname, extname, resolve } from "node:path";
import { distance } from "../options/similar.js";
import { UsageError } from "../usage.js";

const kinds = [".ts", ".mts", ".cts", ".js", ".mjs", ".cjs"];
const MAX_LISTED = 8;

/** "in this folder: train.ts, ...": the scripts there, those with a similar name first. */
function scriptsNear(folder: string, wanted: string, shown: string): string | undefined {
  let names: string[];
  try {
    names = readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory() && kinds.includes(extname(entry.name)) && !entry.name.endsWith(".d.ts"))
      .map((entry) => entry.name);
  } catch {
    return undefined; // no such folder either
  }
  const where = shown === "." ? "in this folder" : `in ${shown}`;
  if (names.length === 0) return `no script ${where}`;
  const sorted = names.map((name) => [distance(wanted, name), name] as const).sort((a, b) => a[0] - b[0] || a[1].localeCompare(b[1]));
  const listed = sorted.slice(0, MAX_LISTED).map(([, name]) => name);
  return `${where}: ${listed.join(", ")}${sorted.length > MAX_LISTED ? ", ..." : ""}`;
}

/**
 * The script's absolute path.
 * @throws UsageError
 */
export function findScript(script: string, cwd = process.cwd()): string {
  const path = resolve(cwd, script);
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile()) {
    if (kinds.includes(extname(path))) return path;
    throw new UsageError(`${script}: cannot be run (a script ends in ${kinds.join(", ")})`);
  }
  if (stat?.isDirectory()) {
    const near = scriptsNear(path, "train.ts", script);
    throw new UsageError(`${script}: a folder, not a script${near ? ` (${near})` : ""}`);
  }
  const near = scriptsNear(dirname(path), basename(path), dirname(script));
  throw new UsageError(`${script}: no such file${near ? ` (${near})` : `, and no folder ${dirname(script)}`}`);
}
