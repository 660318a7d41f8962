// Completion scripts. They hold all words themselves: pressing Tab starts no program of ours.
import type { CliCommand } from "../command.js";
import { allWords, type Flag, type Words } from "./words.js";

const HEADER = "# Completion of accelerate-ts; made by: accelerate-ts completion";
const SCRIPTS = ["ts", "mts", "cts", "js", "mjs", "cjs"];

type Value = Flag["value"] | Words["operand"];

const names = ({ flags }: Words): string[] => flags.flatMap(({ short, long }) => (short ? [short, long] : [long]));
const valued = ({ flags }: Words): Flag[] => flags.filter(({ value }) => value !== undefined);
const id = ({ path }: Pick<Words, "path">): string => path.join(" ");

/** Assigns COMPREPLY. */
function bashValue(value: Value): string {
  const paths = (list: string) => `local IFS=$'\\n'; COMPREPLY=(${list}); compopt -o filenames 2>/dev/null`;
  if (value === undefined || value === "text") return ":";
  if (value === "file") return paths('$(compgen -f -- "$word")');
  if (value === "folder") return paths('$(compgen -d -- "$word")');
  if (value === "script") return paths(`$(compgen -d -- "$word") $(for kind in ${SCRIPTS.join(" ")}; do compgen -f -X "!*.$kind" -- "$word"; done)`);
  return `COMPREPLY=($(compgen -W '${value.join(" ")}' -- "$word"))`;
}

/** Words before the cursor name the command; behind its operand all is the script's own. */
function bash(all: readonly Words[]): string {
  const patterns = (words: Words, { short, long }: Flag) => [short, long].flatMap((name) => (name ? [`'${id(words)}:${name}'`] : [])).join("|");
  const taking = all.flatMap((words) => valued(words).map((flag) => patterns(words, flag)));
  const entering = all.flatMap((words) => words.commands.map(([name]) => `      '${id(words)}:${name}') path='${id({ path: [...words.path, name] })}' ;;`));
  const values = all.flatMap((words) => valued(words).map((flag) => `    ${patterns(words, flag)}) ${bashValue(flag.value)} ;;`));
  const offers = all.map((words) => `    '${id(words)}') flags='${names(words).join(" ")}'; commands='${words.commands.map(([name]) => name).join(" ")}' ;;`);
  const operands = all.filter(({ operand }) => operand !== undefined).map((words) => `    '${id(words)}') ${bashValue(words.operand)} ;;`);
  return `${HEADER} bash
_accelerate_ts() {
  local word="\${COMP_WORDS[COMP_CWORD]}" path='' value='' operand='' flags='' commands='' said i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    said="\${COMP_WORDS[i]}"
    if [ -n "$value" ]; then value=''; continue; fi
    [[ $said == --* ]] && said="\${said//_/-}"
    case "$path:$said" in
      ${taking.join("|")}) value="$path:$said" ;;
      *:-*) ;;
${entering.join("\n")}
      *) operand=1; break ;;
    esac
  done
  if [ -n "$operand" ]; then ${bashValue("file")}; return; fi
  case "$value" in
    '') ;;
${values.join("\n")}
  esac
  [ -n "$value" ] && return
  case "$path" in
${offers.join("\n")}
  esac
  if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "$flags" -- "\${word//_/-}")); return; fi
  if [ -n "$commands" ]; then COMPREPLY=($(compgen -W "$commands" -- "$word")); return; fi
  case "$path" in
${operands.join("\n")}
  esac
}
complete -F _accelerate_ts accelerate-ts
`;
}

/** Inside single quotes. */
const quoted = (text: string): string => text.replaceAll("'", "'\\''");
/** Inside a specification of _arguments: brackets and colons mean something there. */
const zshText = (text: string): string => quoted(text.replace(/[[\]:\\]/g, "\\$&"));

