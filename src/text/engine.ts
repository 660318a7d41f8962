// Engine: texts to sequences of tokens, by our own BERT encoder where the tokenizer allows it, else by the npm library; then to rows.
import { setImmediate as turn } from "node:timers/promises";
import { Tokenizer } from "tokenizers";
import { AccelerateError } from "../errors.js";
import { Encoding } from "./encoding.js";
import type { Plan } from "./options.js";
import { type PostProcessor, postProcessorOf } from "./post-processor.js";
import { FastSequence, NativeSequence, type TokenSequence, Utf16Sequence, WordsSequence } from "./sequence.js";
import { TokenizeError } from "./tokenize-error.js";
import { modelVocabulary, type TokenizerJson } from "./tokenizer-json.js";
import { combined, lengthsAfter, type Part, partsOf } from "./truncation.js";
import { BertEncoder } from "./wordpiece/bert-encoder.js";
import { bertRules } from "./wordpiece/eligible.js";
import { type EncodedTexts, encodeTexts } from "./wordpiece/encode-texts.js";

/** Texts per turn: few enough that no timer waits long. */
const CHUNK = 256;

/** Sequences whose spans count UTF-16 code units. */
export const inUtf16 = (sequences: readonly TokenSequence[], texts: readonly string[]): TokenSequence[] =>
  sequences.map((sequence, i) => new Utf16Sequence(sequence, texts[i]!));

/** A text, or its words. */
export type TextInput = string | readonly string[];

export class Engine {
  readonly json: TokenizerJson;
  readonly postProcessor: PostProcessor;
  readonly #added: ReadonlyMap<string, number>;
  // Made when they are asked for: a thread that only encodes does without.
  #vocabulary: ReadonlyMap<string, number> | undefined;
  #tokens: string[] | undefined;
  #native: Tokenizer | undefined;
  #fast: BertEncoder | null | undefined;

  constructor(json: TokenizerJson) {
    this.json = json;
    this.postProcessor = postProcessorOf(json.post_processor);
    this.#added = new Map((json.added_tokens ?? []).map(({ content, id }) => [content, id]));
  }
  get #known(): ReadonlyMap<string, number> {
    this.#vocabulary ??= modelVocabulary(this.json);
    return this.#vocabulary;
  }

  /** Our own encoder; undefined where only the library can do it. */
  get fast(): BertEncoder | undefined {
    if (this.#fast === undefined) {
      const rules = bertRules(this.json);
      this.#fast = rules ? new BertEncoder(rules) : null;
    }
    return this.#fast ?? undefined;
  }
  /** The library's tokenizer, without truncation, padding and special tokens: those are ours. */
  get native(): Tokenizer {
    try {
      this.#native ??= Tokenizer.fromString(JSON.stringify({ ...this.json, truncation: null, padding: null, post_processor: null }));
      return this.#native;
    } catch (error) {
      throw new AccelerateError("ERR_TOKENIZER_FILE", `tokenizer.json cannot be used: ${(error as Error).message}`, { cause: error });
    }
  }

  /** Entries of the model's vocabulary, without added tokens. */
  get vocabSize(): number {
    return this.#known.size;
  }
  /** With added tokens. */
  get size(): number {
    let more = 0;
    for (const token of this.#added.keys()) if (!this.#known.has(token)) more++;
    return this.#known.size + more;
  }
  vocabulary(): Map<string, number> {
    return new Map([...this.#known, ...this.#added]);
  }
  idOf(token: string): number | undefined {
    return this.#added.get(token) ?? this.#known.get(token);
  }
  tokenOf(id: number): string | undefined {
    if (!this.#tokens) {
      this.#tokens = [];
      for (const vocabulary of [this.#known, this.#added]) for (const [token, at] of vocabulary) this.#tokens[at] = token;
    }
    return this.#tokens[id];
  }

  /** Sequences of texts, or of texts given as words. @throws TokenizeError */
  async sequences(texts: readonly TextInput[], utf16 = false, signal?: AbortSignal): Promise<TokenSequence[]> {
    const out: TokenSequence[] = [];
    for (let start = 0; start < texts.length; start += CHUNK) {
      signal?.throwIfAborted();
      const chunk = texts.slice(start, start + CHUNK);
      const flat = chunk.flat();
      const done = await this.#chunk(flat);
      const sequences = utf16 ? inUtf16(done, flat) : done;
      let at = 0;
      for (const text of chunk) {
        const count = typeof text === "string" ? 1 : text.length;
        out.push(typeof text === "string" ? sequences[at]! : new WordsSequence(sequences.slice(at, at + count)));
        at += count;
      }
      if (start + CHUNK < texts.length) await turn();
    }
    return out;
  }
  async #chunk(texts: readonly string[]): Promise<TokenSequence[]> {
    const { fast } = this;
    return fast ? this.adopt(texts, encodeTexts(fast, texts)) : this.#byLibrary(texts);
  }
  /** Sequences of texts that our encoder has encoded, here or in another thread. */
  async adopt(texts: readonly string[], { ids, counts }: EncodedTexts): Promise<TokenSequence[]> {
    const out: TokenSequence[] = [];
    const left: number[] = [];
    const tokenOf = (id: number) => this.tokenOf(id)!;
    let at = 0;
    for (const [i, count] of counts.entries()) {
      if (count < 0) left.push(i);
      else out[i] = new FastSequence(ids.subarray(at, at + count), texts[i]!, this.fast!, tokenOf);
      at += Math.max(count, 0);
    }
    const rest = left.length > 0 ? await this.#byLibrary(left.map((i) => texts[i]!)) : [];
    left.forEach((i, k) => {
      out[i] = rest[k]!;
    });
    return out;
  }
  async #byLibrary(texts: readonly string[]): Promise<TokenSequence[]> {
    const { native } = this;
    try {
      return (await native.encodeBatch([...texts], { addSpecialTokens: false })).map((encoding) => new NativeSequence(encoding));
    } catch (error) {
      throw new TokenizeError(`tokenizer: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The rows of one text or pair: one, and with overflow those after it. */
  rows(first: TokenSequence, second: TokenSequence | undefined, plan: Plan): Encoding[] {
    const layout = second ? this.postProcessor.pair : this.postProcessor.single;
    const sequences = second ? [first, second] : [first];
    const make = (parts: readonly Part[]) => new Encoding(layout, sequences, parts, this.postProcessor.trim, plan.addSpecialTokens);
    if (!plan.truncation) return [make(sequences.map(({ length }) => [0, length]))];
    const { maxLength, strategy, side = "right", stride = 0 } = plan.truncation;
    const added = plan.addSpecialTokens ? layout.reduce((n, piece) => n + (piece.kind === "special" ? piece.ids.length : 0), 0) : 0;
    const most = lengthsAfter(first.length, second?.length, maxLength - added, strategy);
    const cut = sequences.map((sequence, i) => partsOf(sequence.length, most[i]!, side, plan.overflow ? stride : 0));
    if (!plan.overflow) return [make(cut.map((parts) => parts[0]!))];
    return cut.length === 1 ? cut[0]!.map((part) => make([part])) : combined(cut[0]!, cut[1]!).map(make);
  }
}
