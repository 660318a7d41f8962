// The tokenizer.json of a byte-level BPE tokenizer (GPT-2, RoBERTa), made from vocab.json and merges.txt as Python's classes make it.
import type { SpecialTokens } from "./special-tokens.js";
import type { TokenizerJson } from "./tokenizer-json.js";

export interface ByteLevelRules {
  readonly addPrefixSpace: boolean;
  readonly trimOffsets: boolean;
  /** RoBERTa's `<s> A </s></s> B </s>`; GPT-2 adds nothing. */
  readonly roberta: SpecialTokens | undefined;
}

export function byteLevelJson(
  vocab: Readonly<Record<string, number>>,
  merges: readonly string[],
  rules: ByteLevelRules,
  idOf: (token: string) => number,
): TokenizerJson {
  const { addPrefixSpace, trimOffsets, roberta } = rules;
  const around = (token: string | undefined, fallback: string) => [token ?? fallback, idOf(token ?? fallback)];
  const plain = (id: "A" | "B", type: number) => ({ Sequence: { id, type_id: type } });
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: addPrefixSpace, trim_offsets: true, use_regex: true },
    post_processor: roberta
      ? {
          type: "RobertaProcessing",
          sep: around(roberta.sep_token, "</s>"),
          cls: around(roberta.cls_token, "<s>"),
          trim_offsets: trimOffsets,
          add_prefix_space: addPrefixSpace,
        }
      : { type: "TemplateProcessing", single: [plain("A", 0)], pair: [plain("A", 0), plain("B", 1)], special_tokens: {} },
    decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab,
      merges,
    },
  };
}

/** Lines of merges.txt: two tokens each, after a line with the version. */
export function readMerges(text: string): string[] {
  return text.split(/\r\n|\r|\n/).filter((line) => line !== "" && !line.startsWith("#version"));
}

/** merges.txt of a model's merges, which tokenizer.json writes as pairs or as lines. */
export const mergesText = (merges: unknown): string =>
  `#version: 0.2\n${(Array.isArray(merges) ? (merges as unknown[]) : []).map((merge) => `${Array.isArray(merge) ? merge.join(" ") : String(merge)}\n`).join("")}`;
