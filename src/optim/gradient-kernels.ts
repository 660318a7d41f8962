// Norms and clipping of gradients where they lie: by the kernels of the host, or on their device.
import { Engine } from "../runtime/engine.js";
import { DeviceSegments, type GradientMemory, type GradientNorm } from "../tensor/index.js";
import { kernelsOf } from "./kernels.js";
import type { DeviceParts } from "./device-updates.js";
import { updatesOf } from "./updates-of.js";

/** Which gradients: `ranges` for the host and for flat memory, `segments` for the others. */
export type GradientParts = DeviceParts;

/** See `OptimizerKernels.norm`. */
export function gradientNorm(gradients: GradientMemory, parts: GradientParts, kind: number, exponent: number): Promise<GradientNorm> {
  if (gradients instanceof DeviceSegments) return updatesOf(gradients.context).norm(gradients, parts, kind, exponent);
  return kernelsOf(Engine.default()).norm(gradients, parts.ranges, kind, exponent);
}
export function scaleGradients(gradients: GradientMemory, parts: GradientParts, factor: number): Promise<void> {
  if (gradients instanceof DeviceSegments) return updatesOf(gradients.context).scale(gradients, parts, factor);
  return kernelsOf(Engine.default()).scale(gradients, parts.ranges, factor);
}
export function clampGradients(gradients: GradientMemory, parts: GradientParts, limit: number): Promise<void> {
  if (gradients instanceof DeviceSegments) return updatesOf(gradients.context).clamp(gradients, parts, limit);
  return kernelsOf(Engine.default()).clamp(gradients, parts.ranges, limit);
}
