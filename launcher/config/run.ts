// accelerate-ts config: writes the user's file of settings from questions or flags, and shows what holds.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import type { Terminal } from "../command.js";
import { loadSettings } from "../options/load-settings.js";
import { defaultConfigFile, pythonConfigFile } from "../options/locations.js";
import { flagOf, snakeCase } from "../options/names.js";
import { type RawOptions, resolveSettings } from "../options/resolve.js";
import { type SettingName, settingNames, settingOf, type SettingValues } from "../options/settings.js";
import { UsageError } from "../usage.js";
import { askSettings, Unanswered } from "./ask.js";
import { configReport, configText } from "./show.js";
import { YamlFile } from "./yaml-file.js";

const INTERRUPTED = 130;

/** The file that is meant: --config-file, its variable, else the user's own. */
function targetOf(options: RawOptions): YamlFile {
  const { configFile } = resolveSettings({ flags: options, env: process.env }, ["configFile"]).values;
  return new YamlFile(configFile === undefined ? defaultConfigFile(process.env) : resolve(configFile));
}

const basics = (): readonly SettingName[] => settingNames.filter((name) => settingOf(name).basic);

function questionsAsFlags(): string {
  const flags = settingNames.flatMap((name) => {
    const { question, kind, summary } = settingOf(name);
    return question === undefined ? [] : [[`${flagOf(name)}${kind.placeholder ? ` ${kind.placeholder}` : ""}`, summary] as const];
  });
  const width = Math.max(...flags.map(([flag]) => flag.length));
  return flags.map(([flag, summary]) => `  ${flag.padEnd(width)}  ${summary}`).join("\n");
}

function write(file: YamlFile, values: SettingValues): void {
  for (const name of settingNames) if (values[name] !== undefined) file.set(name, values[name]);
  file.save();
}

/** Flags, or questions where there is somebody to ask. */
export async function runConfig(options: RawOptions, { stdin, stdout, stderr }: Terminal): Promise<number> {
  const { configFile: _, ...flags } = options;
  const file = targetOf(options);
  let { values } = resolveSettings({ flags });
  if (Object.keys(values).length === 0) {
    if (!stdin?.isTTY || !stderr.isTTY)
      throw new UsageError(
        `config asks questions, and there is no terminal: answer them by flags, or write the defaults with accelerate-ts config default\n${questionsAsFlags()}`,
      );
    stderr.write(`${file.exists ? "" : "new: "}${file.name}; Enter takes what is in brackets, Ctrl-C leaves everything as it is\n`);
    try {
      values = await askSettings(file.values, { input: stdin, output: stderr, terminal: process.env.TERM !== "dumb" });
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      stderr.write("\nnothing was written\n");
      return INTERRUPTED;
    }
  }
  write(file, values);
  stdout.write(`wrote ${file.name}\n`);
  return 0;
}

/** A new file with what holds by default, but for the settings that are given. */
export async function runConfigDefault({ force, ...options }: RawOptions, { stdout }: Terminal): Promise<number> {
  const { configFile: _, ...flags } = options;
  const { values } = resolveSettings({ flags });
  const file = targetOf(options);
  if (file.exists && !force) throw new UsageError(`${file.name} is there: add what is missing with accelerate-ts config update, or write it anew with --force`);
  file.clear();
  write(file, { ...Object.fromEntries(basics().map((name) => [name, settingOf(name).fallback])), ...values });
  stdout.write(`wrote ${file.name}\n`);
  return 0;
}

/** The keys that `config default` would write and that are not there. */
export async function runConfigUpdate(options: RawOptions, { stdout }: Terminal): Promise<number> {
  const file = targetOf(options);
  if (!file.exists) throw new UsageError(`${file.name}: no such file; write it with accelerate-ts config default`);
  const missing = basics().filter((name) => !file.has(name) && file.values[name] === undefined);
  if (missing.length > 0) write(file, Object.fromEntries(missing.map((name) => [name, settingOf(name).fallback])));
  stdout.write(missing.length > 0 ? `added to ${file.name}: ${missing.map(snakeCase).join(", ")}\n` : `${file.name} has all keys\n`);
  return 0;
}

/** Every setting with its origin. */
export async function runConfigShow(options: RawOptions, { stdout }: Terminal): Promise<number> {
  const { json, ...flags } = options;
  const loaded = await loadSettings({ flags, env: process.env, cwd: process.cwd() });
  stdout.write(json ? `${JSON.stringify(configReport(loaded), null, 2)}\n` : configText(loaded, process.env, existsSync(pythonConfigFile(process.env))));
  return 0;
}
