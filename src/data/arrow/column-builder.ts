// Builders of the buffers of one column of a record batch: fed with rows of our columns, whole ranges at once where the bytes can be copied.
import type { BinaryData, ColumnData, ListData, TextData } from "../columns/column-data.js";
import { chunkOf } from "../columns/chunks.js";
import { decimalOf, isDecimal, type NumberType } from "../columns/scalars.js";
import { ValueError } from "../columns/growing.js";
import { GrowingBits, GrowingBytes, Validity } from "./growing-bytes.js";
import type { Layout } from "./layout.js";
import type { BatchParts } from "./message-writer.js";
import { type RawReader, rawReader } from "./raw-reader.js";
import { float16Bits } from "./float16.js";
import { plainArrays } from "./vectors.js";

/** Takes raw values, see Mode in vectors.ts. */
export abstract class ColumnBuilder {
  protected readonly validity = new Validity();

  get rows(): number {
    return this.validity.rows;
  }
  /** How much it will write, nearly. */
  abstract readonly bytes: number;
  push(value: unknown): void {
    if (value === null || value === undefined) {
      this.validity.pushNull();
      this.pushNothing();
    } else {
      this.validity.pushValid();
      this.pushValue(value);
    }
  }
  protected abstract pushNothing(): void;
  protected abstract pushValue(value: unknown): void;
  /** Rows start..end of a column of the builder's type (or of nulls); through indices: rows indices[start]..indices[end]. */
  append(data: ColumnData, start: number, end: number, indices?: Uint32Array, read?: RawReader): void {
    if (data.kind === "chunked" && !indices) {
      for (let at = start, k = chunkOf(data.starts, start); at < end; k++) {
        const [first, past] = [data.starts[k]!, Math.min(end, data.starts[k + 1]!)];
        this.append(data.chunks[k]!, at - first, past - first);
        at = past;
      }
    } else if (indices || !this.copy(data, start, end)) {
      const value = read ?? rawReader(data);
      for (let i = start; i < end; i++) this.push(value(indices ? indices[i]! : i));
    }
  }
  /** Copies a range if the data lies in memory as the builder needs it; false: it does not. */
  protected copy(_data: ColumnData, _start: number, _end: number): boolean {
    return false;
  }
  /** Marks rows as `data` does; false when some are null, and nothing is marked. */
  protected allValid(validity: Uint8Array | undefined, start: number, end: number): boolean {
    if (validity) for (let i = start; i < end; i++) if (validity[i] === 0) return false;
    this.validity.pushValid(end - start);
    return true;
  }
  /** Adds nodes and buffers, children's too. They are valid until clear(). */
  emit(parts: BatchParts): void {
    parts.nodes.push(this.rows, this.validity.nulls);
    parts.buffers.push(this.validity.bytes);
  }
  clear(): void {
    this.validity.clear();
  }
}

class NullBuilder extends ColumnBuilder {
  readonly bytes = 0;
  protected pushNothing(): void {}
  protected pushValue(): void {
    throw new ValueError("a value in a column of null");
  }
  override emit(parts: BatchParts): void {
    parts.nodes.push(this.rows, this.rows);
  }
}

abstract class ValuesBuilder extends ColumnBuilder {
  protected readonly values = new GrowingBytes();
  get bytes(): number {
    return this.values.length;
  }
  override emit(parts: BatchParts): void {
    super.emit(parts);
    parts.buffers.push(this.values.bytes);
  }
  override clear(): void {
    super.clear();
    this.values.clear();
  }
}

