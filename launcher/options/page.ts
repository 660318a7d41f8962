// docs/command-line.md, made from the tables: npm run docs:cli writes it, a test compares it.
import type { CliCommand, CommandOption } from "../command.js";
import { foreignKeys } from "./foreign-keys.js";
import { optionOf } from "./flags.js";
import { flagOf, snakeCase, variablesOf } from "./names.js";
import { groups, type SettingName, settingNames, settingOf } from "./settings.js";

const cell = (text: string): string => text.replaceAll("|", "\\|").replaceAll("<", "&lt;");
const code = (text: string): string => `\`${text}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

function settingRow(name: SettingName): string[] {
  const { kind, short, summary, fallback, otherwise, notInFiles, alsoKeys = [] } = settingOf(name);
  const flag = `${short ? `${code(`-${short}`)}, ` : ""}${code(`${flagOf(name)}${kind.placeholder ? ` ${kind.placeholder}` : ""}`)}`;
  const also = alsoKeys.length > 0 ? ` (${alsoKeys.map((key) => code(snakeCase(key))).join(", ")})` : "";
  const key = notInFiles ? "-" : `${code(snakeCase(name))}${also}`;
  const standard = otherwise ?? (fallback === undefined ? "" : String(fallback));
  return [flag, key, code(variablesOf(name)[0]!), cell(`${summary}${kind.choices ? ` (${kind.choices.join(", ")})` : ""}`), cell(standard)];
}

const settingTables = (): string =>
  (Object.keys(groups) as (keyof typeof groups)[])
    .map((group) => {
      const names = settingNames.filter((name) => settingOf(name).group === group);
      return `### ${groups[group]}\n\n${table(["flag", "key in files", "variable", "meaning", "default"], names.map(settingRow))}`;
    })
    .join("\n\n");

/** What a command takes besides all settings. */
function ownOptions(options: readonly CommandOption[]): string {
  const settingFlags = new Set(settingNames.map(optionOf).map(({ flags }) => flags));
  const isSetting = ({ flags }: CommandOption) => settingFlags.has(flags);
  const takesAll = options.filter(isSetting).length > 1;
  const rows = options
    .filter((option) => !takesAll || !isSetting(option) || option.group === undefined)
    .map(({ flags, description, choices }) => [code(flags), cell(`${description}${choices ? ` (${choices.join(", ")})` : ""}`)]);
  const settings = takesAll ? `${rows.length > 0 ? "Also takes" : "Takes"} the [settings](#settings).` : "";
  return [rows.length > 0 ? table(["option", "meaning"], rows) : "", settings].filter(Boolean).join("\n\n");
}

function commandText(command: CliCommand, above: string): string[] {
  const { name, summary, operands = [], examples, options, commands = [] } = command;
  const called = `${above} ${name}`;
  const usage = [called, ...(options.length > 0 ? ["[options]"] : []), ...operands.map(([syntax]) => syntax)].join(" ");
  const words = operands.map(([syntax, description]) => `- ${code(syntax)}: ${description}`).join("\n");
  const lines = examples.flatMap(([line, purpose]) => [`# ${purpose}`, line]).join("\n");
  const own = [
    `### ${code(called)}`,
    `${summary[0]!.toUpperCase()}${summary.slice(1)}.`,
    `\`\`\`\n${usage}\n\`\`\``,
    words,
    ownOptions(options),
    `\`\`\`sh\n${lines}\n\`\`\``,
  ];
  return [own.filter(Boolean).join("\n\n"), ...commands.flatMap((inner) => commandText(inner, called))];
}

const refused = (): string =>
  table(
    ["key", "why"],
    [...foreignKeys].filter(([, { reason }]) => reason !== "").map(([key, { reason }]) => [code(key), cell(reason)]),
  );

/** The whole page. */
export const commandLinePage = (commands: readonly CliCommand[]): string => `# Command line

<!-- Made from the tables of launcher/ by npm run docs:cli. -->

Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 called wrongly; \`launch\` ends with the code of the worker that failed first. Underscores in flags mean hyphens (\`--num_processes\`).
\`NO_COLOR\`, \`FORCE_COLOR\` and \`COLUMNS\` are honoured.

## Commands

${commands.flatMap((command) => commandText(command, "accelerate-ts")).join("\n\n")}

## Settings

What launches and the programs they start are told. A value may come from several places; the first of these that gives one counts:

1. the flag (a switch has a \`--no-\` form against the others);
2. the variable \`ACCELERATE_TS_...\`, then the same name with \`ACCELERATE_\` alone;
3. \`accelerate.config.ts\` (\`.mts\`, \`.js\`, \`.mjs\`) in the working folder;
4. \`default_config.yaml\` in \`$ACCELERATE_TS_HOME\`, else in \`$XDG_CACHE_HOME/accelerate-ts\`, else in \`~/.cache/accelerate-ts\`;
5. the default.

\`--config-file\` names a file (YAML, JSON, TypeScript or JavaScript) that is read instead of 3 and 4. All files take keys with underscores or in camelCase. Paths in them are taken from the working folder, as on the command line.
\`accelerate-ts config show\` prints every value with its origin. A value is checked by the same rule wherever it comes from; an unknown key is an error.

\`\`\`ts
// accelerate.config.ts
import { defineConfig } from "accelerate-ts/config";

export const config = defineConfig({ numProcesses: 4, logDir: "logs", watchdog: 120 });
\`\`\`

The settings under "Training" reach programs as variables, and are what an \`Accelerator\` takes where the program's own options say nothing. Options that the program gives count; where the launcher was told otherwise, the main process
says so once.

${settingTables()}

## Files of Python's Accelerate

\`accelerate-ts launch --config-file ~/.cache/huggingface/accelerate/default_config.yaml train.ts\` reads the file that \`accelerate config\` has written. \`distributed_type: NO\` means one worker, \`MULTI_CPU\` no GPUs. Keys that mean something
else than a data-parallel run on machines of your own are refused, unless they are empty or ask for what happens anyway:

${refused()}

## Completion

\`\`\`sh
eval "$(accelerate-ts completion bash)"                                             # in ~/.bashrc
accelerate-ts completion zsh > "\${fpath[1]}/_accelerate-ts"                         # zsh
accelerate-ts completion fish > ~/.config/fish/completions/accelerate-ts.fish       # fish
\`\`\`
`;
