// The types of single values: names as in Arrow and Python's datasets, what they are in JS, and how they are kept in memory.
import type { ColumnValue } from "../types.js";

/** Names without parameters, and what a value of them is in JS. */
export interface FeatureTypes {
  string: string;
  /** As string; Arrow files count its bytes with 64 bits. */
  large_string: string;
  /** A whole number; where it is beyond 2^53 in an Arrow file, a bigint. */
  int64: number;
  int32: number;
  int16: number;
  int8: number;
  /** As int64. */
  uint64: number;
  uint32: number;
  uint16: number;
  uint8: number;
  float64: number;
  float32: number;
  float16: number;
  bool: boolean;
  /** Anything JSON can say: kept as text, parsed when read. */
  json: ColumnValue;
  binary: Uint8Array;
  large_binary: Uint8Array;
  /** Midnight UTC of the day. */
  date32: Date;
  date64: Date;
  /** Holds nothing but null. */
  null: null;
}

export type TimeUnit = "s" | "ms" | "us" | "ns";
/** A `Date`; what is finer than a millisecond is lost in it, but not when a file's column is copied to another file. */
export type TimestampType = `timestamp[${TimeUnit}]` | `timestamp[${TimeUnit}, tz=${string}]`;
/** A text as Python's `time.isoformat()`: "13:05:00" or "13:05:00.000250"; nine digits for ns. */
export type ClockType = "time32[s]" | "time32[ms]" | "time64[us]" | "time64[ns]";
/** A number of the unit. */
export type DurationType = `duration[${TimeUnit}]`;
/** A text with as many decimals as the scale says: "12.30". */
export type DecimalType = `decimal128(${number}, ${number})` | `decimal256(${number}, ${number})`;
export type FixedBinaryType = `fixed_size_binary[${number}]`;

export type DateType = TimestampType | "date32" | "date64";
export type TimeType = DateType | ClockType | DurationType;
export type TextType = "string" | "large_string" | "json" | DecimalType;
export type BinaryType = "binary" | "large_binary" | FixedBinaryType;
export type ScalarType = keyof FeatureTypes | TimeType | DecimalType | FixedBinaryType;

export type ScalarValue<F> = F extends keyof FeatureTypes
  ? FeatureTypes[F]
  : F extends TimestampType
    ? Date
    : F extends ClockType | DecimalType
      ? string
      : F extends DurationType
        ? number
        : F extends FixedBinaryType
          ? Uint8Array
          : never;

/** How numbers lie in memory. Integers up to 2^53 are exact in float64, and reading them makes no BigInt. */
export const numberArrays = {
  int64: Float64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: Float64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  float16: Float32Array,
  float32: Float32Array,
  float64: Float64Array,
  bool: Uint8Array,
} as const;
export type NumberType = keyof typeof numberArrays;
export type NumberArray = Float64Array | Float32Array | Int32Array | Uint32Array | Int16Array | Uint16Array | Int8Array | Uint8Array;

/** Elements start..end as an array; several times as fast as Array.from. */
export function numbersOf(values: NumberArray, start: number, end: number): number[] {
  const out: number[] = [];
  for (let k = start; k < end; k++) out.push(values[k]!);
  return out;
}

export const isNumberType = (name: string): name is NumberType => Object.hasOwn(numberArrays, name);

const plainTypes: { readonly [T in keyof FeatureTypes]: true } = {
  string: true,
  large_string: true,
  int64: true,
  int32: true,
  int16: true,
  int8: true,
  uint64: true,
  uint32: true,
  uint16: true,
  uint8: true,
  float64: true,
  float32: true,
  float16: true,
  bool: true,
  json: true,
  binary: true,
  large_binary: true,
  date32: true,
  date64: true,
  null: true,
};
export const plainTypeNames: readonly string[] = Object.keys(plainTypes);

const timestamp = /^timestamp\[(s|ms|us|ns)(?:,\s*tz=([a-zA-Z0-9/_+\-:]*))?\]$/;
const clock = /^time(?:32\[(s|ms)\]|64\[(us|ns)\])$/;
const duration = /^duration\[(s|ms|us|ns)\]$/;
const decimal = /^decimal(128|256)\((\d{1,2}),\s*(-?\d{1,2})\)$/;
const fixedBinary = /^fixed_size_binary\[(\d{1,9})\]$/;

export const isTimestamp = (name: string): name is TimestampType => timestamp.test(name);
export const isClock = (name: string): name is ClockType => clock.test(name);
export const isDuration = (name: string): name is DurationType => duration.test(name);
export const isDecimal = (name: string): name is DecimalType => decimal.test(name);
export const isFixedBinary = (name: string): name is FixedBinaryType => fixedBinary.test(name);
export const isDateType = (name: string): name is DateType => name === "date32" || name === "date64" || isTimestamp(name);
export const isTimeType = (name: string): name is TimeType => isDateType(name) || isClock(name) || isDuration(name);
export const isTextType = (name: string): name is TextType => name === "string" || name === "large_string" || name === "json" || isDecimal(name);
export const isBinaryType = (name: string): name is BinaryType => name === "binary" || name === "large_binary" || isFixedBinary(name);

export const isScalarType = (name: string): name is ScalarType => Object.hasOwn(plainTypes, name) || isTimeType(name) || isDecimal(name) || isFixedBinary(name);

export function unitOf(type: TimestampType | ClockType | DurationType): TimeUnit {
  return (timestamp.exec(type)?.[1] ?? clock.exec(type)?.slice(1).find(Boolean) ?? duration.exec(type)![1]) as TimeUnit;
}
export const zoneOf = (type: TimestampType): string | undefined => timestamp.exec(type)?.[2];
export const bytesOfFixedBinary = (type: FixedBinaryType): number => Number(fixedBinary.exec(type)![1]);
export function decimalOf(type: DecimalType): { readonly bits: 128 | 256; readonly precision: number; readonly scale: number } {
  const [, bits, precision, scale] = decimal.exec(type)!;
  return { bits: bits === "128" ? 128 : 256, precision: Number(precision), scale: Number(scale) };
}
