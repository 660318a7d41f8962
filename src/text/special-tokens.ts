// The special tokens of a tokenizer, by what they are for, and how files write them.
import type { NewToken } from "./tokenizer-json.js";

/** In transformers' order, which is that of new ids. */
export const specialNames = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"] as const;
export type SpecialName = (typeof specialNames)[number];
export type SpecialTokens = { readonly [N in SpecialName]?: string };

/** A token is written as text or as an object with its content and flags. */
export function tokenText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null && "content" in value && typeof value.content === "string" ? value.content : undefined;
}
const flagOf = (value: unknown, name: string): boolean => typeof value === "object" && value !== null && (value as Record<string, unknown>)[name] === true;

/** A special token of a file, with its flags. */
export function specialToken(value: unknown): NewToken | undefined {
  const content = tokenText(value);
  if (content === undefined) return undefined;
  return {
    content,
    single_word: flagOf(value, "single_word"),
    lstrip: flagOf(value, "lstrip"),
    rstrip: flagOf(value, "rstrip"),
    normalized: flagOf(value, "normalized"),
    special: true,
  };
}

export interface NamedTokens {
  readonly named: SpecialTokens;
  /** Special tokens without a role: additional_special_tokens, extra_special_tokens. */
  readonly extra: readonly string[];
  /** All of them with their flags, to be added where a tokenizer lacks them. */
  readonly all: readonly NewToken[];
}

/** The tokens that files name; later files win. */
export function namedTokens(defaults: SpecialTokens, ...sources: readonly Readonly<Record<string, unknown>>[]): NamedTokens {
  const values: Partial<Record<SpecialName, unknown>> = { ...defaults };
  const extra = new Map<string, NewToken>();
  for (const source of sources) {
    for (const name of specialNames) {
      if (source[name] === null) delete values[name];
      else if (tokenText(source[name]) !== undefined) values[name] = source[name];
    }
    for (const key of ["additional_special_tokens", "extra_special_tokens"]) {
      const list = source[key];
      for (const value of Array.isArray(list) ? (list as unknown[]) : typeof list === "object" && list !== null ? Object.values(list) : []) {
        const token = specialToken(value);
        if (token) extra.set(token.content, token);
      }
    }
  }
  const named: Partial<Record<SpecialName, string>> = {};
  const all: NewToken[] = [];
  for (const name of specialNames) {
    const token = specialToken(values[name]);
    if (!token) continue;
    named[name] = token.content;
    all.push(token);
  }
  return { named, extra: [...extra.keys()], all: [...all, ...extra.values()] };
}
