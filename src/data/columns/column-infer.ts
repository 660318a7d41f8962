// Columns whose type is not declared: decided by the values, the same way whatever their order.
import { type ColumnData, type NumberArray, type NumberData, type NumberType, numberArrays, plainFeature, sharedUint32, valueReader } from "./column-data.js";
import { type ColumnWriter, Growing, ListWriter, NumberWriter, TextWriter, ValueError } from "./column-writer.js";
import { featureText } from "./features.js";

type Kind = "bool" | "int64" | "float64" | "string" | "json" | "list";

function kindOf(value: unknown): Kind {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int64";
  // Whole numbers beyond 64 bits were written as 1e300.
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 2 ** 64 ? "int64" : "float64";
  if (typeof value === "string") return "string";
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) return "list";
  // By its looks: threads must not load the tensor engine to tell.
  if (typeof value === "object" && value !== null && "toArray" in value && "dtype" in value)
    throw new ValueError("a tensor cannot be kept in a column", "return await t.toArray()");
  if (typeof value === "object" && value !== null) return "json";
  throw new ValueError(`a ${typeof value} cannot be kept in a column`);
}

const makers: { readonly [K in Kind]: () => ColumnWriter } = {
  bool: () => new NumberWriter("bool"),
  int64: () => new NumberWriter("int64"),
  float64: () => new NumberWriter("float64"),
  string: () => new TextWriter("string"),
  json: () => new TextWriter("json"),
  list: () => new ListWriter(new InferringWriter()),
};

/** Integers are int64 until a fraction comes, then all are float64; a text among numbers is an error; a column of nulls is string. */
export class InferringWriter implements ColumnWriter {
  #kind: Kind | undefined;
  #writer: ColumnWriter | undefined;
  #nulls = 0;

  get length(): number {
    return this.#writer?.length ?? this.#nulls;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) {
      if (this.#writer) this.#writer.push(null);
      else this.#nulls++;
      return;
    }
    const kind = kindOf(value);
    if (!this.#writer) this.#start(kind);
    else if (kind !== this.#kind) this.#meet(kind);
    this.#writer!.push(value);
  }
  #start(kind: Kind): void {
    this.#kind = kind;
    this.#writer = makers[kind]();
    for (; this.#nulls > 0; this.#nulls--) this.#writer.push(null);
  }
  #meet(kind: Kind): void {
    if (this.#kind === "float64" && kind === "int64") return;
    if (this.#kind !== "int64" || kind !== "float64") {
      throw new ValueError(`a ${kind} in a column of ${this.#kind}`, 'declare what the column holds with features, "json" for anything');
    }
    const integers = this.#writer!.finish();
    const read = valueReader(integers);
    this.#start("float64");
    for (let i = 0; i < integers.length; i++) this.#writer!.push(read(i));
  }
  finish(): ColumnData {
    if (!this.#writer) this.#start("string");
    return this.#writer!.finish();
  }
}

const width: readonly NumberType[] = ["int8", "int32", "int64", "float32", "float64"];

/** One column out of several; numbers take the widest type, columns of nulls only adopt the others' type. */
export function concatColumns(parts: readonly ColumnData[]): ColumnData {
  const [first] = parts;
  if (!first) throw new ValueError("no columns to put together");
  if (parts.length === 1) return first;
  const telling = parts.filter((part) => !onlyNulls(part));
  const lead = telling[0] ?? first;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  for (const part of telling) {
    if (part.kind !== lead.kind || (part.kind === "text" && lead.kind === "text" && part.type !== lead.type) || mixesBool(part, lead)) {
      throw new ValueError(
        `a part of the column is ${featureText(plainFeature(part))}, another ${featureText(plainFeature(lead))}`,
        "return the same type for every row",
      );
    }
  }
  const validity = joinValidity(parts, length);
  if (lead.kind === "number")
    return {
      ...joinNumbers(
        telling.filter((part) => part.kind === "number"),
        parts,
        length,
      ),
      ...validity,
    };
  const offsets = sharedUint32(length + 1);
  let [row, base] = [0, 0];
  for (const part of parts) {
    const own = part.kind !== "number" && part.kind === lead.kind ? part.offsets : undefined;
    for (let i = 0; i < part.length; i++) offsets[++row] = base + (own ? own[i + 1]! : 0);
    base = offsets[row]!;
  }
  if (lead.kind === "text") {
    const bytes = new Growing(Uint8Array);
    for (const part of telling) if (part.kind === "text") bytes.pushAll(part.bytes);
    return { kind: "text", type: lead.type, length, offsets, bytes: bytes.finish(), ...validity };
  }
  const items = telling.flatMap((part) => (part.kind === "list" ? [part.items] : []));
  return { kind: "list", length, offsets, items: concatColumns(items.length > 0 ? items : [lead.items]), ...validity };
}

const onlyNulls = (part: ColumnData): boolean => part.length === 0 || (part.validity?.every((byte) => byte === 0) ?? false);
const mixesBool = (a: ColumnData, b: ColumnData): boolean => a.kind === "number" && b.kind === "number" && (a.type === "bool") !== (b.type === "bool");

function joinValidity(parts: readonly ColumnData[], length: number): { readonly validity?: Uint8Array } {
  if (parts.every((part) => !part.validity)) return {};
  const validity = new Uint8Array(new SharedArrayBuffer(length)).fill(1);
  let at = 0;
  for (const part of parts) {
    if (part.validity) validity.set(part.validity, at);
    at += part.length;
  }
  return { validity };
}

function joinNumbers(telling: readonly NumberData[], parts: readonly ColumnData[], length: number): NumberData {
  const types = telling.map((part) => part.type);
  const widest = types.reduce((a, b) => (width.indexOf(b) > width.indexOf(a) ? b : a), types[0] ?? "int64");
  // int64 does not fit into float32.
  const type = widest === "float32" && types.includes("int64") ? "float64" : widest;
  const make: new (buffer: SharedArrayBuffer) => NumberArray = numberArrays[type];
  const values = new make(new SharedArrayBuffer(length * numberArrays[type].BYTES_PER_ELEMENT));
  let at = 0;
  for (const part of parts) {
    if (part.kind === "number") values.set(part.values, at);
    at += part.length;
  }
  return { kind: "number", type, length, values };
}
