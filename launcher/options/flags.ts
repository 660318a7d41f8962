// Settings as options of a command.
import type { CommandOption } from "../command.js";
import { flagOf } from "./names.js";
import { groups, type SettingName, settingNames, settingOf } from "./settings.js";

/** "(default: 60)", and how to say no to what a file or a variable has switched on. */
function remark(name: SettingName): string {
  const { fallback, otherwise, kind, notInFiles } = settingOf(name);
  const standard = otherwise ?? (kind.placeholder !== undefined && fallback !== undefined ? String(fallback) : undefined);
  const remarks = [
    ...(kind.choices ? [`one of ${kind.choices.join(", ")}`] : []),
    ...(standard === undefined ? [] : [`default: ${standard}`]),
    ...(kind.placeholder === undefined && !notInFiles ? [`--no-${flagOf(name).slice(2)} against a file or a variable`] : []),
  ];
  return remarks.length === 0 ? "" : ` (${remarks.join("; ")})`;
}

/** The option of a setting. */
export function optionOf(name: SettingName): CommandOption {
  const { kind, short, summary, group } = settingOf(name);
  const flags = `${short ? `-${short}, ` : ""}${flagOf(name)}${kind.placeholder ? ` <${kind.placeholder}>` : ""}`;
  return {
    flags,
    description: `${summary}${remark(name)}`,
    group: groups[group],
    ...(kind.placeholder === undefined && { negatable: true }),
    ...(kind.choices && { completes: kind.choices }),
    ...(kind.takes && { completes: kind.takes }),
  };
}

/** Options of all settings but those named. */
export const settingOptions = (without: readonly SettingName[] = []): CommandOption[] => settingNames.filter((name) => !without.includes(name)).map(optionOf);
