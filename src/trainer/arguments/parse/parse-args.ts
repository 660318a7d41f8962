// parseArgs: a script's command line as typed arguments, as HfArgumentParser does it.
import { basename } from "node:path";
import { ArgumentError } from "../../../errors.js";
import { speaks } from "../../../progress/speaks.js";
import type { ArgumentSource } from "../argument.js";
import { isArgumentFile, readArgumentFile } from "./file.js";
import { argumentHelp } from "./help.js";
import { knownArguments } from "./known.js";
import { parseWords } from "./words.js";

export interface ParseArgsOptions {
  /** Default: the words behind the script's name. */
  readonly args?: readonly string[];
}
/** What a source makes of its arguments. */
export type Parsed<S> = S extends abstract new (...args: never[]) => infer T ? T : S extends ArgumentSource<infer T> ? T : never;
type ParsedAll<S extends readonly ArgumentSource[]> = { -readonly [K in keyof S]: Parsed<S[K]> };

const isList = (sources: ArgumentSource | readonly ArgumentSource[]): sources is readonly ArgumentSource[] => Array.isArray(sources);

/**
 * Reads the command line: `--learning-rate 5e-5`, `--learning_rate=5e-5`, `--load-best-model-at-end`, `--no-remove-unused-columns`, `--label-names a b`. A JSON or YAML file may stand first, as
 * the only word or with options, which go before what it says. `--help` shows all of them and ends the process.
 *
 * @throws ArgumentError ERR_OPTIONS for a flag that is not known, with the one that looks most like it; what making the arguments throws.
 * @example
 * // node train.ts --output-dir out --learning-rate 2e-5 --task sst2
 * const script = defineArguments({ task: argument.choice(["mrpc", "sst2"], { default: "mrpc", help: "What to train on." }) });
 * const [args, { task }] = parseArgs([TrainingArguments, script]);
 */
export function parseArgs<const S extends readonly ArgumentSource[]>(sources: S, options?: ParseArgsOptions): ParsedAll<S>;
export function parseArgs<S extends ArgumentSource>(source: S, options?: ParseArgsOptions): [Parsed<S>];
export function parseArgs(given: ArgumentSource | readonly ArgumentSource[], { args = process.argv.slice(2) }: ParseArgsOptions = {}): unknown[] {
  const sources = isList(given) ? given : [given];
  const known = knownArguments(sources);
  const { values, others, help } = parseWords(args, known);
  if (help) {
    const program = basename(process.argv[1] ?? "script");
    if (speaks()) process.stdout.write(`${argumentHelp(sources, program)}\n`);
    process.exit(0);
  }
  const [file, ...rest] = others;
  const unexpected = file !== undefined && (!isArgumentFile(file) || args[0] !== file) ? file : rest[0];
  if (unexpected !== undefined)
    throw new ArgumentError(`parseArgs: ${unexpected} belongs to no option`, { code: "ERR_OPTIONS", hint: "a JSON or YAML file of arguments may stand first" });
  const merged = new Map([...(file === undefined ? [] : readArgumentFile(file, known)), ...values]);
  return sources.map((source, index) => source.fromJSON(Object.fromEntries([...merged].filter(([name]) => known.get(name)!.source === index))));
}
