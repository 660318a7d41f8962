// BertEncoder: BERT's normalizer, pre-tokenizer and WordPiece over UTF-8 bytes. Words are looked up by their raw bytes; what is not known yet is worked
// out character by character. Gaps and marks of ASCII end a word under every rule, so each run between them can be worked out alone.
import { ALONE, type BertNormalizerRules, type CharacterRule, CharacterRules, GAP, IN_WORD } from "./code-points.js";
import { IdSink } from "./id-sink.js";
import { type WordPieceModel, WordPieces } from "./vocabulary.js";
import { MAX_CACHED_WORD, WordCache } from "./word-cache.js";

/** Kinds of bytes. Up to ODD a run goes on. */
const [LETTER, ODD, SPACE, MARK, OPENS] = [0, 1, 2, 3, 4];

export interface SpecialToken {
  readonly content: string;
  readonly id: number;
}
export interface BertRules {
  readonly normalizer: BertNormalizerRules;
  readonly model: WordPieceModel;
  /** Found as they are written, before all else; each begins with an ASCII mark. */
  readonly special: readonly SpecialToken[];
}

/** Tokens of a text with where they stand, in characters, and the number of their word. */
export interface TokenDetails {
  readonly starts: number[];
  readonly ends: number[];
  readonly words: number[];
}

export class BertEncoder {
  readonly #characters: CharacterRules;
  readonly #pieces: WordPieces;
  readonly #kinds = new Uint8Array(256).fill(ODD!);
  readonly #markIds = new Int32Array(128);
  /** Special tokens as bytes, longest first, by their first byte. */
  readonly #special = new Map<number, { readonly bytes: Uint8Array; readonly id: number }[]>();
  readonly #specialTexts: readonly SpecialToken[];
  readonly #cache = new WordCache();
  readonly #learned = new IdSink(256);

  constructor(rules: BertRules) {
    this.#characters = new CharacterRules(rules.normalizer);
    this.#pieces = new WordPieces(rules.model);
    const mark = new IdSink(4);
    for (let byte = 0; byte < 128; byte++) {
      const rule = this.#characters.of(byte);
      if (rule.kinds.length !== 1) continue;
      this.#kinds[byte] = rule.simple ? LETTER! : rule.kinds[0] === GAP ? SPACE! : MARK!;
      if (rule.kinds[0] !== ALONE) continue;
      mark.clear();
      this.#pieces.push(rule.text, mark);
      this.#markIds[byte] = mark.array[0]!;
    }
    this.#specialTexts = [...rules.special].sort((a, b) => b.content.length - a.content.length);
    for (const { content, id } of this.#specialTexts) {
      const bytes = Buffer.from(content, "utf8");
      this.#kinds[bytes[0]!] = OPENS!;
      this.#special.set(bytes[0]!, [...(this.#special.get(bytes[0]!) ?? []), { bytes, id }]);
    }
  }

