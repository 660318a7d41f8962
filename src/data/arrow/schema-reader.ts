// Arrow schemas out of their FlatBuffers: names, types, metadata.
import { ArgumentError } from "../../errors.js";
import type { DecimalType, NumberType, TimeType } from "../columns/scalars.js";
import { isDecimal, isTimestamp } from "../columns/scalars.js";
import type { FlatTable } from "./flat-table.js";
import { type Form, type Layout, Numbering } from "./layout.js";

export interface ArrowSchema {
  readonly fields: readonly { readonly name: string; readonly layout: Layout }[];
  readonly metadata: ReadonlyMap<string, string>;
  /** Nodes and buffers of a record batch. */
  readonly nodes: number;
  readonly buffers: number;
  readonly dictionaries: ReadonlyMap<number, DictionarySchema>;
}
export interface DictionarySchema {
  readonly values: Layout;
  readonly nodes: number;
  readonly buffers: number;
}

/** A type that is not read; the message names the column. */
class UnreadableType extends Error {}

const deepest = 64;
const mostFields = 100_000;
const units = ["s", "ms", "us", "ns"] as const;
const unitAt = (i: number) => units[i] ?? fail(`time unit ${i}`);
const fail = (what: string): never => {
  throw new UnreadableType(what);
};

function intType(type: FlatTable): NumberType {
  const [bits, signed] = [type.int32(0), type.bool(1)];
  if (bits !== 8 && bits !== 16 && bits !== 32 && bits !== 64) return fail(`int of ${bits} bits`);
  return `${signed ? "int" : "uint"}${bits}`;
}

interface Children {
  /** All children as layouts, in order; call it after the own numbers were taken. */
  readonly all: () => readonly { readonly name: string; readonly layout: Layout }[];
  /** The only child. */
  readonly one: () => Layout;
}
type Reader = (type: FlatTable, children: Children, extension: () => string | undefined) => { readonly kind: Form["kind"]; readonly form: () => Form };

const scalar = (form: Form) => ({ kind: form.kind, form: () => form });
const time = (type: TimeType, bits: 32 | 64) => scalar({ kind: "time", type, bits });
const text = (large: boolean, extension: () => string | undefined) =>
  scalar({ kind: "text", type: extension() === "arrow.json" ? "json" : large ? "large_string" : "string", large });

/** By the number of the type in Schema.fbs. */
const readers: { readonly [type: number]: Reader } = {
  1: () => scalar({ kind: "null" }),
  2: (type) => scalar({ kind: "number", type: intType(type) }),
  3: (type) => scalar({ kind: "number", type: (["float16", "float32", "float64"] as const)[type.int16(0)] ?? fail(`float of precision ${type.int16(0)}`) }),
  4: () => scalar({ kind: "binary", type: "binary", large: false }),
  5: (_, __, extension) => text(false, extension),
  6: () => scalar({ kind: "number", type: "bool" }),
  7: (type) => {
    const name = `decimal${type.int32(2, 128)}(${type.int32(0)}, ${type.int32(1)})`;
    return isDecimal(name) ? scalar({ kind: "decimal", type: name as DecimalType }) : fail(name);
  },
  8: (type) => (type.int16(0, 1) === 0 ? time("date32", 32) : time("date64", 64)),
  9: (type) => {
    const [unit, bits] = [unitAt(type.int16(0, 1)), type.int32(1, 32)];
    const known = (["time32[s]", "time32[ms]", "time64[us]", "time64[ns]"] as const).find((name) => name === `time${bits}[${unit}]`);
    return known ? time(known, bits === 32 ? 32 : 64) : fail(`time${bits}[${unit}]`);
  },
  10: (type) => {
    const [unit, zone] = [unitAt(type.int16(0)), type.text(1)];
    const name = zone ? `timestamp[${unit}, tz=${zone}]` : `timestamp[${unit}]`;
    return isTimestamp(name) ? time(name, 64) : fail(name);
  },
  12: (_, { one }) => ({ kind: "list", form: () => ({ kind: "list", large: false, items: one() }) }),
  13: (_, { all }) => ({ kind: "struct", form: () => ({ kind: "struct", fields: all() }) }),
  15: (type) => {
    const width = type.int32(0);
    return width > 0 ? scalar({ kind: "fixed-binary", type: `fixed_size_binary[${width}]`, width }) : fail(`fixed_size_binary[${width}]`);
  },
  16: (type, { one }) => {
    const size = type.int32(0);
    return size < 0 ? fail(`fixed_size_list[${size}]`) : { kind: "fixed-list", form: () => ({ kind: "fixed-list", size, items: one() }) };
  },
  // A map is a list of structs of key and value.
  17: (_, { one }) => ({ kind: "list", form: () => ({ kind: "list", large: false, items: one() }) }),
  18: (type) => time(`duration[${unitAt(type.int16(0, 1))}]`, 64),
  19: () => scalar({ kind: "binary", type: "large_binary", large: true }),
  20: (_, __, extension) => text(true, extension),
  21: (_, { one }) => ({ kind: "list", form: () => ({ kind: "list", large: true, items: one() }) }),
};
const unreadable: { readonly [type: number]: string } = {
  11: "interval",
  14: "union",
  22: "run_end_encoded",
  23: "binary_view",
  24: "string_view",
  25: "list_view",
  26: "large_list_view",
};

