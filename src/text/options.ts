// Options of a tokenizer call, resolved to what is to be done.
import { ArgumentError } from "../errors.js";
import type { Filling } from "./encoding.js";
import type { Side, Strategy, Truncation } from "./truncation.js";

/** A row of ids, as numbers or as the data of an int64 tensor. Here, as users' declarations must not reach those of the tokenizers package. */
export type TokenIds = ArrayLike<number> | ArrayLike<bigint>;

/** What shapes the rows: also of `tokenizer.mapper`. Names are transformers', in camelCase. */
export interface TokenizeOptions {
  /** true or "longest": to the longest of the call; "max_length": to maxLength, or the model's longest input; default false. */
  readonly padding?: boolean | "longest" | "max_length" | "do_not_pad";
  /** Default: the tokenizer's. */
  readonly paddingSide?: Side;
  /** true is "longest_first"; to maxLength, or to the model's longest input. */
  readonly truncation?: boolean | Strategy | "do_not_truncate";
  /** Where tokens are cut off; default: the tokenizer's. */
  readonly truncationSide?: Side;
  /** In tokens, special ones among them; given alone, without padding and truncation, it truncates. */
  readonly maxLength?: number;
  /** Tokens that an overflowing part repeats of the one before; default 0. */
  readonly stride?: number;
  /** The width of padded rows is rounded up to a multiple: 8 suits tensor cores. */
  readonly padToMultipleOf?: number;
  /** Default true: [CLS] and [SEP] or their like. */
  readonly addSpecialTokens?: boolean;
  /** Default: whether the model reads them. */
  readonly returnTokenTypeIds?: boolean;
  /** Default: whether the model reads it. */
  readonly returnAttentionMask?: boolean;
  /** Texts that are longer give several rows; overflow_to_sample_mapping says of which text each is. */
  readonly returnOverflowingTokens?: boolean;
  /** special_tokens_mask: 1 where a token was added. */
  readonly returnSpecialTokensMask?: boolean;
  /** offset_mapping: where in the text each token stands. */
  readonly returnOffsetsMapping?: boolean;
  /** What offsets count: "codePoint" (default, as Python) or "utf16", what JavaScript's slice takes. */
  readonly offsetUnit?: "codePoint" | "utf16";
  /** lengths: tokens of each row, padding among them. (Python's column `length`.) */
  readonly returnLength?: boolean;
}
export interface CallOptions extends TokenizeOptions {
  /** int64 tensors [texts, tokens] instead of lists. */
  readonly returnTensors?: boolean;
  /** Texts are given as lists of words: word ids are theirs, offsets are within each word. */
  readonly isSplitIntoWords?: boolean;
  /** The second text or texts, as the second argument. */
  readonly textPair?: string | readonly string[] | readonly (readonly string[])[];
  /** Threads that encode a big call; default 1, as `Dataset.map` is what fans out best. Only for BERT's tokenizers; those of other models use all cores anyway. */
  readonly numProc?: number;
  readonly signal?: AbortSignal;
  /** false keeps warnings back. */
  readonly verbose?: boolean;
}

/** Plain data: goes to threads as it is. */
export interface Plan {
  readonly padding: { readonly to: "none" | "longest" | number; readonly multipleOf: number };
  readonly filling: Filling;
  readonly truncation: Truncation | undefined;
  readonly addSpecialTokens: boolean;
  readonly typeIds: boolean;
  readonly attentionMask: boolean;
  readonly specialTokensMask: boolean;
  readonly offsets: boolean;
  readonly utf16: boolean;
  readonly lengths: boolean;
  readonly overflow: boolean;
}
/** What a tokenizer says about itself. */
export interface PlanDefaults {
  readonly modelMaxLength: number;
  readonly modelInputNames: readonly string[];
  readonly padTokenId: number | undefined;
  readonly padTokenTypeId: number;
  readonly paddingSide: Side;
  readonly truncationSide: Side;
  /** Special tokens around a text, around a pair. */
  readonly added: readonly [single: number, pair: number];
}

const known: { readonly [K in keyof Required<CallOptions>]: true } = {
  padding: true,
  paddingSide: true,
  truncation: true,
  truncationSide: true,
  maxLength: true,
  stride: true,
  padToMultipleOf: true,
  addSpecialTokens: true,
  returnTokenTypeIds: true,
  returnAttentionMask: true,
  returnOverflowingTokens: true,
  returnSpecialTokensMask: true,
  returnOffsetsMapping: true,
  offsetUnit: true,
  returnLength: true,
  returnTensors: true,
  isSplitIntoWords: true,
  textPair: true,
  numProc: true,
  signal: true,
  verbose: true,
};
const strategies: readonly Strategy[] = ["longest_first", "only_first", "only_second"];
const fault = (message: string, hint: string) => new ArgumentError(`tokenizer: ${message}`, { code: "ERR_TOKENIZE_OPTIONS", hint });

