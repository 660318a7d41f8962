// Builders of columns whose rows take the same number of bytes each, or bits.
import { numberToFloat16 } from "../../graph/half.js";
import type { ColumnData } from "../columns/column-data.js";
import { ValueError } from "../columns/growing.js";
import { ColumnBuilder, ValuesBuilder } from "./column-builder.js";
import { GrowingBits } from "./growing-bytes.js";
import type { BatchParts } from "./message-writer.js";
import { plainArrays } from "./vectors.js";

export class NullBuilder extends ColumnBuilder {
  readonly bytes = 0;
  protected pushNothing(): void {}
  protected pushValue(): void {
    throw new ValueError("a value in a column of null");
  }
  override emit(parts: BatchParts): void {
    parts.nodes.push(this.rows, this.rows);
  }
}

export class PlainNumberBuilder extends ValuesBuilder {
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

export class Int64Builder extends ValuesBuilder {
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

export class Int32Builder extends ValuesBuilder {
  protected pushNothing(): void {
    this.values.pushInt32(0);
  }
  protected pushValue(value: unknown): void {
    this.values.pushInt32(Number(value));
  }
}

export class Float16Builder extends ValuesBuilder {
  protected pushNothing(): void {
    this.values.pushZeros(2);
  }
  protected pushValue(value: unknown): void {
    this.values.elements(Uint16Array, 1)[0] = numberToFloat16(value as number);
  }
}

export class BoolBuilder extends ColumnBuilder {
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

export class DecimalBuilder extends ValuesBuilder {
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

export class FixedBytesBuilder extends ValuesBuilder {
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
