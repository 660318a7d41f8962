// The tokenizer's calls, methods and properties; the function that users have carries them (tokenizer.ts).
import { inspect } from "node:util";
import { ArgumentError } from "../errors.js";
import { type Columns, encodedLists, encodedTensors, withLookup } from "./batch-encoding.js";
import { columnsOf } from "./columns.js";
import { decodeAll } from "./decoding.js";
import type { Encoding } from "./encoding.js";
import { Engine } from "./engine.js";
import { inputsOf } from "./inputs.js";
import { type CallOptions, type Plan, type PlanDefaults, planOf, type TokenIds, type TokenizeOptions, widthOf } from "./options.js";
import { type PadInput, type PadOptions, padRows } from "./pad.js";
import { sequencesOf } from "./parallel.js";
import { addedBy } from "./post-processor.js";
import type { AddedToken, DecodeOptions, SpecialTokenNames } from "./pretrained-tokenizer.js";
import { writeTokenizer } from "./save.js";
import { type SpecialName, specialNames } from "./special-tokens.js";
import { tokenLookup } from "./token-lookup.js";
import type { TokenizeJobOptions } from "./tokenize-job.js";
import type { TokenizerSpec } from "./tokenizer-files.js";
import { type NewToken, withAddedTokens } from "./tokenizer-json.js";
import type { Side } from "./truncation.js";

/** "padToken" of "pad_token". */
export const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

function newToken(token: string | AddedToken, special: boolean): NewToken {
  if (typeof token === "string") return { content: token, special, normalized: !special };
  if (typeof token?.content !== "string")
    throw new ArgumentError(`a token to add is ${token === null ? "null" : typeof token}`, {
      code: "ERR_SPECIAL_TOKEN",
      hint: "give a text, or { content, ... }",
    });
  const { content, singleWord = false, lstrip = false, rstrip = false } = token;
  const isSpecial = token.special ?? special;
  return { content, single_word: singleWord, lstrip, rstrip, special: isSpecial, normalized: token.normalized ?? !isSpecial };
}

export class TokenizerCore {
  #spec: TokenizerSpec;
  #engine: Engine;
  #warned = false;
  #shared: Uint8Array | undefined;
  paddingSide: Side;
  truncationSide: Side;
  modelMaxLength: number;

  constructor(spec: TokenizerSpec) {
    this.#spec = spec;
    this.#engine = new Engine(spec.json);
    this.paddingSide = spec.config.padding_side === "left" ? "left" : "right";
    this.truncationSide = spec.config.truncation_side === "left" ? "left" : "right";
    this.modelMaxLength = spec.modelMaxLength;
  }

