// What graphs are lowered for: an engine of ONNX Runtime's, and the library's own kernels on it.
import type { DType } from "../../dtype.js";

/** The devices by their kind; the same names as in runtime/device.ts. */
export type TargetType = "cpu" | "cuda" | "webgpu";

export interface Target {
  readonly type: TargetType;
  /** Ops of the domain accelerate_ts that have a kernel there: "Dropout" for float32, "Dropout:float16" and "Dropout:bfloat16" for the narrow types. */
  readonly kernels: ReadonlySet<string>;
  /** Whether it computes in float16. */
  readonly half: boolean;
}

/** Whether one of the library's own ops has a kernel for numbers of a type. The processor has all of them, for float32 and float64. */
export function hasKernel({ type, kernels }: Target, op: string, dtype: DType): boolean {
  const wide = dtype !== "float16" && dtype !== "bfloat16";
  if (type === "cpu") return wide;
  return kernels.has(wide ? op : `${op}:${dtype}`);
}
