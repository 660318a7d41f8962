// Builders of the buffers of one column of a record batch: fed with rows of our columns, whole ranges at once where the bytes can be copied.
import { chunkOf } from "../columns/chunks.js";
import type { ColumnData } from "../columns/column-data.js";
import { GrowingBytes, Validity } from "./growing-bytes.js";
import type { BatchParts } from "./message-writer.js";
import { type RawReader, rawReader } from "./raw-reader.js";

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

/** With one buffer of values beside that of the nulls. */
export abstract class ValuesBuilder extends ColumnBuilder {
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
