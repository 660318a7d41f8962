// The words of a command line: flags and their values, by argument.
import { ArgumentError } from "../../../errors.js";
import { readSwitch } from "../../../settings.js";
import { camelCase, flagOf } from "../names.js";
import { type KnownArguments, suggested } from "./known.js";

export interface ParsedWords {
  /** Texts as they stand there; the last of several counts. */
  readonly values: ReadonlyMap<string, unknown>;
  /** Words that are no flags. */
  readonly others: readonly string[];
  readonly help: boolean;
}

/** -1 and -.5 are values. */
const isFlag = (word: string | undefined): boolean => word !== undefined && /^--?[a-z]/i.test(word);
const wrong = (message: string, hint?: string): ArgumentError => new ArgumentError(`parseArgs: ${message}`, { code: "ERR_OPTIONS", ...(hint && { hint }) });

const lowered = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** --no-fast, --no_fast: the switch fast. */
function negated(name: string, known: KnownArguments): string | undefined {
  const positive = /^no[A-Z]/.test(name) ? lowered(name.slice(2)) : undefined;
  const entry = positive === undefined ? undefined : known.get(positive);
  return entry && (entry.argument?.refused !== undefined || entry.argument?.kind.placeholder === undefined) ? positive : undefined;
}

/** @throws ArgumentError ERR_OPTIONS for a flag that is not known, or has no value. */
export function parseWords(words: readonly string[], known: KnownArguments): ParsedWords {
  const values = new Map<string, unknown>();
  const others: string[] = [];
  let help = false;
  let at = 0;
  /** A switch, and what is refused or old, may stand alone. */
  const switched = (inline: string | undefined, any: boolean): unknown => {
    if (inline !== undefined) return inline;
    const next = words[at];
    if (next === undefined || isFlag(next) || (!any && readSwitch(next) === undefined)) return true;
    at++;
    return next;
  };
  const several = (flag: string, inline: string | undefined): string[] => {
    const from = at;
    while (inline === undefined && at < words.length && !isFlag(words[at])) at++;
    const found = inline === undefined ? words.slice(from, at) : [inline];
    if (found.length === 0) throw wrong(`${flag} has no value`);
    return found;
  };
  const one = (flag: string, inline: string | undefined): string => {
    if (inline !== undefined) return inline;
    const next = words[at];
    if (next === undefined || isFlag(next))
      throw wrong(`${flag} has no value`, next === undefined ? undefined : `what begins like a flag is given as ${flag}=${next}`);
    at++;
    return next;
  };
  while (at < words.length) {
    const word = words[at++]!;
    if (word === "--help" || word === "-h") help = true;
    else if (!isFlag(word)) others.push(word);
    else if (!word.startsWith("--")) throw wrong(`no option ${word}`, "options begin with --");
    else {
      const end = word.indexOf("=");
      const flag = end < 0 ? word : word.slice(0, end);
      const inline = end < 0 ? undefined : word.slice(end + 1);
      const name = camelCase(flag.slice(2));
      const entry = known.get(name);
      const off = entry ? undefined : negated(name, known);
      if (off !== undefined) {
        if (inline !== undefined) throw wrong(`${flag} takes no value`, `write ${flagOf(off)} ${inline}`);
        values.set(off, false);
      } else if (!entry) throw wrong(`no option ${flag}${suggested(name, known)}`, "--help lists them");
      else {
        const { argument } = entry;
        const alone = argument === undefined || argument.refused !== undefined;
        if (alone || argument.kind.placeholder === undefined) values.set(name, switched(inline, alone));
        else values.set(name, argument.kind.many ? several(flag, inline) : one(flag, inline));
      }
    }
  }
  return { values, others, help };
}
