// A tokenizer's files, read into one description: tokenizer.json, vocab.txt or vocab.json with merges.txt, and what stands in tokenizer_config.json beside them.
import { existsSync, statSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { AccelerateError, ArgumentError } from "../errors.js";
import type { HubOptions } from "../hub/index.js";
import { hubOptionNames } from "../hub/types.js";
import { checkNames } from "../option-names.js";
import { byteLevelJson, readMerges } from "./byte-level-json.js";
import { side } from "./options.js";
import { type NamedTokens, namedTokens, type SpecialTokens, tokenText } from "./special-tokens.js";
import { bertTokens, kindOf, type TokenizerClass, tokenizerClass } from "./tokenizer-class.js";
import { faultOf, isVocabulary, type NewToken, type TokenizerJson, withAddedTokens } from "./tokenizer-json.js";
import { looksCased, readVocabulary, wordPieceJson } from "./wordpiece-json.js";

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
  /** As tokenizer_class names it. */
  readonly className: string;
  readonly inputNames: readonly string[];
  readonly tokens: SpecialTokens;
  /** Special tokens without a role. */
  readonly extra: readonly string[];
  /** Longest input of the model, in tokens; Infinity when nothing says. */
  readonly modelMaxLength: number;
}
/** Settings in place of those of tokenizer_config.json, and how an id of the hub is fetched. */
export interface TokenizerOptions extends HubOptions {
  readonly doLowerCase?: boolean;
  readonly stripAccents?: boolean | null;
  readonly tokenizeChineseChars?: boolean;
  /** Byte-level tokenizers: texts are taken as if a space stood before them. */
  readonly addPrefixSpace?: boolean;
  readonly modelMaxLength?: number;
  readonly paddingSide?: "right" | "left";
  readonly truncationSide?: "right" | "left";
  readonly modelInputNames?: readonly string[];
  readonly bosToken?: string;
  readonly eosToken?: string;
  readonly unkToken?: string;
  readonly sepToken?: string;
  readonly padToken?: string;
  readonly clsToken?: string;
  readonly maskToken?: string;
  readonly extraSpecialTokens?: readonly string[];
}
const settings = [
  ["doLowerCase", "do_lower_case"],
  ["stripAccents", "strip_accents"],
  ["tokenizeChineseChars", "tokenize_chinese_chars"],
  ["addPrefixSpace", "add_prefix_space"],
  ["modelMaxLength", "model_max_length"],
  ["paddingSide", "padding_side"],
  ["truncationSide", "truncation_side"],
  ["modelInputNames", "model_input_names"],
  ["bosToken", "bos_token"],
  ["eosToken", "eos_token"],
  ["unkToken", "unk_token"],
  ["sepToken", "sep_token"],
  ["padToken", "pad_token"],
  ["clsToken", "cls_token"],
  ["maskToken", "mask_token"],
  ["extraSpecialTokens", "extra_special_tokens"],
] as const satisfies readonly (readonly [keyof TokenizerOptions, string])[];
const optionNames = { ...hubOptionNames, ...Object.fromEntries(settings.map(([name]) => [name, true])) };
const given = (options: TokenizerOptions): TokenizerConfig =>
  Object.fromEntries(settings.filter(([name]) => options[name] !== undefined).map(([name, key]) => [key, options[name]]));

