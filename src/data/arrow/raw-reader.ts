// Columns as they are written to Arrow files, wherever they lie: see Mode in vectors.ts for what raw values are.
import { chunkOf } from "../columns/chunks.js";
import type { ColumnData, MemoryData, TimeData } from "../columns/column-data.js";
import { decimalOf, isDateType, isDecimal, unitOf } from "../columns/scalars.js";
import { unitsPerSecond } from "../columns/times.js";
import { wideReader } from "../columns/value-reader.js";
import { rawArrowReader } from "./reader.js";

export type RawReader = (row: number) => unknown;

function rawTime({ type, values }: TimeData): RawReader {
  if (!isDateType(type) || type === "date64") return (i) => values[i]!;
  if (type === "date32") return (i) => Math.floor(values[i]! / 86_400_000);
  const unit = unitOf(type);
  // A double of milliseconds is exact to the microsecond, not beyond.
  if (unit === "ns") return (i) => BigInt(Math.round(values[i]! * 1000)) * 1000n;
  const perMs = unitsPerSecond[unit] / 1000;
  return unit === "us" ? (i) => Math.round(values[i]! * perMs) : (i) => Math.floor(values[i]! * perMs);
}

function memoryReader(data: MemoryData): RawReader {
  switch (data.kind) {
    case "number":
      return (i) => data.values[i];
    case "wide":
      return wideReader(data);
    case "time":
      return rawTime(data);
    case "text":
    case "binary": {
      const { bytes, offsets } = data;
      if (data.kind === "binary" || !isDecimal(data.type)) return (i) => bytes.subarray(offsets[i], offsets[i + 1]);
      const { scale } = decimalOf(data.type);
      const texts = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const zeros = 10n ** BigInt(Math.max(0, -scale));
      return (i) => BigInt(texts.toString("latin1", offsets[i], offsets[i + 1]).replace(".", "")) / zeros;
    }
    case "list": {
      const read = rawReader(data.items);
      const { offsets } = data;
      return (i) => Array.from({ length: offsets[i + 1]! - offsets[i]! }, (_, k) => read(offsets[i]! + k));
    }
    case "struct": {
      const readers = data.fields.map(({ name, data: field }) => [name, rawReader(field)] as const);
      return (i) => Object.fromEntries(readers.map(([name, read]) => [name, read(i)]));
    }
    case "null":
      return () => null;
  }
}

export function rawReader(data: ColumnData): RawReader {
  if (data.kind === "arrow") return rawArrowReader(data);
  if (data.kind === "chunked") {
    const readers = data.chunks.map((chunk) => rawReader(chunk));
    return (i) => {
      const k = chunkOf(data.starts, i);
      return readers[k]!(i - data.starts[k]!);
    };
  }
  const read = memoryReader(data);
  const validity = data.kind === "null" ? undefined : data.validity;
  return validity ? (i) => (validity[i] === 0 ? null : read(i)) : read;
}
