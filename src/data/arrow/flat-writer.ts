// Writing FlatBuffers, front to back: a table, then what it refers to, so that every reference points forward as the format asks.

/** What a field of a table holds; undefined: left out. */
export type FlatField = { readonly as: "byte" | "int16" | "int32" | "int64"; readonly value: number } | { readonly as: "ref"; readonly to: FlatObject };
export type FlatObject =
  | { readonly kind: "table"; readonly fields: readonly (FlatField | undefined)[] }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "tables"; readonly items: readonly FlatObject[] }
  /** Structs of int64 numbers, one after the other. */
  | { readonly kind: "words"; readonly words: ArrayLike<number>; readonly count: number };

export const table = (...fields: (FlatField | undefined)[]): FlatObject => ({ kind: "table", fields });
export const byte = (value: number | boolean): FlatField => ({ as: "byte", value: Number(value) });
export const int16 = (value: number): FlatField => ({ as: "int16", value });
export const int32 = (value: number): FlatField => ({ as: "int32", value });
export const int64 = (value: number): FlatField => ({ as: "int64", value });
export const ref = (to: FlatObject): FlatField => ({ as: "ref", to });
export const text = (value: string): FlatField => ref({ kind: "text", text: value });
export const tables = (items: readonly FlatObject[]): FlatField => ref({ kind: "tables", items });
/** @param count of structs, of words.length / count numbers each */
export const words = (values: ArrayLike<number>, count: number): FlatField => ref({ kind: "words", words: values, count });

const sizes = { byte: 1, int16: 2, int32: 4, int64: 8, ref: 4 } as const;

class FlatWriter {
  #bytes = Buffer.alloc(1024);
  #length = 0;

  /** Room for bytes at a place whose number, plus `before`, is a multiple of `align`. */
  #room(bytes: number, align: number, before = 0): number {
    const at = Math.ceil((this.#length + before) / align) * align - before;
    if (at + bytes > this.#bytes.length) {
      const grown = Buffer.alloc(Math.max(at + bytes, this.#bytes.length * 2));
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    this.#length = at + bytes;
    return at;
  }
  #refer(from: number, to: FlatObject): void {
    const at = this.#write(to); // it may replace the bytes
    this.#bytes.writeUInt32LE(at - from, from);
  }
  #write(object: FlatObject): number {
    switch (object.kind) {
      case "table":
        return this.#table(object.fields);
      case "text": {
        const bytes = Buffer.from(object.text, "utf8");
        const at = this.#room(4 + bytes.length + 1, 4);
        this.#bytes.writeUInt32LE(bytes.length, at);
        bytes.copy(this.#bytes, at + 4);
        return at;
      }
      case "tables": {
        const at = this.#room(4 + object.items.length * 4, 4);
        this.#bytes.writeUInt32LE(object.items.length, at);
        object.items.forEach((item, i) => {
          this.#refer(at + 4 + i * 4, item);
        });
        return at;
      }
      default: {
        const { words: numbers, count } = object;
        const at = this.#room(4 + numbers.length * 8, 8, 4);
        this.#bytes.writeUInt32LE(count, at);
        for (let i = 0; i < numbers.length; i++) this.#int64(numbers[i]!, at + 4 + i * 8);
        return at;
      }
    }
  }
  #int64(value: number, at: number): void {
    this.#bytes.writeInt32LE(value | 0, at); // the low word: ToInt32 is modulo 2^32
    this.#bytes.writeInt32LE(Math.floor(value / 2 ** 32), at + 4);
  }
  #table(fields: readonly (FlatField | undefined)[]): number {
    // Wide fields first: each is then aligned to its size.
    const order = fields.map((field, i) => ({ field, i })).filter(({ field }) => field !== undefined);
    order.sort((a, b) => sizes[b.field!.as] - sizes[a.field!.as]);
    const wide = order.length > 0 && order[0]!.field!.as === "int64";
    const vtable = this.#room(4 + fields.length * 2, 2);
    let size = wide ? 8 : 4; // after the reference to the vtable, at least
    const offsets = new Map<number, number>();
    for (const { field, i } of order) {
      offsets.set(i, size);
      size += sizes[field!.as];
    }
    const at = this.#room(size, wide ? 8 : 4);
    this.#bytes.writeUInt16LE(4 + fields.length * 2, vtable);
    this.#bytes.writeUInt16LE(size, vtable + 2);
    fields.forEach((_, i) => {
      this.#bytes.writeUInt16LE(offsets.get(i) ?? 0, vtable + 4 + i * 2);
    });
    this.#bytes.writeInt32LE(at - vtable, at);
    for (const { field, i } of order) this.#field(field!, at + offsets.get(i)!);
    return at;
  }
  #field(field: FlatField, at: number): void {
    if (field.as === "ref") this.#refer(at, field.to);
    else if (field.as === "int64") this.#int64(field.value, at);
    else this.#bytes.writeIntLE(field.as === "byte" ? (field.value << 24) >> 24 : field.value, at, sizes[field.as]);
  }
  finish(root: FlatObject): Buffer {
    const at = this.#room(4, 4);
    this.#refer(at, root);
    this.#room(0, 8);
    return this.#bytes.subarray(0, this.#length);
  }
}

/** The bytes of a buffer with a root table, a multiple of 8. */
export const flatBytes = (root: FlatObject): Buffer => new FlatWriter().finish(root);
