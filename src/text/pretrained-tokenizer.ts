// PreTrainedTokenizer: what users see of a tokenizer: a function of texts with methods and properties, named as transformers' in camelCase.
import type { Mapper } from "../data/types.js";
import type { EncodedBatch, EncodedOne, RowUnder } from "./batch-encoding.js";
import type { CallOptions, TokenIds, TokenizeOptions } from "./options.js";
import type { Padded, PadInput, PadOptions } from "./pad.js";
import type { Side } from "./truncation.js";

export interface DecodeOptions {
  /** Default false. */
  readonly skipSpecialTokens?: boolean;
  /** Spaces before marks and in "don't" go; default: tokenizer_config.json's, else false. Not for BPE. */
  readonly cleanUpTokenizationSpaces?: boolean;
}
/** A token to add, with how it is found in texts. */
export interface AddedToken {
  readonly content: string;
  /** Only where it is a whole word. */
  readonly singleWord?: boolean;
  /** Takes the spaces before it. */
  readonly lstrip?: boolean;
  /** Takes the spaces behind it. */
  readonly rstrip?: boolean;
  /** Looked for in the normalized text. */
  readonly normalized?: boolean;
  readonly special?: boolean;
}
/** By what they are for; `extraSpecialTokens` are those without a role. */
export interface SpecialTokenNames {
  readonly bosToken?: string | AddedToken;
  readonly eosToken?: string | AddedToken;
  readonly unkToken?: string | AddedToken;
  readonly sepToken?: string | AddedToken;
  readonly padToken?: string | AddedToken;
  readonly clsToken?: string | AddedToken;
  readonly maskToken?: string | AddedToken;
  readonly extraSpecialTokens?: readonly (string | AddedToken)[];
}
type NoOptions = Record<never, never>;
type Words = readonly string[];
type Split = { readonly isSplitIntoWords: true };
type Unsplit = CallOptions & { readonly isSplitIntoWords?: false };

/**
 * Turns texts into the numbers a model reads. Call it with a text, texts, or pairs of them; results have the keys input_ids, token_type_ids (where the model
 * reads them), attention_mask, and those the options ask for. Offsets count code points, as Python's do: `[...text].slice(start, end).join("")`, or give
 * `offsetUnit: "utf16"` for `text.slice(start, end)`.
 *
 * @throws ArgumentError ERR_TEXT_INPUT for what is no text, ERR_TOKENIZE_OPTIONS, ERR_PAD_TOKEN, ERR_RAGGED; TokenizeError ERR_TOKENIZE
 * @example
 * const tokenizer = await AutoTokenizer.fromPretrained("./all-MiniLM-L6-v2");
 * const row = await tokenizer("This is the first sentence", "This is the second one.");
 * const batch = await tokenizer(texts, { padding: true, truncation: true, returnTensors: true }); // int64 tensors [texts, longest]
 * const parts = await tokenizer(question, context, { maxLength: 384, stride: 128, truncation: "only_second", returnOverflowingTokens: true, returnOffsetsMapping: true });
 * const encoded = await dataset.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { numProc: 2 });
 */
export interface PreTrainedTokenizer {
  <const O extends Unsplit = NoOptions>(text: string, options?: O): Promise<EncodedOne<O>>;
  <const O extends Unsplit = NoOptions>(text: string, pair: string | undefined, options?: O): Promise<EncodedOne<O>>;
  <const O extends Unsplit = NoOptions>(texts: Words | readonly (readonly [string, string])[], options?: O): Promise<EncodedBatch<O>>;
  <const O extends Unsplit = NoOptions>(texts: Words, pairs: Words | undefined, options?: O): Promise<EncodedBatch<O>>;
  <const O extends CallOptions & Split>(words: Words, options: O): Promise<EncodedOne<O>>;
  <const O extends CallOptions & Split>(words: Words, pair: Words | undefined, options: O): Promise<EncodedOne<O>>;
  <const O extends CallOptions & Split>(texts: readonly Words[] | readonly (readonly [Words, Words])[], options: O): Promise<EncodedBatch<O>>;
  <const O extends CallOptions & Split>(texts: readonly Words[], pairs: readonly Words[] | undefined, options: O): Promise<EncodedBatch<O>>;

