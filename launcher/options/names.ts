// How a setting is called: as a flag, as variables, as keys of files.
import { type SettingName, settingNames, settingOf } from "./settings.js";

/** numProcesses -> num_processes, as `config` writes it and Python spells it. */
export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** numProcesses -> --num-processes */
export const flagOf = (name: string): string => `--${snakeCase(name).replaceAll("_", "-")}`;

/** num_processes, num-processes -> numProcesses */
export const camelCase = (name: string): string => name.replace(/[-_]+([a-z0-9])/gi, (_, letter: string) => letter.toUpperCase());

/** The first that is set counts. */
export const variablesOf = (name: SettingName): readonly string[] => {
  const tail = snakeCase(name).toUpperCase();
  return settingOf(name).variables ?? [`ACCELERATE_TS_${tail}`, `ACCELERATE_${tail}`];
};

const byKey: ReadonlyMap<string, SettingName> = new Map(
  settingNames.filter((name) => !settingOf(name).notInFiles).flatMap((name) => [name, ...(settingOf(name).alsoKeys ?? [])].map((key) => [key, name] as const)),
);

/** The setting that a key of a file means, in either spelling. */
export const settingOfKey = (key: string): SettingName | undefined => (/-/.test(key) ? undefined : byKey.get(camelCase(key)));

/** All keys in camelCase, for suggestions. */
export const knownKeys = (): readonly string[] => [...byKey.keys()];
