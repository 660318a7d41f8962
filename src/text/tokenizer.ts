// PreTrainedTokenizer: a function of texts with the tokenizer's methods, as Python's; AutoTokenizer makes one from files.
import { inspect } from "node:util";
import type { Mapper } from "../data/types.js";
import { ArgumentError } from "../errors.js";
import { type BatchEncoding, type EncodedLists, type EncodedRow, type EncodedTensors, encodedLists, encodedTensors } from "./batch-encoding.js";
import { Encoder } from "./encoder.js";
import { resolveOptions, type TokenizeOptions } from "./options.js";
import { type Filling, padRow } from "./padding.js";
import type { TokenizeJobOptions } from "./tokenize-job.js";
import { readTokenizer, type TokenizerSpec, writeTokenizer } from "./tokenizer-files.js";

/**
 * Turns texts into the numbers a model reads. Call it with a text, texts, or pairs of them; results have the keys input_ids, token_type_ids, attention_mask.
 *
 * @example
 * const tokenizer = await AutoTokenizer.fromPretrained("./all-MiniLM-L6-v2");
 * const row = await tokenizer("This is the first sentence", "This is the second one.");
 * const batch = await tokenizer(texts, { padding: true, truncation: true, returnTensors: true }); // int64 tensors [texts, longest]
 * const encoded = await dataset.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { numProc: 2 });
 */
export interface PreTrainedTokenizer {
  (text: string, options?: TokenizeOptions & { returnTensors?: false }): Promise<EncodedRow>;
  (texts: readonly string[], options: TokenizeOptions & { returnTensors: true }): Promise<BatchEncoding<EncodedTensors>>;
  (texts: readonly string[], pairs: readonly string[], options: TokenizeOptions & { returnTensors: true }): Promise<BatchEncoding<EncodedTensors>>;
  (texts: readonly string[], pairs: readonly string[], options?: TokenizeOptions & { returnTensors?: false }): Promise<BatchEncoding<EncodedLists>>;
  (texts: readonly string[], options?: TokenizeOptions & { returnTensors?: false }): Promise<BatchEncoding<EncodedLists>>;
  (text: string, pair: string, options?: TokenizeOptions): Promise<EncodedRow>;
  /** For `Dataset.map`: reads the named columns; travels to other threads. */
  mapper<A extends string>(text: A, options?: TokenizeOptions): Mapper<{ [K in A]: string }, EncodedRow>;
  mapper<A extends string, B extends string>(text: A, pair: B, options?: TokenizeOptions): Mapper<{ [K in A | B]: string }, EncodedRow>;
  /** The pieces of a text, without special tokens. */
  tokenize(text: string): Promise<string[]>;
  /** Ids back to text. */
  decode(ids: readonly number[], options?: { readonly skipSpecialTokens?: boolean }): Promise<string>;
  batchDecode(ids: readonly (readonly number[])[], options?: { readonly skipSpecialTokens?: boolean }): Promise<string[]>;
  /** The token of each id; the unknown token for an id that there is not. */
  convertIdsToTokens(ids: readonly number[]): string[];
  /** The id of each token; that of the unknown token for one that there is not. */
  convertTokensToIds(tokens: readonly string[]): number[];
  /** Writes tokenizer.json, tokenizer_config.json, special_tokens_map.json and (WordPiece) vocab.txt, which Python's AutoTokenizer reads. */
  savePretrained(directory: string): Promise<void>;
  /** Entries of the vocabulary; the size of a model's word embedding. */
  readonly vocabSize: number;
  readonly padTokenId: number;
  readonly padTokenTypeId: number;
  readonly paddingSide: "right" | "left";
  readonly unkTokenId: number | undefined;
  readonly clsTokenId: number | undefined;
  readonly sepTokenId: number | undefined;
  readonly maskTokenId: number | undefined;
  /** Longest input of the model, in tokens; Infinity when nothing says. */
  readonly modelMaxLength: number;
  readonly modelInputNames: readonly string[];
}

