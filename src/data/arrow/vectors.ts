// Readers of single values for every Arrow type. Offsets are checked when they are used: nothing outside the batch's buffers is ever read.
import { float16ToNumber } from "../../graph/half.js";
import { parseJson } from "../columns/exact-json.js";
import { clockText } from "../columns/times.js";
import {
  type DecimalType,
  decimalOf,
  isDateType,
  isDuration,
  type NumberArray,
  numbersOf,
  type NumberType,
  type TimeType,
  unitOf,
} from "../columns/scalars.js";
import { decimalText } from "../columns/other-writers.js";
import type { BatchView } from "./batch-view.js";
import { dictionaryReader } from "./dictionary.js";
import type { Layout } from "./layout.js";

/** A value of a row of the batch, 0 <= row < its rows. */
export type Read = (row: number) => unknown;
/**
 * values: as users see them. raw: as they are to be written again: times as numbers (bigints beyond 2^53) of their unit, decimals as bigints,
 * texts and JSON as their UTF-8 bytes, and bytes as they lie in the file; do not write to them.
 */
export type Mode = "values" | "raw";

/** @param rows that the reader will be asked for; @throws DataFileError when the buffers hold fewer */
export function vectorReader(layout: Layout, view: BatchView, rows: number, mode: Mode): Read {
  const own = view.rows(layout.node);
  if (!(own >= rows)) throw view.fault(`${own} rows where ${rows} are needed`);
  if (layout.kind === "null") return () => null;
  const read = readers[layout.kind](layout as never, view, rows, mode);
  if (!view.hasNulls(layout.node)) return read;
  const bits = view.bytes(layout.buffer, Math.ceil(rows / 8));
  return (row) => ((bits[row >> 3]! >> (row & 7)) & 1 ? read(row) : null);
}

type Of<K extends Layout["kind"]> = Extract<Layout, { kind: K }>;
type Maker<K extends Layout["kind"]> = (layout: Of<K>, view: BatchView, rows: number, mode: Mode) => Read;

/** Whole numbers of 64 bits: numbers up to 2^53, bigints beyond. */
function words64(view: BatchView, buffer: number, rows: number, signed: boolean): (row: number) => number | bigint {
  const words = view.array(Int32Array, buffer, rows * 2);
  return (row) => {
    const [low, high] = [words[row * 2]! >>> 0, signed ? words[row * 2 + 1]! : words[row * 2 + 1]! >>> 0];
    if (high >= -0x200000 && high < 0x200000) return high * 2 ** 32 + low;
    return (BigInt(high) << 32n) | BigInt(low);
  };
}

/** The arrays of types that a typed array reads. */
export const plainArrays = {
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  float64: Float64Array,
  float32: Float32Array,
} as const;
type PlainNumber = keyof typeof plainArrays;
const isPlain = (type: NumberType): type is PlainNumber => Object.hasOwn(plainArrays, type);

const plainValues = (type: PlainNumber, view: BatchView, buffer: number, count: number): NumberArray =>
  view.array<NumberArray>(plainArrays[type] as typeof Float64Array, buffer, count);

const numberReader: Maker<"number"> = ({ type, buffer }, view, rows) => {
  if (isPlain(type)) {
    const values = plainValues(type, view, buffer + 1, rows);
    return (row) => values[row];
  }
  if (type === "bool") {
    const bits = view.bytes(buffer + 1, Math.ceil(rows / 8));
    return (row) => ((bits[row >> 3]! >> (row & 7)) & 1) === 1;
  }
  if (type !== "float16") return words64(view, buffer + 1, rows, type === "int64");
  const halves = view.array(Uint16Array, buffer + 1, rows);
  return (row) => float16ToNumber(halves[row]!);
};

const perMs = { s: 1e-3, ms: 1, us: 1e3, ns: 1e6 } as const;

function timeValue(type: TimeType): (raw: number | bigint) => unknown {
  if (type === "date32") return (days) => new Date(Number(days) * 86_400_000);
  if (type === "date64") return (ms) => new Date(Number(ms));
  if (isDateType(type)) {
    const divisor = perMs[unitOf(type)];
    const wide = BigInt(Math.max(1, divisor));
    // BigInt division rounds towards 0, dates towards the past.
    return (raw) => new Date(typeof raw === "number" ? Math.floor(raw / divisor) : Number((raw - (raw < 0n ? wide - 1n : 0n)) / wide));
  }
  return isDuration(type) ? (raw) => raw : (raw) => clockText(Number(raw), type);
}

const timeReader: Maker<"time"> = ({ type, bits, buffer }, view, rows, mode) => {
  const wide = bits === 64 ? words64(view, buffer + 1, rows, true) : undefined;
  const narrow = wide ? undefined : view.array(Int32Array, buffer + 1, rows);
  const raw = wide ?? ((row: number) => narrow![row]!);
  if (mode === "raw") return raw;
  const value = timeValue(type);
  return (row) => value(raw(row));
};

function wideInteger(words: BigUint64Array, at: number, count: number): bigint {
  let value = BigInt.asIntN(64, words[at + count - 1]!);
  for (let k = count - 2; k >= 0; k--) value = (value << 64n) | words[at + k]!;
  return value;
}

