// DataCollatorForLanguageModeling: batches for guessing masked tokens, or the next token.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { defaultGenerator, type Tensor } from "../../tensor/index.js";
import type { Batch, MapperDescriptor } from "../types.js";
import { callable } from "./callable.js";
import type { CollateContext } from "./context.js";
import { IGNORED, type MaskRules, maskRow } from "./masking.js";
import { numbersIn, Padding, type PaddedColumn, type PaddingRules, type RowsOrColumns, rulesOf, tensorOfColumn } from "./padding.js";
import type { Padded } from "./padding-collator.js";

export interface LanguageModelingOptions {
  /** true (default): masked tokens are guessed. false: the labels are the ids, of padding -100; the model shifts them. */
  readonly mlm?: boolean;
  /** The part of the tokens that has to be guessed; default 0.15. */
  readonly mlmProbability?: number;
  /** The part of those that becomes the mask token; default 0.8. */
  readonly maskReplaceProb?: number;
  /** The part of those that becomes any token; default 0.1. The others stay what they are. */
  readonly randomReplaceProb?: number;
  /** The width is rounded up to a multiple: 8 suits tensor cores. */
  readonly padToMultipleOf?: number;
  /** Of the masks; default drawn from the default generator (`setSeed`) when the collator is made. */
  readonly seed?: number;
}
/** What a tokenizer tells about masking. */
export interface MaskingRules extends PaddingRules {
  readonly maskTokenId?: number | undefined;
  readonly vocabSize?: number | undefined;
  /** With added tokens. */
  readonly length?: number | undefined;
  readonly allSpecialIds?: readonly number[] | undefined;
}
export interface DataCollatorForLanguageModeling {
  <R>(
    rows: R[],
  ): R extends readonly number[] ? Batch : string extends keyof R ? Batch : Omit<Padded<R>, "special_tokens_mask" | "labels"> & { labels: Tensor<2, "int64"> };
  readonly tokenizer: unknown;
  readonly seed: number;
  /** How other threads make it (`numWorkers`). */
  readonly descriptor: MapperDescriptor;
}

const WHO = "DataCollatorForLanguageModeling";
const refused = (message: string, hint: string): ArgumentError => new ArgumentError(`${WHO}: ${message}`, { code: "ERR_COLLATE", hint });
const part = (name: string, value: number): number => {
  if (value >= 0 && value <= 1) return value;
  throw refused(`${name} is ${inspect(value)}`, "give a number from 0 to 1");
};

/** Special tokens by what a tokenizer calls them; `allSpecialIds` where it has such a list. */
function specialIds(tokenizer: object): number[] {
  const { allSpecialIds } = tokenizer as MaskingRules;
  if (allSpecialIds) return [...allSpecialIds];
  const names = ["unkTokenId", "sepTokenId", "padTokenId", "clsTokenId", "maskTokenId", "bosTokenId", "eosTokenId"] as const;
  return names.map((name) => (tokenizer as Partial<Record<(typeof names)[number], number>>)[name]).filter((id) => typeof id === "number");
}
/** A tokenizer is a function: its length is the number of its tokens, or of its arguments. */
const tokenCount = ({ vocabSize, length }: MaskingRules): number | undefined => (vocabSize === undefined ? undefined : Math.max(vocabSize, length ?? 0));

/** @throws ArgumentError ERR_COLLATE */
function maskRules(tokenizer: MaskingRules, options: LanguageModelingOptions): MaskRules | undefined {
  if (options.mlm === false) return undefined;
  const { maskTokenId } = tokenizer;
  const vocabSize = tokenCount(tokenizer);
  if (maskTokenId === undefined)
    throw refused("the tokenizer has no mask token, which masked language modelling needs", "give mlm: false for causal language modelling");
  const rules = {
    probability: part("mlmProbability", options.mlmProbability ?? 0.15),
    maskReplaceProb: part("maskReplaceProb", options.maskReplaceProb ?? 0.8),
    randomReplaceProb: part("randomReplaceProb", options.randomReplaceProb ?? 0.1),
  };
  // 0.9 + 0.1 is a little more than 1 in some orders.
  if (rules.maskReplaceProb + rules.randomReplaceProb > 1 + 1e-9)
    throw refused(
      `maskReplaceProb ${rules.maskReplaceProb} and randomReplaceProb ${rules.randomReplaceProb} are more than 1 together`,
      "give parts of the masked tokens",
    );
  if (rules.randomReplaceProb > 0 && !(vocabSize !== undefined && vocabSize > 0))
    throw refused("the tokenizer has no vocabSize", "give randomReplaceProb: 0, or a tokenizer of the library");
  return { ...rules, maskTokenId, vocabSize: vocabSize ?? 1 };
}

/** Streams of the draws: rows of a loader, and calls without one. */
const STREAMS = { rows: 1, calls: 2 } as const;

class Modeling {
  readonly #padding: Padding;
  readonly #rules: MaskRules | undefined;
  readonly #special: ReadonlySet<number>;
  readonly #padId: number | undefined;
  readonly #seed: number;
  #calls = 0;

