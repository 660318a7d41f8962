// A tokenizer's files: tokenizer.json or vocab.txt, and tokenizer_config.json, read into one description, and written back.
import { existsSync, statSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AccelerateError, ArgumentError } from "../errors.js";
import { bertTokens, looksCased, readVocabulary, type SpecialTokens, type TokenizerJson, wordPieceJson } from "./wordpiece-json.js";

/** A file of a tokenizer that cannot be used: code ERR_TOKENIZER_FILE, and which. */
export class TokenizerFileError extends AccelerateError {
  constructor(file: string, message: string, options: { readonly hint?: string; readonly cause?: unknown } = {}) {
    super("ERR_TOKENIZER_FILE", `${file}: ${message}`, options);
  }
}

/** tokenizer_config.json; keys that are not known here survive a save. */
export type TokenizerConfig = Readonly<Record<string, unknown>>;
export interface TokenizerSpec {
  /** tokenizer.json without padding and truncation: those are given per call. */
  readonly json: TokenizerJson;
  readonly config: TokenizerConfig;
  readonly tokens: Partial<SpecialTokens>;
  /** Longest input of the model, in tokens; Infinity when nothing says. */
  readonly modelMaxLength: number;
}

async function readJsonFile(file: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(file, "utf8"));
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new TokenizerFileError(file, (error as Error).message, { cause: error });
  }
  throw new TokenizerFileError(file, "holds no JSON object");
}
const readOptional = async (file: string): Promise<Record<string, unknown>> => (existsSync(file) ? readJsonFile(file) : {});

/** A token is written as text or as an object with its content. */
function tokenText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return typeof value === "object" && value !== null && "content" in value && typeof value.content === "string" ? value.content : undefined;
}
function tokensOf(...sources: readonly Readonly<Record<string, unknown>>[]): Partial<SpecialTokens> {
  const out: Record<string, string> = {};
  for (const source of sources) {
    for (const key of Object.keys(bertTokens)) {
      const text = tokenText(source[key]);
      if (text !== undefined) out[key] = text;
    }
  }
  return out;
}
const flag = (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined);

/** What tokenizer_config.json says about BERT's normalizer wins over tokenizer.json, as in transformers. */
function withConfig(json: TokenizerJson, config: TokenizerConfig): TokenizerJson {
  const plain = { ...json, truncation: null, padding: null };
  const { normalizer } = json;
  if (normalizer?.type !== "BertNormalizer") return plain;
  const lowercase = flag(config.do_lower_case);
  const chinese = flag(config.tokenize_chinese_chars);
  return {
    ...plain,
    normalizer: {
      ...normalizer,
      ...(lowercase === undefined ? {} : { lowercase }),
      ...(chinese === undefined ? {} : { handle_chinese_chars: chinese }),
      ...(config.strip_accents === undefined ? {} : { strip_accents: config.strip_accents }),
    },
  };
}

function maxLengthOf(config: TokenizerConfig, model: TokenizerConfig, fallback: number): number {
  // transformers writes 1e30 for "no limit".
  if (typeof config.model_max_length === "number") return config.model_max_length > 1e12 ? Number.POSITIVE_INFINITY : config.model_max_length;
  return typeof model.max_position_embeddings === "number" ? model.max_position_embeddings : fallback;
}

/** Longest input of the published BERT models. */
const BERT_MAX_LENGTH = 512;

function fromVocabulary(file: string, text: string, config: TokenizerConfig, model: TokenizerConfig, mapped: TokenizerConfig): TokenizerSpec {
  const vocab = readVocabulary(text);
  const tokens: SpecialTokens = { ...bertTokens, ...tokensOf(mapped, config) };
  const lowercase = flag(config.do_lower_case) ?? !looksCased(vocab);
  const stripAccents = flag(config.strip_accents) ?? null;
  const json = wordPieceJson(vocab, { lowercase, stripAccents, chineseChars: flag(config.tokenize_chinese_chars) ?? true, tokens }, file);
  return { json, tokens, modelMaxLength: maxLengthOf(config, model, BERT_MAX_LENGTH), config: { ...config, do_lower_case: lowercase } };
}

