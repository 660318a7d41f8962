// JSON with NaN and infinities as bare words, as W&B's client writes it into its files and lines (github.com/wandb/simplejsonext).
import { jsonText } from "./values.js";

/** Numbers on their way through JSON: a text that nobody writes. */
const mark = "\u0000";
const marked = /"\\u0000(NaN|-?Infinity)\\u0000"/g;
const bare = /("(?:[^"\\]|\\.)*")|-?Infinity|NaN/g;

export const extendedJson = (value: unknown): string => jsonText(value, { notFinite: (n) => `${mark}${n}${mark}` }).replaceAll(marked, "$1");

/** @throws SyntaxError */
export const parseExtendedJson = (text: string): unknown =>
  JSON.parse(
    text.replaceAll(bare, (word, inText: string | undefined) => inText ?? `"\\u0000${word}\\u0000"`),
    (_, value: unknown) => (typeof value === "string" && value.startsWith(mark) && value.endsWith(mark) ? Number(value.slice(1, -1)) : value),
  );