const metadataOf = (table: FlatTable, field: number): Map<string, string> =>
  new Map(table.tables(field).map((pair) => [pair.text(0) ?? "", pair.text(1) ?? ""]));

class SchemaReader {
  readonly dictionaries = new Map<number, DictionarySchema>();
  #fields = 0;

  layout(field: FlatTable, numbering: Numbering, depth: number): Layout {
    if (depth > deepest) fail(`nested more than ${deepest} deep`);
    this.#count(1);
    const encoding = field.table(4);
    if (!encoding) return this.#plain(field, numbering, depth);
    const id = encoding.int64(0);
    const index = encoding.table(1);
    const own = numbering.take("dictionary");
    const numbers = new Numbering();
    const values = this.#plain(field, numbers, depth);
    if (!this.dictionaries.has(id)) this.dictionaries.set(id, { values, nodes: numbers.nodes, buffers: numbers.buffers });
    return { ...own, kind: "dictionary", id, indices: index ? intType(index) : "int32", values };
  }
  /** A damaged file may have one list of fields in many places. */
  #count(fields: number): void {
    this.#fields += fields;
    if (this.#fields > mostFields) fail(`a schema of more than ${mostFields} fields`);
  }
  #plain(field: FlatTable, numbering: Numbering, depth: number): Layout {
    const number = field.byte(2);
    const type = field.table(3);
    const reader = readers[number];
    if (!reader || !type) return fail(unreadable[number] ?? `type ${number}`);
    // Only where they mean something: a damaged file may have long lists of them in many places.
    const all = () => field.tables(5).map((child) => ({ name: child.text(0) ?? "", layout: this.layout(child, numbering, depth + 1) }));
    const one = () => {
      const { length } = field.vector(5, 4);
      return length === 1 ? all()[0]!.layout : fail(`a list with ${length} item types`);
    };
    const extension = () => {
      this.#count(field.vector(6, 4).length);
      return metadataOf(field, 6).get("ARROW:extension:name");
    };
    const { kind, form } = reader(type, { all, one }, extension);
    return { ...numbering.take(kind), ...form() };
  }
}

/** @throws RangeError for damaged bytes, ArgumentError ERR_ARROW_TYPE that names the column for a type that is not read */
export function readSchema(table: FlatTable): ArrowSchema {
  if (table.int16(0) !== 0)
    throw new ArgumentError("its numbers are big-endian", { code: "ERR_ARROW_TYPE", hint: "write it again on a little-endian machine" });
  const [reader, numbering] = [new SchemaReader(), new Numbering()];
  const fields = table.tables(1).map((field) => {
    const name = field.text(0) ?? "";
    try {
      return { name, layout: reader.layout(field, numbering, 0) };
    } catch (error) {
      if (!(error instanceof UnreadableType)) throw error;
      throw new ArgumentError(`column ${JSON.stringify(name)} is of a type that is not read: ${error.message}`, {
        code: "ERR_ARROW_TYPE",
        hint: "cast it in Python first: dataset.cast_column(...)",
        cause: error,
      });
    }
  });
  return { fields, metadata: metadataOf(table, 2), nodes: numbering.nodes, buffers: numbering.buffers, dictionaries: reader.dictionaries };
}
