// Reading FlatBuffers, the encoding of Arrow's metadata: every access is checked against the bytes that are there (DataView throws RangeError).

/** One table of a buffer: fields by their number in the schema. */
export class FlatTable {
  readonly view: DataView;
  readonly #at: number;
  readonly #fields: number;
  readonly #vtable: number;

  constructor(view: DataView, at: number) {
    this.view = view;
    this.#at = at;
    this.#vtable = at - view.getInt32(at, true);
    this.#fields = (view.getUint16(this.#vtable, true) - 4) >> 1;
  }
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, view.getUint32(0, true));
  }

  /** Where a field lies; 0 when it is left out and has its default. */
  #field(i: number): number {
    if (i >= this.#fields) return 0;
    const offset = this.view.getUint16(this.#vtable + 4 + i * 2, true);
    return offset === 0 ? 0 : this.#at + offset;
  }
  byte(i: number, otherwise = 0): number {
    const at = this.#field(i);
    return at === 0 ? otherwise : this.view.getUint8(at);
  }
  bool(i: number): boolean {
    return this.byte(i) !== 0;
  }
  int16(i: number, otherwise = 0): number {
    const at = this.#field(i);
    return at === 0 ? otherwise : this.view.getInt16(at, true);
  }
  int32(i: number, otherwise = 0): number {
    const at = this.#field(i);
    return at === 0 ? otherwise : this.view.getInt32(at, true);
  }
  int64(i: number): number {
    const at = this.#field(i);
    return at === 0 ? 0 : int64At(this.view, at);
  }
  table(i: number): FlatTable | undefined {
    const at = this.#field(i);
    return at === 0 ? undefined : new FlatTable(this.view, at + this.view.getUint32(at, true));
  }
  text(i: number): string | undefined {
    const at = this.#field(i);
    if (at === 0) return undefined;
    const start = at + this.view.getUint32(at, true);
    const length = this.view.getUint32(start, true);
    if (start + 4 + length > this.view.byteLength) throw new RangeError("a text goes beyond the end");
    return Buffer.from(this.view.buffer, this.view.byteOffset + start + 4, length).toString("utf8");
  }
  /** Where the items of a vector begin, and how many there are; each takes at least `itemBytes`. */
  vector(i: number, itemBytes: number): { readonly at: number; readonly length: number } {
    const at = this.#field(i);
    if (at === 0) return { at: 0, length: 0 };
    const start = at + this.view.getUint32(at, true);
    const length = this.view.getUint32(start, true);
    if (start + 4 + length * itemBytes > this.view.byteLength) throw new RangeError("a list goes beyond the end");
    return { at: start + 4, length };
  }
  tables(i: number): FlatTable[] {
    const { at, length } = this.vector(i, 4);
    return Array.from({ length }, (_, k) => new FlatTable(this.view, at + k * 4 + this.view.getUint32(at + k * 4, true)));
  }
}

/** @throws RangeError beyond 2^53 */
export function int64At(view: DataView, at: number): number {
  const value = view.getInt32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is no size`);
  return value;
}
