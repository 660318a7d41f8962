// Lines to tokens, and pairs of them to one sequence with segments.
import { ArgumentError } from "../errors.js";

/** What Python takes for white space (str.isspace), which is not what JavaScript does. */
const space = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const spaces = new RegExp(`[${space}]+`, "u");
const edges = new RegExp(`^[${space}]+|[${space}]+$`, "gu");
const runs = new RegExp(`[${space}]{2,}`, "gu");

/** Without white space at its ends: Python's strip. */
export const strip = (text: string): string => text.replace(edges, "");
/** Two or more characters of white space as one blank. */
export const collapse = (text: string): string => text.replace(runs, " ");

/** The words of a line: Python's split. */
export function words(line: string): string[] {
  const stripped = strip(line);
  return stripped === "" ? [] : stripped.split(spaces);
}

/**
 * The tokens of each line: words between white space, or characters.
 *
 * @example
 * tokenize(["a man  sleeps"]); // [["a", "man", "sleeps"]]
 */
export function tokenize(lines: readonly string[], token: "word" | "char" = "word"): string[][] {
  if (token === "word") return lines.map(words);
  if (token === "char") return lines.map((line) => [...line]);
  throw new ArgumentError(`tokenize: ${JSON.stringify(token)} is no kind of token`, { hint: 'give "word" or "char"' });
}

/** `<cls> a <sep>`, or `<cls> a <sep> b <sep>`, and for each token whether it belongs to the first (0) or the second (1). */
export interface TokensAndSegments {
  readonly tokens: string[];
  readonly segments: number[];
}

/**
 * The input of BERT for one sequence of tokens or a pair.
 *
 * @example
 * const { tokens, segments } = getTokensAndSegments(["a", "man"], ["he"]);
 * // ["<cls>", "a", "man", "<sep>", "he", "<sep>"], [0, 0, 0, 0, 1, 1]
 */
export function getTokensAndSegments(tokensA: readonly string[], tokensB?: readonly string[]): TokensAndSegments {
  const tokens = ["<cls>", ...tokensA, "<sep>"];
  const segments = tokens.map(() => 0);
  if (tokensB) {
    tokens.push(...tokensB, "<sep>");
    while (segments.length < tokens.length) segments.push(1);
  }
  return { tokens, segments };
}