/**
 * Reads a folder, or a vocab.txt or tokenizer.json itself.
 * @throws ArgumentError ERR_TOKENIZER_NOT_FOUND, TokenizerFileError ERR_TOKENIZER_FILE
 */
export async function readTokenizer(path: string): Promise<TokenizerSpec> {
  if (!existsSync(path)) {
    throw new ArgumentError(`there is no folder ${path} in ${process.cwd()}, and tokenizers are not downloaded yet`, {
      code: "ERR_TOKENIZER_NOT_FOUND",
      hint: "give the path of a folder that holds tokenizer.json or vocab.txt",
    });
  }
  const isFolder = statSync(path).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const file = isFolder ? ["tokenizer.json", "vocab.txt"].map((name) => join(path, name)).find(existsSync) : path;
  if (!file)
    throw new ArgumentError(`${path} holds neither tokenizer.json nor vocab.txt`, { code: "ERR_TOKENIZER_NOT_FOUND", hint: "copy them from the checkpoint" });
  // Beside a single vocabulary may lie the configuration of something else.
  const beside = isFolder || basename(file) === "tokenizer.json" || basename(file) === "vocab.txt";
  const [config, mapped, model] = beside
    ? await Promise.all(["tokenizer_config.json", "special_tokens_map.json", "config.json"].map((name) => readOptional(join(folder, name))))
    : [{}, {}, {}];
  if (!file.endsWith(".json")) return fromVocabulary(file, await readFile(file, "utf8"), config!, model!, mapped!);
  const json = await readJsonFile(file);
  if (typeof json.model !== "object" || json.model === null)
    throw new TokenizerFileError(file, "holds no model", { hint: "it should be a tokenizer.json of Hugging Face tokenizers" });
  const isBert = (json.model as { type?: unknown }).type === "WordPiece";
  const tokens = { ...(isBert ? bertTokens : {}), ...tokensOf(mapped!, config!) };
  return {
    json: withConfig(json as unknown as TokenizerJson, config!),
    config: config!,
    tokens,
    modelMaxLength: maxLengthOf(config!, model!, isBert ? BERT_MAX_LENGTH : Number.POSITIVE_INFINITY),
  };
}

/** Writes the files that Python's AutoTokenizer reads. */
export async function writeTokenizer(spec: TokenizerSpec, folder: string): Promise<void> {
  const { json, config, tokens } = spec;
  const isBert = json.model.type === "WordPiece";
  const normalizer = json.normalizer ?? {};
  const bert = isBert && normalizer.type === "BertNormalizer";
  const rules = bert
    ? { do_lower_case: normalizer.lowercase, strip_accents: normalizer.strip_accents ?? null, tokenize_chinese_chars: normalizer.handle_chinese_chars }
    : {};
  // 1e30 is how transformers writes that there is no limit.
  const limit = Number.isFinite(spec.modelMaxLength) ? spec.modelMaxLength : 1e30;
  const written = { ...(isBert ? { tokenizer_class: "BertTokenizer" } : {}), ...config, ...rules, ...tokens, model_max_length: limit };
  await mkdir(folder, { recursive: true });
  const pretty = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  await Promise.all([
    writeFile(join(folder, "tokenizer.json"), JSON.stringify(json)),
    writeFile(join(folder, "tokenizer_config.json"), pretty(written)),
    writeFile(join(folder, "special_tokens_map.json"), pretty(tokens)),
    ...(isBert ? [writeFile(join(folder, "vocab.txt"), vocabularyText(json.model.vocab as Readonly<Record<string, number>>))] : []),
  ]);
}

function vocabularyText(vocab: Readonly<Record<string, number>>): string {
  const lines: string[] = [];
  for (const [token, id] of Object.entries(vocab)) lines[id] = token;
  return `${Array.from(lines, (line) => line ?? "").join("\n")}\n`;
}
