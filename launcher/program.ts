// The command line: a commander program made from the table of commands; exit codes and messages in one place.
import { Command, CommanderError, Option } from "commander";
import { AccelerateError } from "../src/errors.js";
import type { CliCommand, Terminal } from "./command.js";
import { commands } from "./commands/index.js";
import { foreignFlags } from "./options/foreign-keys.js";
import { camelCase, flagOf } from "./options/names.js";
import { didYouMean } from "./options/similar.js";
import { UsageError } from "./usage.js";
import { packageVersion } from "./version.js";

/** Exit codes: 0 done, 1 failed, 2 called wrongly. */
const usageError = 2;

/** Takes Python's underscores for hyphens: --num_processes. */
class SpelledOption extends Option {
  // commander asks this of every option, though its types do not tell.
  is(argument: string): boolean {
    return this.short === argument || this.long === (argument.startsWith("--") ? argument.replaceAll("_", "-") : argument);
  }
}

// commander writes: error: unknown option '--x'\n(Did you mean --y?)
const plain = (message: string): string =>
  message
    .replace(/^error: /, "")
    .replace(/'([^']*)'/g, "$1")
    .replace(/\n?\((Did you mean .*\?)\)/, (_, hint: string) => ` (${hint[0]?.toLowerCase()}${hint.slice(1)})`)
    .replace(/^unknown option --([\w-]+)(.*)/, (said, flag: string) => {
      const reason = foreignFlags.get(camelCase(flag));
      return reason === undefined ? said : `no option --${flag} here: ${reason}`;
    });

const DEFAULT_COLUMNS = 80;
/** Descriptions are broken into lines of so many columns at least. */
const MIN_WRAPPED = 20;
/** Columns that help may take. */
const helpWidth = ({ stdout }: Terminal): number => Number(process.env.COLUMNS) || (stdout.isTTY && stdout.columns) || DEFAULT_COLUMNS;

/** Purposes stand beside their lines where there is room, else above. */
const exampleHelp = (examples: CliCommand["examples"], columns: number): string => {
  const width = Math.max(...examples.map(([line]) => line.length));
  const beside = examples.map(([line, purpose]) => `  ${line.padEnd(width)}  # ${purpose}`);
  const text = beside.every((line) => line.length <= columns) ? beside : examples.map(([line, purpose]) => `  # ${purpose}\n  ${line}`);
  return `\nExamples:\n${text.join("\n")}\n`;
};

function subcommand(command: CliCommand, terminal: Terminal, finish: (code: number) => void): Command {
  const parser = new Command(command.name)
    .description(command.summary)
    .allowExcessArguments(command.commands !== undefined)
    .helpCommand(false);
  for (const { flags, description, choices, negatable, group } of command.options) {
    const option = new SpelledOption(flags, description);
    if (group) option.helpGroup(`${group}:`);
    parser.addOption(choices ? option.choices(choices) : option);
    if (negatable) parser.addOption(new SpelledOption(`--no-${option.long!.slice(2)}`).hideHelp());
  }
  parser.addHelpText("after", exampleHelp(command.examples, helpWidth(terminal)));
  for (const [syntax, description] of command.operands ?? []) parser.argument(syntax, description);
  // Where words follow without end they are another program's, with options of its own.
  if (command.operands?.some(([syntax]) => syntax.includes("..."))) parser.passThroughOptions();
  if (command.commands) parser.enablePositionalOptions();
  for (const inner of command.commands ?? []) parser.addCommand(subcommand(inner, terminal, finish));
  return parser.action(async () => {
    const [before] = Object.keys(parser.parent?.opts() ?? {});
    if (before !== undefined) throw new UsageError(`${flagOf(before)} stands before ${command.name} and would not count: put it after ${command.name}`);
    const [unknown] = parser.args;
    if (command.commands && unknown !== undefined)
      throw new UsageError(
        `unknown command ${command.name} ${unknown}${didYouMean(
          unknown,
          command.commands.map(({ name }) => name),
        )}`,
      );
    finish(await command.run(parser.opts(), terminal, parser.args));
  });
}

/** A parser with all below it. */
const family = (parser: Command): Command[] => [parser, ...parser.commands.flatMap(family)];

/** Parses and runs; never exits the process itself. Resolves with the exit code. */
export async function runCli(argv: readonly string[], terminal: Terminal): Promise<number> {
  let code = 0;
  const program = new Command("accelerate-ts")
    .description("Distributed training of transformers in TypeScript.")
    .version(packageVersion(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show help for a command")
    .helpCommand(false)
    .enablePositionalOptions()
    .addHelpText(
      "after",
      exampleHelp(
        commands.flatMap(({ examples }) => examples.slice(0, 1)),
        helpWidth(terminal),
      ),
    );
  for (const command of commands) {
    program.addCommand(
      subcommand(command, terminal, (ended) => {
        code = ended;
      }),
    );
  }
  for (const parser of family(program)) {
    parser.exitOverride().configureHelp({ minWidthToWrap: MIN_WRAPPED });
    parser.configureOutput({
      getOutHelpWidth: () => helpWidth(terminal),
      getErrHelpWidth: () => helpWidth(terminal),
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
      outputError: (text, write) => write(plain(text)),
    });
  }
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : usageError;
    if (!(error instanceof AccelerateError)) throw error;
    terminal.stderr.write(`${error.message}\n`);
    return error instanceof UsageError ? usageError : 1;
  }
}