  /** For `Dataset.map`: reads the named columns; travels to other threads. */
  mapper<A extends string, const O extends TokenizeOptions = NoOptions>(text: A, options?: O): Mapper<{ [K in A]: string }, RowUnder<O>>;
  mapper<A extends string, B extends string, const O extends TokenizeOptions = NoOptions>(
    text: A,
    pair: B,
    options?: O,
  ): Mapper<{ [K in A | B]: string }, RowUnder<O>>;

  /** The ids of a text or pair, special tokens among them. */
  encode(text: string, options?: CallOptions): Promise<number[]>;
  encode(text: string, pair: string | undefined, options?: CallOptions): Promise<number[]>;
  /** The pieces of a text, or of a pair one after the other; without special tokens unless asked for. */
  tokenize(text: string, pair?: string, options?: TokenizeOptions): Promise<string[]>;
  /** Rows, or columns of them, to one width; columns that are no token lists stay as they are. Default: padding to the longest. */
  pad<I extends PadInput, const O extends PadOptions = NoOptions>(encoded: I, options?: O): Padded<I, O>;
  /** Ids back to text; ids beyond the vocabulary are left out. @throws ArgumentError ERR_TOKEN_ID for what is no id, as -100 */
  decode(ids: TokenIds, options?: DecodeOptions): Promise<string>;
  batchDecode(ids: readonly TokenIds[], options?: DecodeOptions): Promise<string[]>;
  /** The token of each id; the unknown token for an id that there is not. */
  convertIdsToTokens(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): string[];
  convertIdsToTokens(id: number): string;
  /** The id of each token; that of the unknown token for one that there is not. */
  convertTokensToIds(tokens: readonly string[]): number[];
  convertTokensToIds(token: string): number;
  /** Pieces back to text. */
  convertTokensToString(tokens: readonly string[]): string;
  /** Ids by token, added ones among them. */
  getVocab(): Map<string, number>;
  /** Added tokens, special ones among them, with their ids. */
  getAddedVocab(): Map<string, number>;
  /** Adds tokens that are kept whole; `model.resizeTokenEmbeddings(tokenizer.length)` makes room for them. @returns how many were not added before */
  addTokens(tokens: string | AddedToken | readonly (string | AddedToken)[], options?: { readonly specialTokens?: boolean }): number;
  /** Adds special tokens and says what they are for. @returns how many were not added before */
  addSpecialTokens(tokens: SpecialTokenNames): number;
  /** Special tokens that a call puts around a text, or around a pair. */
  numSpecialTokensToAdd(pair?: boolean): number;
  /** 1 for special tokens: of a row that has them already, or of the ids of one or two texts to which they would be added. */
  getSpecialTokensMask(ids: readonly number[], second?: readonly number[], options?: { readonly alreadyHasSpecialTokens?: boolean }): number[];
  /** Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json and the vocabulary, which Python's AutoTokenizer reads. */
  savePretrained(directory: string): Promise<void>;

  /** Entries of the model's vocabulary, without those added later. */
  readonly vocabSize: number;
  /** With those added later: the size of a model's word embedding. */
  readonly length: number;
  bosToken: string | undefined;
  eosToken: string | undefined;
  unkToken: string | undefined;
  sepToken: string | undefined;
  padToken: string | undefined;
  clsToken: string | undefined;
  maskToken: string | undefined;
  readonly extraSpecialTokens: readonly string[];
  readonly bosTokenId: number | undefined;
  readonly eosTokenId: number | undefined;
  readonly unkTokenId: number | undefined;
  readonly sepTokenId: number | undefined;
  readonly padTokenId: number | undefined;
  readonly clsTokenId: number | undefined;
  readonly maskTokenId: number | undefined;
  readonly padTokenTypeId: number;
  readonly allSpecialTokens: string[];
  readonly allSpecialIds: number[];
  /** Special tokens by transformers' names: bos_token, ... */
  readonly specialTokensMap: Readonly<Record<string, string>>;
  paddingSide: Side;
  truncationSide: Side;
  /** Longest input of the model, in tokens; Infinity when nothing says. */
  modelMaxLength: number;
  readonly modelInputNames: readonly string[];
  readonly isFast: true;
}
