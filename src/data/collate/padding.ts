// Rows of different lengths as columns of one width, by the rules of a tokenizer.
import { ArgumentError } from "../../errors.js";
import { fromData, Tensor } from "../../tensor/index.js";
import { writeInt64 } from "../columns/int64.js";
import type { FloatPaths } from "./context.js";

export interface PaddingOptions {
  /** true or "longest" (default): to the longest of the batch; "max_length": to maxLength. */
  readonly padding?: boolean | "longest" | "max_length";
  readonly maxLength?: number;
  /** The width is rounded up to a multiple: 8 suits tensor cores. */
  readonly padToMultipleOf?: number;
  /** The width is the smallest of these that holds the batch, so that there are only so many shapes; batches that are longer than all go by the other rules. With padding "longest". */
  readonly lengthBuckets?: readonly number[];
}
/** What a tokenizer tells about padding. */
export interface PaddingRules {
  readonly padTokenId?: number | undefined;
  readonly padTokenTypeId?: number | undefined;
  readonly paddingSide?: "right" | "left" | undefined;
  readonly modelMaxLength?: number | undefined;
}
/** The same without the tokenizer, for another thread. */
export const rulesOf = ({ padTokenId, padTokenTypeId, paddingSide, modelMaxLength }: PaddingRules): PaddingRules => ({
  padTokenId,
  padTokenTypeId,
  paddingSide,
  modelMaxLength,
});

type Values = readonly unknown[];
/** The numbers of a row in one column. */
export type Numbers = readonly number[] | BigInt64Array | Exclude<NodeJS.TypedArray, BigInt64Array | BigUint64Array>;
export type RowsOrColumns = readonly object[] | Readonly<Record<string, Values>>;
/** A column of a batch: [rows, width], or [rows]. */
export interface PaddedColumn {
  readonly data: BigInt64Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}
export const tensorOfColumn = ({ data, shape }: PaddedColumn): Tensor =>
  data instanceof BigInt64Array ? fromData(data, shape, "int64") : fromData(data, shape, "float32");

const labelKeys: ReadonlySet<string> = new Set(["label", "label_ids"]);
/** What a key is called in the batch. */
export const batchKey = (name: string): string => (labelKeys.has(name) ? "labels" : name);

/** A list of numbers; of a tensor of one dimension its numbers. */
export function numbersIn(value: unknown): Numbers | undefined {
  if (Array.isArray(value)) return value as readonly number[];
  if (value instanceof Tensor) return value.state.kind === "concrete" && value.state.shape.length === 1 ? (value.state.data as Numbers) : undefined;
  return ArrayBuffer.isView(value) && !(value instanceof DataView) ? (value as Numbers) : undefined;
}
function numberIn(value: unknown): number | undefined {
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return Number(value);
  return value instanceof Tensor && value.state.kind === "concrete" && value.state.shape.length === 0 ? Number(value.state.data[0]) : undefined;
}

export function columnsOf(rows: RowsOrColumns, fault: CollateFault): [name: string, values: Values][] {
  if (!Array.isArray(rows)) return Object.entries(rows as Readonly<Record<string, Values>>);
  const [first] = rows as readonly object[];
  if (first === undefined) throw fault("got", "no rows", "a batch holds at least one");
  return Object.keys(first).map((name) => [name, rows.map((row: Readonly<Record<string, unknown>>) => row[name])]);
}

export type CollateFault = (key: string, message: string, hint: string) => ArgumentError;
export const collateFault =
  (who: string): CollateFault =>
  (key, message, hint) =>
    new ArgumentError(`${who}: ${key} ${message}`, { code: "ERR_COLLATE", hint });

export class Padding {
  readonly #rules: PaddingRules;
  readonly #options: PaddingOptions;
  readonly #fault: CollateFault;

  /** @throws ArgumentError ERR_COLLATE */
  constructor(who: string, rules: PaddingRules, options: PaddingOptions) {
    this.#rules = rules;
    this.#options = options;
    this.#fault = collateFault(who);
    const { padToMultipleOf: multiple, padding = true, maxLength } = options;
    if (typeof padding !== "boolean" && padding !== "longest" && padding !== "max_length")
      throw this.#fault("padding", `is ${JSON.stringify(padding)}`, 'use true, false, "longest" or "max_length"');
    if (maxLength !== undefined && !(Number.isInteger(maxLength) && maxLength > 0))
      throw this.#fault("maxLength", `is ${maxLength}`, "give a whole number of at least 1");
    if (multiple !== undefined && !(Number.isInteger(multiple) && multiple > 0))
      throw this.#fault("padToMultipleOf", `is ${multiple}`, "give a whole number of at least 1");
    const { lengthBuckets } = options;
    if (lengthBuckets !== undefined && !(Array.isArray(lengthBuckets) && lengthBuckets.length > 0 && lengthBuckets.every((n) => Number.isInteger(n) && n > 0)))
      throw this.#fault("lengthBuckets", `is ${JSON.stringify(lengthBuckets)}`, "give whole numbers of at least 1, such as [32, 64, 128]");
    if (lengthBuckets !== undefined && (padding === false || padding === "max_length" || multiple !== undefined))
      throw this.#fault("lengthBuckets", "is given with another rule for the width", 'leave out padToMultipleOf, and padding but for "longest"');
    if (options.padding === "max_length" && !Number.isFinite(options.maxLength ?? rules.modelMaxLength))
      throw this.#fault("maxLength", "is missing", 'padding "max_length" needs it');
  }

