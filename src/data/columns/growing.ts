// What all column writers are made of: arrays in shared memory that grow, marks of nulls, and the error for a value that does not fit.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import type { ColumnData, NumberArray } from "./column-data.js";

/** A value that the column cannot hold; whoever reads a file adds where it stands. */
export class ValueError extends ArgumentError {
  constructor(message: string, hint?: string) {
    super(message, hint === undefined ? { code: "ERR_COLUMN_VALUE" } : { code: "ERR_COLUMN_VALUE", hint });
  }
}
export const shown = (value: unknown): string => inspect(value, { depth: 1, maxArrayLength: 5, maxStringLength: 60, breakLength: Infinity });

export interface ColumnWriter {
  readonly length: number;
  push(value: unknown): void;
  finish(): ColumnData;
}

/** What the offsets of one column can count. */
export const maxBytes = 2 ** 32 - 1;

/** An array in shared memory that doubles when full. */
export class Growing<A extends NumberArray> {
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
export class Nulls {
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
