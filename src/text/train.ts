// trainWordPiece: a BERT vocabulary learned from texts. `tokenizers` normalizes them; the merges are ours, because the npm package can neither set the
// size of a vocabulary nor make the same one twice (its order of equal counts is that of a hash map).
import { setImmediate as turn } from "node:timers/promises";
import { bertNormalizer } from "tokenizers";
import { ArgumentError } from "../errors.js";
import { mergePieces } from "./merge-pieces.js";
import type { PreTrainedTokenizer } from "./pretrained-tokenizer.js";
import { tokenizerOf } from "./tokenizer.js";
import { bertTokens } from "./tokenizer-class.js";
import { wordPieceJson } from "./wordpiece-json.js";

export interface TrainWordPieceOptions {
  /** Entries of the vocabulary, special tokens among them. */
  readonly vocabSize: number;
  /** Default true: an uncased vocabulary, accents stripped. */
  readonly lowercase?: boolean;
  /** Pairs seen less often are not merged; default 2. */
  readonly minFrequency?: number;
  /** Most characters kept, the most frequent ones; default 1000. */
  readonly limitAlphabet?: number;
  /** Longest input of the model to be trained; default 512. */
  readonly modelMaxLength?: number;
}

/** Longer words are unknown to the tokenizer, so they teach nothing. */
const MAX_WORD = 100;

/**
 * Learns a WordPiece vocabulary by byte pair encoding (Sennrich et al. 2016) over words, as `tokenizers` does, and gives the tokenizer that uses it.
 * The same texts give the same vocabulary, in any order of the texts.
 *
 * @throws ArgumentError ERR_VOCAB_SIZE when the size does not hold the characters or is none, ERR_TEXT_INPUT for what is no text.
 * @example
 * const tokenizer = await trainWordPiece(["free money now", "see you at the meeting"], { vocabSize: 80 });
 * await tokenizer.savePretrained("spam-model");
 */
export async function trainWordPiece(texts: Iterable<string>, options: TrainWordPieceOptions): Promise<PreTrainedTokenizer> {
  const { vocabSize, lowercase = true, minFrequency = 2, limitAlphabet = 1000, modelMaxLength = 512 } = options;
  const special = [bertTokens.pad_token, bertTokens.unk_token, bertTokens.cls_token, bertTokens.sep_token, bertTokens.mask_token];
  if (!Number.isInteger(vocabSize)) throw new ArgumentError(`vocabSize is ${vocabSize}`, { code: "ERR_VOCAB_SIZE", hint: "give a whole number of entries" });
  if (typeof texts === "string") throw new ArgumentError("trainWordPiece was given one text", { code: "ERR_TEXT_INPUT", hint: "give a list of texts" });
  const words = await countWords(texts, lowercase);
  const alphabet = alphabetOf(words, limitAlphabet);
  const pieces = await mergePieces(words, alphabet, { size: vocabSize - special.length, minFrequency });
  if (pieces.length > vocabSize - special.length) {
    throw new ArgumentError(`vocabSize ${vocabSize} is less than the ${pieces.length + special.length} special tokens and characters`, {
      code: "ERR_VOCAB_SIZE",
      hint: "raise vocabSize or lower limitAlphabet",
    });
  }
  const vocab = new Map([...special, ...pieces].map((token, id) => [token, id]));
  const json = wordPieceJson(vocab, { lowercase, stripAccents: null, chineseChars: true, tokens: bertTokens }, "trainWordPiece");
  return tokenizerOf({
    json,
    tokens: bertTokens,
    extra: [],
    className: "BertTokenizer",
    inputNames: ["input_ids", "token_type_ids", "attention_mask"],
    modelMaxLength,
    config: { tokenizer_class: "BertTokenizer", do_lower_case: lowercase },
  });
}

/** What bertPreTokenizer cuts: at whitespace, and every punctuation mark (all ASCII symbols among them) alone; without its array of offsets. */
const wordPattern = /[!-/:-@[-`{-~\p{P}]|[^\s!-/:-@[-`{-~\p{P}]+/gu;
/** The words of a normalized text. */
export const cutWords = (text: string): readonly string[] => text.match(wordPattern) ?? [];

async function countWords(texts: Iterable<string>, lowercase: boolean): Promise<Map<string, number>> {
  const normalizer = bertNormalizer({ lowercase });
  const counts = new Map<string, number>();
  let done = 0;
  for (const text of texts as Iterable<unknown>) {
    if (typeof text !== "string")
      throw new ArgumentError(`text ${done} is ${text === null ? "null" : typeof text}`, {
        code: "ERR_TEXT_INPUT",
        hint: 'every input must be a string; fill gaps with ""',
      });
    for (const word of cutWords(normalizer.normalizeString(text))) if (word.length <= MAX_WORD) counts.set(word, (counts.get(word) ?? 0) + 1);
    if (++done % 100 === 0) await turn();
  }
  return counts;
}

/** The most frequent characters; of equally frequent ones those of lower code first. */
function alphabetOf(words: ReadonlyMap<string, number>, limit: number): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const [word, count] of words) for (const c of word) counts.set(c, (counts.get(c) ?? 0) + count);
  const sorted = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return new Set(sorted.slice(0, limit).map(([c]) => c));
}
