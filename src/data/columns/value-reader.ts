// Reading the values of columns, one row at a time.
import { arrowReader } from "../arrow/reader.js";
import type { ColumnValue } from "../types.js";
import type { BinaryData, ChunkedData, ColumnData, ListData, NumberData, StructData, TextData, TimeData, WideData } from "./column-data.js";
import { chunkOf } from "./chunks.js";
import { parseJson } from "./exact-json.js";
import { isDateType, isDuration, numbersOf } from "./scalars.js";
import { clockText } from "./times.js";

export type ValueReader = (index: number) => ColumnValue;

const numberReader = ({ type, values }: NumberData): ValueReader => (type === "bool" ? (i) => values[i] === 1 : (i) => values[i]!);

/** Beyond 2^53 bigints. */
export function wideReader({ type, values }: WideData): (index: number) => number | bigint {
  const whole = type === "uint64" ? (i: number) => BigInt.asUintN(64, values[i]!) : (i: number) => values[i]!;
  return (i) => {
    const number = Number(whole(i));
    return Number.isSafeInteger(number) ? number : whole(i);
  };
}

function timeReader({ type, values }: TimeData): ValueReader {
  if (isDateType(type)) return (i) => new Date(Math.floor(values[i]!));
  return isDuration(type) ? (i) => values[i]! : (i) => clockText(values[i]!, type);
}

function textReader({ type, bytes, offsets }: TextData): ValueReader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = (i: number) => buffer.toString("utf8", offsets[i]!, offsets[i + 1]!);
  return type === "json" ? (i) => parseJson(read(i)) as ColumnValue : read;
}

/** Copies: the bytes of a row are the reader's own. */
const binaryReader =
  ({ bytes, offsets }: BinaryData): ValueReader =>
  (i) =>
    Uint8Array.from(bytes.subarray(offsets[i]!, offsets[i + 1]!));

function listReader({ items, offsets }: ListData): ValueReader {
  if (items.kind === "number" && items.type !== "bool" && !items.validity) {
    const { values } = items;
    return (i) => numbersOf(values, offsets[i]!, offsets[i + 1]!);
  }
  const read = valueReader(items);
  return (i) => {
    const out: ColumnValue[] = [];
    for (let k = offsets[i]!; k < offsets[i + 1]!; k++) out.push(read(k));
    return out;
  };
}

function structReader({ fields }: StructData): ValueReader {
  const readers = fields.map(({ name, data }) => [name, valueReader(data)] as const);
  return (i) => Object.fromEntries(readers.map(([name, read]) => [name, read(i)]));
}

/** Chunks are opened when a row of theirs is read. */
function chunkedReader({ chunks, starts }: ChunkedData): ValueReader {
  const readers: (ValueReader | undefined)[] = chunks.map(() => undefined);
  let [start, end] = [0, 0];
  let read: ValueReader;
  return (i) => {
    if (i < start || i >= end) {
      const k = chunkOf(starts, i);
      read = readers[k] ??= valueReader(chunks[k]!);
      start = starts[k]!;
      end = starts[k + 1]!;
    }
    return read(i - start);
  };
}

function memoryReader(data: Exclude<ColumnData, { kind: "arrow" | "chunked" }>): ValueReader {
  switch (data.kind) {
    case "number":
      return numberReader(data);
    case "wide":
      return wideReader(data);
    case "time":
      return timeReader(data);
    case "text":
      return textReader(data);
    case "binary":
      return binaryReader(data);
    case "list":
      return listReader(data);
    case "struct":
      return structReader(data);
    case "null":
      return () => null;
  }
}

/** A function that reads one row of a column. */
export function valueReader(data: ColumnData): ValueReader {
  if (data.kind === "arrow") return arrowReader(data);
  if (data.kind === "chunked") return chunkedReader(data);
  const read = memoryReader(data);
  const validity = data.kind === "null" ? undefined : data.validity;
  return validity ? (i) => (validity[i] === 0 ? null : read(i)) : read;
}
