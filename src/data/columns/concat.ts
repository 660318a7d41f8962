// Several columns as one: joined in memory where they lie there, else one after the other as chunks.
import {
  type BinaryData,
  type ColumnData,
  chunkedData,
  type NumberArray,
  type NumberData,
  type NumberType,
  numberArrays,
  plainFeature,
  type StructData,
  sharedUint32,
  type TextData,
  type WideData,
  type WideType,
} from "./column-data.js";
import { featureText } from "./features.js";
import { TextWriter } from "./column-writer.js";
import { Growing, maxBytes, ValueError } from "./growing.js";
import { valueReader, wideReader } from "./value-reader.js";

/** A number type holds the values of those before it, in its row; int64 and float32 meet in float64. */
const width: readonly NumberType[] = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64"];
const signed = (type: NumberType): boolean => type.startsWith("int");

const isNumbers = (part: ColumnData): part is NumberData | WideData => part.kind === "number" || part.kind === "wide";
const isMemory = (part: ColumnData): boolean =>
  part.kind === "list"
    ? isMemory(part.items)
    : part.kind === "struct"
      ? part.fields.every(({ data }) => isMemory(data))
      : part.kind !== "arrow" && part.kind !== "chunked";

const onlyNulls = (part: ColumnData): boolean =>
  part.length === 0 ||
  part.kind === "null" ||
  (part.kind === "chunked" ? part.chunks.every(onlyNulls) : part.kind !== "arrow" && (part.validity?.every((byte) => byte === 0) ?? false));

const sameType = (a: ColumnData, b: ColumnData): boolean => featureText(plainFeature(a)) === featureText(plainFeature(b));

/** Whether two columns can be joined in memory. */
function meet(a: ColumnData, b: ColumnData): boolean {
  if (isNumbers(a) && isNumbers(b)) return (a.type === "bool") === (b.type === "bool");
  if (a.kind === "list" && b.kind === "list") return a.size === b.size && a.large === b.large; // items are looked at when they are joined
  if (a.kind === "struct" && b.kind === "struct") return true; // fields that one lacks are null there
  return sameType(a, b);
}

/** One column out of several; numbers take the widest type, columns of nulls only adopt the others' type. */
export function concatColumns(columns: readonly ColumnData[]): ColumnData {
  const parts = jsonWhereAny(columns);
  const [first] = parts;
  if (!first) throw new ValueError("no columns to put together");
  if (parts.length === 1) return first;
  const telling = parts.filter((part) => !onlyNulls(part));
  const lead = telling[0] ?? parts.find((part) => part.kind !== "null") ?? first;
  const inMemory = parts.every(isMemory) && countable(lead, parts);
  const together = inMemory ? meet : sameType;
  const other = telling.find((part) => !together(lead, part));
  if (other) {
    throw new ValueError(
      `a part of the column is ${featureText(plainFeature(other))}, another ${featureText(plainFeature(lead))}`,
      "return the same type for every row",
    );
  }
  if (inMemory) return join(lead, telling, parts);
  return chunkedData(telling.length === 0 ? parts : parts.map((part) => (onlyNulls(part) ? { kind: "null", length: part.length } : part)));
}

/** Whether the offsets of one column can count what all parts hold. */
function countable({ kind }: ColumnData, parts: readonly ColumnData[]): boolean {
  const sizeOf = (part: ColumnData) => (part.kind === "list" ? part.items.length : part.kind === "text" || part.kind === "binary" ? part.bytes.length : 0);
  return parts.reduce((sum, part) => sum + (part.kind === kind ? sizeOf(part) : 0), 0) <= maxBytes;
}

function join({ ...lead }: ColumnData, telling: readonly ColumnData[], parts: readonly ColumnData[]): ColumnData {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const nulls = joinValidity(parts, length);
  if ("validity" in lead) delete (lead as { validity?: Uint8Array }).validity;
  switch (lead.kind) {
    case "number":
    case "wide":
      return { ...joinNumbers(telling.filter(isNumbers), parts, length), ...nulls };
    case "time":
      return { ...lead, length, values: joinValues(new Float64Array(new SharedArrayBuffer(length * 8)), parts), ...nulls };
    case "text":
    case "binary":
      return { ...lead, length, ...joinBytes(lead, parts, length), ...nulls };
    case "list":
      return { ...lead, length, ...joinLists(parts, length), ...nulls };
    case "struct":
      return { ...lead, length, fields: joinFields(parts), ...nulls };
    default:
      return { kind: "null", length };
  }
}

function joinValidity(parts: readonly ColumnData[], length: number): { readonly validity?: Uint8Array } {
  const marks = parts.map((part) => (part.kind === "null" || part.kind === "chunked" || part.kind === "arrow" ? undefined : part.validity));
  if (parts.every((part, i) => part.kind !== "null" && !marks[i])) return {};
  const validity = new Uint8Array(new SharedArrayBuffer(length)).fill(1);
  let at = 0;
  parts.forEach((part, i) => {
    if (part.kind === "null") validity.fill(0, at, at + part.length);
    else if (marks[i]) validity.set(marks[i], at);
    at += part.length;
  });
  return { validity };
}

