// What an Accelerator computes matrix products in, and whether its device can.
import { ArgumentError } from "../errors.js";
import { GradScaler, type GradScalerOptions } from "../optim/index.js";
import { cpu, type Device } from "../runtime/index.js";
import { bfloat16Engine } from "../runtime/gemm-engine.js";
import type { Precision } from "../settings.js";

export interface AutocastOptions {
  /** false: float32, whatever the Accelerator's mixedPrecision is. Default true. */
  readonly enabled?: boolean;
}

/**
 * The precision for the compiler. Whether a WebGPU adapter computes in float16 is found out when it is opened.
 * @throws AccelerateError ERR_DNNL_MISSING, ERR_BF16_PROCESSOR where the processor cannot compute in bfloat16, ArgumentError ERR_DEVICE_PRECISION where the device cannot, with what to do.
 */
export function compilerPrecision(mixedPrecision: Precision, warn: (text: string) => void, device: Device = cpu): Precision {
  if (mixedPrecision === "bf16" && device.type === "webgpu")
    throw new ArgumentError("mixedPrecision bf16: WebGPU has no bfloat16", {
      code: "ERR_DEVICE_PRECISION",
      hint: 'give "fp16" where the adapter has shader-f16, or "no"',
    });
  if (device.type !== "cpu" || mixedPrecision === "no") return mixedPrecision;
  if (mixedPrecision === "fp16") {
    warn(
      'mixedPrecision fp16: processors multiply matrices of float16 no faster than of float32, so steps are slower than with "no"; "bf16" is faster where the processor has instructions for it',
    );
    return "fp16";
  }
  const engine = bfloat16Engine();
  if (engine.bfloat16 === "emulated")
    warn(`mixedPrecision bf16: this processor (${engine.processor}) has no instructions for bfloat16, so steps are slower than with "no"`);
  return "bf16";
}

/** The scaler of losses: what the option `gradScaler` says, else, as in Accelerate, one with its defaults for float16, whose small gradients would vanish, and none for other types. */
export function scalerFor(given: GradScaler | GradScalerOptions | undefined, mixedPrecision: Precision): GradScaler | undefined {
  if (given === undefined) return mixedPrecision === "fp16" ? new GradScaler() : undefined;
  return given instanceof GradScaler ? given : new GradScaler(given);
}