/** What is there is read; anything else is an id of the hub, which takes a part of the library of its own. */
async function located(checkpoint: string, options: TokenizerOptions): Promise<string> {
  if (existsSync(checkpoint)) return checkpoint;
  const { resolvePretrained, tokenizerFiles } = await import("../hub/index.js");
  return resolvePretrained(checkpoint, tokenizerFiles, options);
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
const flag = (value: unknown): boolean | undefined => (typeof value === "boolean" ? value : undefined);

/** What tokenizer_config.json says about normalizers and spaces wins over tokenizer.json, as in transformers. */
function withConfig(json: TokenizerJson, config: TokenizerConfig): TokenizerJson {
  const { normalizer, pre_tokenizer: cutter, post_processor: around } = json;
  const lowercase = flag(config.do_lower_case);
  const chinese = flag(config.tokenize_chinese_chars);
  const space = flag(config.add_prefix_space);
  const spaced = space === undefined ? {} : { add_prefix_space: space };
  return {
    ...json,
    truncation: null,
    padding: null,
    ...(normalizer?.type !== "BertNormalizer"
      ? {}
      : {
          normalizer: {
            ...normalizer,
            ...(lowercase === undefined ? {} : { lowercase }),
            ...(chinese === undefined ? {} : { handle_chinese_chars: chinese }),
            ...(config.strip_accents === undefined ? {} : { strip_accents: config.strip_accents }),
          },
        }),
    ...(cutter?.type === "ByteLevel" ? { pre_tokenizer: { ...cutter, ...spaced } } : {}),
    ...(around?.type === "RobertaProcessing" ? { post_processor: { ...around, ...spaced } } : {}),
  };
}

function maxLengthOf(config: TokenizerConfig, model: TokenizerConfig, fallback: number): number {
  // transformers writes 1e30 for "no limit".
  if (typeof config.model_max_length === "number") return config.model_max_length > 1e12 ? Number.POSITIVE_INFINITY : config.model_max_length;
  const positions = model.max_position_embeddings ?? model.n_positions;
  if (typeof positions !== "number") return fallback;
  // RoBERTa's positions begin behind its padding index.
  return model.model_type === "roberta" ? positions - 2 : positions;
}

interface Beside {
  /** With the caller's options in place of what the file says. */
  readonly config: TokenizerConfig;
  readonly given: TokenizerConfig;
  readonly mapped: TokenizerConfig;
  readonly model: TokenizerConfig;
  readonly added: TokenizerConfig;
}
/** Tokens that files list with their ids: added_tokens_decoder of the configuration, or added_tokens.json. */
function listedTokens({ config, added }: Beside, named: NamedTokens): NewToken[] {
  const special = new Set(named.all.map(({ content }) => content));
  const decoder = config.added_tokens_decoder;
  const entries: readonly (readonly [number, NewToken])[] =
    typeof decoder === "object" && decoder !== null
      ? Object.entries(decoder).map(([id, token]) => [Number(id), token as NewToken])
      : Object.entries(added).map(([content, id]) => [Number(id), { content, special: special.has(content), normalized: !special.has(content) }]);
  return entries
    .filter(([, token]) => tokenText(token) !== undefined)
    .sort(([a], [b]) => a - b)
    .map(([, token]) => token);
}

function specOf(json: TokenizerJson, beside: Beside, known: TokenizerClass, listed: boolean): TokenizerSpec {
  const { config, mapped, model, given } = beside;
  const named = namedTokens(known.tokens, config, mapped, given);
  const tokens = [...(listed ? listedTokens(beside, named) : []), ...named.all];
  const names = config.model_input_names;
  return {
    json: withAddedTokens(json, tokens).json,
    config,
    className: known.name,
    inputNames: Array.isArray(names) ? (names as string[]) : known.inputNames,
    tokens: named.named,
    extra: named.extra,
    modelMaxLength: maxLengthOf(config, model, known.maxLength),
  };
}

function fromWords(file: string, text: string, beside: Beside): TokenizerSpec {
  const { config, mapped, model, given } = beside;
  const vocab = readVocabulary(text);
  const known = tokenizerClass(config, model, "WordPiece");
  const tokens = { ...bertTokens, ...namedTokens(known.tokens, config, mapped, given).named };
  const lowercase = flag(config.do_lower_case) ?? !looksCased(vocab);
  const stripAccents = flag(config.strip_accents) ?? null;
  const json = wordPieceJson(vocab, { lowercase, stripAccents, chineseChars: flag(config.tokenize_chinese_chars) ?? true, tokens }, file);
  return specOf(json, { ...beside, config: { ...config, do_lower_case: lowercase } }, known, true);
}

async function fromMerges(folder: string, beside: Beside): Promise<TokenizerSpec> {
  const { config, mapped, model, given } = beside;
  const vocab = await readJsonFile(join(folder, "vocab.json"));
  if (!isVocabulary(vocab)) throw new TokenizerFileError(join(folder, "vocab.json"), "does not hold ids by token");
  const merges = readMerges(await readFile(join(folder, "merges.txt"), "utf8"));
  const known = tokenizerClass(config, model, "<s>" in vocab && "</s>" in vocab ? "Roberta" : "ByteLevel");
  const named = namedTokens(known.tokens, config, mapped, given);
  const roberta = known.name.startsWith("Roberta") ? named.named : undefined;
  const rules = { addPrefixSpace: flag(config.add_prefix_space) ?? false, trimOffsets: flag(config.trim_offsets) ?? true, roberta };
  // The ids that missing special tokens will get stand in the post-processor, so they are added first.
  const bare = byteLevelJson(vocab, merges, { ...rules, roberta: undefined }, () => 0);
  const spec = specOf(bare, beside, known, true);
  const idOf = (token: string) => spec.json.added_tokens!.find(({ content }) => content === token)?.id ?? vocab[token]!;
  return { ...spec, json: { ...spec.json, post_processor: byteLevelJson(vocab, merges, rules, idOf).post_processor! } };
}

/**
 * Reads a folder, a vocab.txt or tokenizer.json itself, or what an id of the hub names.
 * @param className In place of tokenizer_class in tokenizer_config.json.
 * @throws ArgumentError ERR_OPTIONS, ERR_TOKENIZER_NOT_FOUND, TokenizerFileError ERR_TOKENIZER_FILE, HubError
 */
export async function readTokenizer(checkpoint: string, options: TokenizerOptions = {}, className?: string): Promise<TokenizerSpec> {
  checkNames("fromPretrained", options, optionNames);
  for (const name of ["paddingSide", "truncationSide"] as const) side(name, options[name], "right");
  const path = await located(checkpoint, options);
  const isFolder = statSync(path).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const has = (name: string) => existsSync(join(folder, name));
  const file = isFolder ? ["tokenizer.json", "vocab.txt", "vocab.json"].filter(has)[0] : basename(path);
  if (!file || (file === "vocab.json" && !has("merges.txt")))
    throw new ArgumentError(`${checkpoint} holds neither tokenizer.json nor vocab.txt, nor vocab.json with merges.txt`, {
      code: "ERR_TOKENIZER_NOT_FOUND",
      hint: "copy them from the checkpoint",
    });
  // Beside a single vocabulary of another name may lie the configuration of something else.
  const read = isFolder || ["tokenizer.json", "vocab.txt", "vocab.json"].includes(file) ? (name: string) => readOptional(join(folder, name)) : async () => ({});
  const [config, mapped, model, added] = await Promise.all(["tokenizer_config.json", "special_tokens_map.json", "config.json", "added_tokens.json"].map(read));
  const chosen = given(options);
  const beside: Beside = {
    given: chosen,
    config: { ...config, ...chosen, ...(className ? { tokenizer_class: className } : {}) },
    mapped: mapped!,
    model: model!,
    added: added!,
  };
  if (file === "vocab.json") return fromMerges(folder, beside);
  const whole = join(folder, file);
  if (!file.endsWith(".json")) return fromWords(whole, await readFile(whole, "utf8"), beside);
  const json = (await readJsonFile(whole)) as unknown as TokenizerJson;
  const fault = faultOf(json as unknown as Record<string, unknown>);
  if (fault) throw new TokenizerFileError(whole, fault, { hint: "it should be a tokenizer.json of Hugging Face tokenizers" });
  return specOf(withConfig(json, beside.config), beside, tokenizerClass(beside.config, beside.model, kindOf(json)), false);
}
