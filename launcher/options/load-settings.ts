// The settings of one call with all that is said outside it: variables, accelerate.config.ts of the working folder, the user's default file.
import { existsSync, readFileSync, statSync } from "node:fs";
import { extname, resolve } from "node:path";
import { UsageError } from "../usage.js";
import type { ConfigFile } from "./config-entries.js";
import { defaultConfigFile, moduleEndings, projectConfigFile, shownPath } from "./locations.js";
import { type RawOptions, type ResolvedSettings, resolveSettings } from "./resolve.js";

const MAX_BYTES = 2 ** 20;
const endings = [".yaml", ".yml", ".json", ...moduleEndings];

export interface LoadOptions {
  readonly flags: RawOptions;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

export interface LoadedSettings {
  readonly settings: ResolvedSettings;
  /** The files that were read, the strongest first. */
  readonly files: readonly ConfigFile[];
}

const reasons: Readonly<Record<string, string>> = { ENOENT: "no such file", EACCES: "may not be read", ENOTDIR: "its folder is a file" };

/** A file of settings that the system does not give. */
export const unreadable = (name: string, error: unknown): UsageError => {
  const { code = "", message } = error as NodeJS.ErrnoException;
  return new UsageError(`${name}: ${reasons[code] ?? message}`, { cause: error });
};

/** @throws UsageError */
export async function readConfigFile(path: string, cwd: string): Promise<ConfigFile> {
  const name = shownPath(path, cwd);
  const ending = extname(path);
  if (!endings.includes(ending)) throw new UsageError(`${name}: settings stand in files that end in ${endings.join(", ")}`);
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new UsageError(`${name}: not a file`);
    if (stat.size > MAX_BYTES) throw new UsageError(`${name}: ${stat.size.toLocaleString("en")} bytes cannot be settings`);
  } catch (error) {
    throw error instanceof UsageError ? error : unreadable(name, error);
  }
  if ((moduleEndings as readonly string[]).includes(ending)) {
    const { entriesOfModule } = await import("./read-module.js");
    return { name, path, entries: await entriesOfModule(path, name) };
  }
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw unreadable(name, error);
  }
  const { entriesOfYaml } = await import("./read-yaml.js");
  return { name, path, entries: entriesOfYaml(text, name) };
}

/**
 * Reads the files and decides.
 * @throws UsageError with everything that is wrong.
 */
export async function loadSettings({ flags, env, cwd }: LoadOptions): Promise<LoadedSettings> {
  const { configFile } = resolveSettings({ flags: { configFile: flags.configFile }, env: { ...env } }, ["configFile"]).values;
  const user = defaultConfigFile(env);
  const usual = () => [projectConfigFile(cwd), existsSync(user) ? user : undefined];
  const paths = (configFile === undefined ? usual() : [resolve(cwd, configFile)]).filter((path) => path !== undefined);
  const files: ConfigFile[] = [];
  for (const path of paths) files.push(await readConfigFile(path, cwd));
  return { settings: resolveSettings({ flags, env, files }), files };
}
