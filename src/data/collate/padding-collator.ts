// DataCollatorWithPadding: encoded rows of different lengths to int64 tensors of the batch's longest.
import { ArgumentError } from "../../errors.js";
import { fromData, type Tensor } from "../../tensor/index.js";
import type { FloatPaths } from "./collate.js";
import { writeInt64 } from "../columns/int64.js";
import type { Batch } from "../types.js";

export type LabelKey<K> = K extends "label" | "label_ids" ? "labels" : K;
export type Padded<R> = string extends keyof R
  ? Batch
  : {
      [K in keyof R as LabelKey<K>]: R[K] extends readonly (readonly number[])[]
        ? Tensor<3>
        : R[K] extends readonly number[]
          ? Tensor<2, "int64">
          : R[K] extends number | boolean
            ? Tensor<1, "int64">
            : never;
    };
export type Paddable<R> = string extends keyof R
  ? unknown
  : { [K in keyof R]: string extends R[K] ? `${K & string} holds text and cannot be padded: removeColumns` : unknown };

export interface PaddingOptions {
  /** true or "longest" (default): to the longest of the batch; "max_length": to maxLength. */
  readonly padding?: boolean | "longest" | "max_length";
  readonly maxLength?: number;
  /** The width is rounded up to a multiple: 8 suits tensor cores. */
  readonly padToMultipleOf?: number;
}
/** What a tokenizer tells about padding. */
export interface PaddingRules {
  readonly padTokenId?: number;
  readonly padTokenTypeId?: number;
  readonly paddingSide?: "right" | "left";
  readonly modelMaxLength?: number;
}

/** A collator: call it with rows. One signature only: the loader infers its batches from it. */
export interface DataCollatorWithPadding {
  <R>(rows: (R & Paddable<R>)[]): Padded<R>;
  /** The same of columns, as `dataset.slice(0, 8).toColumns()` gives them. */
  ofColumns<C extends { readonly [K in keyof C]: readonly unknown[] }>(columns: C): Padded<{ [K in keyof C]: C[K] extends readonly (infer E)[] ? E : never }>;
  readonly tokenizer: unknown;
}

type Values = readonly unknown[];
type Numbers = readonly number[];
const isNumbers = (value: unknown): value is Numbers => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
const labelKeys: ReadonlySet<string> = new Set(["label", "label_ids"]);
const fault = (key: string, message: string, hint: string): ArgumentError =>
  new ArgumentError(`DataCollatorWithPadding: ${key} ${message}`, { code: "ERR_COLLATE", hint });

function columnsOf(rows: readonly object[] | Readonly<Record<string, Values>>): [name: string, values: Values][] {
  if (!Array.isArray(rows)) return Object.entries(rows as Readonly<Record<string, Values>>);
  const [first] = rows as readonly object[];
  if (first === undefined) throw fault("got", "no rows", "a batch holds at least one");
  return Object.keys(first).map((name) => [name, rows.map((row: Readonly<Record<string, unknown>>) => row[name])]);
}

class Padding {
  readonly tokenizer: PaddingRules;
  readonly #options: PaddingOptions;

