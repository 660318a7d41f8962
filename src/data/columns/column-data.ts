// Column storage: numbers, texts and lists in shared memory, so that threads read the same bytes; plain objects that survive structured clone.
import type { ColumnValue } from "../types.js";

export const numberArrays = {
  // Integers up to 2^53 are exact in float64, and reading them makes no BigInt.
  int64: Float64Array,
  int32: Int32Array,
  int8: Int8Array,
  float32: Float32Array,
  float64: Float64Array,
  bool: Uint8Array,
} as const;
export type NumberType = keyof typeof numberArrays;
export type NumberArray = Float64Array | Float32Array | Int32Array | Int8Array | Uint8Array;

interface Common {
  readonly length: number;
  /** One byte per row, 0 where the row holds null; absent when no row does. */
  readonly validity?: Uint8Array;
}
export interface NumberData extends Common {
  readonly kind: "number";
  readonly type: NumberType;
  readonly values: NumberArray;
}
/** UTF-8 bytes; row i is bytes[offsets[i]..offsets[i + 1]]. Type json holds JSON texts. */
export interface TextData extends Common {
  readonly kind: "text";
  readonly type: "string" | "json";
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}
/** Row i is items offsets[i]..offsets[i + 1]. */
export interface ListData extends Common {
  readonly kind: "list";
  readonly items: ColumnData;
  readonly offsets: Uint32Array;
}
export type ColumnData = NumberData | TextData | ListData;

export type ValueReader = (index: number) => ColumnValue;

const numberReader = ({ type, values }: NumberData): ValueReader => (type === "bool" ? (i) => values[i] === 1 : (i) => values[i]!);

function textReader({ type, bytes, offsets }: TextData): ValueReader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = (i: number) => buffer.toString("utf8", offsets[i]!, offsets[i + 1]!);
  return type === "json" ? (i) => JSON.parse(read(i)) as ColumnValue : read;
}

function listReader({ items, offsets }: ListData): ValueReader {
  if (items.kind === "number" && items.type !== "bool" && !items.validity) {
    const { values } = items;
    return (i) => Array.from(values.subarray(offsets[i]!, offsets[i + 1]!));
  }
  const read = valueReader(items);
  return (i) => {
    const out: ColumnValue[] = [];
    for (let k = offsets[i]!; k < offsets[i + 1]!; k++) out.push(read(k));
    return out;
  };
}

/** A function that reads one row of a column. */
export function valueReader(data: ColumnData): ValueReader {
  const read = data.kind === "number" ? numberReader(data) : data.kind === "text" ? textReader(data) : listReader(data);
  const { validity } = data;
  return validity ? (i) => (validity[i] === 0 ? null : read(i)) : read;
}

/** What the column holds, without knowledge of class names. */
export type PlainFeature = NumberType | "string" | "json" | { readonly sequence: PlainFeature };
export const plainFeature = (data: ColumnData): PlainFeature => (data.kind === "list" ? { sequence: plainFeature(data.items) } : data.type);

/** A table as threads see it. */
export interface TableData {
  readonly length: number;
  readonly columns: readonly { readonly name: string; readonly data: ColumnData; readonly indices?: Uint32Array }[];
}
/** Computes new columns for rows start..end of a table. */
export type ColumnJob = (table: TableData, start: number, end: number) => Promise<Readonly<Record<string, ColumnData>>>;

export const sharedUint32 = (length: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(length * 4));
