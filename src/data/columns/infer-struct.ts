// Structs whose fields are not declared: they are found in the objects.
import type { StructData } from "./column-data.js";
import { type ColumnWriter, Growing, Nulls } from "./growing.js";
import { type ValueReader, valueReader } from "./value-reader.js";

/** Objects with more different keys than these hold data in their keys. */
const mostFields = 256;

/** Takes objects; a field that one lacks is null there. */
export class InferringStruct implements ColumnWriter {
  readonly #writer: () => ColumnWriter;
  readonly #fields = new Map<string, ColumnWriter>();
  readonly #nulls = new Nulls();
  /** The keys of each row, as the number of a list of keys; 0: the row is null. */
  readonly #keys = new Growing(Uint32Array);
  readonly #keyLists: (readonly string[])[] = [[]];
  readonly #known = new Map<string, number>();

  constructor(writer: () => ColumnWriter) {
    this.#writer = writer;
  }
  get length(): number {
    return this.#keys.length;
  }
  get fields(): number {
    return this.#fields.size;
  }
  get tooWide(): boolean {
    return this.#fields.size > mostFields;
  }
  push(value: unknown): void {
    const row = this.length;
    if (value === null || value === undefined) {
      this.#nulls.mark(row);
      this.#keys.push(0);
      for (const writer of this.#fields.values()) writer.push(null);
      return;
    }
    const object = value as Readonly<Record<string, unknown>>;
    const keys = Object.keys(object).filter((key) => object[key] !== undefined);
    for (const key of keys) if (!this.#fields.has(key)) this.#fields.set(key, this.#padded(row));
    for (const [key, writer] of this.#fields) writer.push(Object.hasOwn(object, key) ? object[key] : null);
    this.#keys.push(this.#listOf(keys));
  }
  #padded(rows: number): ColumnWriter {
    const writer = this.#writer();
    for (let i = 0; i < rows; i++) writer.push(null);
    return writer;
  }
  #listOf(keys: readonly string[]): number {
    const name = JSON.stringify(keys);
    let list = this.#known.get(name);
    if (list === undefined) {
      list = this.#keyLists.push(keys) - 1;
      this.#known.set(name, list);
    }
    return list;
  }
  /** Reads the objects with the keys that they had. */
  original(): ValueReader {
    const readers = new Map([...this.#fields].map(([key, writer]) => [key, valueReader(writer.finish())]));
    const keys = this.#keys.finish();
    return (i) => (keys[i] === 0 ? null : Object.fromEntries(this.#keyLists[keys[i]!]!.map((key) => [key, readers.get(key)!(i)])));
  }
  finish(): StructData {
    const fields = [...this.#fields].map(([name, writer]) => ({ name, data: writer.finish() }));
    return { kind: "struct", length: this.length, fields, ...this.#nulls.finish(this.length) };
  }
}