function joinValues<A extends NumberArray>(values: A, parts: readonly ColumnData[]): A {
  let at = 0;
  for (const part of parts) {
    if (part.kind === "number" || part.kind === "time") values.set(part.values, at);
    else if (part.kind === "wide") {
      const read = wideReader(part);
      for (let i = 0; i < part.length; i++) values[at + i] = Number(read(i));
    }
    at += part.length;
  }
  return values;
}

function widest(types: readonly NumberType[]): NumberType {
  const type = types.reduce((a, b) => (width.indexOf(b) > width.indexOf(a) ? b : a), types[0] ?? "int64");
  // Integers of more than 16 bits do not fit into float32, signed ones not into unsigned types.
  if (
    (type === "float16" || type === "float32") &&
    types.some((t) => /int/.test(t) && width.indexOf(t) > width.indexOf(type === "float32" ? "uint16" : "uint8"))
  )
    return "float64";
  if (type.startsWith("uint") && types.some(signed)) return type === "uint8" ? "int16" : type === "uint16" ? "int32" : "int64";
  return type;
}

function joinNumbers(telling: readonly (NumberData | WideData)[], parts: readonly ColumnData[], length: number): NumberData | WideData {
  const type = widest(telling.map((part) => part.type));
  if ((type === "int64" || type === "uint64") && telling.some(({ kind }) => kind === "wide")) return joinWide(type, parts, length);
  const make: new (buffer: SharedArrayBuffer) => NumberArray = numberArrays[type];
  return { kind: "number", type, length, values: joinValues(new make(new SharedArrayBuffer(length * numberArrays[type].BYTES_PER_ELEMENT)), parts) };
}

function joinWide(type: WideType, parts: readonly ColumnData[], length: number): WideData {
  const values = new BigInt64Array(new SharedArrayBuffer(length * 8));
  let at = 0;
  for (const part of parts) {
    if (part.kind === "wide" && part.type !== type && part.values.some((value) => value < 0n))
      throw new ValueError(`a part of the column is ${part.type}, another ${type}, and no type holds both`, "return the same type for every row");
    if (part.kind === "wide") values.set(part.values, at);
    else if (part.kind === "number") for (let i = 0; i < part.length; i++) values[at + i] = BigInt(part.values[i]!);
    at += part.length;
  }
  return { kind: "wide", type, length, values };
}

/** The offsets of all rows; parts of nulls add none to what the rows hold. */
function joinOffsets(kind: ColumnData["kind"], parts: readonly ColumnData[], length: number): Uint32Array {
  const offsets = sharedUint32(length + 1);
  let [row, base] = [0, 0];
  for (const part of parts) {
    const own = part.kind === kind && "offsets" in part ? part.offsets : undefined;
    for (let i = 0; i < part.length; i++) offsets[++row] = base + (own ? own[i + 1]! : 0);
    base = offsets[row]!;
  }
  return offsets;
}

function joinBytes(lead: TextData | BinaryData, parts: readonly ColumnData[], length: number): { readonly bytes: Uint8Array; readonly offsets: Uint32Array } {
  const bytes = new Growing(Uint8Array);
  for (const part of parts) if (part.kind === lead.kind) bytes.pushAll((part as TextData | BinaryData).bytes);
  return { bytes: bytes.finish(), offsets: joinOffsets(lead.kind, parts, length) };
}

function joinLists(parts: readonly ColumnData[], length: number): { readonly items: ColumnData; readonly offsets: Uint32Array } {
  const items = parts.flatMap((part) => (part.kind === "list" ? [part.items] : []));
  return { items: concatColumns(items), offsets: joinOffsets("list", parts, length) };
}

/** All fields of all parts, in the order in which they are met. */
function joinFields(parts: readonly ColumnData[]): StructData["fields"] {
  const names = new Set(parts.flatMap((part) => (part.kind === "struct" ? part.fields.map(({ name }) => name) : [])));
  const fieldOf = (part: ColumnData, name: string): ColumnData =>
    (part.kind === "struct" ? part.fields.find((field) => field.name === name)?.data : undefined) ?? { kind: "null", length: part.length };
  return [...names].map((name) => ({ name, data: concatColumns(parts.map((part) => fieldOf(part, name))) }));
}

/** Objects became JSON in some parts, because of what they held there: they are JSON in all. */
function jsonWhereAny(parts: readonly ColumnData[]): readonly ColumnData[] {
  const isJson = (part: ColumnData) => part.kind === "text" && part.type === "json";
  if (!parts.some(isJson) || !parts.some((part) => part.kind === "struct")) return parts;
  return parts.map((part) => {
    if (part.kind !== "struct") return part;
    const [read, writer] = [valueReader(part), new TextWriter("json")];
    for (let i = 0; i < part.length; i++) writer.push(read(i));
    return writer.finish();
  });
}
