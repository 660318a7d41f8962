// Columns whose type is not declared: decided by the values, the same way whatever their order.
import { type ColumnData, valueReader } from "./column-data.js";
import { type ColumnWriter, ListWriter, NumberWriter, TextWriter, ValueError } from "./column-writer.js";
import { InferringStruct } from "./infer-struct.js";
import { BinaryWriter, TimeWriter } from "./other-writers.js";

export { concatColumns } from "./concat.js";

type Kind = "bool" | "int64" | "float64" | "string" | "json" | "list" | "timestamp" | "binary" | "struct";

function kindOf(value: unknown): Kind {
  if (typeof value === "boolean") return "bool";
  if (typeof value === "bigint") return "int64";
  // Whole numbers beyond 64 bits were written as 1e300.
  if (typeof value === "number") return Number.isInteger(value) && Math.abs(value) < 2 ** 64 ? "int64" : "float64";
  if (typeof value === "string") return "string";
  if (value instanceof Date) return "timestamp";
  if (Buffer.isBuffer(value)) return "binary";
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) return "list";
  // By its looks: threads must not load the tensor engine to tell.
  if (typeof value === "object" && value !== null && "toArray" in value && "dtype" in value)
    throw new ValueError("a tensor cannot be kept in a column", "return await t.toArray()");
  if (typeof value === "object" && value !== null) return isPlainObject(value) ? "struct" : "json";
  throw new ValueError(`a ${typeof value} cannot be kept in a column`);
}

/** Those with a method toJSON say themselves what they are. */
function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !("toJSON" in value);
}

const makers: { readonly [K in Kind]: (nested: boolean) => ColumnWriter } = {
  bool: () => new NumberWriter("bool"),
  int64: () => new NumberWriter("int64"),
  float64: () => new NumberWriter("float64"),
  string: () => new TextWriter("string"),
  json: () => new TextWriter("json"),
  list: (nested) => new ListWriter(new InferringWriter(nested)),
  timestamp: () => new TimeWriter("timestamp[ms]"),
  binary: () => new BinaryWriter("binary"),
  struct: () => new InferringStruct(() => new InferringWriter(true)),
};

/**
 * Integers are int64 until a fraction comes, then all are float64; a text among numbers is an error; a column of nulls is string. Objects are structs of
 * all their fields; a field whose values are of different types is JSON, and so is a column of objects with too many fields or none.
 */
export class InferringWriter implements ColumnWriter {
  readonly #nested: boolean;
  #kind: Kind | undefined;
  #writer: ColumnWriter | undefined;
  #nulls = 0;

  /** @param nested it is a field of a struct, or within one */
  constructor(nested = false) {
    this.#nested = nested;
  }
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
    if (this.#writer instanceof InferringStruct && this.#writer.tooWide) this.#toJson();
  }
  #start(kind: Kind): void {
    this.#kind = kind;
    this.#writer = makers[kind](this.#nested);
    for (; this.#nulls > 0; this.#nulls--) this.#writer.push(null);
  }
  #meet(kind: Kind): void {
    if (this.#kind === "float64" && kind === "int64") return;
    if (this.#kind === "json" && (this.#nested || kind === "struct")) return;
    if ((this.#nested && !(this.#kind === "int64" && kind === "float64")) || (this.#kind === "struct" && kind === "json")) {
      this.#toJson();
      return;
    }
    if (this.#kind !== "int64" || kind !== "float64") {
      throw new ValueError(`a ${kind} in a column of ${this.#kind}`, 'declare what the column holds with features, "json" for anything');
    }
    const integers = this.#writer!.finish();
    const read = valueReader(integers);
    this.#start("float64");
    for (let i = 0; i < integers.length; i++) this.#writer!.push(read(i));
  }
  /** What was written, as JSON; what follows, too. */
  #toJson(): void {
    const before = this.#writer!;
    const read = before instanceof InferringStruct ? before.original() : valueReader(before.finish());
    const { length } = before;
    this.#start("json");
    for (let i = 0; i < length; i++) this.#writer!.push(read(i));
  }
  finish(): ColumnData {
    if (!this.#writer) this.#start("string");
    if (this.#writer instanceof InferringStruct && this.#writer.fields === 0) this.#toJson();
    return this.#writer!.finish();
  }
}
