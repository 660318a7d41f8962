// Numbers into int64 arrays without a BigInt each: low and high words are written directly (all platforms that Node runs on are little-endian).
import { ArgumentError } from "../../errors.js";

/** Writes whole numbers from `at` on. @throws ArgumentError ERR_NOT_INTEGER for any other number. */
export function writeInt64(out: BigInt64Array, at: number, values: ArrayLike<number>): void {
  const words = new Int32Array(out.buffer, out.byteOffset, out.length * 2);
  for (let i = 0, w = at * 2; i < values.length; i++, w += 2) {
    const value = values[i]!;
    if ((value | 0) === value) {
      words[w] = value;
      words[w + 1] = value >> 31;
    } else if (Number.isSafeInteger(value)) out[at + i] = BigInt(value);
    else throw new ArgumentError(`${value} is no int64`, { code: "ERR_NOT_INTEGER", hint: "int64 tensors hold whole numbers up to 2^53" });
  }
}
