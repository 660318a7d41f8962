// Exact match: how many texts are those of their references, up to what is to be ignored.
import { ArgumentError } from "../errors.js";
import { checkSides } from "./inputs.js";

export interface ExactMatchArgs {
  readonly predictions: readonly string[];
  readonly references: readonly string[];
  /** What they match is taken out of both sides first, everywhere; texts are JavaScript's regular expressions. */
  readonly regexesToIgnore?: readonly (string | RegExp)[];
  readonly ignoreCase?: boolean;
  /** Takes out ASCII punctuation. */
  readonly ignorePunctuation?: boolean;
  /** Takes out the digits 0 to 9. */
  readonly ignoreNumbers?: boolean;
}

/** An expression for all its matches. Texts are read by code points where they can be, else as Python's escapes have them. */
function everywhere(expression: string | RegExp): RegExp {
  if (typeof expression !== "string") return new RegExp(expression.source, expression.flags.includes("g") ? expression.flags : `${expression.flags}g`);
  try {
    return new RegExp(expression, "gu");
  } catch {
    try {
      return new RegExp(expression, "g");
    } catch (cause) {
      throw new ArgumentError(`metric: ${JSON.stringify(expression)} is no regular expression`, {
        code: "ERR_METRIC_INPUT",
        cause,
        hint: "write it as JavaScript has them",
      });
    }
  }
}

/** Python's string.punctuation. */
const punctuation = /[!-/:-@[-`{-~]/g;
const digits = /[0-9]/g;

/**
 * The part of predictions that equal their reference, after what is to be ignored was taken out of both: expressions first, then case, punctuation, numbers.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * exactMatch({ predictions: ["the Cat?", "5 theater"], references: ["the cat", "theater"], ignoreCase: true, ignorePunctuation: true }); // { exact_match: 0.5 }
 */
export function exactMatch(args: ExactMatchArgs): { exact_match: number } {
  checkSides(args);
  const expressions = (args.regexesToIgnore ?? []).map(everywhere);
  const plain = (text: string) => {
    let out = expressions.reduce((t, expression) => t.replace(expression, ""), text);
    if (args.ignoreCase) out = out.toLowerCase();
    if (args.ignorePunctuation) out = out.replace(punctuation, "");
    return args.ignoreNumbers ? out.replace(digits, "") : out;
  };
  const right = args.predictions.filter((p, i) => plain(p) === plain(args.references[i]!)).length;
  return { exact_match: right / args.predictions.length };
}
