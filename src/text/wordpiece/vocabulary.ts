// WordPiece: the pieces of one word, by greedy longest match from the left.
import type { IdSink } from "./id-sink.js";

export interface WordPieceModel {
  readonly vocab: Readonly<Record<string, number>>;
  readonly unkToken: string;
  /** What a piece that continues a word begins with: "##". */
  readonly prefix: string;
  /** Longer words, in characters, are unknown. */
  readonly maxWord: number;
}

export class WordPieces {
  readonly unkId: number;
  readonly #first = new Map<string, number>();
  readonly #next = new Map<string, number>();
  readonly #longestFirst: number;
  readonly #longestNext: number;
  readonly #maxWord: number;

  constructor(model: WordPieceModel) {
    this.#maxWord = model.maxWord;
    const { vocab, prefix } = model;
    let [first, next] = [0, 0];
    // Without Object.entries: vocabularies are large.
    for (const token in vocab) {
      const id = vocab[token]!;
      this.#first.set(token, id);
      if (token.length > first) first = token.length;
      if (!token.startsWith(prefix) || token.length === prefix.length) continue;
      this.#next.set(token.slice(prefix.length), id);
      if (token.length - prefix.length > next) next = token.length - prefix.length;
    }
    this.unkId = this.#first.get(model.unkToken)!;
    this.#longestFirst = first;
    this.#longestNext = next;
  }

  /** Adds the ids of a word, or that of the unknown token; and to `ends`, where each piece ends in the word. */
  push(word: string, out: IdSink, ends?: number[]): void {
    const { length } = word;
    const ids = out.reserve(length);
    const from = out.length;
    let start = 0;
    // Only words with more units than that can have more characters.
    const known = length <= this.#maxWord || [...word].length <= this.#maxWord;
    while (known && start < length) {
      const pieces = start === 0 ? this.#first : this.#next;
      let end = Math.min(length, start + (start === 0 ? this.#longestFirst : this.#longestNext));
      let id = pieces.get(word.slice(start, end));
      while (id === undefined && --end > start) id = pieces.get(word.slice(start, end));
      if (id === undefined) break;
      ids[out.length++] = id;
      ends?.push(end);
      start = end;
    }
    if (start === length) return;
    if (ends) ends.length -= out.length - from;
    out.length = from;
    ids[out.length++] = this.unkId;
    ends?.push(length);
  }
}
