// Builders of columns whose rows are of any length, or made of other columns: texts, bytes, lists, structs.
import type { BinaryData, ColumnData, ListData, TextData } from "../columns/column-data.js";
import { ValueError } from "../columns/growing.js";
import { isDecimal } from "../columns/scalars.js";
import { ColumnBuilder, ValuesBuilder } from "./column-builder.js";
import { GrowingBytes } from "./growing-bytes.js";
import type { BatchParts } from "./message-writer.js";

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

export class BytesBuilder extends ValuesBuilder {
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

export class ListBuilder extends ColumnBuilder {
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

export class FixedListBuilder extends ColumnBuilder {
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

export class StructBuilder extends ColumnBuilder {
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