function whole(name: string, value: number | undefined, least: number, hint: string): void {
  if (value !== undefined && (!Number.isInteger(value) || value < least)) throw fault(`${name} ${value}`, hint);
}
/** @throws ArgumentError ERR_TOKENIZE_OPTIONS for what is no side */
export function side(name: string, value: Side | undefined, fallback: Side): Side {
  if (value === undefined || value === "right" || value === "left") return value ?? fallback;
  throw fault(`${name} ${JSON.stringify(value)}`, 'use "right" or "left"');
}

function strategyOf(options: TokenizeOptions, isPair: boolean): Strategy | undefined {
  const { padding = false, maxLength } = options;
  // As transformers: maxLength alone truncates, unless it is there for padding.
  const wanted = options.truncation ?? (maxLength !== undefined && padding === false);
  if (wanted === false || wanted === "do_not_truncate") return undefined;
  const strategy = wanted === true ? "longest_first" : wanted;
  if (!strategies.includes(strategy))
    throw fault(`truncation ${JSON.stringify(strategy)}`, `use true, false or one of ${strategies.join(", ")}, do_not_truncate`);
  if (strategy === "only_second" && !isPair) throw fault('truncation "only_second" of single texts', "give pairs, or use true");
  return strategy;
}

function paddingOf(options: TokenizeOptions, limit: number): Plan["padding"]["to"] {
  const { padding = false } = options;
  if (padding === false || padding === "do_not_pad") return "none";
  if (padding === true || padding === "longest") return "longest";
  if (padding !== "max_length") throw fault(`padding ${JSON.stringify(padding)}`, 'use true, false, "longest", "max_length" or "do_not_pad"');
  // As transformers: a model that names no longest input is not padded for.
  return Number.isFinite(limit) ? limit : "none";
}

/** @throws ArgumentError ERR_TOKENIZE_OPTIONS, ERR_PAD_TOKEN when rows are to be padded and there is no padding token. */
export function planOf(options: TokenizeOptions, defaults: PlanDefaults, isPair: boolean): Plan {
  const odd = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (odd !== undefined) throw fault(`there is no option ${odd}`, `options are ${Object.keys(known).join(", ")}`);
  const { maxLength, stride = 0, padToMultipleOf = 1, addSpecialTokens = true } = options;
  const added = addSpecialTokens ? defaults.added[isPair ? 1 : 0] : 0;
  whole("stride", stride, 0, "a whole number of tokens");
  whole("padToMultipleOf", padToMultipleOf, 1, "a whole number of at least 1");
  const limit = maxLength ?? defaults.modelMaxLength;
  const strategy = strategyOf(options, isPair);
  const least = strategy === undefined ? 1 : Math.max(1, added);
  whole("maxLength", maxLength, least, `a whole number of at least ${least}${least > 1 ? ": the special tokens" : ""}`);
  const to = paddingOf(options, limit);
  if (to !== "none" && defaults.padTokenId === undefined) {
    throw new ArgumentError("tokenizer: asked to pad, but the tokenizer does not have a padding token", {
      code: "ERR_PAD_TOKEN",
      hint: 'choose one: tokenizer.padToken = tokenizer.eosToken, or tokenizer.addSpecialTokens({ padToken: "[PAD]" })',
    });
  }
  const truncates = strategy !== undefined && Number.isFinite(limit);
  if (truncates && to !== "none" && limit % padToMultipleOf !== 0)
    throw fault(`truncation to ${limit} and padToMultipleOf ${padToMultipleOf}`, "the truncation length must be a multiple when both are given");
  if (truncates && stride > 0 && stride >= limit - added)
    throw fault(`stride ${stride} and maxLength ${limit}`, `stride must be less than the ${limit - added} tokens of text in a row`);
  const reads = (name: string) => defaults.modelInputNames.includes(name);
  return {
    padding: { to, multipleOf: padToMultipleOf },
    filling: { id: defaults.padTokenId ?? 0, type: defaults.padTokenTypeId, side: side("paddingSide", options.paddingSide, defaults.paddingSide) },
    truncation: truncates ? { maxLength: limit, strategy, stride, side: side("truncationSide", options.truncationSide, defaults.truncationSide) } : undefined,
    addSpecialTokens,
    typeIds: options.returnTokenTypeIds ?? reads("token_type_ids"),
    attentionMask: options.returnAttentionMask ?? reads("attention_mask"),
    specialTokensMask: options.returnSpecialTokensMask ?? false,
    offsets: options.returnOffsetsMapping ?? false,
    utf16: options.offsetUnit === "utf16",
    lengths: options.returnLength ?? false,
    overflow: options.returnOverflowingTokens ?? false,
  };
}

/** The width to which rows are padded; 0 for none. */
export function widthOf(padding: Plan["padding"], longest: number): number {
  if (padding.to === "none") return 0;
  const width = padding.to === "longest" ? longest : padding.to;
  return Math.ceil(width / padding.multipleOf) * padding.multipleOf;
}
