// BatchEncoding: tokenized texts as columns, lists or tensors, with a row of each by index.

import { writeInt64 } from "../data/columns/int64.js";
import { ArgumentError } from "../errors.js";
import { type Dec, fromData, type Tensor } from "../tensor/index.js";

export interface EncodedRow {
  input_ids: number[];
  token_type_ids: number[];
  attention_mask: number[];
}
export type EncodedTensors = { [K in keyof EncodedRow]: Tensor<2, "int64"> };
export type EncodedLists = { [K in keyof EncodedRow]: number[][] };
/** Columns by name; at(i) gives one row of each. */
export type BatchEncoding<C = EncodedTensors> = Readonly<C> & {
  readonly length: number;
  at(index: number): { [K in keyof C]: C[K] extends Tensor<infer R, infer D> ? Tensor<Dec<R>, D> : C[K] extends (infer E)[] ? E : never };
};

type Rows = readonly (readonly number[])[];

/** length and at are not enumerable: spreading a batch gives its columns. */
function withRows(columns: object, length: number, row: (i: number) => object): BatchEncoding<never> {
  const at = (index: number): object => {
    const i = index < 0 ? index + length : index;
    if (!Number.isInteger(index) || i < 0 || i >= length)
      throw new ArgumentError(`there is no text ${index} in an encoding of ${length}`, { code: "ERR_ROW_INDEX" });
    return row(i);
  };
  return Object.defineProperties(columns, { length: { value: length }, at: { value: at } }) as BatchEncoding<never>;
}

export function encodedLists(columns: Readonly<Record<string, Rows>>, length: number): BatchEncoding<EncodedLists> {
  const names = Object.keys(columns);
  return withRows({ ...columns }, length, (i) => Object.fromEntries(names.map((name) => [name, columns[name]![i]!])));
}

/** int64 tensors [texts, tokens]. @throws ArgumentError ERR_RAGGED when the rows differ in length. */
export function encodedTensors(columns: Readonly<Record<string, Rows>>, length: number): BatchEncoding<EncodedTensors> {
  const tensors: Record<string, Tensor> = {};
  const rowOf: Record<string, (i: number) => Tensor> = {};
  for (const [name, rows] of Object.entries(columns)) {
    const width = rows[0]?.length ?? 0;
    const odd = rows.findIndex((row) => row.length !== width);
    if (odd >= 0)
      throw new ArgumentError(`texts 0 and ${odd} have ${width} and ${rows[odd]!.length} tokens and make no tensor`, {
        code: "ERR_RAGGED",
        hint: "give padding: true, and truncation: true for long texts",
      });
    const data = new BigInt64Array(length * width);
    rows.forEach((row, i) => {
      writeInt64(data, i * width, row);
    });
    tensors[name] = fromData(data, [length, width], "int64");
    rowOf[name] = (i) => fromData(data.subarray(i * width, (i + 1) * width), [width], "int64");
  }
  return withRows(tensors, length, (i) => Object.fromEntries(Object.entries(rowOf).map(([name, row]) => [name, row(i)])));
}
