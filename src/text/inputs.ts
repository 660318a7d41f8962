// What a tokenizer can be called with: a text, texts, pairs of them, or texts as lists of words.
import { ArgumentError } from "../errors.js";
import type { TextInput } from "./engine.js";

export interface Inputs {
  readonly first: readonly TextInput[];
  readonly second: readonly TextInput[] | undefined;
  /** One text was given, not a list. */
  readonly single: boolean;
}
type List = readonly unknown[];

const fault = (message: string, hint: string) => new ArgumentError(message, { code: "ERR_TEXT_INPUT", hint });
const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "a list" : typeof value);
const fillGaps = 'every input must be a string; fill gaps with ""';

function asTexts(list: List, what: string): readonly string[] {
  const odd = list.findIndex((text) => typeof text !== "string");
  if (odd >= 0) throw fault(`${what} ${odd} is ${kindOf(list[odd])}`, fillGaps);
  return list as readonly string[];
}
function asWords(list: List, what: string): readonly (readonly string[])[] {
  return list.map((words, i) => {
    if (!Array.isArray(words)) throw fault(`${what} ${i} is ${kindOf(words)}`, "with isSplitIntoWords each text is a list of words");
    return asTexts(words, `${what} ${i}, word`);
  });
}
const isPairs = (list: List, isPart: (part: unknown) => boolean): list is readonly (readonly [unknown, unknown])[] =>
  list.length > 0 && list.every((entry) => Array.isArray(entry) && entry.length === 2 && entry.every(isPart));

function ofWords(texts: unknown, pairs: unknown): Inputs {
  if (!Array.isArray(texts)) throw fault(`a tokenizer was called with ${kindOf(texts)} and isSplitIntoWords`, "give a list of words, or a list of such lists");
  const single = texts.every((word) => typeof word === "string");
  if (single) {
    if (pairs !== undefined && !Array.isArray(pairs)) throw fault(`the second text is ${kindOf(pairs)}`, "give a list of words");
    // As transformers: an empty second text is none.
    const second = pairs === undefined || (pairs as List).length === 0 ? undefined : [asTexts(pairs as List, "word")];
    return { first: [texts as string[]], second, single };
  }
  if (pairs === undefined && isPairs(texts, Array.isArray)) return inPairs(texts, (list) => asWords(list, "text"));
  return { first: asWords(texts, "text"), second: pairs === undefined ? undefined : asWords(pairs as List, "second text"), single };
}
function inPairs(list: readonly (readonly [unknown, unknown])[], check: (list: List) => readonly TextInput[]): Inputs {
  return { first: check(list.map(([first]) => first)), second: check(list.map(([, second]) => second)), single: false };
}

/** @throws ArgumentError ERR_TEXT_INPUT for what is no text. */
export function inputsOf(texts: unknown, pairs: unknown, isSplitIntoWords: boolean): Inputs {
  const inputs = isSplitIntoWords ? ofWords(texts, pairs) : ofTexts(texts, pairs);
  if (inputs.second && inputs.second.length !== inputs.first.length)
    throw fault(`${inputs.first.length} texts and ${inputs.second.length} pairs`, "give one second text for each first");
  return inputs;
}
function ofTexts(texts: unknown, pairs: unknown): Inputs {
  if (typeof texts === "string") {
    if (pairs !== undefined && typeof pairs !== "string") throw fault(`the second text is ${kindOf(pairs)}`, "of one text the second is one, too");
    // As transformers: an empty second text is none.
    return { first: [texts], second: pairs ? [pairs] : undefined, single: true };
  }
  if (!Array.isArray(texts)) throw fault(`a tokenizer was called with ${kindOf(texts)}`, "give a text or a list of texts");
  if (pairs !== undefined) {
    if (!Array.isArray(pairs)) throw fault(`the second texts are ${kindOf(pairs)}`, "of a list of texts the second texts are a list of the same length");
    return { first: asTexts(texts, "text"), second: asTexts(pairs, "second text"), single: false };
  }
  if (isPairs(texts, (part) => typeof part === "string")) return inPairs(texts, (list) => list as string[]);
  return { first: asTexts(texts, "text"), second: undefined, single: false };
}
