// Which tokenizer.json our own BERT encoder can stand in for: BertNormalizer, BertPreTokenizer and WordPiece, with special tokens that are plain texts.
import type { AddedTokenJson, TokenizerJson } from "../tokenizer-json.js";
import type { BertRules } from "./bert-encoder.js";

const flag = (value: unknown, fallback: boolean): boolean => (typeof value === "boolean" ? value : fallback);

/** Found in the text as it is written, whatever stands around it, and beginning with a mark that ends a word anyway. */
const isPlain = (token: AddedTokenJson): boolean =>
  token.normalized === false && !token.single_word && !token.lstrip && !token.rstrip && /^[!-/:-@[-`{-~]/.test(token.content);

/** The rules for BertEncoder; undefined when only the library can do this tokenizer. */
export function bertRules(json: TokenizerJson): BertRules | undefined {
  const { normalizer, pre_tokenizer: preTokenizer, model, added_tokens: added = [] } = json;
  const plain = normalizer?.type === "BertNormalizer" && preTokenizer?.type === "BertPreTokenizer" && model.type === "WordPiece";
  if (!plain || !added.every(isPlain)) return undefined;
  const vocab = model.vocab as Readonly<Record<string, number>> | undefined;
  const unkToken = model.unk_token ?? "[UNK]";
  if (typeof vocab !== "object" || vocab === null || !Number.isInteger(vocab[unkToken])) return undefined;
  const lowercase = flag(normalizer.lowercase, true);
  return {
    normalizer: {
      cleanText: flag(normalizer.clean_text, true),
      chineseChars: flag(normalizer.handle_chinese_chars, true),
      stripAccents: flag(normalizer.strip_accents, lowercase),
      lowercase,
    },
    model: {
      vocab,
      unkToken,
      prefix: typeof model.continuing_subword_prefix === "string" ? model.continuing_subword_prefix : "##",
      maxWord: typeof model.max_input_chars_per_word === "number" ? model.max_input_chars_per_word : 100,
    },
    special: added.map(({ content, id }) => ({ content, id })),
  };
}
