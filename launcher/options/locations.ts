// Where files of settings lie.
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, relative } from "node:path";
import { UsageError } from "../usage.js";

type Environment = Readonly<Record<string, string | undefined>>;

/** The endings of files that are programs; all others are YAML or JSON. */
export const moduleEndings = [".ts", ".mts", ".js", ".mjs"] as const;
const projectNames = moduleEndings.map((ending) => `accelerate.config${ending}`);

/** The folder of the user's own files: ACCELERATE_TS_HOME, else accelerate-ts in the cache folder of the system. */
export const userFolder = (env: Environment): string => env.ACCELERATE_TS_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "accelerate-ts");

/** The file that `accelerate-ts config` writes. */
export const defaultConfigFile = (env: Environment): string => join(userFolder(env), "default_config.yaml");

/** Where Python's Accelerate keeps its own. */
export const pythonConfigFile = (env: Environment): string =>
  join(env.HF_HOME || join(env.XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "accelerate", "default_config.yaml");

/**
 * The accelerate.config.ts (.mts, .js, .mjs) of a folder; undefined: there is none.
 * @throws UsageError when there are several.
 */
export function projectConfigFile(folder: string): string | undefined {
  const there = projectNames.filter((name) => existsSync(join(folder, name)));
  if (there.length > 1) throw new UsageError(`${there.join(" and ")}: one folder takes one of them; remove the others, or say --config-file ${there[0]}`);
  return there[0] === undefined ? undefined : join(folder, there[0]);
}

/** A path for people: from the working folder if it is below it, from the home folder, else absolute. */
export function shownPath(path: string, cwd: string = process.cwd()): string {
  const below = (folder: string) => {
    const rest = relative(folder, path);
    return rest === "" || rest.startsWith("..") || isAbsolute(rest) ? undefined : rest;
  };
  const fromHome = homedir() === "/" ? undefined : below(homedir());
  return below(cwd) ?? (fromHome === undefined ? path : join("~", fromHome));
}