class PlainNumberBuilder extends ValuesBuilder {
  readonly #type: keyof typeof plainArrays;
  constructor(type: keyof typeof plainArrays) {
    super();
    this.#type = type;
  }
  #array(count: number): Float64Array {
    return this.values.elements(plainArrays[this.#type] as typeof Float64Array, count);
  }
  protected pushNothing(): void {
    this.#array(1)[0] = 0;
  }
  protected pushValue(value: unknown): void {
    this.#array(1)[0] = value as number;
  }
  protected override copy(data: ColumnData, start: number, end: number): boolean {
    if (data.kind !== "number" || data.type !== this.#type || !this.allValid(data.validity, start, end)) return false;
    this.#array(end - start).set(data.values.subarray(start, end));
    return true;
  }
}

class Int64Builder extends ValuesBuilder {
  protected pushNothing(): void {
    this.values.pushZeros(8);
  }
  protected pushValue(value: unknown): void {
    this.values.pushInt64(typeof value === "bigint" ? BigInt.asIntN(64, value) : (value as number));
  }
  protected override copy(data: ColumnData, start: number, end: number): boolean {
    if (data.kind !== "number" || !this.allValid(data.validity, start, end)) return false;
    const words = this.values.elements(Int32Array, (end - start) * 2);
    for (let i = start, w = 0; i < end; i++, w += 2) {
      const value = data.values[i]!;
      words[w] = value;
      words[w + 1] = (value | 0) === value ? value >> 31 : Math.floor(value / 2 ** 32);
    }
    return true;
  }
}

class Int32Builder extends ValuesBuilder {
  protected pushNothing(): void {
    this.values.pushInt32(0);
  }
  protected pushValue(value: unknown): void {
    this.values.pushInt32(Number(value));
  }
}

class Float16Builder extends ValuesBuilder {
  protected pushNothing(): void {
    this.values.pushZeros(2);
  }
  protected pushValue(value: unknown): void {
    this.values.elements(Uint16Array, 1)[0] = float16Bits(value as number);
  }
}

class BoolBuilder extends ColumnBuilder {
  readonly #bits = new GrowingBits();
  get bytes(): number {
    return this.#bits.bytes.length;
  }
  protected pushNothing(): void {
    this.#bits.push(false);
  }
  protected pushValue(value: unknown): void {
    this.#bits.push(Boolean(value));
  }
  override emit(parts: BatchParts): void {
    super.emit(parts);
    parts.buffers.push(this.#bits.bytes);
  }
  override clear(): void {
    super.clear();
    this.#bits.clear();
  }
}

class DecimalBuilder extends ValuesBuilder {
  readonly #words: number;
  constructor(words: number) {
    super();
    this.#words = words;
  }
  protected pushNothing(): void {
    this.values.pushZeros(this.#words * 8);
  }
  protected pushValue(value: unknown): void {
    for (let k = 0; k < this.#words; k++) this.values.pushInt64(BigInt.asIntN(64, (value as bigint) >> BigInt(64 * k)));
  }
}

class FixedBytesBuilder extends ValuesBuilder {
  readonly #width: number;
  constructor(width: number) {
    super();
    this.#width = width;
  }
  protected pushNothing(): void {
    this.values.pushZeros(this.#width);
  }
  protected pushValue(value: unknown): void {
    this.values.pushBytes(value as Uint8Array);
  }
}

const most32 = 2 ** 31 - 1;

/** Where each row begins and ends, with 32 or 64 bits. */
class Offsets {
  readonly #large: boolean;
  readonly #values = new GrowingBytes();
  constructor(large: boolean) {
    this.#large = large;
    this.push(0);
  }
  push(end: number): void {
    if (this.#large) this.#values.pushInt64(end);
    else if (end > most32)
      throw new ValueError("the rows of one record batch hold more than 2 GiB", 'declare the column as "large_string", "large_binary" or { large: true }');
    else this.#values.pushInt32(end);
  }
  /** The ends of rows, which begin at `base` here and at offsets[start] there. */
  pushRange(offsets: Uint32Array, start: number, end: number, base: number): void {
    const shift = base - offsets[start]!;
    if (this.#large) for (let i = start + 1; i <= end; i++) this.push(offsets[i]! + shift);
    else {
      if (offsets[end]! + shift > most32) this.push(offsets[end]! + shift);
      const out = this.#values.elements(Int32Array, end - start);
      for (let i = 0; i < out.length; i++) out[i] = offsets[start + 1 + i]! + shift;
    }
  }
  get bytes(): Uint8Array {
    return this.#values.bytes;
  }
  clear(): void {
    this.#values.clear();
    this.push(0);
  }
}

class BytesBuilder extends ValuesBuilder {
  readonly #offsets: Offsets;
  readonly #kind: "text" | "binary";
  constructor(kind: "text" | "binary", large: boolean) {
    super();
    this.#kind = kind;
    this.#offsets = new Offsets(large);
  }
  protected pushNothing(): void {
    this.#offsets.push(this.values.length);
  }
  protected pushValue(value: unknown): void {
    this.values.pushBytes(value as Uint8Array);
    this.#offsets.push(this.values.length);
  }
  protected override copy(data: ColumnData, start: number, end: number): boolean {
    if (data.kind !== this.#kind || (data.kind === "text" && isDecimal(data.type)) || !this.allValid((data as TextData | BinaryData).validity, start, end))
      return false;
    const { bytes, offsets } = data as TextData | BinaryData;
    this.#offsets.pushRange(offsets, start, end, this.values.length);
    this.values.pushBytes(bytes.subarray(offsets[start], offsets[end]));
    return true;
  }
  override emit(parts: BatchParts): void {
    parts.nodes.push(this.rows, this.validity.nulls);
    parts.buffers.push(this.validity.bytes, this.#offsets.bytes, this.values.bytes);
  }
  override clear(): void {
    super.clear();
    this.#offsets.clear();
  }
}

class ListBuilder extends ColumnBuilder {
  readonly #offsets: Offsets;
  readonly #items: ColumnBuilder;
  constructor(items: ColumnBuilder, large: boolean) {
    super();
    this.#items = items;
    this.#offsets = new Offsets(large);
  }
  get bytes(): number {
    return this.rows * 4 + this.#items.bytes;
  }
  protected pushNothing(): void {
    this.#offsets.push(this.#items.rows);
  }
  protected pushValue(value: unknown): void {
    for (const item of value as readonly unknown[]) this.#items.push(item);
    this.#offsets.push(this.#items.rows);
  }
  protected override copy(data: ColumnData, start: number, end: number): boolean {
    if (data.kind !== "list" || !this.allValid(data.validity, start, end)) return false;
    const { offsets, items }: ListData = data;
    this.#offsets.pushRange(offsets, start, end, this.#items.rows);
    if (offsets[end]! > offsets[start]!) this.#items.append(items, offsets[start]!, offsets[end]!);
    return true;
  }
  override emit(parts: BatchParts): void {
    super.emit(parts);
    parts.buffers.push(this.#offsets.bytes);
    this.#items.emit(parts);
  }
  override clear(): void {
    super.clear();
    this.#offsets.clear();
    this.#items.clear();
  }
}

class FixedListBuilder extends ColumnBuilder {
  readonly #size: number;
  readonly #items: ColumnBuilder;
  constructor(items: ColumnBuilder, size: number) {
    super();
    this.#items = items;
    this.#size = size;
  }
  get bytes(): number {
    return this.#items.bytes;
  }
  protected pushNothing(): void {
    for (let k = 0; k < this.#size; k++) this.#items.push(null);
  }
  protected pushValue(value: unknown): void {
    for (const item of value as readonly unknown[]) this.#items.push(item);
  }
  override emit(parts: BatchParts): void {
    super.emit(parts);
    this.#items.emit(parts);
  }
  override clear(): void {
    super.clear();
    this.#items.clear();
  }
}

class StructBuilder extends ColumnBuilder {
  readonly #fields: readonly { readonly name: string; readonly builder: ColumnBuilder }[];
  constructor(fields: readonly { readonly name: string; readonly builder: ColumnBuilder }[]) {
    super();
    this.#fields = fields;
  }
  get bytes(): number {
    return this.#fields.reduce((sum, { builder }) => sum + builder.bytes, 0);
  }
  protected pushNothing(): void {
    for (const { builder } of this.#fields) builder.push(null);
  }
  protected pushValue(value: unknown): void {
    for (const { name, builder } of this.#fields) builder.push((value as Record<string, unknown>)[name]);
  }
  protected override copy(data: ColumnData, start: number, end: number): boolean {
    if (data.kind !== "struct" || !this.allValid(data.validity, start, end)) return false;
    this.#fields.forEach(({ builder }, i) => {
      builder.append(data.fields[i]!.data, start, end);
    });
    return true;
  }
  override emit(parts: BatchParts): void {
    super.emit(parts);
    for (const { builder } of this.#fields) builder.emit(parts);
  }
  override clear(): void {
    super.clear();
    for (const { builder } of this.#fields) builder.clear();
  }
}

function numberBuilder(type: NumberType): ColumnBuilder {
  if (type === "bool") return new BoolBuilder();
  if (type === "float16") return new Float16Builder();
  return type === "int64" || type === "uint64" ? new Int64Builder() : new PlainNumberBuilder(type);
}

export function columnBuilder(layout: Layout): ColumnBuilder {
  switch (layout.kind) {
    case "null":
      return new NullBuilder();
    case "number":
      return numberBuilder(layout.type);
    case "time":
      return layout.bits === 64 ? new Int64Builder() : new Int32Builder();
    case "decimal":
      return new DecimalBuilder(decimalOf(layout.type).bits / 64);
    case "text":
    case "binary":
      return new BytesBuilder(layout.kind, layout.large);
    case "fixed-binary":
      return new FixedBytesBuilder(layout.width);
    case "list":
      return new ListBuilder(columnBuilder(layout.items), layout.large);
    case "fixed-list":
      return new FixedListBuilder(columnBuilder(layout.items), layout.size);
    case "struct":
      return new StructBuilder(layout.fields.map(({ name, layout: field }) => ({ name, builder: columnBuilder(field) })));
    case "dictionary":
      return columnBuilder(layout.values);
  }
}