function zshAction(value: Value): string {
  if (value === undefined || value === "text") return " ";
  if (value === "file") return "_files";
  if (value === "folder") return "_files -/";
  if (value === "script") return `_files -g "*.(${SCRIPTS.join("|")})"`;
  return `(${value.join(" ")})`;
}

function zsh(all: readonly Words[]): string {
  const functionOf = (path: readonly string[]) => ["_accelerate_ts", ...path.map((word) => word.replaceAll("-", "_"))].join("_");
  const specification = ({ short, long, description, value }: Flag) => {
    const tail = `[${zshText(description)}]${value === undefined ? "" : `:value:${quoted(zshAction(value))}`}`;
    return short ? `'(${short} ${long})'{${short},${long}}'${tail}'` : `'${long}${tail}'`;
  };
  const functions = all.map((words) => {
    const { path, flags, commands, operand } = words;
    const lines = flags.map((flag) => `    ${specification(flag)} \\`);
    if (commands.length === 0) {
      const rest = operand === undefined ? "" : `    '1:operand:${quoted(zshAction(operand))}' \\\n    '*:file:_files'\n`;
      return `${functionOf(path)}() {\n  _arguments -s \\\n${lines.join("\n")}\n${rest || "    && return\n"}}`;
    }
    const described = commands.map(([name, summary]) => `        '${name}:${quoted(summary.replaceAll(":", "\\:"))}'`);
    const calls = commands.map(([name]) => `        ${name}) ${functionOf([...path, name])} ;;`);
    return `${functionOf(path)}() {
  local line state
  _arguments -C \\
${lines.join("\n")}
    '1:command:->command' \\
    '*::argument:->argument'
  case $state in
    command)
      local -a commands=(
${described.join("\n")}
      )
      _describe command commands ;;
    argument)
      case $line[1] in
${calls.join("\n")}
      esac ;;
  esac
}`;
  });
  return `#compdef accelerate-ts\n${HEADER} zsh\n${functions.join("\n")}\nif [ "$funcstack[1]" = _accelerate_ts ]; then _accelerate_ts "$@"; else compdef _accelerate_ts accelerate-ts; fi\n`;
}

function fish(all: readonly Words[]): string {
  const condition = ({ path, commands }: Words) => {
    const inside = path.map((word) => `__fish_seen_subcommand_from ${word}`);
    const below = commands.length === 0 ? [] : [`not __fish_seen_subcommand_from ${commands.map(([name]) => name).join(" ")}`];
    return [...inside, ...below].join("; and ") || "true";
  };
  const line = (words: Words, rest: string) => `complete -c accelerate-ts -n '${condition(words)}' ${rest}`;
  const takes = (value: Flag["value"]) =>
    value === undefined
      ? ""
      : value === "file"
        ? " -r -F"
        : value === "folder"
          ? " -x -a '(__fish_complete_directories)'"
          : value === "text"
            ? " -x"
            : ` -x -a '${value.join(" ")}'`;
  const lines = all.flatMap((words) => [
    ...words.commands.map(([name, summary]) => line(words, `-f -a ${name} -d '${fishText(summary)}'`)),
    ...words.flags.map(({ short, long, description, value }) =>
      line(words, `${short ? `-s ${short.slice(1)} ` : ""}-l ${long.slice(2)}${takes(value)} -d '${fishText(description)}'`),
    ),
    ...(Array.isArray(words.operand) ? [line(words, `-f -a '${words.operand.join(" ")}'`)] : words.operand ? [line(words, "-F")] : []),
  ]);
  return `${HEADER} fish\n${lines.join("\n")}\n`;
}
/** Inside single quotes of fish. */
const fishText = (text: string): string => text.replace(/['\\]/g, "\\$&");

const scripts = { bash, zsh, fish } as const;

/** To be sourced by the shell. */
export const completionScript = (shell: keyof typeof scripts, commands: readonly CliCommand[]): string => scripts[shell](allWords(commands));
