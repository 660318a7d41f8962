// TokenSequence: the tokens of one text before truncation and special tokens; what is rarely asked is worked out when it is.
import type { BertEncoder, TokenDetails } from "./wordpiece/bert-encoder.js";

/** Characters start..end of a text, in code points as in Python. */
export type Span = readonly [start: number, end: number];

export interface TokenSequence {
  readonly length: number;
  readonly ids: ArrayLike<number>;
  token(index: number): string;
  span(index: number): Span;
  /** The number of the word that the token is of. */
  word(index: number): number;
}

/** Of our own encoder: only ids are at hand. */
export class FastSequence implements TokenSequence {
  readonly ids: Int32Array;
  readonly #text: string;
  readonly #encoder: BertEncoder;
  readonly #tokenOf: (id: number) => string;
  #details: TokenDetails | undefined;

  constructor(ids: Int32Array, text: string, encoder: BertEncoder, tokenOf: (id: number) => string) {
    this.ids = ids;
    this.#text = text;
    this.#encoder = encoder;
    this.#tokenOf = tokenOf;
  }
  get length(): number {
    return this.ids.length;
  }
  token(index: number): string {
    return this.#tokenOf(this.ids[index]!);
  }
  #at(): TokenDetails {
    this.#details ??= this.#encoder.details(this.#text);
    return this.#details;
  }
  span(index: number): Span {
    return [this.#at().starts[index]!, this.#at().ends[index]!];
  }
  word(index: number): number {
    return this.#at().words[index]!;
  }
}

/** As much of the npm library's encoding as is read here: its own declarations do not type-check and must stay out of ours. */
export interface LibraryEncoding {
  getIds(): readonly number[];
  getTokens(): readonly string[];
  getOffsets(): readonly (readonly number[])[];
  getWordIds(): readonly (number | null | undefined)[];
}
/** Of the npm library. */
export class NativeSequence implements TokenSequence {
  readonly ids: readonly number[];
  readonly #encoding: LibraryEncoding;
  #tokens: readonly string[] | undefined;
  #spans: readonly (readonly number[])[] | undefined;
  #words: readonly (number | null | undefined)[] | undefined;

  constructor(encoding: LibraryEncoding) {
    this.#encoding = encoding;
    this.ids = encoding.getIds();
  }
  get length(): number {
    return this.ids.length;
  }
  token(index: number): string {
    this.#tokens ??= this.#encoding.getTokens();
    return this.#tokens[index]!;
  }
  span(index: number): Span {
    this.#spans ??= this.#encoding.getOffsets();
    return this.#spans[index] as unknown as Span;
  }
  word(index: number): number {
    this.#words ??= this.#encoding.getWordIds();
    return this.#words[index] ?? 0;
  }
}

/** A text that was given as words: each is a sequence, offsets are within the word. */
export class WordsSequence implements TokenSequence {
  readonly ids: Int32Array;
  readonly #words: readonly TokenSequence[];
  /** Word and place in it of each token. */
  readonly #of: Int32Array;
  readonly #at: Int32Array;

  constructor(words: readonly TokenSequence[]) {
    const length = words.reduce((sum, word) => sum + word.length, 0);
    this.#words = words;
    [this.ids, this.#of, this.#at] = [new Int32Array(length), new Int32Array(length), new Int32Array(length)];
    let n = 0;
    words.forEach((word, w) => {
      for (let k = 0; k < word.length; k++, n++) {
        this.ids[n] = word.ids[k]!;
        this.#of[n] = w;
        this.#at[n] = k;
      }
    });
  }
  get length(): number {
    return this.ids.length;
  }
  token(index: number): string {
    return this.#words[this.#of[index]!]!.token(this.#at[index]!);
  }
  span(index: number): Span {
    return this.#words[this.#of[index]!]!.span(this.#at[index]!);
  }
  word(index: number): number {
    return this.#of[index]!;
  }
}

/** Spans in UTF-16 code units, as JavaScript's slice wants them. */
export class Utf16Sequence implements TokenSequence {
  readonly length: number;
  readonly ids: ArrayLike<number>;
  readonly #inner: TokenSequence;
  readonly #text: string;
  #units: Uint32Array | undefined;

  constructor(inner: TokenSequence, text: string) {
    this.#inner = inner;
    this.#text = text;
    this.length = inner.length;
    this.ids = inner.ids;
  }
  token(index: number): string {
    return this.#inner.token(index);
  }
  word(index: number): number {
    return this.#inner.word(index);
  }
  span(index: number): Span {
    this.#units ??= unitsOf(this.#text);
    const [start, end] = this.#inner.span(index);
    return [this.#units[start]!, this.#units[end]!];
  }
}

/** Where each code point begins, in code units, and the end. */
function unitsOf(text: string): Uint32Array {
  const out = new Uint32Array(text.length + 1);
  let n = 0;
  for (let unit = 0; unit < text.length; n++) {
    out[n] = unit;
    unit += text.codePointAt(unit)! > 0xffff ? 2 : 1;
  }
  out[n] = text.length;
  return out;
}
