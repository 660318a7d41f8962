import type { ArrowData } from "../columns/column-data.js";
import type { ValueReader } from "../columns/value-reader.js";
export function arrowReader(_data: ArrowData): ValueReader {
  return () => null;
}
