// From what was given, under whatever names, to checked values of a table.
import { deprecate } from "node:util";
import { ArgumentError } from "../../errors.js";
import { speaks } from "../../progress/speaks.js";
import { didYouMean } from "../../similar.js";
import type { Argument, ArgumentTable, ValuesOf } from "./argument.js";
import { camelCase, snakeCase } from "./names.js";
import type { OldName } from "./old-names.js";

export interface Reading<A extends ArgumentTable> {
  readonly table: A;
  /** Who is given them, in messages. */
  readonly what: string;
  readonly old?: Readonly<Record<string, OldName>>;
  /** Names may have underscores, too. */
  readonly fromFile?: boolean;
}
type Given = Readonly<Record<string, unknown>>;

const code = "ERR_TRAINING_ARGUMENTS";
const has = (names: object, name: string): boolean => Object.hasOwn(names, name);
const MAX_TEXT = 60;

/** What JSON does not hold, as JavaScript names it: NaN, 5n, [object Object] for what has itself in it. */
function asText(value: unknown): string {
  if (typeof value === "bigint") return `${value}n`;
  try {
    return typeof value === "number" ? String(value) : (JSON.stringify(value) ?? String(value));
  } catch {
    return Object.prototype.toString.call(value);
  }
}

/** As a person would write it; what is long is cut, and secrets are not shown. */
export function shown(name: string, value: unknown): string {
  if (/token$/i.test(name)) return "set";
  const text = asText(value);
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
}

/** Once per process and name, on the main process. */
function tellOld(name: string, message: string): void {
  if (speaks()) deprecate(() => undefined, message, `ACCELERATE_TS_OLD_${snakeCase(name).toUpperCase()}`)();
}

function unknownName({ table, what, old = {} }: Reading<ArgumentTable>, name: string): ArgumentError {
  const right = camelCase(name);
  const known = has(table, right) || has(old, right);
  const names = Object.keys(table).filter((other) => !table[other]!.refused);
  const hint = known ? `write ${right}` : "docs/training-arguments.md lists them";
  return new ArgumentError(`${what} has no option ${name}${known ? "" : didYouMean(right, names)}`, { code: "ERR_OPTIONS", hint });
}

/** Of a list, the first that is known to be refused. */
function reasonFor(reasons: Readonly<Record<string, string>>, raw: unknown): string | undefined {
  const name = (Array.isArray(raw) ? raw : [raw]).find((item) => typeof item === "string" && has(reasons, item));
  return name === undefined ? undefined : reasons[name];
}

/** The value of an argument. */
export function readArgument(what: string, name: string, { kind, refused }: Argument, raw: unknown): unknown {
  const read = kind.read(raw);
  if (read) return read.value;
  const unsupported = refused ?? reasonFor(kind.reasons ?? {}, raw);
  if (unsupported !== undefined)
    throw new ArgumentError(`${what}: ${name} is ${shown(name, raw)}, and is not supported: ${unsupported}`, {
      code: "ERR_TRAINING_ARGUMENT_REFUSED",
      hint: refused === undefined ? `give ${kind.wanted}` : "leave it out",
    });
  throw new ArgumentError(`${what}: ${name} is ${shown(name, raw)}, not ${kind.wanted}`, { code });
}

/** Puts new names in the place of old ones. */
export function modernised({ table, what, old = {} }: Reading<ArgumentTable>, given: Given): Given {
  const modern: Record<string, unknown> = {};
  const olds: [name: string, value: unknown][] = [];
  for (const [name, value] of Object.entries(given)) {
    if (has(table, name)) modern[name] = value;
    else olds.push([name, value]);
  }
  for (const [name, value] of olds) {
    const { unset, to, advice, refused } = old[name]!;
    if (unset.includes(value as never)) continue;
    if (refused)
      throw new ArgumentError(`${what}: ${name} is ${shown(name, value)}, and is not supported: ${advice}`, { code: "ERR_TRAINING_ARGUMENT_REFUSED" });
    tellOld(name, `${name} is an old name of training arguments: ${advice}`);
    for (const [now, instead] of Object.entries(to?.(value) ?? {})) {
      const other = modern[now];
      const both = typeof other === "object" && other !== null && typeof instead === "object";
      if (!both && other !== undefined && other !== null && other !== table[now]!.standard)
        throw new ArgumentError(`${what}: ${name} and ${now} were both given`, { code, hint: `${name} is an old name, leave it out` });
      modern[now] = both ? { ...other, ...instead } : instead;
    }
  }
  return modern;
}

/**
 * What was given by names of the table, or old ones; without what is undefined.
 * @throws ArgumentError ERR_OPTIONS for a name that is not known, with the one that looks most like it.
 */
export function namedValues(reading: Reading<ArgumentTable>, given: Given): Given {
  const { table, what, old = {}, fromFile = false } = reading;
  const named: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const key = fromFile ? camelCase(name) : name;
    if (!has(table, key) && !has(old, key)) throw unknownName(reading, name);
    if (has(named, key)) throw new ArgumentError(`${what}: ${key} is given twice`, { code, hint: `once as ${name}` });
    named[key] = value;
  }
  return named;
}

/**
 * Values of all arguments of a table, defaults where nothing was given (or undefined).
 * @throws ArgumentError ERR_OPTIONS for a name that is not known; ERR_TRAINING_ARGUMENTS for what is no value of an argument; ERR_TRAINING_ARGUMENT_REFUSED for what cannot be done here.
 */
export function readValues<A extends ArgumentTable>(reading: Reading<A>, given: Given): ValuesOf<A> {
  const { table, what } = reading;
  const modern = modernised(reading, namedValues(reading, given));
  return Object.fromEntries(
    Object.entries<Argument>(table).map(([name, argument]) => {
      if (modern[name] === undefined && argument.required) throw new ArgumentError(`${what}: ${name} is missing`, { code, hint: argument.help || "give it" });
      if (modern[name] === undefined) return [name, argument.standard];
      const value = readArgument(what, name, argument, modern[name]);
      if (argument.old !== undefined && value !== undefined) tellOld(name, `${name} is an old training argument: ${argument.old}`);
      return [name, value];
    }),
  ) as ValuesOf<A>;
}
