// BatchEncoding: tokenized texts as columns, lists or tensors, with a row of each by index.
import { writeInt64 } from "../data/columns/int64.js";
import type { Encoded } from "../data/types.js";
import { ArgumentError } from "../errors.js";
import { type Dec, fromData, type Tensor } from "../tensor/index.js";
import type { CallOptions, TokenizeOptions } from "./options.js";
import type { TokenLookup } from "./token-lookup.js";

/** What a tokenizer makes of a text when no option says otherwise. */
export interface EncodedRow {
  input_ids: number[];
  token_type_ids: number[];
  attention_mask: number[];
}
export type EncodedTensors = { [K in keyof EncodedRow]: Tensor<2, "int64"> };
export type EncodedLists = { [K in keyof EncodedRow]: number[][] };

type If<O, K extends keyof CallOptions, C> = O extends { readonly [P in K]: true } ? C : unknown;
type Unless<O, K extends keyof CallOptions, C> = O extends { readonly [P in K]: false } ? unknown : C;
type Plain<T> = { [K in keyof T]: T[K] } & {};
/** Columns of a row under options, as far as the type checker knows them. */
export type RowUnder<O> = Plain<
  { input_ids: number[] } & Unless<O, "returnTokenTypeIds", { token_type_ids: number[] }> &
    Unless<O, "returnAttentionMask", { attention_mask: number[] }> &
    If<O, "returnSpecialTokensMask", { special_tokens_mask: number[] }> &
    If<O, "returnOffsetsMapping", { offset_mapping: [number, number][] }> &
    If<O, "returnLength", { lengths: number }> &
    If<O, "returnOverflowingTokens", { overflow_to_sample_mapping: number }>
>;
export type ListsUnder<O> = { [K in keyof RowUnder<O>]: RowUnder<O>[K][] };
export type TensorsUnder<O> = {
  [K in keyof RowUnder<O>]: RowUnder<O>[K] extends number[] ? Tensor<2, "int64"> : RowUnder<O>[K] extends number ? Tensor<1, "int64"> : Tensor<3, "int64">;
};
/** Of one text: its columns, and questions about its tokens. */
export type EncodedText<O = TokenizeOptions> = RowUnder<O> & TokenLookup & Encoded<RowUnder<O>>;
/** Of several texts. */
export type EncodedBatch<O = TokenizeOptions> = BatchEncoding<O extends { readonly returnTensors: true } ? TensorsUnder<O> : ListsUnder<O>>;
/** Of one text: with tensors or overflow it is a batch, too. */
export type EncodedOne<O = TokenizeOptions> = O extends { readonly returnTensors: true } | { readonly returnOverflowingTokens: true }
  ? EncodedBatch<O>
  : EncodedText<O>;

/** Columns by name; at(i) gives one row of each. */
export type BatchEncoding<C = EncodedTensors> = Readonly<C> & {
  readonly length: number;
  at(index: number): { [K in keyof C]: C[K] extends Tensor<infer R, infer D> ? Tensor<Dec<R>, D> : C[K] extends (infer E)[] ? E : never };
} & TokenLookup &
  Encoded<C>;

type Cell = number | readonly number[] | readonly (readonly number[])[];
export type Columns = Readonly<Record<string, readonly Cell[]>>;

/** length, at and the lookups are not enumerable: spreading a batch gives its columns. */
function withMethods(columns: object, length: number, row: (i: number) => object, lookup: TokenLookup): BatchEncoding<never> {
  const at = (index: number): object => {
    const i = index < 0 ? index + length : index;
    if (!Number.isInteger(index) || i < 0 || i >= length)
      throw new ArgumentError(`there is no text ${index} in an encoding of ${length}`, { code: "ERR_ROW_INDEX" });
    return row(i);
  };
  Object.defineProperties(columns, { length: { value: length }, at: { value: at } });
  return withLookup(columns, lookup) as BatchEncoding<never>;
}
export function withLookup<T extends object>(columns: T, lookup: TokenLookup): T & TokenLookup {
  for (const [name, value] of Object.entries(lookup)) Object.defineProperty(columns, name, { value });
  return columns as T & TokenLookup;
}

export function encodedLists(columns: Columns, length: number, lookup: TokenLookup): BatchEncoding<EncodedLists> {
  const names = Object.keys(columns);
  return withMethods({ ...columns }, length, (i) => Object.fromEntries(names.map((name) => [name, columns[name]![i]!])), lookup);
}

/** int64 tensors [texts, tokens]. @throws ArgumentError ERR_RAGGED when the rows differ in length. */
export function encodedTensors(columns: Columns, length: number, lookup: TokenLookup): BatchEncoding<EncodedTensors> {
  const tensors: Record<string, Tensor> = {};
  const rowOf: Record<string, (i: number) => Tensor> = {};
  for (const [name, cells] of Object.entries(columns)) {
    const shape = shapeOf(name, cells);
    const size = shape.reduce((product, n) => product * n, 1);
    const data = new BigInt64Array(length * size);
    cells.forEach((cell, i) => {
      writeInt64(data, i * size, numbersOf(cell));
    });
    tensors[name] = fromData(data, [length, ...shape], "int64");
    rowOf[name] = (i) => fromData(data.subarray(i * size, (i + 1) * size), shape, "int64");
  }
  return withMethods(tensors, length, (i) => Object.fromEntries(Object.entries(rowOf).map(([name, row]) => [name, row(i)])), lookup);
}

/** The numbers of a cell: a row's own list where it is one. */
function numbersOf(cell: Cell): readonly number[] {
  if (typeof cell === "number") return [cell];
  return typeof cell[0] === "object" ? (cell.flat() as number[]) : (cell as readonly number[]);
}

/** The shape of each cell of a column. */
function shapeOf(name: string, cells: readonly Cell[]): readonly number[] {
  const first = cells[0];
  if (typeof first === "number") return [];
  const width = first?.length ?? 0;
  const odd = cells.findIndex((cell) => (cell as readonly unknown[]).length !== width);
  if (odd >= 0)
    throw new ArgumentError(`texts 0 and ${odd} have ${width} and ${(cells[odd] as readonly unknown[]).length} tokens and make no tensor`, {
      code: "ERR_RAGGED",
      hint: "give padding: true, and truncation: true for long texts",
    });
  return name === "offset_mapping" ? [width, 2] : [width];
}
