// What the columns of a Parquet file hold: its schema as features. Format: https://github.com/apache/parquet-format (LogicalTypes.md).
import type { FileMetaData, SchemaElement, SchemaTree } from "hyparquet";
import { type Feature, structFeature } from "../columns/features.js";
import type { DecimalType, FixedBinaryType, TimeUnit } from "../columns/scalars.js";

/** A type that has no feature; whoever reads the file says which column has it. */
export class ParquetTypeError extends Error {}

const units: { readonly [name: string]: TimeUnit } = { MILLIS: "ms", MICROS: "us", NANOS: "ns" };
const integers: { readonly [converted: string]: Feature } = {
  INT_8: "int8",
  INT_16: "int16",
  INT_32: "int32",
  INT_64: "int64",
  UINT_8: "uint8",
  UINT_16: "uint16",
  UINT_32: "uint32",
  UINT_64: "uint64",
};
const physical: { readonly [type: string]: Feature } = {
  BOOLEAN: "bool",
  INT32: "int32",
  INT64: "int64",
  INT96: "timestamp[ns]",
  FLOAT: "float32",
  DOUBLE: "float64",
  BYTE_ARRAY: "binary",
};
/** What Arrow's reader makes of them. */
const converted: { readonly [type: string]: Feature } = {
  ...integers,
  UTF8: "string",
  ENUM: "binary",
  JSON: "string",
  DATE: "date32",
  TIME_MILLIS: "time32[ms]",
  TIME_MICROS: "time64[us]",
  TIMESTAMP_MILLIS: "timestamp[ms, tz=UTC]",
  TIMESTAMP_MICROS: "timestamp[us, tz=UTC]",
};

export const isDecimalElement = (element: SchemaElement): boolean => element.logical_type?.type === "DECIMAL" || element.converted_type === "DECIMAL";

function decimalTypeOf(element: SchemaElement): DecimalType {
  const { precision, scale = 0 } =
    element.logical_type?.type === "DECIMAL" ? element.logical_type : { precision: element.precision ?? 0, scale: element.scale };
  return `decimal${precision > 38 ? 256 : 128}(${precision}, ${scale})` as DecimalType;
}

function leaf(element: SchemaElement): Feature {
  const { type, logical_type: logical, converted_type: older } = element;
  if (isDecimalElement(element)) return decimalTypeOf(element);
  switch (logical?.type) {
    case "STRING":
    case "JSON":
      return "string";
    case "DATE":
      return "date32";
    case "TIME":
      return logical.unit === "MILLIS" ? "time32[ms]" : logical.unit === "MICROS" ? "time64[us]" : "time64[ns]";
    case "TIMESTAMP":
      return logical.isAdjustedToUTC ? `timestamp[${units[logical.unit]!}, tz=UTC]` : `timestamp[${units[logical.unit]!}]`;
    case "INTEGER":
      return `${logical.isSigned ? "int" : "uint"}${logical.bitWidth}` as Feature;
    case "FLOAT16":
      return "float16";
    case "NULL":
      return "null";
    default:
  }
  const feature =
    (older && converted[older]) ??
    (type === "FIXED_LEN_BYTE_ARRAY" ? (`fixed_size_binary[${element.type_length ?? 0}]` as FixedBinaryType) : physical[type ?? ""]);
  if (feature === undefined || older === "INTERVAL" || older === "BSON") throw new ParquetTypeError(`type ${logical?.type ?? older ?? type} cannot be read`);
  return feature;
}

const annotated = (element: SchemaElement, name: "LIST" | "MAP"): boolean =>
  element.converted_type === name || element.logical_type?.type === name || (name === "MAP" && element.converted_type === "MAP_KEY_VALUE");

/** A column, or a field of one. */
function node(tree: SchemaTree): Feature {
  const { element } = tree;
  if (element.repetition_type === "REPEATED") return { sequence: single(tree) };
  return single(tree);
}

function single({ element, children }: SchemaTree): Feature {
  if (children.length === 0) return leaf(element);
  if (annotated(element, "MAP")) throw new ParquetTypeError("maps cannot be read");
  if (element.logical_type?.type === "VARIANT") throw new ParquetTypeError("VARIANT cannot be read");
  if (annotated(element, "LIST") && children.length === 1) {
    const [repeated] = children as [SchemaTree];
    // Of three levels the middle one only repeats; files with two levels repeat the item itself.
    const threeLevels = repeated.children.length === 1 && repeated.element.name !== "array" && repeated.element.name !== `${element.name}_tuple`;
    return { sequence: threeLevels ? node(repeated.children[0]!) : single(repeated) };
  }
  return structFeature(Object.fromEntries(children.map((child) => [child.element.name, node(child)])));
}

/** Features of the file's columns; for those that cannot be read the errors that say why. */
export function schemaFeatures(tree: SchemaTree): ReadonlyMap<string, Feature | ParquetTypeError> {
  return new Map(
    tree.children.map((child): readonly [string, Feature | ParquetTypeError] => {
      try {
        return [child.element.name, node(child)];
      } catch (error) {
        if (error instanceof ParquetTypeError) return [child.element.name, error];
        throw error;
      }
    }),
  );
}

/** A value of the file's own metadata, such as "huggingface" or "ARROW:schema". */
export const keyValue = (metadata: FileMetaData, key: string): string | undefined => metadata.key_value_metadata?.find((entry) => entry.key === key)?.value;