  /** Adds the ids of bytes[start..end]. @returns false, and nothing added, for a text that only the library can do. */
  encode(bytes: Uint8Array, start: number, end: number, out: IdSink): boolean {
    const kinds = this.#kinds;
    const cache = this.#cache;
    const from = out.length;
    let ids = out.reserve(end - start);
    let count = from;
    let i = start;
    while (i < end) {
      const byte = bytes[i]!;
      const kind = kinds[byte]!;
      if (kind === SPACE) {
        i++;
      } else if (kind >= MARK!) {
        const special = kind === OPENS ? this.#specialAt(bytes, i, end) : undefined;
        ids[count++] = special ? special.id : this.#markIds[byte]!;
        i += special ? special.bytes.length : 1;
      } else {
        let hash = 0x811c9dc5;
        let stop = i;
        do hash = Math.imul(hash ^ bytes[stop]!, 0x01000193);
        while (++stop < end && kinds[bytes[stop]!]! <= ODD!);
        // The low bits of the product know little of the first bytes.
        hash ^= hash >>> 15;
        const entry = cache.find(bytes, i, stop, hash);
        if (entry >= 0) {
          const pieces = cache.countAt(entry);
          const value = cache.valueAt(entry);
          if (pieces === 1) ids[count++] = value;
          else for (let k = 0; k < pieces; k++) ids[count++] = cache.ids[value + k]!;
        } else {
          if (!this.#learn(bytes, i, stop, hash)) {
            out.length = from;
            return false;
          }
          out.length = count;
          ids = out.reserve(this.#learned.length + end - stop);
          for (let k = 0; k < this.#learned.length; k++) ids[count++] = this.#learned.array[k]!;
        }
        i = stop;
      }
    }
    out.length = count;
    return true;
  }

  #specialAt(bytes: Uint8Array, at: number, end: number): { readonly bytes: Uint8Array; readonly id: number } | undefined {
    return this.#special.get(bytes[at]!)?.find((token) => {
      if (at + token.bytes.length > end) return false;
      for (let k = 1; k < token.bytes.length; k++) if (token.bytes[k] !== bytes[at + k]) return false;
      return true;
    });
  }

  /** Works out a run into #learned. */
  #learn(bytes: Uint8Array, start: number, end: number, hash: number): boolean {
    const learned = this.#learned;
    learned.clear();
    const run = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("utf8");
    let word = "";
    for (const character of run) {
      const rule = this.#characters.of(character.codePointAt(0)!);
      if (rule.simple && !rule.complex) word += rule.text;
      else if (rule.complex) return false;
      else word = this.#cut(rule, word, learned);
    }
    if (word !== "") this.#pieces.push(word, learned);
    if (end - start <= MAX_CACHED_WORD) this.#cache.add(bytes, start, end, hash, learned.array, 0, learned.length);
    return true;
  }
  /** A character that is removed, becomes several, or ends a word. @returns the word that goes on */
  #cut(rule: CharacterRule, open: string, out: IdSink): string {
    let word = open;
    let k = 0;
    for (const character of rule.text) {
      const kind = rule.kinds[k++];
      if (kind === IN_WORD) {
        word += character;
        continue;
      }
      if (word !== "") this.#pieces.push(word, out);
      word = "";
      if (kind === ALONE) this.#pieces.push(character, out);
    }
    return word;
  }

  /** Where each token of a text stands; for texts that `encode` can do. */
  details(text: string): TokenDetails {
    const out: TokenDetails = { starts: [], ends: [], words: [] };
    const scratch = new IdSink(64);
    const ends: number[] = [];
    let [word, origins, at, number]: [string, number[], number, number] = ["", [], 0, 0];
    const close = (): void => {
      if (word === "") return;
      scratch.clear();
      ends.length = 0;
      this.#pieces.push(word, scratch, ends);
      let begin = 0;
      for (const end of ends) {
        out.starts.push(origins[begin]!);
        out.ends.push(origins[end - 1]! + 1);
        out.words.push(number);
        begin = end;
      }
      number++;
      word = "";
      origins = [];
    };
    for (let i = 0; i < text.length; ) {
      const special = this.#specialTexts.find(({ content }) => text.startsWith(content, i));
      if (special) {
        close();
        const length = [...special.content].length;
        out.starts.push(at);
        out.ends.push(at + length);
        out.words.push(number++);
        at += length;
        i += special.content.length;
        continue;
      }
      const codePoint = text.codePointAt(i)!;
      // Half a surrogate pair has no UTF-8: it becomes U+FFFD there.
      const rule = this.#characters.of(codePoint >= 0xd800 && codePoint <= 0xdfff ? 0xfffd : codePoint);
      let k = 0;
      for (const character of rule.text) {
        const kind = rule.kinds[k++];
        if (kind !== IN_WORD) close();
        if (kind === GAP) continue;
        word += character;
        for (let unit = 0; unit < character.length; unit++) origins.push(at);
        if (kind === ALONE) close();
      }
      at++;
      i += codePoint > 0xffff ? 2 : 1;
    }
    close();
    return out;
  }
}
