// Questions about the rows of a result: which token stands where in the text, of which word and which text it is; as Python's BatchEncoding.
import { ArgumentError } from "../errors.js";
import type { Encoding } from "./encoding.js";

/** start..end of characters or of tokens. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Methods that a tokenizer's results have. Where two numbers are taken, the first is the row; with one, the row is the first.
 * Characters are counted in code points, or as the call's offsetUnit says.
 */
export interface TokenLookup {
  /** The tokens of a row, as texts. */
  tokens(row?: number): string[];
  /** The word of each token; null for special ones. Of texts given as words, their numbers. */
  wordIds(row?: number): (number | null)[];
  /** 0 for tokens of the first text, 1 for the second, null for special ones. */
  sequenceIds(row?: number): (number | null)[];
  tokenToSequence(rowOrToken: number, token?: number): number | undefined;
  tokenToWord(rowOrToken: number, token?: number): number | undefined;
  /** Where a token stands in its text. */
  tokenToChars(rowOrToken: number, token?: number): Range | undefined;
  /** The tokens of a word. */
  wordToTokens(rowOrWord: number, word?: number, sequence?: number): Range | undefined;
  wordToChars(rowOrWord: number, word?: number, sequence?: number): Range | undefined;
  /** The token that holds a character. */
  charToToken(rowOrChar: number, char?: number, sequence?: number): number | undefined;
  charToWord(rowOrChar: number, char?: number, sequence?: number): number | undefined;
}

/** The methods over rows. */
export function tokenLookup(rows: readonly Encoding[]): TokenLookup {
  const rowAt = (index: number): Encoding => {
    const row = rows[index < 0 ? index + rows.length : index];
    if (row) return row;
    throw new ArgumentError(`there is no row ${index} in a result of ${rows.length}`, { code: "ERR_ROW_INDEX" });
  };
  /** One number is an index into the first row. */
  const split = (a: number, b: number | undefined): readonly [Encoding, number] => {
    const [row, index] = b === undefined ? [rowAt(0), a] : [rowAt(a), b];
    return [row, index < 0 ? index + row.length : index];
  };
  const wordToTokens = (row: Encoding, word: number, sequence: number): Range | undefined => {
    const [words, sequences] = [row.wordIds(), row.sequenceIds()];
    const isOf = (_: unknown, i: number) => words[i] === word && sequences[i] === sequence;
    const start = words.findIndex(isOf);
    return start < 0 ? undefined : { start, end: words.findLastIndex(isOf) + 1 };
  };
  const charToToken = (row: Encoding, char: number, sequence: number): number | undefined => {
    const [offsets, sequences] = [row.offsets(), row.sequenceIds()];
    const found = offsets.findIndex(([start, end], i) => sequences[i] === sequence && char >= start && char < end);
    return found < 0 ? undefined : found;
  };
  return {
    tokens: (row = 0) => rowAt(row).tokens(),
    wordIds: (row = 0) => rowAt(row).wordIds(),
    sequenceIds: (row = 0) => rowAt(row).sequenceIds(),
    tokenToSequence(a, b) {
      const [row, token] = split(a, b);
      return row.sequenceIds()[token] ?? undefined;
    },
    tokenToWord(a, b) {
      const [row, token] = split(a, b);
      return row.wordIds()[token] ?? undefined;
    },
    tokenToChars(a, b) {
      const [row, token] = split(a, b);
      if ((row.sequenceIds()[token] ?? null) === null) return undefined;
      const [start, end] = row.offsets()[token]!;
      return { start, end };
    },
    wordToTokens(a, b, sequence = 0) {
      const [row, word] = split(a, b);
      return wordToTokens(row, word, sequence);
    },
    wordToChars(a, b, sequence = 0) {
      const [row, word] = split(a, b);
      const tokens = wordToTokens(row, word, sequence);
      if (!tokens) return undefined;
      const offsets = row.offsets();
      return { start: offsets[tokens.start]![0], end: offsets[tokens.end - 1]![1] };
    },
    charToToken(a, b, sequence = 0) {
      const [row, char] = split(a, b);
      return charToToken(row, char, sequence);
    },
    charToWord(a, b, sequence = 0) {
      const [row, char] = split(a, b);
      const token = charToToken(row, char, sequence);
      return token === undefined ? undefined : (row.wordIds()[token] ?? undefined);
    },
  };
}
