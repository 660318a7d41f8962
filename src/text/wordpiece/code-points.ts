// What BERT's normalizer and pre-tokenizer make of each character. The npm library is asked once per character, so that no Unicode tables of ours can
// differ from its own: both work character by character, but for the order of combining marks (see `complex`).
import { bertNormalizer, bertPreTokenizer } from "tokenizers";

export interface BertNormalizerRules {
  readonly cleanText: boolean;
  readonly chineseChars: boolean;
  readonly stripAccents: boolean;
  readonly lowercase: boolean;
}

/** Kinds of normalized characters: part of a word, a gap between words, a word of its own. */
export const IN_WORD = 0;
export const GAP = 1;
export const ALONE = 2;
export type CharacterKind = typeof IN_WORD | typeof GAP | typeof ALONE;

export interface CharacterRule {
  /** What it becomes: "" when it is removed. */
  readonly text: string;
  /** Of each character of the text. */
  readonly kinds: readonly CharacterKind[];
  /** Text contains one character of kind IN_WORD: the common case. */
  readonly simple: boolean;
  /** A mark that stays under canonical decomposition: its place depends on its neighbours, and only the library knows it. */
  readonly complex: boolean;
}

export class CharacterRules {
  readonly #normalizer;
  readonly #cutter = bertPreTokenizer();
  readonly #decomposes: boolean;
  readonly #rules = new Map<number, CharacterRule>();
  readonly #kinds = new Map<string, CharacterKind>();

  constructor(rules: BertNormalizerRules) {
    this.#normalizer = bertNormalizer({
      cleanText: rules.cleanText,
      handleChineseChars: rules.chineseChars,
      stripAccents: rules.stripAccents,
      lowercase: rules.lowercase,
    });
    this.#decomposes = rules.stripAccents;
  }

  of(codePoint: number): CharacterRule {
    const known = this.#rules.get(codePoint);
    if (known) return known;
    // Between two letters: a character alone at the end of a text may be trimmed.
    const text = this.#normalizer.normalizeString(`x${String.fromCodePoint(codePoint)}x`).slice(1, -1);
    const characters = [...text];
    const kinds = characters.map((c) => this.#kind(c));
    const rule: CharacterRule = {
      text,
      kinds,
      simple: kinds.length === 1 && kinds[0] === IN_WORD,
      complex: this.#decomposes && /\p{M}/u.test(text),
    };
    this.#rules.set(codePoint, rule);
    return rule;
  }

  #kind(character: string): CharacterKind {
    const known = this.#kinds.get(character);
    if (known !== undefined) return known;
    const pieces = this.#cutter.preTokenizeString(`x${character}x`).length;
    const kind: CharacterKind = pieces === 1 ? IN_WORD : pieces === 2 ? GAP : ALONE;
    this.#kinds.set(character, kind);
    return kind;
  }
}
