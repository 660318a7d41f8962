// Writers of the rarer columns: times, decimals, bytes, structs, class labels, nothing.
import type { BinaryData, ColumnData, NullData, StructData, TextData, TimeData } from "./column-data.js";
import { type ClassLabel, featureText } from "./features.js";
import { type ColumnWriter, Growing, maxBytes, Nulls, shown, ValueError } from "./growing.js";
import { type BinaryType, bytesOfFixedBinary, type DecimalType, decimalOf, isFixedBinary, type TimeType } from "./scalars.js";
import { timeNumber } from "./times.js";

/** Takes a Date, a text or a number: see TimeData. */
export class TimeWriter implements ColumnWriter {
  readonly #type: TimeType;
  readonly #values = new Growing(Float64Array);
  readonly #nulls = new Nulls();
  constructor(type: TimeType) {
    this.#type = type;
  }
  get length(): number {
    return this.#values.length;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) this.#nulls.mark(this.length);
    const number = value === null || value === undefined ? 0 : timeNumber(value, this.#type);
    if (number === undefined) throw new ValueError(`${shown(value)} is no ${this.#type}`);
    this.#values.push(number);
  }
  finish(): TimeData {
    return { kind: "time", type: this.#type, length: this.length, values: this.#values.finish(), ...this.#nulls.finish(this.length) };
  }
}

interface TextColumn extends ColumnWriter {
  finish(): TextData;
}

/** Takes numbers and texts; keeps the text with as many decimals as the scale says. */
export class DecimalWriter implements ColumnWriter {
  readonly #type: DecimalType;
  readonly #texts: TextColumn;
  constructor(type: DecimalType, texts: TextColumn) {
    this.#type = type;
    this.#texts = texts;
  }
  get length(): number {
    return this.#texts.length;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) {
      this.#texts.push(null);
      return;
    }
    const unscaled = unscaledDecimal(value, this.#type);
    if (unscaled === undefined) throw new ValueError(`${shown(value)} is no ${this.#type}`);
    this.#texts.push(decimalText(unscaled, decimalOf(this.#type).scale));
  }
  finish(): TextData {
    return { ...this.#texts.finish(), type: this.#type };
  }
}

/** 1230n of scale 2 is "12.30"; of scale -2 "123000". */
export function decimalText(unscaled: bigint, scale: number): string {
  if (scale <= 0) return unscaled === 0n ? "0" : `${unscaled}${"0".repeat(-scale)}`;
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, "0");
  return `${unscaled < 0n ? "-" : ""}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** "12.3" for scale 2 is 1230n; undefined when the value is no number, has more digits than the type or decimals that its scale would cut off. */
export function unscaledDecimal(value: unknown, type: DecimalType): bigint | undefined {
  const { precision, scale } = decimalOf(type);
  const text = typeof value === "number" || typeof value === "bigint" ? String(value) : value;
  const [, sign, whole, fraction = "", exponent = "0"] = (typeof text === "string" && /^([+-]?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/.exec(text)) || [];
  if (whole === undefined) return undefined;
  // The number is digits * 10^-shift; it has to be a whole multiple of 10^-scale.
  const shift = fraction.length - Number(exponent) - scale;
  const digits = BigInt(whole + fraction);
  const power = 10n ** BigInt(Math.abs(shift));
  if (shift > 0 && digits % power !== 0n) return undefined;
  const unscaled = shift > 0 ? digits / power : digits * power;
  if (unscaled >= 10n ** BigInt(precision)) return undefined;
  return sign === "-" ? -unscaled : unscaled;
}

export class BinaryWriter implements ColumnWriter {
  readonly #type: BinaryType;
  readonly #size: number | undefined;
  readonly #offsets = new Growing(Uint32Array);
  readonly #bytes = new Growing(Uint8Array, 1 << 14);
  readonly #nulls = new Nulls();
  constructor(type: BinaryType) {
    this.#type = type;
    this.#size = isFixedBinary(type) ? bytesOfFixedBinary(type) : undefined;
    this.#offsets.push(0);
  }
  get length(): number {
    return this.#offsets.length - 1;
  }
  push(value: unknown): void {
    const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
    if (bytes === null || bytes === undefined) this.#nulls.mark(this.length);
    else if (!(bytes instanceof Uint8Array)) throw new ValueError(`${shown(value)} is no ${this.#type}`, "give a Uint8Array");
    else if (this.#size !== undefined && bytes.length !== this.#size) throw new ValueError(`${bytes.length} bytes are no ${this.#type}`);
    else if (this.#bytes.length + bytes.length > maxBytes) throw new ValueError("a column of bytes holds more than 4 GiB", "load the data in several parts");
    else this.#bytes.pushAll(bytes);
    this.#offsets.push(this.#bytes.length);
  }
  finish(): BinaryData {
    const { length } = this;
    return { kind: "binary", type: this.#type, length, bytes: this.#bytes.finish(), offsets: this.#offsets.finish(), ...this.#nulls.finish(length) };
  }
}

/** Takes objects; a field that one lacks is null there, one that the struct does not have is an error. */
export class StructWriter implements ColumnWriter {
  readonly #fields: readonly { readonly name: string; readonly writer: ColumnWriter }[];
  readonly #names: ReadonlySet<string>;
  readonly #nulls = new Nulls();
  #length = 0;
  constructor(fields: readonly { readonly name: string; readonly writer: ColumnWriter }[]) {
    this.#fields = fields;
    this.#names = new Set(fields.map(({ name }) => name));
  }
  get length(): number {
    return this.#length;
  }
  push(value: unknown): void {
    if (value === null || value === undefined) {
      this.#nulls.mark(this.#length);
      for (const { writer } of this.#fields) writer.push(null);
    } else {
      if (typeof value !== "object" || Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Date)
        throw new ValueError(`${shown(value)} is no object with ${[...this.#names].join(", ") || "no fields"}`);
      const unknown = Object.keys(value).find((name) => !this.#names.has(name));
      if (unknown !== undefined)
        throw new ValueError(`${shown(value)} has a field ${JSON.stringify(unknown)}`, `the fields are ${[...this.#names].join(", ")}`);
      for (const { name, writer } of this.#fields) this.#field(name, writer, Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : null);
    }
    this.#length++;
  }
  #field(name: string, writer: ColumnWriter, value: unknown): void {
    try {
      writer.push(value);
    } catch (error) {
      throw error instanceof ValueError ? new ValueError(`field ${name}: ${error.message}`) : error;
    }
  }
  finish(): StructData {
    const fields = this.#fields.map(({ name, writer }): { name: string; data: ColumnData } => ({ name, data: writer.finish() }));
    return { kind: "struct", length: this.#length, fields, ...this.#nulls.finish(this.#length) };
  }
}

export class NullWriter implements ColumnWriter {
  length = 0;
  push(value: unknown): void {
    if (value !== null && value !== undefined) throw new ValueError(`${shown(value)} in a column of null`);
    this.length++;
  }
  finish(): NullData {
    return { kind: "null", length: this.length };
  }
}

/** Takes numbers of classes and their names. */
export class ClassLabelWriter implements ColumnWriter {
  readonly #label: ClassLabel;
  readonly #numbers: ColumnWriter;
  constructor(label: ClassLabel, numbers: ColumnWriter) {
    this.#label = label;
    this.#numbers = numbers;
  }
  get length(): number {
    return this.#numbers.length;
  }
  push(value: unknown): void {
    const names = this.#label.names.length;
    if ((typeof value === "number" || typeof value === "bigint") && (value < -1 || value >= names))
      throw new ValueError(`${value} is no class of ${featureText(this.#label)}`);
    this.#numbers.push(typeof value === "string" ? this.#label.str2int(value) : value);
  }
  finish(): ColumnData {
    return this.#numbers.finish();
  }
}
