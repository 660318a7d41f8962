// Vocab: numbers of tokens, in the order of the book d2l.ai.
import { readFile } from "node:fs/promises";
import { inspect } from "node:util";
import { AccelerateError, ArgumentError } from "../errors.js";

/** A token, or lists of them within each other. */
export type Tokens = string | readonly Tokens[];
/** Numbers in the form of the tokens that they are of. */
export type TokenIds<T extends Tokens> = T extends string ? number : T extends readonly (infer E extends Tokens)[] ? TokenIds<E>[] : never;

export interface VocabOptions {
  /** Rarer tokens become `<unk>`; default 0. */
  readonly minFreq?: number;
  /** Tokens that are in it though no text holds them: `["<pad>", "<mask>", "<cls>", "<sep>"]`. */
  readonly reservedTokens?: readonly string[];
}

export const unknownToken = "<unk>";

/** By code points, as Python sorts: UTF-16 would put what lies beyond U+FFFF before U+E000. */
function byCodePoint(a: string, b: string): number {
  const place = (unit: number) => (unit < 0xd800 ? unit : unit >= 0xe000 ? unit - 0x800 : unit + 0x2000);
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x !== y) return place(x) - place(y);
  }
  return a.length - b.length;
}

/**
 * Tokens by number: `<unk>`, the reserved ones, and those of a text that are frequent enough, sorted by code points.
 *
 * @example
 * const vocab = new Vocab(tokenize(["a man sleeps", "a man runs"]), { minFreq: 2, reservedTokens: ["<pad>"] });
 * vocab.get(["a", "dog"]); // [2, 1]
 * vocab.toTokens([2, 3]); // ["a", "man"]
 */
export class Vocab {
  /** By number. */
  readonly idxToToken: readonly string[];
  readonly tokenToIdx: ReadonlyMap<string, number>;
  /** How often each token was in the text, the most frequent first; empty in one that was read from a file. */
  readonly tokenFreqs: readonly (readonly [token: string, count: number])[];

  /** @param tokens of a text, or of its lines */
  constructor(tokens: readonly string[] | readonly (readonly string[])[] = [], options: VocabOptions = {}) {
    const { minFreq = 0, reservedTokens = [] } = options;
    const counts = new Map<string, number>();
    for (const line of tokens) for (const token of typeof line === "string" ? [line] : line) counts.set(token, (counts.get(token) ?? 0) + 1);
    // Sorting keeps the order of equal counts, as Python's does.
    this.tokenFreqs = [...counts].sort(([, a], [, b]) => b - a);
    const frequent = this.tokenFreqs.filter(([, count]) => count >= minFreq).map(([token]) => token);
    this.idxToToken = [...new Set([unknownToken, ...reservedTokens, ...frequent])].sort(byCodePoint);
    this.tokenToIdx = new Map(this.idxToToken.map((token, i) => [token, i]));
  }

  /** A vocabulary of tokens that have their numbers already: `vocab.json` of a pretrained model. */
  static of(idxToToken: readonly string[]): Vocab {
    const made = Object.create(Vocab.prototype) as Vocab;
    return Object.assign(made, { idxToToken: [...idxToToken], tokenToIdx: new Map(idxToToken.map((token, i) => [token, i])), tokenFreqs: [] });
  }

  /** Reads a JSON list of tokens. @throws AccelerateError ERR_D2L_VOCAB */
  static async read(file: string): Promise<Vocab> {
    const text = await readFile(file, "utf8").catch((cause: unknown) => {
      throw new AccelerateError("ERR_D2L_VOCAB", `${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause });
    });
    let tokens: unknown;
    try {
      tokens = JSON.parse(text);
    } catch (cause) {
      throw new AccelerateError("ERR_D2L_VOCAB", `${file} is not JSON`, { cause, hint: "download it again" });
    }
    if (!Array.isArray(tokens) || !tokens.every((token) => typeof token === "string"))
      throw new AccelerateError("ERR_D2L_VOCAB", `${file} is no list of tokens`);
    return Vocab.of(tokens);
  }

  /** How many tokens there are. */
  get length(): number {
    return this.idxToToken.length;
  }
  /** A vocabulary has tens of thousands of lines. */
  [inspect.custom](): string {
    return `Vocab(${this.length} tokens)`;
  }
  /** The number of `<unk>`. @throws ArgumentError ERR_TOKEN when it is not in the vocabulary. */
  get unk(): number {
    const unk = this.tokenToIdx.get(unknownToken);
    if (unk === undefined) throw new ArgumentError(`the vocabulary has no ${unknownToken} for tokens that are not in it`, { code: "ERR_TOKEN" });
    return unk;
  }

  /** The number of a token, or of tokens in lists, in the same form. What is not in the vocabulary has that of `<unk>`. */
  get<T extends Tokens>(tokens: T): TokenIds<T> {
    const find = (part: Tokens): unknown => (typeof part === "string" ? (this.tokenToIdx.get(part) ?? this.unk) : part.map(find));
    return find(tokens) as TokenIds<T>;
  }

  /** The token of a number, or those of numbers. @throws ArgumentError ERR_TOKEN_RANGE */
  toTokens(id: number): string;
  toTokens(ids: readonly number[]): string[];
  toTokens(ids: number | readonly number[]): string | string[] {
    if (typeof ids === "object") return ids.map((id) => this.toTokens(id));
    const token = this.idxToToken[ids];
    if (token !== undefined) return token;
    throw new ArgumentError(`${ids} is the number of no token: there are ${this.length} (0..${this.length - 1})`, { code: "ERR_TOKEN_RANGE" });
  }
}
