// Half precision bits (IEEE float16 and bfloat16) to float32, for whole arrays: what reading a checkpoint does most.
import { float16ToNumber } from "../graph/half.js";

let table: Float32Array | undefined;

/** The value of every float16: 256 KB, made at the first use. */
const float16Table = (): Float32Array => {
  table ??= Float32Array.from({ length: 65536 }, (_, bits) => float16ToNumber(bits));
  return table;
};

/** Writes float16 bits as float32. */
export function float16ToFloat32(from: Uint16Array, into: Float32Array): void {
  const values = float16Table();
  for (let i = 0; i < from.length; i++) into[i] = values[from[i]!]!;
}

/** Writes bfloat16 bits as float32: they are its upper half. */
export function bfloat16ToFloat32(from: Uint16Array, into: Float32Array): void {
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length);
  for (let i = 0; i < from.length; i++) bits[i] = from[i]! << 16;
}
