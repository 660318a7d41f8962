// Equal constants: one representative for all constants that hold the same numbers.
import { dtypes, type TensorData } from "../dtype.js";
import type { Value } from "../graph.js";

/** Only constants up to this many bytes are compared: axes, sizes, scalars. */
const maxBytes = 256;

function key(data: TensorData): string | undefined {
  const { buffer, byteOffset, byteLength } = data.data;
  if (byteLength > maxBytes || byteLength !== data.data.length * dtypes[data.dtype].bytes) return undefined;
  return `${data.dtype}[${data.shape}]${Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength).toString("latin1")}`;
}

/** For every constant of the list the first one that equals it (itself, mostly). Bits are compared: -0 is not 0, a NaN equals itself. */
export function equalConstants(constants: Iterable<Value>): Map<Value, Value> {
  const first = new Map<string, Value>();
  const out = new Map<Value, Value>();
  for (const value of constants) {
    const k = value.constant && key(value.constant);
    const same = k === undefined ? undefined : first.get(k);
    if (k !== undefined && !same) first.set(k, value);
    out.set(value, same ?? value);
  }
  return out;
}
