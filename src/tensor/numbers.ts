// The numbers of a tensor as plain ones, in nested lists.
import { AccelerateError, ArgumentError } from "../errors.js";
import type { DType, TypedArray } from "../graph/dtype.js";
import { bfloat16ToNumber, float16ToNumber } from "../graph/half.js";
import type { NestedNumbers } from "./types.js";

const decoders: { readonly [D in DType]?: (bits: number) => number } = { float16: float16ToNumber, bfloat16: bfloat16ToNumber };
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/** Plain numbers of a typed array; an int64 beyond 2^53 is an error. */
export function* numbersOf(dtype: DType, data: TypedArray): Generator<number> {
  const decode = decoders[dtype];
  for (const [i, v] of data.entries()) {
    if (typeof v !== "bigint") yield decode ? decode(v) : v;
    else if (v > maxSafe || v < -maxSafe)
      throw new ArgumentError(`int64 ${v} at position ${i} is beyond 2^53 and no plain number`, { code: "ERR_INT64_RANGE", hint: "read it with data()" });
    else yield Number(v);
  }
}

/** Takes numbers in row-major order into nested lists. */
export function nest(numbers: Iterator<number>, shape: readonly number[], dim = 0): NestedNumbers {
  if (dim === shape.length) return numbers.next().value as number;
  return Array.from({ length: shape[dim]! }, () => nest(numbers, shape, dim + 1));
}

const insteadOf = { text: "await x.toArray()", number: "x.add(y), x.gt(y), ..., or await x.item()", JSON: "await x.item() or await x.toArray()" } as const;

/** The error of a tensor where a plain value is expected: its numbers may not be there yet. */
export const coerced = (kind: keyof typeof insteadOf): AccelerateError =>
  new AccelerateError("ERR_TENSOR_COERCED", `a tensor was used as ${kind === "JSON" ? "" : "a plain "}${kind}`, { hint: `write ${insteadOf[kind]}` });