  constructor(tokenizer: MaskingRules, options: LanguageModelingOptions, seed: number) {
    const { padToMultipleOf } = options;
    this.#padding = new Padding(WHO, tokenizer, padToMultipleOf === undefined ? {} : { padToMultipleOf });
    this.#rules = maskRules(tokenizer, options);
    this.#special = new Set(specialIds(tokenizer));
    this.#padId = tokenizer.padTokenId;
    this.#seed = seed;
  }
  collate(given: RowsOrColumns, context: CollateContext | undefined): Record<string, Tensor> {
    const bare = Array.isArray(given) && numbersIn(given[0]) !== undefined;
    const rows = bare ? given.map((input_ids) => ({ input_ids })) : given;
    const columns = this.#padding.pad(rows, context?.floats);
    // A list of ids alone has no mask in Python either, and says nothing of what is padding.
    if (bare) columns.delete("attention_mask");
    const ids = columns.get("input_ids");
    if (!ids) throw refused("the rows have no input_ids", "tokenize them first");
    const marks = columns.get("special_tokens_mask");
    columns.delete("special_tokens_mask");
    columns.set("labels", this.#rules ? this.#masked(ids, marks, this.#rules, context) : this.#causal(ids));
    return Object.fromEntries([...columns].map(([name, column]) => [name, tensorOfColumn(column)]));
  }
  #causal({ data, shape }: PaddedColumn): PaddedColumn {
    const pad = this.#padId === undefined ? undefined : BigInt(this.#padId);
    return { data: (data as BigInt64Array<ArrayBuffer>).map((id) => (id === pad ? IGNORED : id)), shape };
  }
  #masked({ data, shape }: PaddedColumn, marks: PaddedColumn | undefined, rules: MaskRules, context: CollateContext | undefined): PaddedColumn {
    const [count, width] = shape as readonly [number, number];
    const ids = data as BigInt64Array;
    const labels = new BigInt64Array(ids.length);
    // Without a loader every call is another epoch of its own.
    const { epoch, rows, stream } = context
      ? { epoch: context.epoch, rows: context.rows, stream: STREAMS.rows }
      : { epoch: this.#calls++, rows: Array.from({ length: count }, (_, i) => i), stream: STREAMS.calls };
    for (let i = 0; i < count; i++) {
      const from = i * width;
      const special = marks ? (k: number) => marks.data[from + k] !== 0n : (k: number) => this.#special.has(Number(ids[from + k]));
      labels.set(maskRow(ids.subarray(from, from + width), special, rules, { seed: this.#seed, stream, epoch, row: rows[i]! }), from);
    }
    return { data: labels, shape };
  }
}

class CallableModeling {
  constructor(tokenizer: MaskingRules, options: LanguageModelingOptions = {}) {
    const seed = options.seed ?? defaultGenerator().words(1)[0]!;
    if (!(Number.isSafeInteger(seed) && seed >= 0)) throw refused(`seed is ${inspect(options.seed)}`, "give a whole number from 0");
    // biome-ignore lint/correctness/noConstructorReturn: the instance is the function
    return modelingCall(tokenizer, { ...options, seed }, new.target.prototype) as never;
  }
}
Object.setPrototypeOf(CallableModeling.prototype, Function.prototype);

type Seeded = LanguageModelingOptions & { readonly seed: number };
function modelingCall(tokenizer: MaskingRules, options: Seeded, prototype: object = CallableModeling.prototype): unknown {
  const modeling = new Modeling(tokenizer, options, options.seed);
  const call = (rows: RowsOrColumns, context?: CollateContext) => modeling.collate(rows, context);
  const { maskTokenId } = tokenizer;
  const rules = { ...rulesOf(tokenizer), maskTokenId, vocabSize: tokenCount(tokenizer), allSpecialIds: specialIds(tokenizer) };
  return callable(
    call,
    prototype,
    { tokenizer, seed: options.seed },
    { module: import.meta.url, name: "languageModelingCollator", options: { rules, options } },
  );
}
/** The collator in another thread. @internal */
export const languageModelingCollator = ({ rules, options }: { readonly rules: MaskingRules; readonly options: Seeded }): unknown =>
  modelingCall(rules, options);

/**
 * Pads rows and makes labels. Masked (default): of the tokens that are not special 15 % are to be guessed, their labels are the ids, all others' -100; of those 80 % become the mask token, 10 % any token,
 * 10 % stay. What is masked depends on the seed, the epoch and the row alone: it is the same after a resume and for any number of workers and threads, and another in every epoch. Rows are objects with
 * input_ids, or lists of ids.
 *
 * @throws ArgumentError ERR_COLLATE
 * @example
 * const collateFn = new DataCollatorForLanguageModeling(tokenizer, { mlmProbability: 0.15, seed: 1 });
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, collateFn, numWorkers: 2 });
 */
export const DataCollatorForLanguageModeling = CallableModeling as unknown as {
  new (tokenizer: object, options?: LanguageModelingOptions): DataCollatorForLanguageModeling;
};