const decimalReader: Maker<"decimal"> = ({ type, buffer }, view, rows, mode) => {
  const { bits, scale } = decimalOf(type satisfies DecimalType);
  const count = bits / 64;
  const words = view.array(BigUint64Array, buffer + 1, rows * count);
  return mode === "raw" ? (row) => wideInteger(words, row * count, count) : (row) => decimalText(wideInteger(words, row * count, count), scale);
};

/** Where row i begins and, at i + 1, ends. */
type Offsets = (row: number) => number;

/** @throws DataFileError when asked for offsets that are not in order or beyond `end` */
function offsetsOf(view: BatchView, buffer: number, rows: number, large: boolean): Offsets {
  if (rows === 0) return () => 0;
  if (!large) {
    const offsets = view.array(Int32Array, buffer, rows + 1);
    return (row) => offsets[row]!;
  }
  const words = view.array(Int32Array, buffer, (rows + 1) * 2);
  return (row) => words[row * 2 + 1]! * 2 ** 32 + (words[row * 2]! >>> 0);
}
const badOffsets = (view: BatchView, row: number, start: number, end: number, of: number): Error =>
  view.fault(`row ${row} of its batch is said to lie from ${start} to ${end} of ${of}`);

const textReader: Maker<"text"> = ({ type, large, buffer }, view, rows, mode) => {
  const offset = offsetsOf(view, buffer + 1, rows, large);
  const bytes = view.bytes(buffer + 2);
  const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  const checked = (row: number, use: (start: number, end: number) => unknown): unknown => {
    const [start, end] = [offset(row), offset(row + 1)];
    if (!(start >= 0 && end >= start && end <= length)) throw badOffsets(view, row, start, end, length);
    return use(start, end);
  };
  if (mode === "raw") return (row) => checked(row, (start, end) => bytes.subarray(start, end));
  if (type === "json") return (row) => checked(row, (start, end) => parsed(view, row, texts.toString("utf8", start, end)));
  return (row) => {
    const start = offset(row);
    const end = offset(row + 1);
    if (!(start >= 0 && end >= start && end <= length)) throw badOffsets(view, row, start, end, length);
    return texts.toString("utf8", start, end);
  };
};
function parsed(view: BatchView, row: number, text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw view.fault(`row ${row} of its batch is no JSON (${(error as Error).message})`);
  }
}

const binaryReader: Maker<"binary"> = ({ large, buffer }, view, rows, mode) => {
  const offset = offsetsOf(view, buffer + 1, rows, large);
  const bytes = view.bytes(buffer + 2);
  return (row) => {
    const [start, end] = [offset(row), offset(row + 1)];
    if (!(start >= 0 && end >= start && end <= bytes.length)) throw badOffsets(view, row, start, end, bytes.length);
    return mode === "raw" ? bytes.subarray(start, end) : bytes.slice(start, end);
  };
};

const fixedBinaryReader: Maker<"fixed-binary"> = ({ width, buffer }, view, rows, mode) => {
  const bytes = view.bytes(buffer + 1, rows * width);
  return mode === "raw" ? (row) => bytes.subarray(row * width, (row + 1) * width) : (row) => bytes.slice(row * width, (row + 1) * width);
};

const listReader: Maker<"list"> = ({ large, items, buffer }, view, rows, mode) => {
  const offset = offsetsOf(view, buffer + 1, rows, large);
  const length = view.rows(items.node);
  const read = sliceReader(items, view, length, mode);
  return (row) => {
    const start = offset(row);
    const end = offset(row + 1);
    if (!(start >= 0 && end >= start && end <= length)) throw badOffsets(view, row, start, end, length);
    return read(start, end);
  };
};

const fixedListReader: Maker<"fixed-list"> = ({ size, items }, view, rows, mode) => {
  const read = sliceReader(items, view, rows * size, mode);
  return (row) => read(row * size, (row + 1) * size);
};

/** Reads items start..end of a list's child. */
function sliceReader(items: Layout, view: BatchView, length: number, mode: Mode): (start: number, end: number) => unknown[] {
  if (items.kind === "number" && isPlain(items.type) && !view.hasNulls(items.node) && view.rows(items.node) >= length) {
    const values = plainValues(items.type, view, items.buffer + 1, length);
    return (start, end) => numbersOf(values, start, end);
  }
  const read = vectorReader(items, view, length, mode);
  return (start, end) => {
    const out: unknown[] = [];
    for (let k = start; k < end; k++) out.push(read(k));
    return out;
  };
}

const structReader: Maker<"struct"> = ({ fields }, view, rows, mode) => {
  const readers = fields.map(({ name, layout }) => [name, vectorReader(layout, view, rows, mode)] as const);
  return (row) => Object.fromEntries(readers.map(([name, read]) => [name, read(row)]));
};

const dictionary: Maker<"dictionary"> = (layout, view, rows, mode) => {
  const indices = numberReader({ ...layout, kind: "number", type: layout.indices }, view, rows, mode) as (row: number) => number;
  return dictionaryReader(layout, view, indices, mode);
};

const readers: { readonly [K in Exclude<Layout["kind"], "null">]: Maker<K> } = {
  number: numberReader,
  time: timeReader,
  decimal: decimalReader,
  text: textReader,
  binary: binaryReader,
  "fixed-binary": fixedBinaryReader,
  list: listReader,
  "fixed-list": fixedListReader,
  struct: structReader,
  dictionary,
};
