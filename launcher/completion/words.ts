// What can be completed, from the table of commands: the words and flags of each command.
import type { CliCommand, CommandOption } from "../command.js";

export interface Flag {
  /** -n */
  readonly short: string | undefined;
  /** --num-processes */
  readonly long: string;
  readonly description: string;
  /** undefined: it takes none. */
  readonly value: "file" | "folder" | "text" | readonly string[] | undefined;
}

/** One command as a shell sees it. */
export interface Words {
  /** [] for accelerate-ts itself, ["config", "show"]. */
  readonly path: readonly string[];
  readonly summary: string;
  readonly flags: readonly Flag[];
  /** Commands that may follow. */
  readonly commands: readonly (readonly [name: string, summary: string])[];
  /** What follows that is no flag. */
  readonly operand: "script" | "file" | readonly string[] | undefined;
}

function flagsOf({ flags, description, choices, completes, negatable }: CommandOption): Flag[] {
  const [, short, long, takes] = flags.match(/^(?:(-\w), )?(--[\w-]+)(?: [<[](.*)[>\]])?$/) ?? [];
  if (long === undefined) throw new Error(`${flags}: not the spelling of an option`);
  const value: Flag["value"] = takes === undefined ? undefined : (choices ?? completes ?? "text");
  const flag = { short, long, description, value };
  return negatable ? [flag, { ...flag, short: undefined, long: `--no-${long.slice(2)}`, description: `not ${long}` }] : [flag];
}

const help: Flag = { short: "-h", long: "--help", description: "show help", value: undefined };

function operandOf({ name, operands = [] }: CliCommand): Words["operand"] {
  if (operands.length === 0) return undefined;
  if (name === "completion") return ["bash", "zsh", "fish"];
  return name === "launch" ? "script" : "file";
}

function wordsOf(command: CliCommand, above: readonly string[]): Words[] {
  const path = [...above, command.name];
  const { commands = [], options, summary } = command;
  const own = {
    path,
    summary,
    flags: [...options.flatMap(flagsOf), help],
    commands: commands.map(({ name, summary }) => [name, summary] as const),
    operand: operandOf(command),
  };
  return [own, ...commands.flatMap((inner) => wordsOf(inner, path))];
}

/** The program itself first, then each command. */
export function allWords(commands: readonly CliCommand[]): Words[] {
  const version: Flag = { short: "-V", long: "--version", description: "print the version", value: undefined };
  const root: Words = {
    path: [],
    summary: "",
    flags: [version, help],
    commands: commands.map(({ name, summary }) => [name, summary] as const),
    operand: undefined,
  };
  return [root, ...commands.flatMap((command) => wordsOf(command, []))];
}
