// Decoded Parquet values into columns: texts stay UTF-8 bytes all the way, decimals become exact.
import type { ColumnData } from "../columns/column-data.js";
import { type ColumnWriter, ListWriter, writerFor } from "../columns/column-writer.js";
import { ClassLabel, type Feature, isListFeature, isStructFeature } from "../columns/features.js";
import { BinaryWriter, decimalText, StructWriter } from "../columns/other-writers.js";
import { type DecimalType, decimalOf, isDecimal } from "../columns/scalars.js";

/** Takes UTF-8 bytes. */
class Utf8Writer implements ColumnWriter {
  readonly #type: "string" | "large_string";
  readonly #bytes = new BinaryWriter("binary");
  constructor(type: "string" | "large_string") {
    this.#type = type;
  }
  get length(): number {
    return this.#bytes.length;
  }
  push(value: unknown): void {
    this.#bytes.push(typeof value === "string" ? Buffer.from(value) : value);
  }
  finish(): ColumnData {
    return { ...this.#bytes.finish(), kind: "text", type: this.#type };
  }
}

/** Big-endian two's complement. */
function signed(bytes: Uint8Array): bigint {
  let out = 0n;
  for (const byte of bytes) out = (out << 8n) | BigInt(byte);
  return bytes.length > 0 && bytes[0]! >= 0x80 ? out - (1n << BigInt(8 * bytes.length)) : out;
}

/** Takes unscaled numbers, as numbers or bytes. */
class UnscaledWriter implements ColumnWriter {
  readonly #scale: number;
  readonly #texts: ColumnWriter;
  constructor(type: DecimalType) {
    this.#scale = decimalOf(type).scale;
    this.#texts = writerFor(type);
  }
  get length(): number {
    return this.#texts.length;
  }
  push(value: unknown): void {
    const unscaled = value instanceof Uint8Array ? signed(value) : typeof value === "number" || typeof value === "bigint" ? BigInt(value) : undefined;
    this.#texts.push(unscaled === undefined ? null : decimalText(unscaled, this.#scale));
  }
  finish(): ColumnData {
    return this.#texts.finish();
  }
}

/** A writer for what the decoder gives. */
export function decodedWriter(feature: Feature): ColumnWriter {
  if (feature === "string" || feature === "large_string") return new Utf8Writer(feature);
  if (typeof feature === "string" && isDecimal(feature)) return new UnscaledWriter(feature);
  if (typeof feature === "string" || feature instanceof ClassLabel) return writerFor(feature);
  if (isListFeature(feature)) return new ListWriter(decodedWriter(feature.sequence), feature);
  if (isStructFeature(feature)) return new StructWriter(Object.entries(feature).map(([name, field]) => ({ name, writer: decodedWriter(field) })));
  return writerFor(feature);
}
