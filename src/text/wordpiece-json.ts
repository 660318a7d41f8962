// The tokenizer.json of a BERT WordPiece tokenizer, made from a vocabulary: what Python's BertTokenizer builds from vocab.txt.
import { ArgumentError } from "../errors.js";
import type { bertTokens } from "./tokenizer-class.js";
import type { TokenizerJson } from "./tokenizer-json.js";

export interface BertRules {
  readonly lowercase: boolean;
  /** null: as lowercase says. */
  readonly stripAccents: boolean | null;
  readonly chineseChars: boolean;
  readonly tokens: { readonly [N in keyof typeof bertTokens]: string };
}

/** @throws ArgumentError ERR_VOCAB when a special token is not in the vocabulary. */
export function wordPieceJson(vocab: ReadonlyMap<string, number>, rules: BertRules, where: string): TokenizerJson {
  const { tokens } = rules;
  const idOf = (token: string): number => {
    const id = vocab.get(token);
    if (id !== undefined) return id;
    throw new ArgumentError(`${where}: the vocabulary has no ${token}`, {
      code: "ERR_VOCAB",
      hint: "a BERT vocabulary holds [PAD], [UNK], [CLS], [SEP] and [MASK]; other names are given in tokenizer_config.json",
    });
  };
  const special = [tokens.pad_token, tokens.unk_token, tokens.cls_token, tokens.sep_token, tokens.mask_token]
    .map((content) => ({ id: idOf(content), content }))
    .sort((a, b) => a.id - b.id);
  const one = (token: string, type: number) => ({ SpecialToken: { id: token, type_id: type } });
  const text = (id: "A" | "B", type: number) => ({ Sequence: { id, type_id: type } });
  const known = (token: string) => [token, { id: token, ids: [idOf(token)], tokens: [token] }] as const;
  const [cls, sep] = [tokens.cls_token, tokens.sep_token];
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map(({ id, content }) => ({ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true })),
    normalizer: {
      type: "BertNormalizer",
      clean_text: true,
      handle_chinese_chars: rules.chineseChars,
      strip_accents: rules.stripAccents,
      lowercase: rules.lowercase,
    },
    pre_tokenizer: { type: "BertPreTokenizer" },
    post_processor: {
      type: "TemplateProcessing",
      single: [one(cls, 0), text("A", 0), one(sep, 0)],
      pair: [one(cls, 0), text("A", 0), one(sep, 0), text("B", 1), one(sep, 1)],
      special_tokens: Object.fromEntries([known(cls), known(sep)]),
    },
    decoder: { type: "WordPiece", prefix: "##", cleanup: true },
    model: { type: "WordPiece", unk_token: tokens.unk_token, continuing_subword_prefix: "##", max_input_chars_per_word: 100, vocab: Object.fromEntries(vocab) },
  };
}

/** Lines of vocab.txt: the line number is the id; of equal lines the last counts, as in Python. */
export function readVocabulary(text: string): Map<string, number> {
  const lines = text.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  return new Map(lines.map((token, id) => [token, id]));
}

/** Cased vocabularies hold words with capitals; in uncased ones only special tokens have them. */
export function looksCased(vocab: ReadonlyMap<string, number>): boolean {
  for (const token of vocab.keys()) if (/[A-Z]/.test(token) && !/^\[.*\]$|^<.*>$/.test(token)) return true;
  return false;
}