type CallOptions = TokenizeOptions & { readonly returnTensors?: boolean };
type Texts = string | readonly string[];

/** The methods; the function that carries them is made by tokenizerOf. */
class TokenizerCore {
  readonly spec: TokenizerSpec;
  readonly #encoder: Encoder;
  readonly #json: Uint8Array;
  readonly #filling: Filling;
  readonly #typeIds: boolean;

  constructor(spec: TokenizerSpec) {
    this.spec = spec;
    const text = JSON.stringify(spec.json);
    const bytes = Buffer.from(text);
    this.#json = new Uint8Array(new SharedArrayBuffer(bytes.length));
    this.#json.set(bytes);
    this.#encoder = new Encoder(text);
    this.#typeIds = this.modelInputNames.includes("token_type_ids");
    this.#filling = { id: this.padTokenId, type: this.padTokenTypeId, side: this.paddingSide };
  }

  get vocabSize(): number {
    return this.#encoder.native().getVocabSize(true);
  }
  get padTokenId(): number {
    return this.#idOf(this.spec.tokens.pad_token) ?? 0;
  }
  get padTokenTypeId(): number {
    return 0;
  }
  get paddingSide(): "right" | "left" {
    return this.spec.config.padding_side === "left" ? "left" : "right";
  }
  get unkTokenId(): number | undefined {
    return this.#idOf(this.spec.tokens.unk_token);
  }
  get clsTokenId(): number | undefined {
    return this.#idOf(this.spec.tokens.cls_token);
  }
  get sepTokenId(): number | undefined {
    return this.#idOf(this.spec.tokens.sep_token);
  }
  get maskTokenId(): number | undefined {
    return this.#idOf(this.spec.tokens.mask_token);
  }
  get modelMaxLength(): number {
    return this.spec.modelMaxLength;
  }
  get modelInputNames(): readonly string[] {
    const named = this.spec.config.model_input_names;
    return Array.isArray(named) ? (named as string[]) : ["input_ids", "token_type_ids", "attention_mask"];
  }
  #idOf(token: string | undefined): number | undefined {
    return token === undefined ? undefined : (this.#encoder.native().tokenToId(token) ?? undefined);
  }

