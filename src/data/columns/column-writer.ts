// Writers: values in, a finished column in shared memory out.
import { float16ToNumber, numberToFloat16 } from "../../graph/half.js";
import { type ListData, type NumberArray, type NumberData, type NumberType, numberArrays, type TextData, type WideData, type WideType } from "./column-data.js";
import { stringifyJson } from "./exact-json.js";
import { ClassLabel, type Feature, isListFeature } from "./features.js";
import { type ColumnWriter, Growing, maxBytes, Nulls, shown, ValueError } from "./growing.js";
import { BinaryWriter, ClassLabelWriter, DecimalWriter, NullWriter, StructWriter, TimeWriter } from "./other-writers.js";
import { isBinaryType, isDecimal, isTimeType, type ScalarType } from "./scalars.js";

export { type ColumnWriter, Growing, ValueError } from "./growing.js";

const ranges: { readonly [T in NumberType]?: readonly [number, number] } = {
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int16: [-(2 ** 15), 2 ** 15 - 1],
  int8: [-128, 127],
  uint64: [0, 2 ** 53],
  uint32: [0, 2 ** 32 - 1],
  uint16: [0, 2 ** 16 - 1],
  uint8: [0, 255],
};
const wideRanges: { readonly [type: string]: readonly [bigint, bigint] } = { int64: [-(2n ** 63n), 2n ** 63n - 1n], uint64: [0n, 2n ** 64n - 1n] };
const isFloat = (type: NumberType): boolean => type === "float16" || type === "float32" || type === "float64";

export class NumberWriter implements ColumnWriter {
  readonly type: NumberType;
  readonly #values: Growing<NumberArray>;
  readonly #nulls = new Nulls();
  /** Integers beyond 2^53, by their row. */
  readonly #wide = new Map<number, bigint>();
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
    } else {
      const number = this.#checked(value);
      if (typeof value === "bigint" && !Number.isSafeInteger(number) && !isFloat(this.type)) this.#wide.set(this.#values.length, value);
      this.#values.push(number);
    }
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
    if (this.type === "float16") return float16ToNumber(numberToFloat16(number));
    if (isFloat(this.type)) return number;
    if (!Number.isInteger(number)) throw new ValueError(`${number} is no ${this.type}`);
    const wide = typeof value === "bigint" ? wideRanges[this.type] : undefined;
    if (wide) {
      if ((value as bigint) >= wide[0] && (value as bigint) <= wide[1]) return number;
      throw new ValueError(`${value} is outside ${this.type} (${wide[0]} to ${wide[1]})`);
    }
    if (!Number.isSafeInteger(number))
      throw new ValueError(`${number} is beyond 2^53, where not every integer has a number`, 'declare the column as "string" or "float64"');
    const range = ranges[this.type];
    if (range && (number < range[0] || number > range[1])) throw new ValueError(`${number} is outside ${this.type} (${range[0]} to ${range[1]})`);
    return number;
  }
  finish(): NumberData | WideData {
    if (this.#wide.size > 0) return this.#wideData();
    return { kind: "number", type: this.type, length: this.length, values: this.#values.finish(), ...this.#nulls.finish(this.length) };
  }
  #wideData(): WideData {
    const numbers = this.#values.finish();
    const values = new BigInt64Array(new SharedArrayBuffer(this.length * 8));
    for (let i = 0; i < this.length; i++) values[i] = this.#wide.get(i) ?? BigInt(numbers[i]!);
    return { kind: "wide", type: this.type as WideType, length: this.length, values, ...this.#nulls.finish(this.length) };
  }
}

export class TextWriter implements ColumnWriter {
  readonly type: "string" | "large_string" | "json";
  readonly #offsets = new Growing(Uint32Array);
  readonly #bytes = new Growing(Uint8Array, 1 << 14);
  readonly #nulls = new Nulls();
  constructor(type: "string" | "large_string" | "json") {
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
    if (this.#bytes.length + written > maxBytes) throw new ValueError("a column of text holds more than 4 GiB", "load the data in several parts");
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
  let text: string | undefined;
  try {
    text = stringifyJson(value);
  } catch (error) {
    throw new ValueError(`${shown(value)} cannot be written as JSON (${(error as Error).message.split("\n", 1)[0]})`);
  }
  if (text === undefined || (text === "{}" && isOpaque(value))) throw new ValueError(`${shown(value)} cannot be written as JSON`);
  return text;
}
/** Maps, sets, promises: what they hold is not in their properties, and JSON would have nothing of it. */
function isOpaque(value: unknown): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype !== Object.prototype && prototype !== null && Object.keys(value as object).length === 0 && !("toJSON" in (value as object));
}

export class ListWriter<W extends ColumnWriter = ColumnWriter> implements ColumnWriter {
  readonly items: W;
  readonly #form: { readonly length?: number; readonly large?: true };
  readonly #offsets = new Growing(Uint32Array);
  readonly #nulls = new Nulls();
  /** @param form length: of every list; large: as in the feature */
  constructor(items: W, form: { readonly length?: number; readonly large?: true } = {}) {
    this.items = items;
    this.#form = form;
    this.#offsets.push(0);
  }
  get length(): number {
    return this.#offsets.length - 1;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) this.#nulls.mark(this.length);
    else if (!Array.isArray(value) && (!ArrayBuffer.isView(value) || value instanceof DataView)) throw new ValueError(`${shown(value)} is no list`);
    else {
      const { length } = this.#form;
      const items = value as ArrayLike<unknown>;
      if (length !== undefined && items.length !== length) throw new ValueError(`a list of ${items.length} in a column of lists of ${length}`);
      for (let i = 0; i < items.length; i++) this.items.push(items[i]);
    }
    this.endRow();
  }
  /** Everything written to `items` since the last row is one row. */
  endRow(): void {
    this.#offsets.push(this.items.length);
  }
  finish(): ListData {
    const { length: size, large } = this.#form;
    return {
      kind: "list",
      length: this.length,
      items: this.items.finish(),
      offsets: this.#offsets.finish(),
      ...this.#nulls.finish(this.length),
      ...(size === undefined ? {} : { size }),
      ...(large ? { large } : {}),
    };
  }
}

/** A writer for a declared feature: refuses what does not fit. */
export function writerFor(feature: Feature): ColumnWriter {
  if (feature instanceof ClassLabel) return new ClassLabelWriter(feature, new NumberWriter("int64"));
  if (typeof feature === "string") return scalarWriter(feature);
  if (isListFeature(feature)) return new ListWriter(writerFor(feature.sequence), feature);
  return new StructWriter(Object.entries(feature).map(([name, field]) => ({ name, writer: writerFor(field as Feature) })));
}

function scalarWriter(feature: ScalarType): ColumnWriter {
  if (feature === "string" || feature === "large_string" || feature === "json") return new TextWriter(feature);
  if (feature === "null") return new NullWriter();
  if (isDecimal(feature)) return new DecimalWriter(feature, new TextWriter("string"));
  if (isBinaryType(feature)) return new BinaryWriter(feature);
  return isTimeType(feature) ? new TimeWriter(feature) : new NumberWriter(feature);
}
