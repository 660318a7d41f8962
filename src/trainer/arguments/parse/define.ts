// Arguments of a script's own, beside TrainingArguments.
import { ArgumentError } from "../../../errors.js";
import type { Argument, ArgumentSource, ArgumentTable, ValuesOf } from "../argument.js";
import { type Kind, listOf, number, type NumberLimits, onOff, oneOf, optional, options, text } from "../kinds.js";
import { isRecord } from "../names.js";
import { readValues } from "../read.js";

/** About an argument of one's own; with neither a default nor `required` it may be undefined. */
export interface OwnArgument<T> {
  readonly help?: string;
  readonly default?: T;
  readonly required?: true;
}
type Certain<T> = OwnArgument<T> & ({ readonly default: T } | { readonly required: true });
interface Maker<T> {
  (about: Certain<T>): Argument<T>;
  (about?: OwnArgument<T>): Argument<T | undefined>;
}

function made<T, In>(kind: Kind<T, In>, about: OwnArgument<T> = {}): Argument<T | undefined> {
  const { help = "", required } = about;
  const whole: Argument<T | undefined, In | undefined> = {
    kind: required ? kind : optional(kind),
    standard: about.default,
    help,
    ...(required && { required }),
  };
  // A default stands for what is undefined, so the value is of the kind.
  return about.default === undefined ? whole : { ...whole, kind: kind as Kind<T | undefined, In> };
}
const maker = <T, In>(kind: Kind<T, In>): Maker<T> => ((about) => made(kind, about)) as Maker<T>;

/** A switch is false by default: --fast, --no-fast. */
function flag(about: OwnArgument<boolean> = {}): Argument<boolean> {
  return made(onOff, { default: false, ...about }) as Argument<boolean>;
}
function numeric(about: NumberLimits & Certain<number>): Argument<number>;
function numeric(about?: NumberLimits & OwnArgument<number>): Argument<number | undefined>;
function numeric(about: NumberLimits & OwnArgument<number> = {}): Argument<number | undefined> {
  const { help: _, default: __, required: ___, ...limits } = about;
  return made(number(limits), about);
}
function choice<const C extends string>(choices: readonly C[], about: Certain<NoInfer<C>>): Argument<C>;
function choice<const C extends string>(choices: readonly C[], about?: OwnArgument<NoInfer<C>>): Argument<C | undefined>;
function choice<const C extends string>(choices: readonly C[], about?: OwnArgument<C>): Argument<C | undefined> {
  return made(oneOf(...choices), about);
}

/** Makes arguments for `defineArguments`. */
export const argument: {
  readonly text: Maker<string>;
  readonly number: typeof numeric;
  readonly flag: typeof flag;
  readonly choice: typeof choice;
  /** Several words: --files a.csv b.csv */
  readonly texts: Maker<readonly string[]>;
  readonly numbers: Maker<readonly number[]>;
  /** An object, as JSON text on the command line. */
  readonly options: Maker<Readonly<Record<string, unknown>>>;
} = {
  text: maker(text()),
  number: numeric,
  flag,
  choice,
  texts: maker(listOf(text())),
  numbers: maker(listOf(number())),
  options: maker(options),
};

/**
 * A table of a script's own arguments, for `parseArgs`.
 *
 * @example
 * const modelArguments = defineArguments({
 *   modelNameOrPath: argument.text({ required: true, help: "The model to start from." }),
 *   maxLength: argument.number({ default: 128, min: 1, whole: true }),
 *   task: argument.choice(["mrpc", "sst2"], { default: "mrpc" }),
 * });
 * const [model, args] = parseArgs([modelArguments, TrainingArguments]);
 */
export function defineArguments<const A extends ArgumentTable>(table: A, { title = "Script" }: { readonly title?: string } = {}): ArgumentSource<ValuesOf<A>> {
  return {
    argumentTable: table,
    argumentTitle: title,
    fromJSON: (record) => {
      if (!isRecord(record)) throw new ArgumentError(`${title}: arguments are an object`, { code: "ERR_OPTIONS" });
      return Object.freeze(readValues({ table, what: title, fromFile: true }, record));
    },
  };
}
