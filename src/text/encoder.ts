// The native tokenizer (npm `tokenizers`) behind a stateless face: truncation is an argument, not a state that calls would share.
import { type JsEncoding as Encoding, Tokenizer, type TruncationStrategy } from "tokenizers";
import { AccelerateError, ArgumentError } from "../errors.js";
import type { Strategy, Truncation } from "./options.js";
import { TokenizeError } from "./tokenize-error.js";

const strategies: { readonly [S in Strategy]: `${TruncationStrategy}` } = { longest_first: "LongestFirst", only_first: "OnlyFirst", only_second: "OnlySecond" };

/** Texts per native call: enough to be fast, few enough that reading the results holds up no timer. */
const CHUNK = 256;

export class Encoder {
  readonly #json: string;
  // A native tokenizer holds one truncation; a program uses few.
  readonly #byTruncation = new Map<string, Tokenizer>();

  constructor(json: string) {
    this.#json = json;
  }
  /** The native tokenizer for a truncation. */
  native(truncation?: Truncation): Tokenizer {
    const key = truncation ? `${truncation.strategy} ${truncation.maxLength}` : "";
    let tokenizer = this.#byTruncation.get(key);
    if (!tokenizer) {
      try {
        tokenizer = Tokenizer.fromString(this.#json);
      } catch (error) {
        throw new AccelerateError("ERR_TOKENIZER_FILE", `tokenizer.json cannot be used: ${(error as Error).message}`, { cause: error });
      }
      if (truncation) tokenizer.setTruncation(truncation.maxLength, { strategy: strategies[truncation.strategy] as TruncationStrategy });
      this.#byTruncation.set(key, tokenizer);
    }
    return tokenizer;
  }

  /** Encodes texts, or pairs of them, chunk by chunk. @throws TokenizeError, ArgumentError ERR_TEXT_INPUT */
  async *encode(
    texts: readonly string[],
    pairs: readonly string[] | undefined,
    options: { readonly truncation?: Truncation | undefined; readonly addSpecialTokens?: boolean } = {},
  ): AsyncGenerator<Encoding[]> {
    const native = this.native(options.truncation);
    if (pairs && pairs.length !== texts.length)
      throw new ArgumentError(`${texts.length} texts and ${pairs.length} pairs`, { code: "ERR_TEXT_INPUT", hint: "give one second text for each first" });
    for (let start = 0; start < texts.length; start += CHUNK) {
      const end = Math.min(start + CHUNK, texts.length);
      const first = slice(texts, start, end);
      yield await this.#call(native, first, pairs && slice(pairs, start, end), options.addSpecialTokens ?? true);
    }
  }
  async #call(native: Tokenizer, texts: string[], pairs: string[] | undefined, addSpecialTokens: boolean): Promise<Encoding[]> {
    try {
      if (!pairs) return await native.encodeBatch(texts, { addSpecialTokens });
      // The package's encodeBatch takes no pairs; single calls run on libuv's threads side by side.
      return await Promise.all(texts.map((text, i) => native.encode(text, pairs[i]!, { addSpecialTokens })));
    } catch (error) {
      throw new TokenizeError(`tokenizer: ${(error as Error).message}`, { cause: error });
    }
  }
}

function slice(texts: readonly string[], start: number, end: number): string[] {
  const out = texts.slice(start, end);
  const odd = out.findIndex((text: unknown) => typeof text !== "string");
  if (odd < 0) return out;
  const found: unknown = out[odd];
  throw new ArgumentError(`text ${start + odd} is ${found === null ? "null" : typeof found}`, {
    code: "ERR_TEXT_INPUT",
    hint: 'every input must be a string; fill gaps with ""',
  });
}
