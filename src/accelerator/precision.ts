// What an Accelerator computes matrix products in, and whether this machine can.
import { ArgumentError } from "../errors.js";
import { bfloat16Engine } from "../runtime/gemm-engine.js";
import type { Precision } from "../settings.js";

export interface AutocastOptions {
  /** false: float32, whatever the Accelerator's mixedPrecision is. Default true. */
  readonly enabled?: boolean;
}

/**
 * The precision for the compiler.
 * @throws ArgumentError for fp16; AccelerateError ERR_DNNL_MISSING, ERR_BF16_PROCESSOR where bf16 cannot be computed, with what to do.
 */
export function compilerPrecision(mixedPrecision: Precision, warn: (text: string) => void): "no" | "bf16" {
  if (mixedPrecision === "no") return "no";
  if (mixedPrecision !== "bf16")
    throw new ArgumentError(`mixedPrecision ${mixedPrecision}: CPUs multiply matrices of float16 no faster than of float32`, {
      hint: 'give "bf16", which needs no loss scale either, or "no", here and for the launcher',
    });
  const engine = bfloat16Engine();
  if (engine.bfloat16 === "emulated")
    warn(`mixedPrecision bf16: this processor (${engine.processor}) has no instructions for bfloat16, so steps are slower than with "no"`);
  return "bf16";
}
