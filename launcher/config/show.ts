// What `accelerate-ts config show` prints: every setting, its value and where it comes from.
import { defaultConfigFile, pythonConfigFile, shownPath } from "../options/locations.js";
import type { LoadedSettings } from "../options/load-settings.js";
import { flagOf } from "../options/names.js";
import { type Given, originText } from "../options/resolve.js";
import { settingNames, settingOf } from "../options/settings.js";
import { valueText } from "../options/value-text.js";

type Environment = Readonly<Record<string, string | undefined>>;

export interface SettingReport {
  /** What holds; absent: decided when workers start. */
  readonly value?: unknown;
  readonly origin: "flag" | "environment" | "file" | "default";
  /** The flag, the variable or the key. */
  readonly name?: string;
  /** Absolute. */
  readonly file?: string;
  readonly line?: number;
  /** What does not count, because something stronger was said. */
  readonly instead?: readonly Omit<SettingReport, "instead">[];
}

export interface ConfigReport {
  /** Files that were read, the strongest first. */
  readonly files: readonly string[];
  readonly settings: Readonly<Record<string, SettingReport>>;
}

/** For programs. */
export function configReport({ settings, files }: LoadedSettings): ConfigReport {
  const paths = new Map(files.map(({ name, path }) => [name, path]));
  const told = ({ value, origin: { kind, name, file, line } }: Given): SettingReport => ({
    value,
    origin: kind,
    name,
    ...(file !== undefined && { file: paths.get(file)! }),
    ...(line !== undefined && { line }),
  });
  const rows = settingNames.map((name): [string, SettingReport] => {
    const [first, ...others] = settings.given(name);
    const { fallback } = settingOf(name);
    if (!first) return [name, { ...(fallback !== undefined && { value: fallback }), origin: "default" }];
    return [name, { ...told(first), ...(others.length > 0 && { instead: others.map(told) }) }];
  });
  return { files: files.map(({ path }) => path), settings: Object.fromEntries(rows) };
}

/** Rows of name, value and origin for the settings that somebody has given. */
export const givenRows = ({ settings }: Pick<LoadedSettings, "settings">): string[][] =>
  settingNames.flatMap((name) => {
    const [first, ...others] = settings.given(name);
    if (!first) return [];
    const instead = others.map(({ value, origin }) => `${valueText(value)} by ${originText(origin)}`);
    return [[flagOf(name).slice(2), valueText(first.value), `${originText(first.origin)}${instead.length > 0 ? `, instead of ${instead.join(", ")}` : ""}`]];
  });

/** Columns as wide as they need. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows.reduce<number[]>((known, row) => row.map((text, i) => Math.max(known[i] ?? 0, text.length)), []);
  return rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i]!))
      .join("  ")
      .trimEnd(),
  );
}

/** Which files were read, or where they could lie. */
export function filesText({ files }: Pick<LoadedSettings, "files">, env: Environment, pythonExists: boolean): string {
  if (files.length > 0) return `read: ${files.map(({ name }) => name).join(", ")}`;
  const python = pythonExists ? `\nAccelerate's own ${shownPath(pythonConfigFile(env))} is read where it is asked for: --config-file` : "";
  return `no file of settings: neither accelerate.config.ts here nor ${shownPath(defaultConfigFile(env))} (accelerate-ts config writes it)${python}`;
}

/** For people. */
export function configText(loaded: LoadedSettings, env: Environment, pythonExists: boolean): string {
  const defaults = settingNames
    .filter((name) => loaded.settings.given(name).length === 0)
    .map((name) => {
      const { fallback, otherwise } = settingOf(name);
      return [flagOf(name).slice(2), otherwise ?? (fallback === undefined ? "-" : valueText(fallback)), "default"];
    });
  return `${[...columns([...givenRows(loaded), ...defaults]), filesText(loaded, env, pythonExists)].join("\n")}\n`;
}
