// Numbers as the elements of each dtype, refusing those that it cannot hold.
import { ArgumentError } from "../errors.js";
import type { DType } from "../graph/dtype.js";
import { numberToBfloat16, numberToFloat16 } from "../graph/half.js";

type Encode = (value: number) => number | bigint;

/** Whole numbers from `low` to below `end`. */
const integer =
  (dtype: DType, low: number, end: number): Encode =>
  (v) => {
    if (!Number.isInteger(v)) throw new ArgumentError(`${v} is no ${dtype}`, { code: "ERR_DTYPE", hint: "only whole numbers fit an integer tensor" });
    if (v < low || v >= end)
      throw new ArgumentError(`${v} is no ${dtype}, which holds ${BigInt(low)} to ${BigInt(end) - 1n}`, { code: "ERR_DTYPE", hint: "use a wider dtype" });
    return dtype === "int64" ? BigInt(v) : v;
  };

/** An element of a typed array of the dtype; ArgumentError ERR_DTYPE for a number that it cannot hold. */
export const encoders: { readonly [D in DType]: Encode } = {
  float32: (v) => v,
  float64: (v) => v,
  float16: numberToFloat16,
  bfloat16: numberToBfloat16,
  int64: integer("int64", -(2 ** 63), 2 ** 63),
  int32: integer("int32", -(2 ** 31), 2 ** 31),
  uint8: integer("uint8", 0, 2 ** 8),
  int8: integer("int8", -(2 ** 7), 2 ** 7),
  bool: (v) => Number(Boolean(v)),
};
