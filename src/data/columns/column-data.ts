// Column storage: numbers, texts, lists and structs in shared memory, and columns of memory-mapped files; plain objects that survive structured clone.
import type { ArrowColumn } from "../arrow/column.js";
import { type Sequence, structFeature } from "./features.js";
import type { BinaryType, NumberArray, NumberType, ScalarType, TextType, TimeType } from "./scalars.js";

export { type NumberArray, type NumberType, numberArrays } from "./scalars.js";
export { type ValueReader, valueReader } from "./value-reader.js";

export type WideType = "int64" | "uint64";

interface Common {
  readonly length: number;
}
interface Nullable extends Common {
  /** One byte per row, 0 where the row holds null; absent when no row does. */
  readonly validity?: Uint8Array;
}
export interface NumberData extends Nullable {
  readonly kind: "number";
  readonly type: NumberType;
  readonly values: NumberArray;
}
/** Integers of 64 bits, of which some are beyond 2^53. */
export interface WideData extends Nullable {
  readonly kind: "wide";
  readonly type: WideType;
  /** Of uint64 the same bits. */
  readonly values: BigInt64Array;
}
/** Dates and timestamps as milliseconds since 1970 (with fractions), times of day and durations as numbers of their unit. */
export interface TimeData extends Nullable {
  readonly kind: "time";
  readonly type: TimeType;
  readonly values: Float64Array;
}
/** UTF-8 bytes; row i is bytes[offsets[i]..offsets[i + 1]]. Type json holds JSON texts, decimals are written out. */
export interface TextData extends Nullable {
  readonly kind: "text";
  readonly type: TextType;
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}
export interface BinaryData extends Nullable {
  readonly kind: "binary";
  readonly type: BinaryType;
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}
/** Row i is items offsets[i]..offsets[i + 1]. */
export interface ListData extends Nullable {
  readonly kind: "list";
  readonly items: ColumnData;
  readonly offsets: Uint32Array;
  /** All lists have this length. */
  readonly size?: number;
  readonly large?: true;
}
/** Row i is an object of row i of each field. */
export interface StructData extends Nullable {
  readonly kind: "struct";
  readonly fields: readonly { readonly name: string; readonly data: ColumnData }[];
}
/** Nothing but null. */
export interface NullData extends Common {
  readonly kind: "null";
}
/** Columns of one type, and of nulls, one after the other: chunk k holds rows starts[k]..starts[k + 1]. */
export interface ChunkedData extends Common {
  readonly kind: "chunked";
  readonly chunks: readonly ColumnData[];
  readonly starts: Float64Array;
}
/** A column of a memory-mapped Arrow file: names the file, each thread maps it itself. */
export interface ArrowData extends Common {
  readonly kind: "arrow";
  readonly column: ArrowColumn;
}
/** Those whose values lie in memory. */
export type MemoryData = NumberData | WideData | TimeData | TextData | BinaryData | ListData | StructData | NullData;
export type ColumnData = MemoryData | ChunkedData | ArrowData;

/** What a column holds, without knowledge of class names. */
export type PlainFeature = ScalarType | (Sequence<PlainFeature> & { readonly sequence: PlainFeature }) | { readonly [field: string]: PlainFeature };

export function plainFeature(data: ColumnData): PlainFeature {
  switch (data.kind) {
    case "list":
      return { sequence: plainFeature(data.items), ...(data.size === undefined ? {} : { length: data.size }), ...(data.large ? { large: true as const } : {}) };
    case "struct":
      return structFeature(Object.fromEntries(data.fields.map(({ name, data: field }) => [name, plainFeature(field)]))) as PlainFeature;
    case "chunked":
      // Chunks of nothing but null say nothing of the others.
      return plainFeature(data.chunks.find(({ kind }) => kind !== "null") ?? data.chunks[0]!);
    case "arrow":
      return data.column.feature;
    case "null":
      return "null";
    default:
      return data.type;
  }
}

/** Rows of several columns of one type as one column, without copies. @param chunks at least one */
export function chunkedData(chunks: readonly ColumnData[]): ColumnData {
  const flat = chunks.flatMap((chunk) => (chunk.kind === "chunked" ? chunk.chunks : [chunk]));
  const filled = flat.filter((chunk) => chunk.length > 0);
  if (filled.length <= 1) return filled[0] ?? flat[0]!;
  const starts = new Float64Array(new SharedArrayBuffer((filled.length + 1) * 8));
  filled.forEach((chunk, i) => {
    starts[i + 1] = starts[i]! + chunk.length;
  });
  return { kind: "chunked", chunks: filled, starts, length: starts[filled.length]! };
}

/** A table as threads see it. */
export interface TableData {
  readonly length: number;
  readonly columns: readonly { readonly name: string; readonly data: ColumnData; readonly indices?: Uint32Array }[];
}
/** Computes new columns for rows start..end of a table. */
export type ColumnJob = (table: TableData, start: number, end: number) => Promise<Readonly<Record<string, ColumnData>>>;

export const sharedUint32 = (length: number): Uint32Array => new Uint32Array(new SharedArrayBuffer(length * 4));
