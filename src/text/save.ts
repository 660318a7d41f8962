// Writing a tokenizer: the files that Python's AutoTokenizer reads.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { mergesText } from "./byte-level-json.js";
import type { TokenizerSpec } from "./tokenizer-files.js";
import type { TokenizerJson } from "./tokenizer-json.js";

/** What the classes of Python build anew from the configuration, whatever tokenizer.json says. */
function rulesOf(json: TokenizerJson): Readonly<Record<string, unknown>> {
  const { normalizer, pre_tokenizer: cutter, post_processor: around } = json;
  return {
    ...(normalizer?.type === "BertNormalizer"
      ? { do_lower_case: normalizer.lowercase, strip_accents: normalizer.strip_accents ?? null, tokenize_chinese_chars: normalizer.handle_chinese_chars }
      : {}),
    ...(cutter?.type === "ByteLevel" ? { add_prefix_space: cutter.add_prefix_space } : {}),
    ...(around?.type === "RobertaProcessing" ? { trim_offsets: around.trim_offsets } : {}),
  };
}

/** Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json, and the vocabulary of WordPiece and BPE. */
export async function writeTokenizer(spec: TokenizerSpec, folder: string): Promise<void> {
  const { json, config, tokens, extra } = spec;
  // Lists of added tokens in the configuration would hide those that came later.
  const { added_tokens_decoder: _, additional_special_tokens: __, extra_special_tokens: ___, ...kept } = config;
  const special = { ...tokens, ...(extra.length > 0 ? { extra_special_tokens: extra } : {}) };
  const written = {
    ...kept,
    ...rulesOf(json),
    ...special,
    tokenizer_class: spec.className,
    // 1e30 is how transformers writes that there is no limit.
    model_max_length: Number.isFinite(spec.modelMaxLength) ? spec.modelMaxLength : 1e30,
  };
  await mkdir(folder, { recursive: true });
  const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  const { vocab, merges, type } = json.model;
  const files: Readonly<Record<string, string>> = {
    "tokenizer.json": JSON.stringify(json),
    "tokenizer_config.json": pretty(written),
    "special_tokens_map.json": pretty(special),
    ...(type === "WordPiece" ? vocabularyFile(vocab as Readonly<Record<string, number>>) : {}),
    ...(type === "BPE" ? { "vocab.json": JSON.stringify(vocab), "merges.txt": mergesText(merges) } : {}),
  };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
}

/** A list of lines, where the ids are those of lines. */
function vocabularyFile(vocab: Readonly<Record<string, number>>): Readonly<Record<string, string>> {
  const entries = Object.entries(vocab);
  const lines = new Array<string>(entries.length);
  for (const [token, id] of entries) {
    if (id >= lines.length || lines[id] !== undefined) return {};
    lines[id] = token;
  }
  return { "vocab.txt": `${lines.join("\n")}\n` };
}
