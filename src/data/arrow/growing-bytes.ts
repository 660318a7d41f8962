// Bytes that are written one after the other and used again for the next record batch.

export class GrowingBytes {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  /** Room for more; the view is over all bytes and valid until the next call. */
  reserve(more: number): DataView {
    const need = this.length + more;
    if (need > this.#bytes.length) {
      const grown = new Uint8Array(Math.ceil(Math.max(need, this.#bytes.length * 2) / 8) * 8);
      grown.set(this.#bytes.subarray(0, this.length));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return this.#view;
  }
  pushBytes(bytes: Uint8Array): void {
    this.reserve(bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
  pushZeros(count: number): void {
    this.reserve(count);
    this.#bytes.fill(0, this.length, this.length + count);
    this.length += count;
  }
  /** Numbers up to 2^53 and bigints. */
  pushInt64(value: number | bigint): void {
    const view = this.reserve(8);
    if (typeof value === "bigint") view.setBigInt64(this.length, value, true);
    else {
      view.setInt32(this.length, value | 0, true);
      view.setInt32(this.length + 4, Math.floor(value / 2 ** 32), true);
    }
    this.length += 8;
  }
  pushInt32(value: number): void {
    this.reserve(4).setInt32(this.length, value, true);
    this.length += 4;
  }
  /** All elements of a typed array's kind; where the array of the kind begins in the bytes is aligned, as every push is of one kind. */
  elements<A>(type: { new (buffer: ArrayBuffer, offset: number, length: number): A; readonly BYTES_PER_ELEMENT: number }, more: number): A {
    this.reserve(more * type.BYTES_PER_ELEMENT);
    const out = new type(this.#bytes.buffer, this.length, more);
    this.length += more * type.BYTES_PER_ELEMENT;
    return out;
  }
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }
  clear(): void {
    this.length = 0;
  }
}

/** One bit per row, the lowest first. */
export class GrowingBits {
  readonly #bytes = new GrowingBytes();
  length = 0;

  push(bit: boolean): void {
    const at = this.length & 7;
    if (at === 0) this.#bytes.pushZeros(1);
    if (bit) {
      const view = this.#bytes.reserve(0);
      view.setUint8(this.#bytes.length - 1, view.getUint8(this.#bytes.length - 1) | (1 << at));
    }
    this.length++;
  }
  pushOnes(count: number): void {
    let left = count;
    for (; left > 0 && (this.length & 7) !== 0; left--) this.push(true);
    const whole = left >> 3;
    if (whole > 0) this.#bytes.elements(Uint8Array, whole).fill(255);
    this.length += whole * 8;
    for (left -= whole * 8; left > 0; left--) this.push(true);
  }
  get bytes(): Uint8Array {
    return this.#bytes.bytes;
  }
  clear(): void {
    this.#bytes.clear();
    this.length = 0;
  }
}

/** Which rows hold null; no bytes while none does. */
export class Validity {
  readonly #bits = new GrowingBits();
  rows = 0;
  nulls = 0;

  pushValid(count = 1): void {
    if (this.nulls > 0) this.#bits.pushOnes(count);
    this.rows += count;
  }
  pushNull(): void {
    if (this.nulls === 0) this.#bits.pushOnes(this.rows);
    this.#bits.push(false);
    this.rows++;
    this.nulls++;
  }
  get bytes(): Uint8Array {
    return this.#bits.bytes;
  }
  clear(): void {
    this.#bits.clear();
    this.rows = 0;
    this.nulls = 0;
  }
}
