// Features as a Parquet schema, and raw values as the writer takes them.
import type { SchemaElement } from "hyparquet";
import { ClassLabel, type Feature, isListFeature } from "../columns/features.js";
import {
  bytesOfFixedBinary,
  decimalOf,
  isClock,
  isDateType,
  isDecimal,
  isDuration,
  isFixedBinary,
  isTimestamp,
  type ScalarType,
  unitOf,
  zoneOf,
} from "../columns/scalars.js";

type Convert = (value: unknown) => unknown;
type Element = Omit<SchemaElement, "name" | "repetition_type">;

const same: Convert = (value) => value;
const big: Convert = (value) => BigInt(value as number | bigint);
const inThousands: Convert = (value) => Number(value) * 1000;
/** The newer way to say it, a logical type, the writer gets wrong. */
const integer = (bits: 8 | 16 | 32 | 64, isSigned: boolean): Element => ({
  type: bits === 64 ? "INT64" : "INT32",
  ...(isSigned && bits >= 32 ? {} : { converted_type: `${isSigned ? "INT" : "UINT"}_${bits}` as const }),
});

const plain: { readonly [type: string]: readonly [element: Element, convert: Convert] } = {
  string: [{ type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }, same],
  large_string: [{ type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }, same],
  json: [{ type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }, same],
  binary: [{ type: "BYTE_ARRAY" }, same],
  large_binary: [{ type: "BYTE_ARRAY" }, same],
  bool: [{ type: "BOOLEAN" }, (value) => value === true || value === 1],
  int8: [integer(8, true), same],
  int16: [integer(16, true), same],
  int32: [integer(32, true), same],
  int64: [integer(64, true), big],
  uint8: [integer(8, false), same],
  uint16: [integer(16, false), same],
  uint32: [integer(32, false), same],
  uint64: [integer(64, false), big],
  float16: [{ type: "FIXED_LEN_BYTE_ARRAY", type_length: 2, logical_type: { type: "FLOAT16" } }, same],
  float32: [{ type: "FLOAT" }, same],
  float64: [{ type: "DOUBLE" }, same],
  date32: [{ type: "INT32", converted_type: "DATE", logical_type: { type: "DATE" } }, same],
  date64: [{ type: "INT32", converted_type: "DATE", logical_type: { type: "DATE" } }, (value) => Math.floor(Number(value) / 86_400_000)],
  null: [{ type: "INT32", logical_type: { type: "NULL" } }, same],
};

const units = { s: "MILLIS", ms: "MILLIS", us: "MICROS", ns: "NANOS" } as const;

/** Bytes that unscaled decimals of a precision need. */
const decimalBytes = (precision: number): number => Math.ceil((Math.ceil(precision * Math.log2(10)) + 1) / 8);

function bytesOf(unscaled: bigint, length: number): Uint8Array {
  const out = new Uint8Array(length);
  let rest = BigInt.asUintN(8 * length, unscaled);
  for (let i = length - 1; i >= 0; i--, rest >>= 8n) out[i] = Number(rest & 0xffn);
  return out;
}

function scalar(feature: ScalarType): readonly [Element, Convert] {
  const known = plain[feature];
  if (known) return known;
  if (isFixedBinary(feature)) return [{ type: "FIXED_LEN_BYTE_ARRAY", type_length: bytesOfFixedBinary(feature) }, same];
  if (isDecimal(feature)) {
    const { precision, scale } = decimalOf(feature);
    const length = decimalBytes(precision);
    // Without the older converted_type the writer takes the bytes as they are.
    return [
      { type: "FIXED_LEN_BYTE_ARRAY", type_length: length, logical_type: { type: "DECIMAL", precision, scale } },
      (value) => bytesOf(BigInt(value as bigint), length),
    ];
  }
  if (isTimestamp(feature)) {
    const unit = unitOf(feature);
    return [
      { type: "INT64", logical_type: { type: "TIMESTAMP", isAdjustedToUTC: zoneOf(feature) !== undefined, unit: units[unit] } },
      unit === "s" ? (value) => big(inThousands(value)) : big,
    ];
  }
  if (isClock(feature)) {
    const unit = unitOf(feature);
    const logical_type = { type: "TIME", isAdjustedToUTC: false, unit: units[unit] } as const;
    return unit === "s" || unit === "ms" ? [{ type: "INT32", logical_type }, unit === "s" ? inThousands : same] : [{ type: "INT64", logical_type }, big];
  }
  if (isDuration(feature) || isDateType(feature)) return [{ type: "INT64" }, big];
  throw new Error(`${feature} cannot be written`);
}

export interface ParquetColumn {
  readonly elements: readonly SchemaElement[];
  /** A raw value (see RawReader) as the writer takes it. */
  readonly convert: Convert;
}

/** The schema of a column, and what its values become. */
export function parquetColumn(name: string, feature: Feature): ParquetColumn {
  const optional = { name, repetition_type: "OPTIONAL" } as const;
  const nullable =
    (convert: Convert): Convert =>
    (value) =>
      value === null || value === undefined ? null : convert(value);
  if (feature instanceof ClassLabel || typeof feature === "string") {
    const [element, convert] = scalar(feature instanceof ClassLabel ? "int64" : feature);
    return { elements: [{ ...optional, ...element }], convert: nullable(convert) };
  }
  if (isListFeature(feature)) {
    const items = parquetColumn("element", feature.sequence);
    return {
      elements: [
        { ...optional, num_children: 1, converted_type: "LIST", logical_type: { type: "LIST" } },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        ...items.elements,
      ],
      convert: nullable((value) => Array.from(value as ArrayLike<unknown>, items.convert)),
    };
  }
  const fields = Object.entries(feature).map(([field, inner]) => [field, parquetColumn(field, inner as Feature)] as const);
  return {
    elements: [{ ...optional, num_children: fields.length }, ...fields.flatMap(([, { elements }]) => elements)],
    convert: nullable((value) => Object.fromEntries(fields.map(([field, { convert }]) => [field, convert((value as Record<string, unknown>)[field])]))),
  };
}
