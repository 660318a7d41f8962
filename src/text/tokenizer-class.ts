// What transformers' tokenizer classes say where files say nothing: special tokens and what the model reads.
import type { SpecialTokens } from "./special-tokens.js";
import { modelVocabulary, type TokenizerJson } from "./tokenizer-json.js";

export interface TokenizerClass {
  readonly name: string;
  readonly inputNames: readonly string[];
  readonly tokens: SpecialTokens;
  /** Longest input of the published models, in tokens. */
  readonly maxLength: number;
}
export const bertTokens = {
  unk_token: "[UNK]",
  sep_token: "[SEP]",
  pad_token: "[PAD]",
  cls_token: "[CLS]",
  mask_token: "[MASK]",
} as const satisfies SpecialTokens;

const withTypes = ["input_ids", "token_type_ids", "attention_mask"];
const withoutTypes = ["input_ids", "attention_mask"];
const bert: TokenizerClass = { name: "BertTokenizer", inputNames: withTypes, tokens: bertTokens, maxLength: 512 };
const gpt2: TokenizerClass = {
  name: "GPT2Tokenizer",
  inputNames: withoutTypes,
  tokens: { bos_token: "<|endoftext|>", eos_token: "<|endoftext|>", unk_token: "<|endoftext|>" },
  maxLength: Number.POSITIVE_INFINITY,
};
const roberta: TokenizerClass = {
  name: "RobertaTokenizer",
  inputNames: withoutTypes,
  tokens: { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>", sep_token: "</s>", pad_token: "<pad>", cls_token: "<s>", mask_token: "<mask>" },
  maxLength: Number.POSITIVE_INFINITY,
};
const other: TokenizerClass = { name: "PreTrainedTokenizerFast", inputNames: withTypes, tokens: {}, maxLength: Number.POSITIVE_INFINITY };
const classes: readonly TokenizerClass[] = [bert, { ...bert, name: "DistilBertTokenizer", inputNames: withoutTypes }, gpt2, roberta, other];
const byModelType: Readonly<Record<string, string>> = {
  bert: "BertTokenizer",
  distilbert: "DistilBertTokenizer",
  gpt2: "GPT2Tokenizer",
  roberta: "RobertaTokenizer",
};

const named = (name: unknown): TokenizerClass | undefined => classes.find((known) => known.name === name || `${known.name}Fast` === name);

/** By tokenizer_config.json, else by config.json, else by what the model of the tokenizer is. */
export function tokenizerClass(
  config: Readonly<Record<string, unknown>>,
  model: Readonly<Record<string, unknown>>,
  kind: "WordPiece" | "Roberta" | "ByteLevel" | "other",
): TokenizerClass {
  const known = named(config.tokenizer_class) ?? (typeof config.tokenizer_class === "string" ? undefined : named(byModelType[String(model.model_type)]));
  if (known) return known;
  const like = { WordPiece: bert, Roberta: roberta, ByteLevel: gpt2, other }[kind];
  // A class that is not known here keeps its name through a save.
  return typeof config.tokenizer_class === "string" ? { ...like, name: config.tokenizer_class } : like;
}

export function kindOf(json: TokenizerJson): Parameters<typeof tokenizerClass>[2] {
  if (json.model.type === "WordPiece") return "WordPiece";
  if (json.pre_tokenizer?.type !== "ByteLevel" || json.model.type !== "BPE") return "other";
  const vocab = modelVocabulary(json);
  return vocab.has("<s>") && vocab.has("</s>") ? "Roberta" : "ByteLevel";
}