  async call(texts: Texts, second?: Texts | CallOptions, third?: CallOptions): Promise<unknown> {
    const pairs = typeof second === "string" || Array.isArray(second) ? (second as Texts) : undefined;
    const options = third ?? (pairs === undefined ? (second as CallOptions | undefined) : undefined) ?? {};
    const single = typeof texts === "string";
    for (const given of pairs === undefined ? [texts] : [texts, pairs])
      if (typeof given !== "string" && !Array.isArray(given))
        throw new ArgumentError(`a tokenizer was called with ${given === null ? "null" : typeof given}`, {
          code: "ERR_TEXT_INPUT",
          hint: "give a text or a list of texts",
        });
    const list = (x: Texts): readonly string[] => (typeof x === "string" ? [x] : x);
    const columns = await this.#encode(list(texts), pairs === undefined ? undefined : list(pairs), options);
    if (single) return Object.fromEntries(Object.entries(columns).map(([name, rows]) => [name, rows[0]!]));
    return options.returnTensors ? encodedTensors(columns, texts.length) : encodedLists(columns, texts.length);
  }
  async #encode(texts: readonly string[], pairs: readonly string[] | undefined, options: CallOptions): Promise<Record<string, number[][]>> {
    const { truncation, padding } = resolveOptions(options, this.modelMaxLength, pairs !== undefined);
    const [ids, types]: [number[][], number[][]] = [[], []];
    for await (const encodings of this.#encoder.encode(texts, pairs, { truncation })) {
      for (const encoding of encodings) {
        ids.push(encoding.getIds());
        if (this.#typeIds) types.push(encoding.getTypeIds());
      }
    }
    const width = padding === "longest" ? ids.reduce((most, row) => Math.max(most, row.length), 0) : padding === "none" ? 0 : padding;
    const padded = (rows: number[][], fill: number) => rows.map((row) => padRow(row, width, fill, this.#filling.side) as number[]);
    const mask = ids.map((row) => new Array<number>(row.length).fill(1));
    return {
      input_ids: padded(ids, this.#filling.id),
      ...(this.#typeIds ? { token_type_ids: padded(types, this.#filling.type) } : {}),
      attention_mask: padded(mask, 0),
    };
  }

  mapper(text: string, second?: string | TokenizeOptions, third?: TokenizeOptions): Mapper<Record<string, string>, EncodedRow> {
    const pair = typeof second === "string" ? second : undefined;
    const options = third ?? (typeof second === "object" ? second : {});
    const job: TokenizeJobOptions = {
      json: this.#json,
      text,
      pair,
      resolved: resolveOptions(options, this.modelMaxLength, pair !== undefined),
      filling: this.#filling,
      typeIds: this.#typeIds,
    };
    return {
      reads: pair === undefined ? [text] : [text, pair],
      descriptor: { module: new URL("./tokenize-job.js", import.meta.url).href, name: "tokenizeJob", options: job },
    };
  }

  async tokenize(text: string): Promise<string[]> {
    for await (const [encoding] of this.#encoder.encode([text], undefined, { addSpecialTokens: false })) return encoding!.getTokens();
    return [];
  }
  decode(ids: readonly number[], options: { readonly skipSpecialTokens?: boolean } = {}): Promise<string> {
    return this.#encoder.native().decode([...ids], options.skipSpecialTokens ?? false);
  }
  batchDecode(ids: readonly (readonly number[])[], options: { readonly skipSpecialTokens?: boolean } = {}): Promise<string[]> {
    return this.#encoder.native().decodeBatch(
      ids.map((row) => [...row]),
      options.skipSpecialTokens ?? false,
    );
  }
  convertIdsToTokens(ids: readonly number[]): string[] {
    const native = this.#encoder.native();
    return ids.map((id) => native.idToToken(id) ?? this.spec.tokens.unk_token ?? "");
  }
  convertTokensToIds(tokens: readonly string[]): number[] {
    return tokens.map((token) => this.#idOf(token) ?? this.unkTokenId ?? 0);
  }
  savePretrained(directory: string): Promise<void> {
    return writeTokenizer(this.spec, directory);
  }
  [inspect.custom](): string {
    return `PreTrainedTokenizer(vocabSize=${this.vocabSize}, modelMaxLength=${this.modelMaxLength}, padTokenId=${this.padTokenId})`;
  }
}

/** A callable over a core: every method and getter of the core is the function's own. */
export function tokenizerOf(spec: TokenizerSpec): PreTrainedTokenizer {
  const core = new TokenizerCore(spec);
  const call = (...args: Parameters<TokenizerCore["call"]>) => core.call(...args);
  const properties: PropertyDescriptorMap = {};
  for (const [key, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(TokenizerCore.prototype))) {
    if (key !== "constructor" && key !== "call")
      properties[key] = get ? { get: () => get.call(core) } : { value: (value as (...args: unknown[]) => unknown).bind(core) };
  }
  properties[inspect.custom as unknown as string] = { value: () => core[inspect.custom]() };
  return Object.defineProperties(call, properties) as unknown as PreTrainedTokenizer;
}

/**
 * Loads a tokenizer from a folder with tokenizer.json or vocab.txt (and tokenizer_config.json), or from one of these files.
 * For a vocabulary without configuration the vocabulary decides whether texts are lowercased: cased ones hold words with capitals.
 *
 * @throws ArgumentError ERR_TOKENIZER_NOT_FOUND, TokenizerFileError ERR_TOKENIZER_FILE
 * @example
 * const tokenizer = await AutoTokenizer.fromPretrained("./bert-base-uncased");
 * tokenizer.convertIdsToTokens((await tokenizer("hello")).input_ids); // ["[CLS]", "hello", "[SEP]"]
 */
export const AutoTokenizer = {
  fromPretrained: async (checkpoint: string): Promise<PreTrainedTokenizer> => tokenizerOf(await readTokenizer(checkpoint)),
};