  get vocabSize(): number {
    return this.#engine.vocabSize;
  }
  get length(): number {
    return this.#engine.size;
  }
  get modelInputNames(): readonly string[] {
    return this.#spec.inputNames;
  }
  get isFast(): true {
    return true;
  }
  get padTokenTypeId(): number {
    const given = this.#spec.config.pad_token_type_id;
    return typeof given === "number" ? given : 0;
  }
  get extraSpecialTokens(): readonly string[] {
    return this.#spec.extra;
  }
  get specialTokensMap(): Readonly<Record<string, string>> {
    const { tokens } = this.#spec;
    return Object.fromEntries(specialNames.filter((name) => tokens[name] !== undefined).map((name) => [name, tokens[name]!]));
  }
  get allSpecialTokens(): string[] {
    return [...new Set([...Object.values(this.specialTokensMap), ...this.#spec.extra])];
  }
  get allSpecialIds(): number[] {
    return this.convertTokensToIds(this.allSpecialTokens) as number[];
  }
  special(name: SpecialName): string | undefined {
    return this.#spec.tokens[name];
  }
  /** A token that the vocabulary lacks is not added, as in transformers: addSpecialTokens does that. */
  setSpecial(name: SpecialName, token: string | undefined): void {
    const { [name]: _, ...others } = this.#spec.tokens;
    this.#spec = { ...this.#spec, tokens: token === undefined ? others : { ...others, [name]: token } };
  }
  specialId(name: SpecialName): number | undefined {
    const token = this.special(name);
    return token === undefined ? undefined : this.#engine.idOf(token);
  }

  get #defaults(): PlanDefaults {
    const { single, pair } = this.#engine.postProcessor;
    return {
      modelMaxLength: this.modelMaxLength,
      modelInputNames: this.modelInputNames,
      padTokenId: this.specialId("pad_token"),
      padTokenTypeId: this.padTokenTypeId,
      paddingSide: this.paddingSide,
      truncationSide: this.truncationSide,
      added: [addedBy(single), addedBy(pair)],
    };
  }

  async call(texts: unknown, second?: unknown, third?: CallOptions): Promise<unknown> {
    const isOptions = typeof second === "object" && second !== null && !Array.isArray(second);
    const options = third ?? (isOptions ? (second as CallOptions) : {});
    const pairs = (isOptions || second === undefined ? undefined : second) ?? options.textPair;
    const inputs = inputsOf(texts, pairs, options.isSplitIntoWords ?? false);
    const plan = planOf(options, this.#defaults, inputs.second !== undefined);
    const engine = this.#engine;
    const [first, other] = await sequencesOf(engine, () => this.#sharedJson(), [inputs.first, inputs.second], plan.utf16, options);
    const rows: Encoding[] = [];
    const samples: number[] = [];
    first.forEach((sequence, i) => {
      for (const row of engine.rows(sequence, other?.[i], plan)) {
        rows.push(row);
        samples.push(i);
      }
    });
    this.#warn(rows, options);
    this.#pad(rows, plan);
    return this.#result(rows, samples, plan, inputs.single && !plan.overflow, options.returnTensors ?? false);
  }
  #pad(rows: readonly Encoding[], plan: Plan): void {
    if (plan.padding.to === "none") return;
    const width = widthOf(
      plan.padding,
      rows.reduce((most, row) => Math.max(most, row.filled), 0),
    );
    for (const row of rows) row.pad(width, plan.filling, this.special("pad_token")!);
  }
  #result(rows: readonly Encoding[], samples: readonly number[], plan: Plan, single: boolean, tensors: boolean): unknown {
    const columns = columnsOf(plan);
    const lookup = tokenLookup(rows);
    if (single && !tensors) return withLookup(Object.fromEntries(columns.map(({ name, values }) => [name, values(rows[0]!)])), lookup);
    const all: Columns = {
      ...Object.fromEntries(columns.map(({ name, values }) => [name, rows.map(values)])),
      ...(plan.overflow ? { overflow_to_sample_mapping: samples } : {}),
    };
    return tensors ? encodedTensors(all, rows.length, lookup) : encodedLists(all, rows.length, lookup);
  }
  #warn(rows: readonly Encoding[], { maxLength, truncation = false, verbose = true }: CallOptions): void {
    if (this.#warned || !verbose || maxLength !== undefined || (truncation !== false && truncation !== "do_not_truncate")) return;
    const long = rows.find(({ filled }) => filled > this.modelMaxLength);
    if (!long) return;
    this.#warned = true;
    console.warn(
      `Token indices sequence length is longer than the specified maximum sequence length for this model (${long.filled} > ${this.modelMaxLength}). ` +
        "Running this sequence through the model will result in indexing errors",
    );
  }

  /** The tokenizer as bytes that threads share. */
  #sharedJson(): Uint8Array {
    if (!this.#shared) {
      const bytes = Buffer.from(JSON.stringify(this.#spec.json));
      this.#shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
      this.#shared.set(bytes);
    }
    return this.#shared;
  }
  mapper(text: string, second?: string | TokenizeOptions, third?: TokenizeOptions): unknown {
    const pair = typeof second === "string" ? second : undefined;
    const options = third ?? (typeof second === "object" ? second : {});
    const job: TokenizeJobOptions = { json: this.#sharedJson(), text, pair, plan: planOf(options, this.#defaults, pair !== undefined) };
    return {
      reads: pair === undefined ? [text] : [text, pair],
      descriptor: { module: new URL("./tokenize-job.js", import.meta.url).href, name: "tokenizeJob", options: job },
    };
  }

  async encode(text: string, second?: string | CallOptions, third?: CallOptions): Promise<number[]> {
    const options = third ?? (typeof second === "object" ? second : {});
    const row = (await this.call(text, typeof second === "string" ? second : undefined, {
      ...options,
      returnTensors: false,
      returnOverflowingTokens: false,
    })) as {
      input_ids: number[];
    };
    return row.input_ids;
  }
  async tokenize(text: string, pair?: string, options: TokenizeOptions = {}): Promise<string[]> {
    const row = (await this.call(text, pair, { addSpecialTokens: false, verbose: false, ...options, returnOverflowingTokens: false })) as {
      tokens(): string[];
    };
    return row.tokens();
  }
  pad(encoded: PadInput, options: PadOptions = {}): unknown {
    return padRows(encoded, options, this.#defaults);
  }

  #cleanUp(options: DecodeOptions): boolean {
    return options.cleanUpTokenizationSpaces ?? this.#spec.config.clean_up_tokenization_spaces === true;
  }
  async decode(ids: TokenIds, options: DecodeOptions = {}): Promise<string> {
    return (await decodeAll(this.#engine, [ids], options.skipSpecialTokens ?? false, this.#cleanUp(options)))[0]!;
  }
  batchDecode(ids: readonly TokenIds[], options: DecodeOptions = {}): Promise<string[]> {
    return decodeAll(this.#engine, ids, options.skipSpecialTokens ?? false, this.#cleanUp(options));
  }
  convertIdsToTokens(ids: number | readonly number[], options: { readonly skipSpecialTokens?: boolean } = {}): string | string[] {
    const token = (id: number): string => this.#engine.tokenOf(id) ?? this.special("unk_token") ?? "";
    if (typeof ids === "number") return token(ids);
    const skipped = new Set(options.skipSpecialTokens ? this.allSpecialIds : []);
    return ids.filter((id) => !skipped.has(id)).map(token);
  }
  convertTokensToIds(tokens: string | readonly string[]): number | number[] {
    const unknown = this.specialId("unk_token") ?? 0;
    const id = (token: string): number => this.#engine.idOf(token) ?? unknown;
    return typeof tokens === "string" ? id(tokens) : tokens.map(id);
  }
  convertTokensToString(tokens: readonly string[]): string {
    return this.#engine.native.getDecoder()?.decode([...tokens]) ?? tokens.join(" ");
  }
  getVocab(): Map<string, number> {
    return this.#engine.vocabulary();
  }
  getAddedVocab(): Map<string, number> {
    return new Map((this.#spec.json.added_tokens ?? []).map(({ content, id }) => [content, id]));
  }

  addTokens(tokens: string | AddedToken | readonly (string | AddedToken)[], options: { readonly specialTokens?: boolean } = {}): number {
    const list = (Array.isArray(tokens) ? tokens : [tokens]) as readonly (string | AddedToken)[];
    return this.#add(list.map((token) => newToken(token, options.specialTokens ?? false)));
  }
  #add(tokens: readonly NewToken[]): number {
    const { json, added } = withAddedTokens(this.#spec.json, tokens);
    this.#spec = { ...this.#spec, json };
    this.#engine = new Engine(json);
    this.#shared = undefined;
    return added;
  }
  addSpecialTokens(tokens: SpecialTokenNames): number {
    const { extraSpecialTokens, ...named } = tokens;
    const byName = new Map(specialNames.map((name) => [camel(name), name]));
    const list: NewToken[] = [];
    for (const [key, token] of Object.entries(named) as [string, string | AddedToken][]) {
      const name = byName.get(key);
      if (!name)
        throw new ArgumentError(`addSpecialTokens: ${key} is no special token`, {
          code: "ERR_SPECIAL_TOKEN",
          hint: `use ${[...byName.keys(), "extraSpecialTokens"].join(", ")}`,
        });
      const added = newToken(token, true);
      list.push(added);
      this.setSpecial(name, added.content);
    }
    if (extraSpecialTokens) {
      const extra = extraSpecialTokens.map((token) => newToken(token, true));
      list.push(...extra);
      this.#spec = { ...this.#spec, extra: extra.map(({ content }) => content) };
    }
    return this.#add(list);
  }
  numSpecialTokensToAdd(pair = false): number {
    return this.#defaults.added[pair ? 1 : 0];
  }
  getSpecialTokensMask(ids: readonly number[], second?: readonly number[], options: { readonly alreadyHasSpecialTokens?: boolean } = {}): number[] {
    if (options.alreadyHasSpecialTokens) {
      const special = new Set(this.allSpecialIds);
      return ids.map((id) => (special.has(id) ? 1 : 0));
    }
    const { single, pair } = this.#engine.postProcessor;
    return (second ? pair : single).flatMap((piece) =>
      piece.kind === "special" ? piece.ids.map(() => 1) : (piece.index === 0 ? ids : (second ?? [])).map(() => 0),
    );
  }
  savePretrained(directory: string): Promise<void> {
    const config = { ...this.#spec.config, padding_side: this.paddingSide, truncation_side: this.truncationSide };
    return writeTokenizer({ ...this.#spec, config, modelMaxLength: this.modelMaxLength }, directory);
  }
  [inspect.custom](): string {
    return `PreTrainedTokenizer(vocabSize=${this.vocabSize}, modelMaxLength=${this.modelMaxLength}, padTokenId=${this.specialId("pad_token")})`;
  }
}
