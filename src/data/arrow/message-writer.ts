// Arrow messages as bytes: schemas and headers of record batches.
import { type Feature, type Features, ClassLabel, isListFeature } from "../columns/features.js";
import {
  bytesOfFixedBinary,
  decimalOf,
  isBinaryType,
  isClock,
  isDecimal,
  isDuration,
  isFixedBinary,
  isNumberType,
  isTextType,
  isTimestamp,
  type ScalarType,
  type TimeType,
  unitOf,
  zoneOf,
} from "../columns/scalars.js";
import { byte, type FlatField, type FlatObject, flatBytes, int16, int32, int64, ref, table, tables, text, words } from "./flat-writer.js";
import { type Form, type Layout, Numbering } from "./layout.js";

function scalarForm(type: ScalarType): Form {
  if (type === "null") return { kind: "null" };
  if (isDecimal(type)) return { kind: "decimal", type };
  if (isFixedBinary(type)) return { kind: "fixed-binary", type, width: bytesOfFixedBinary(type) };
  if (isTextType(type)) return { kind: "text", type, large: type === "large_string" };
  if (isBinaryType(type)) return { kind: "binary", type, large: type === "large_binary" };
  return isNumberType(type) ? { kind: "number", type } : { kind: "time", type, bits: type === "date32" || type.startsWith("time32") ? 32 : 64 };
}

/** How a feature is kept. */
function featureLayout(feature: Feature, numbering: Numbering): Layout {
  if (feature instanceof ClassLabel) return featureLayout("int64", numbering);
  if (typeof feature === "string") {
    const form = scalarForm(feature);
    return { ...numbering.take(form.kind), ...form };
  }
  if (isListFeature(feature)) {
    if (feature.length !== undefined) {
      const own = numbering.take("fixed-list");
      return { ...own, kind: "fixed-list", size: feature.length, items: featureLayout(feature.sequence, numbering) };
    }
    const own = numbering.take("list");
    return { ...own, kind: "list", large: feature.large === true, items: featureLayout(feature.sequence, numbering) };
  }
  const own = numbering.take("struct");
  const fields = Object.entries(feature).map(([name, field]) => ({ name, layout: featureLayout(field as Feature, numbering) }));
  return { ...own, kind: "struct", fields };
}

const unitNumber = { s: 0, ms: 1, us: 2, ns: 3 } as const;
interface TypeTable {
  readonly number: number;
  readonly type: FlatObject;
  readonly children?: readonly { readonly name: string; readonly layout: Layout }[];
}

function timeTable(type: TimeType): TypeTable {
  if (type === "date32" || type === "date64") return { number: 8, type: table(int16(type === "date32" ? 0 : 1)) };
  const unit = int16(unitNumber[unitOf(type)]);
  if (isClock(type)) return { number: 9, type: table(unit, int32(type.startsWith("time32") ? 32 : 64)) };
  if (isDuration(type)) return { number: 18, type: table(unit) };
  const zone = isTimestamp(type) ? zoneOf(type) : undefined;
  return { number: 10, type: table(unit, zone === undefined ? undefined : text(zone)) };
}

const floats = ["float16", "float32", "float64"];
function numberTable(type: string): TypeTable {
  if (type === "bool") return { number: 6, type: table() };
  if (floats.includes(type)) return { number: 3, type: table(int16(floats.indexOf(type))) };
  return { number: 2, type: table(int32(Number(/\d+/.exec(type)![0])), byte(type.startsWith("int"))) };
}

/** Number and table of a type, as in Schema.fbs. */
function typeTable(layout: Exclude<Layout, { kind: "dictionary" }>): TypeTable {
  switch (layout.kind) {
    case "null":
      return { number: 1, type: table() };
    case "number":
      return numberTable(layout.type);
    case "time":
      return timeTable(layout.type);
    case "decimal": {
      const { bits, precision, scale } = decimalOf(layout.type);
      return { number: 7, type: table(int32(precision), int32(scale), int32(bits)) };
    }
    case "text":
      return { number: layout.large ? 20 : 5, type: table() };
    case "binary":
      return { number: layout.large ? 19 : 4, type: table() };
    case "fixed-binary":
      return { number: 15, type: table(int32(layout.width)) };
    case "list":
      return { number: layout.large ? 21 : 12, type: table(), children: [{ name: "item", layout: layout.items }] };
    case "fixed-list":
      return { number: 16, type: table(int32(layout.size)), children: [{ name: "item", layout: layout.items }] };
    case "struct":
      return { number: 13, type: table(), children: layout.fields };
  }
}

const pairs = (entries: Iterable<readonly [key: string, value: string]>): FlatField =>
  tables(Array.from(entries, ([key, value]) => table(text(key), text(value))));

const jsonExtension = pairs([
  ["ARROW:extension:name", "arrow.json"],
  ["ARROW:extension:metadata", ""],
]);

function fieldTable(name: string, layout: Layout): FlatObject {
  const { number, type, children = [] } = typeTable(layout as Exclude<Layout, { kind: "dictionary" }>);
  const nested = tables(children.map((child) => fieldTable(child.name, child.layout)));
  const json = layout.kind === "text" && layout.type === "json";
  return table(text(name), byte(true), byte(number), ref(type), undefined, nested, json ? jsonExtension : undefined);
}

export interface WriteSchema {
  readonly fields: readonly { readonly name: string; readonly feature: Feature; readonly layout: Layout }[];
}
export function writeSchema(features: Features): WriteSchema {
  const numbering = new Numbering();
  return { fields: Object.entries(features).map(([name, feature]) => ({ name, feature, layout: featureLayout(feature, numbering) })) };
}

const version5 = int16(4);
const message = (type: 1 | 3, header: FlatObject, bodyLength: number): Buffer => framed(flatBytes(table(version5, byte(type), ref(header), int64(bodyLength))));

/** With the marker and the length before it. */
function framed(metadata: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32LE(0xffffffff, 0);
  head.writeUInt32LE(metadata.length, 4);
  return Buffer.concat([head, metadata]);
}

export function schemaMessage({ fields }: WriteSchema, metadata: Iterable<readonly [key: string, value: string]>): Buffer {
  const header = table(int16(0), tables(fields.map(({ name, layout }) => fieldTable(name, layout))), pairs(metadata));
  return message(1, header, 0);
}

/** Nodes and buffers of a record batch, in the order of the schema, depth first. */
export class BatchParts {
  /** Rows, nulls, rows, nulls, ... */
  readonly nodes: number[] = [];
  readonly buffers: Uint8Array[] = [];
}

const padded = (bytes: number): number => Math.ceil(bytes / 8) * 8;

/** A whole record batch. */
export function batchMessage(rows: number, { nodes, buffers }: BatchParts): Buffer {
  const places: number[] = [];
  let length = 0;
  for (const buffer of buffers) {
    places.push(length, buffer.length);
    length += padded(buffer.length);
  }
  const header = message(3, table(int64(rows), words(nodes, nodes.length / 2), words(places, buffers.length)), length);
  const out = Buffer.allocUnsafe(header.length + length);
  header.copy(out);
  let at = header.length;
  for (const buffer of buffers) {
    out.set(buffer, at);
    out.fill(0, at + buffer.length, at + padded(buffer.length));
    at += padded(buffer.length);
  }
  return out;
}

/** After the last message. */
export const endOfStream: Uint8Array = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);
