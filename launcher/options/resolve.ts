// Which value of a setting counts: flag, then variable, then file of the working folder, then default file. Every value is checked by the same rule, wherever it comes from.
import { UsageError } from "../usage.js";
import { type ConfigFile, placeOf, settingsIn } from "./config-entries.js";
import { flagOf, variablesOf } from "./names.js";
import { type SettingName, settingNames, settingOf, type SettingValues } from "./settings.js";
import { didYouMean } from "./similar.js";
import { valueText } from "./value-text.js";

/** Where a value comes from. */
export interface Origin {
  readonly kind: "flag" | "environment" | "file";
  /** The flag, the variable or the key. */
  readonly name: string;
  readonly file?: string;
  readonly line?: number;
}

/** A value that counts, or that a stronger one keeps from counting. */
export interface Given {
  readonly value: unknown;
  readonly origin: Origin;
}

/** Flags as the command line gives them, by long name in camelCase. */
export type RawOptions = Readonly<Record<string, string | boolean | undefined>>;

export interface Sources {
  readonly flags?: RawOptions;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The strongest first. */
  readonly files?: readonly ConfigFile[];
}

/** "--num-processes", "ACCELERATE_TS_NUM_PROCESSES" or "num_processes (default_config.yaml:3)". */
export const originText = ({ name, file, line }: Origin): string => (file === undefined ? name : `${name} (${placeOf(file, line)})`);

/** The settings of one call. */
export class ResolvedSettings {
  readonly values: SettingValues;
  readonly #given: ReadonlyMap<SettingName, readonly Given[]>;

  constructor(given: ReadonlyMap<SettingName, readonly Given[]>) {
    this.#given = given;
    this.values = Object.fromEntries([...given].map(([name, [first]]) => [name, first!.value])) as SettingValues;
  }

  /** All that was said about a setting, the one that counts first. */
  given(name: SettingName): readonly Given[] {
    return this.#given.get(name) ?? [];
  }
  /** For messages: how the value was given, and the value; a flag where nobody gave any. */
  named(name: SettingName): string {
    const [first] = this.given(name);
    if (!first) return flagOf(name);
    const { kind, name: called, file, line } = first.origin;
    const value = valueText(first.value);
    return kind === "flag" ? `${called} ${value}` : kind === "environment" ? `${called}=${value}` : `${called} ${value} (${placeOf(file!, line)})`;
  }
}

/** A problem in words; undefined: none. */
function problemOf(name: SettingName, raw: unknown, origin: Origin): string | undefined {
  const { kind } = settingOf(name);
  if (kind.read(raw) !== undefined) return undefined;
  const near = kind.choices && typeof raw === "string" ? didYouMean(raw.toLowerCase(), kind.choices) : "";
  const wanted = `not ${kind.wanted}${near}`;
  if (origin.kind === "environment") return `${origin.name} is "${raw}": ${wanted}`;
  const said = `${origin.name} ${valueText(raw)}: ${wanted}`;
  return origin.kind === "flag" ? said : `${placeOf(origin.file!, origin.line)}: ${said}`;
}

/**
 * Pure: what is read from where is the caller's.
 * @throws UsageError with all problems, a line each.
 */
export function resolveSettings({ flags = {}, env = {}, files = [] }: Sources, names: readonly SettingName[] = settingNames): ResolvedSettings {
  const problems: string[] = [];
  const fromFiles = files.map((file) => ({ file: file.name, settings: settingsIn(file, problems) }));
  const given = new Map<SettingName, Given[]>();
  const add = (name: SettingName, raw: unknown, origin: Origin) => {
    const problem = problemOf(name, raw, origin);
    if (problem) problems.push(problem);
    else given.set(name, [...(given.get(name) ?? []), { value: settingOf(name).kind.read(raw), origin }]);
  };
  for (const name of names) {
    const flag = flags[name];
    if (flag !== undefined) add(name, flag, { kind: "flag", name: flag === false ? flagOf(name).replace(/^--/, "--no-") : flagOf(name) });
    for (const variable of variablesOf(name)) if (env[variable]) add(name, env[variable], { kind: "environment", name: variable });
    for (const { file, settings } of fromFiles)
      for (const { name: which, value, key, line } of settings)
        if (which === name) add(name, value, { kind: "file", name: key, file, ...(line !== undefined && { line }) });
  }
  if (problems.length > 0) throw new UsageError(problems.join("\n"));
  return new ResolvedSettings(given);
}
