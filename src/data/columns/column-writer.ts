// Writers: values in, a finished column in shared memory out.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { type ColumnData, type ListData, type NumberArray, type NumberData, type NumberType, numberArrays, type TextData } from "./column-data.js";
import { ClassLabel, type Feature, featureText } from "./features.js";

/** A value that the column cannot hold; whoever reads a file adds where it stands. */
export class ValueError extends ArgumentError {
  constructor(message: string, hint?: string) {
    super(message, hint === undefined ? { code: "ERR_COLUMN_VALUE" } : { code: "ERR_COLUMN_VALUE", hint });
  }
}
const shown = (value: unknown): string => inspect(value, { depth: 1, maxArrayLength: 5, maxStringLength: 60, breakLength: Infinity });

export interface ColumnWriter {
  readonly length: number;
  push(value: unknown): void;
  finish(): ColumnData;
}

/** An array in shared memory that doubles when full. */
export class Growing<A extends NumberArray | Uint32Array> {
  readonly #make: new (
    buffer: SharedArrayBuffer,
    offset?: number,
    length?: number,
  ) => A;
  #array: A;
  length = 0;

  constructor(make: new (buffer: SharedArrayBuffer) => A, bytes = 1024) {
    this.#make = make;
    this.#array = new make(new SharedArrayBuffer(bytes));
  }
  /** Room for more elements; the array may change. */
  reserve(more: number): A {
    const need = this.length + more;
    if (need > this.#array.length) {
      const grown = new this.#make(new SharedArrayBuffer(Math.max(need, this.#array.length * 2) * this.#array.BYTES_PER_ELEMENT));
      grown.set(this.#array.subarray(0, this.length));
      this.#array = grown;
    }
    return this.#array;
  }
  push(value: number): void {
    this.reserve(1)[this.length++] = value;
  }
  pushAll(values: ArrayLike<number>): void {
    this.reserve(values.length).set(values, this.length);
    this.length += values.length;
  }
  /** The elements in a buffer of their size. */
  finish(): A {
    if (this.#array.length === this.length) return this.#array;
    const out = new this.#make(new SharedArrayBuffer(this.length * this.#array.BYTES_PER_ELEMENT));
    out.set(this.#array.subarray(0, this.length));
    return out;
  }
}

/** Which rows hold null; costs nothing until one does. */
class Nulls {
  #bytes: Growing<Uint8Array> | undefined;
  mark(index: number): void {
    this.#bytes ??= new Growing(Uint8Array);
    this.#fill(index, 1);
    this.#bytes.push(0);
  }
  #fill(to: number, value: number): void {
    while (this.#bytes!.length < to) this.#bytes!.push(value);
  }
  finish(length: number): { readonly validity?: Uint8Array } {
    if (!this.#bytes) return {};
    this.#fill(length, 1);
    return { validity: this.#bytes.finish() };
  }
}

const ranges: { readonly [T in NumberType]?: readonly [number, number] } = { int32: [-(2 ** 31), 2 ** 31 - 1], int8: [-128, 127] };

export class NumberWriter implements ColumnWriter {
  readonly type: NumberType;
  readonly #values: Growing<NumberArray>;
  readonly #nulls = new Nulls();
  constructor(type: NumberType) {
    this.type = type;
    this.#values = new Growing<NumberArray>(numberArrays[type]);
  }
  get length(): number {
    return this.#values.length;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) {
      this.#nulls.mark(this.#values.length);
      this.#values.push(0);
    } else this.#values.push(this.#checked(value));
  }
  /** Many numbers that are known to fit. */
  pushAll(values: ArrayLike<number>): void {
    this.#values.pushAll(values);
  }
  #checked(value: unknown): number {
    if (this.type === "bool") {
      if (typeof value !== "boolean") throw new ValueError(`${shown(value)} is no bool`);
      return value ? 1 : 0;
    }
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number !== "number") throw new ValueError(`${shown(value)} is no ${this.type}`);
    if (this.type === "float32" || this.type === "float64") return number;
    if (!Number.isInteger(number)) throw new ValueError(`${number} is no ${this.type}`);
    if (!Number.isSafeInteger(number))
      throw new ValueError(`${number} is beyond 2^53, where not every integer has a number`, 'declare the column as "string" or "float64"');
    const range = ranges[this.type];
    if (range && (number < range[0] || number > range[1])) throw new ValueError(`${number} is outside ${this.type} (${range[0]} to ${range[1]})`);
    return number;
  }
  finish(): NumberData {
    return { kind: "number", type: this.type, length: this.length, values: this.#values.finish(), ...this.#nulls.finish(this.length) };
  }
}

const MAX_BYTES = 2 ** 32 - 1;

export class TextWriter implements ColumnWriter {
  readonly type: "string" | "json";
  readonly #offsets = new Growing(Uint32Array);
  readonly #bytes = new Growing(Uint8Array, 1 << 14);
  readonly #nulls = new Nulls();
  constructor(type: "string" | "json") {
    this.type = type;
    this.#offsets.push(0);
  }
  get length(): number {
    return this.#offsets.length - 1;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) this.#nulls.mark(this.length);
    else if (this.type === "json") this.#write(jsonText(value));
    else if (typeof value === "string") this.#write(value);
    else throw new ValueError(`${shown(value)} is no string`);
    this.#offsets.push(this.#bytes.length);
  }
  #write(text: string): void {
    const most = text.length * 3;
    const room = this.#bytes.reserve(most);
    const written = Buffer.from(room.buffer, room.byteOffset, room.byteLength).write(text, this.#bytes.length, most, "utf8");
    if (this.#bytes.length + written > MAX_BYTES) throw new ValueError("a column of text holds more than 4 GiB", "load the data in several parts");
    this.#bytes.length += written;
  }
  finish(): TextData {
    return {
      kind: "text",
      type: this.type,
      length: this.length,
      bytes: this.#bytes.finish(),
      offsets: this.#offsets.finish(),
      ...this.#nulls.finish(this.length),
    };
  }
}

function jsonText(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) throw new ValueError(`${shown(value)} cannot be written as JSON`);
  return text;
}

export class ListWriter<W extends ColumnWriter = ColumnWriter> implements ColumnWriter {
  readonly items: W;
  readonly #offsets = new Growing(Uint32Array);
  readonly #nulls = new Nulls();
  constructor(items: W) {
    this.items = items;
    this.#offsets.push(0);
  }
  get length(): number {
    return this.#offsets.length - 1;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) this.#nulls.mark(this.length);
    else if (Array.isArray(value) || ArrayBuffer.isView(value)) for (const item of value as Iterable<unknown> & object) this.items.push(item);
    else throw new ValueError(`${shown(value)} is no list`);
    this.endRow();
  }
  /** Everything written to `items` since the last row is one row. */
  endRow(): void {
    this.#offsets.push(this.items.length);
  }
  finish(): ListData {
    return { kind: "list", length: this.length, items: this.items.finish(), offsets: this.#offsets.finish(), ...this.#nulls.finish(this.length) };
  }
}

class ClassLabelWriter extends NumberWriter {
  readonly #label: ClassLabel;
  constructor(label: ClassLabel) {
    super("int64");
    this.#label = label;
  }
  override push(value: unknown): void {
    const names = this.#label.names.length;
    if (typeof value === "number" && (value < -1 || value >= names)) throw new ValueError(`${value} is no class of ${featureText(this.#label)}`);
    super.push(typeof value === "string" ? this.#label.str2int(value) : value);
  }
}

/** A writer for a declared feature: refuses what does not fit. */
export function writerFor(feature: Feature): ColumnWriter {
  if (feature instanceof ClassLabel) return new ClassLabelWriter(feature);
  if (typeof feature !== "string") return new ListWriter(writerFor(feature.sequence));
  return feature === "string" || feature === "json" ? new TextWriter(feature) : new NumberWriter(feature);
}