  /** `fills` are columns that are padded beside the tokenizer's own. */
  pad(rows: RowsOrColumns, floats: FloatPaths = new Set(), fills: Readonly<Record<string, number>> = {}): Map<string, PaddedColumn> {
    const columns = columnsOf(rows, this.#fault);
    const ids = columns.find(([name]) => name === "input_ids")?.[1];
    const width = this.#width(ids?.reduce<number>((most, row) => Math.max(most, numbersIn(row)?.length ?? 0), 0) ?? 0);
    const out = new Map<string, PaddedColumn>();
    for (const [name, values] of columns) out.set(batchKey(name), this.#column(name, values, width, floats, fills));
    // Without a mask a model would attend to the padding.
    if (ids && !out.has("attention_mask")) {
      const ones = ids.map((row) => new Array<number>(numbersIn(row)?.length ?? 0).fill(1));
      out.set("attention_mask", this.#lists("attention_mask", ones, width, { fill: 0, floats }));
    }
    return out;
  }
  /** What fills a column; columns that are not listed are not padded. */
  #fill(name: string): number | undefined {
    const { padTokenId, padTokenTypeId = 0 } = this.#rules;
    // A tokenizer that has no padding token is told of where something has to be filled.
    const known: Readonly<Record<string, number>> = {
      input_ids: padTokenId ?? Number.NaN,
      token_type_ids: padTokenTypeId,
      attention_mask: 0,
      special_tokens_mask: 1,
    };
    return Object.hasOwn(known, name) ? known[name] : undefined;
  }
  #width(longest: number): number {
    const { padding = true, maxLength, padToMultipleOf: multiple = 1, lengthBuckets } = this.#options;
    const bucket = lengthBuckets?.reduce((least, n) => (n >= longest && n < least ? n : least), Number.POSITIVE_INFINITY) ?? Number.POSITIVE_INFINITY;
    if (bucket < Number.POSITIVE_INFINITY) return bucket;
    const width = padding === "max_length" ? Math.max(longest, maxLength ?? this.#rules.modelMaxLength!) : longest;
    return padding === false ? longest : Math.ceil(width / multiple) * multiple;
  }
  #column(name: string, values: Values, width: number, floats: FloatPaths, fills: Readonly<Record<string, number>>): PaddedColumn {
    const [first] = values;
    if (numbersIn(first)) return this.#lists(name, values, width, { fill: Object.hasOwn(fills, name) ? fills[name] : this.#fill(name), floats });
    if (numberIn(first) !== undefined) return this.#scalars(name, values, floats);
    const what =
      first === null || first === undefined
        ? "holds null"
        : typeof first === "string"
          ? "holds text"
          : first instanceof Tensor
            ? `holds a tensor [${first.shape}]`
            : `holds ${typeof first}`;
    throw this.#fault(name, `${what} and cannot be padded`, `removeColumns(${JSON.stringify(name)})`);
  }
  #lists(name: string, values: Values, width: number, { fill, floats }: { readonly fill: number | undefined; readonly floats: FloatPaths }): PaddedColumn {
    const rows = values.map((value, i) => {
      const row = numbersIn(value);
      if (!row) throw this.#fault(name, `holds no list in row ${i}`, "give every row a list");
      return row;
    });
    const to = fill === undefined ? (rows[0]?.length ?? 0) : width;
    rows.forEach((row, i) => {
      if (row.length > to || (fill === undefined && row.length !== to))
        throw this.#fault(
          name,
          `has ${row.length} numbers in row ${i}, ${to} expected`,
          fill === undefined
            ? "only input_ids, token_type_ids, attention_mask and special_tokens_mask are padded; remove the column or write a collateFn"
            : "every column of a row must be as long as input_ids",
        );
      if (Number.isNaN(fill) && row.length < to)
        throw this.#fault(
          name,
          `of row ${i} must be padded and the tokenizer has no padding token`,
          "give it one: its padTokenId, such as that of the end of a text",
        );
    });
    const left = this.#rules.paddingSide === "left";
    const place = (i: number) => i * to + (left ? to - rows[i]!.length : 0);
    const shape = [rows.length, to];
    // Columns of fractions, such as labels of regressions, are not padded.
    if (fill === undefined && (floats.has(name) || rows.some(hasFraction))) {
      floats.add(name);
      const data = new Float32Array(rows.length * to);
      rows.forEach((row, i) => {
        for (let k = 0; k < row.length; k++) data[place(i) + k] = Number(row[k]);
      });
      return { data, shape };
    }
    const data = new BigInt64Array(rows.length * to);
    if (fill) data.fill(BigInt(fill));
    rows.forEach((row, i) => {
      if (row instanceof BigInt64Array) data.set(row, place(i));
      else writeInt64(data, place(i), row as ArrayLike<number>);
    });
    return { data, shape };
  }
  #scalars(name: string, values: Values, floats: FloatPaths): PaddedColumn {
    const flat = values.map((value, i) => {
      const number = numberIn(value);
      if (number === undefined) throw this.#fault(name, `holds ${value === null ? "null" : typeof value} in row ${i}`, "fill or remove such rows");
      return number;
    });
    if (!flat.every(Number.isInteger)) floats.add(name);
    if (floats.has(name)) return { data: Float32Array.from(flat), shape: [flat.length] };
    const data = new BigInt64Array(flat.length);
    writeInt64(data, 0, flat);
    return { data, shape: [flat.length] };
  }
}
const hasFraction = (row: Numbers): boolean =>
  !(row instanceof BigInt64Array) && !Array.prototype.every.call(row, (v) => typeof v !== "number" || Number.isInteger(v));
