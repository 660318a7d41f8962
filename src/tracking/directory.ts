// Where a tracker of files writes: a directory of the project inside the logging directory, and the settings of the run in it.
import { randomBytes } from "node:crypto";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { ArgumentError } from "../errors.js";
import type { TrackerContext } from "./tracker.js";
import { type ConfigValues, jsonText } from "./values.js";

/**
 * `<loggingDir>/<project>`.
 * @throws ArgumentError when there is no logging directory, or the project leads out of it.
 */
export function projectDirectory({ loggingDir, project }: TrackerContext, tracker: string): string {
  if (loggingDir === undefined)
    throw new ArgumentError(`the tracker ${tracker} writes files and has no place for them`, { hint: "give loggingDir (or projectDir)" });
  const directory = resolve(loggingDir, project);
  const inside = relative(loggingDir, directory);
  if (inside === "" || inside === ".." || inside.startsWith("../") || inside.startsWith("..\\") || project.includes("\0"))
    throw new ArgumentError(`the project "${project}" names no directory inside ${loggingDir}`, { hint: "give a plain name such as mrpc" });
  return directory;
}

/** Writes `config.json` whole or not at all. */
export async function writeConfig(directory: string, values: ConfigValues): Promise<void> {
  await mkdir(directory, { recursive: true });
  const path = join(directory, "config.json");
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  await writeFile(draft, `${jsonText(values, { indent: 2 })}\n`, { flag: "wx" });
  await rename(draft, path);
}