  constructor(tokenizer: PaddingRules, options: PaddingOptions) {
    this.tokenizer = tokenizer;
    this.#options = options;
    const { padToMultipleOf: multiple, padding = true, maxLength } = options;
    if (typeof padding !== "boolean" && padding !== "longest" && padding !== "max_length")
      throw fault("padding", `is ${JSON.stringify(padding)}`, 'use true, false, "longest" or "max_length"');
    if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength > 0))
      throw fault("maxLength", `is ${maxLength}`, "give a whole number of at least 1");
    if (multiple !== undefined && !(Number.isInteger(multiple) && multiple > 0))
      throw fault("padToMultipleOf", `is ${multiple}`, "give a whole number of at least 1");
    if (options.padding === "max_length" && !Number.isFinite(options.maxLength ?? tokenizer.modelMaxLength))
      throw fault("maxLength", "is missing", 'padding "max_length" needs it');
  }

  /** What fills a column; columns that are not listed are not padded. */
  #fill(name: string): number | undefined {
    const fills: Readonly<Record<string, number>> = {
      input_ids: this.tokenizer.padTokenId ?? 0,
      token_type_ids: this.tokenizer.padTokenTypeId ?? 0,
      attention_mask: 0,
      special_tokens_mask: 1,
    };
    return Object.hasOwn(fills, name) ? fills[name] : undefined;
  }
  #width(longest: number): number {
    const { padding = true, maxLength, padToMultipleOf: multiple = 1 } = this.#options;
    const width = padding === "max_length" ? Math.max(longest, maxLength ?? this.tokenizer.modelMaxLength!) : longest;
    return padding === false ? longest : Math.ceil(width / multiple) * multiple;
  }

  collate(rows: readonly object[] | Readonly<Record<string, Values>>, floats: FloatPaths = new Set()): Record<string, Tensor> {
    const columns = columnsOf(rows);
    const ids = columns.find(([name]) => name === "input_ids")?.[1] as readonly Numbers[] | undefined;
    const width = this.#width(ids?.reduce((most, row) => Math.max(most, row.length), 0) ?? 0);
    const out: Record<string, Tensor> = {};
    for (const [name, values] of columns) out[labelKeys.has(name) ? "labels" : name] = this.#column(name, values, width, floats);
    // Without a mask a model would attend to the padding.
    if (ids && !out.attention_mask)
      out.attention_mask = this.#lists(
        "attention_mask",
        ids.map((row) => new Array<number>(row.length).fill(1)),
        width,
      );
    return out;
  }
  #column(name: string, values: Values, width: number, floats: FloatPaths): Tensor {
    const [first] = values;
    if (isNumbers(first)) return this.#lists(name, values as readonly Numbers[], width);
    if (typeof first === "number" || typeof first === "boolean" || typeof first === "bigint") return scalars(name, values, floats);
    const what = first === null || first === undefined ? "holds null" : typeof first === "string" ? "holds text" : `holds ${typeof first}`;
    throw fault(name, `${what} and cannot be padded`, `removeColumns(${JSON.stringify(name)})`);
  }
  #lists(name: string, rows: readonly Numbers[], width: number): Tensor {
    const fill = this.#fill(name);
    const to = fill === undefined ? (rows[0]?.length ?? 0) : width;
    const data = new BigInt64Array(rows.length * to);
    if (fill) data.fill(BigInt(fill));
    const left = this.tokenizer.paddingSide === "left";
    rows.forEach((row, i) => {
      if (!isNumbers(row)) throw fault(name, `holds no list in row ${i}`, "give every row a list");
      if (row.length > to || (fill === undefined && row.length !== to)) {
        throw fault(
          name,
          `has ${row.length} numbers in row ${i}, ${to} expected`,
          fill === undefined
            ? "only input_ids, token_type_ids, attention_mask and special_tokens_mask are padded; remove the column or write a collateFn"
            : "every column of a row must be as long as input_ids",
        );
      }
      writeInt64(data, i * to + (left ? to - row.length : 0), row);
    });
    return fromData(data, [rows.length, to], "int64");
  }
}

function scalars(name: string, values: Values, floats: FloatPaths): Tensor {
  const flat = values.map((value, i) => {
    if (typeof value !== "number" && typeof value !== "boolean" && typeof value !== "bigint")
      throw fault(name, `holds ${value === null ? "null" : typeof value} in row ${i}`, "fill or remove such rows");
    return Number(value);
  });
  if (!flat.every(Number.isInteger)) floats.add(name);
  if (floats.has(name)) return fromData(Float32Array.from(flat), [flat.length], "float32");
  const data = new BigInt64Array(flat.length);
  writeInt64(data, 0, flat);
  return fromData(data, [flat.length], "int64");
}

/** Calls of an instance pad; `new` gives a function, because collators are functions. */
class CallablePadding {
  constructor(tokenizer: PaddingRules, options: PaddingOptions = {}) {
    const padding = new Padding(tokenizer, options);
    const call = (rows: Parameters<Padding["collate"]>[0], floats?: FloatPaths) => padding.collate(rows, floats);
    // biome-ignore lint/correctness/noConstructorReturn: the instance is the function
    return Object.assign(Object.setPrototypeOf(call, new.target.prototype), { tokenizer, ofColumns: call });
  }
}
Object.setPrototypeOf(CallablePadding.prototype, Function.prototype);

/**
 * Pads the rows of a batch with the tokenizer's padding token; `label` and `label_ids` become `labels`. Tensors are int64, input_ids [B, longest], labels [B]
 * (float32 for columns of fractions).
 *
 * @throws ArgumentError ERR_COLLATE that names the column.
 * @example
 * const collateFn = new DataCollatorWithPadding(tokenizer, { padToMultipleOf: 8 });
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, shuffle: true, collateFn });
 */
export const DataCollatorWithPadding = CallablePadding as unknown as { new (tokenizer: object, options?: PaddingOptions): DataCollatorWithPadding };
