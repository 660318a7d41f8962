// What a file of settings says, whatever it is written in: keys with values and places, checked one by one.
import { foreignKeys } from "./foreign-keys.js";
import { camelCase, knownKeys, settingOfKey, snakeCase } from "./names.js";
import type { SettingName } from "./settings.js";
import { similar } from "./similar.js";
import { valueText } from "./value-text.js";

/** One key of a file. */
export interface ConfigEntry {
  readonly key: string;
  readonly value: unknown;
  readonly line?: number;
}

/** A file as it was read. */
export interface ConfigFile {
  /** As it is shown to people. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  readonly entries: readonly ConfigEntry[];
}

/** A setting in a file. */
export interface FileSetting {
  readonly name: SettingName;
  readonly value: unknown;
  readonly key: string;
  readonly line?: number;
}

/** "accelerate.yaml:3": for messages. */
export const placeOf = (file: string, line: number | undefined): string => (line === undefined ? file : `${file}:${line}`);

function unknownKey(place: string, key: string): string {
  const names = [...knownKeys().flatMap((name) => [name, snakeCase(name)]), ...foreignKeys.keys()];
  const close = similar(key, names) ?? similar(camelCase(key), knownKeys());
  return `${place}: unknown key ${key}${close === undefined ? "" : ` (did you mean ${close}?)`}`;
}

/** The settings of a file; what is wrong is added to the problems. Python's null, and its -1 for a number of workers, say nothing. */
export function settingsIn({ name: file, entries }: Pick<ConfigFile, "name" | "entries">, problems: string[]): FileSetting[] {
  const found = new Map<SettingName, FileSetting>();
  const implied: FileSetting[] = [];
  for (const { key, value, line } of entries) {
    const place = placeOf(file, line);
    const at = line === undefined ? {} : { line };
    const name = settingOfKey(key);
    const foreign = name === undefined ? foreignKeys.get(snakeCase(key)) : undefined;
    const earlier = name === undefined ? undefined : found.get(name);
    if (name === undefined && !foreign) problems.push(unknownKey(place, key));
    else if (earlier) problems.push(`${place}: ${earlier.key} and ${key} are the same setting: leave one out`);
    else if (foreign && !foreign.harmless(value)) problems.push(`${place}: ${key} ${valueText(value)}: ${foreign.reason}`);
    else if (foreign)
      for (const [what, follows] of Object.entries(foreign.implies?.(value) ?? {})) implied.push({ name: what as SettingName, value: follows, key, ...at });
    else if (name !== undefined && value !== null && value !== undefined && !(name === "numProcesses" && value === -1))
      found.set(name, { name, value, key, ...at });
  }
  const [one] = implied.filter(({ name }) => name === "numProcesses");
  const workers = found.get("numProcesses");
  if (one && workers && String(workers.value) !== "1")
    problems.push(`${placeOf(file, workers.line)}: ${workers.key} ${valueText(workers.value)}, but ${one.key} NO means one worker: leave ${one.key} out`);
  return [...found.values(), ...implied.filter(({ name }) => !found.has(name))];
}
