// What optimizers and clipping ask of a device: updates of parameters that lie in its memory. Two ways to do it: graphs that the engine runs there (graphs/), and native kernels.
import type { DeviceSegments, GradientNorm } from "../tensor/index.js";
import { adafactorFields, adagradFields, adamFields, lionFields, rmspropFields, sgdFields } from "./kernels.js";
import type { RowedSegment } from "./ranges.js";

/** The constants of one row by rule, in their order; what they do stands in src/native/kernels/optimizer.h and adafactor.h. */
export const updateRules = {
  adam: adamFields,
  sgd: sgdFields,
  rmsprop: rmspropFields,
  adagrad: adagradFields,
  lion: lionFields,
  adafactor: adafactorFields,
} as const;
export type UpdateRule = keyof typeof updateRules;

/** Some parameters of an arena: as flat ranges, for memory that is flat, and one by one. */
export interface DeviceParts {
  /** Quadruples (offset, length, row, contributors) in elements, as `mergedRanges` gives them. */
  readonly ranges: Float64Array;
  readonly segments: readonly RowedSegment[];
}

/** A step of an optimizer over some parameters of an arena. Segment i of each is parameter i of the arena. */
export interface DeviceUpdate extends DeviceParts {
  readonly rule: UpdateRule;
  readonly values: DeviceSegments;
  readonly gradients: DeviceSegments;
  /** By the optimizer's names: "exp_avg", "exp_avg_sq". All have the layout of the values, but for those of Adafactor. */
  readonly states: Readonly<Record<string, DeviceSegments>>;
  /** Constants, row after row. */
  readonly rows: Float64Array;
}

/**
 * Jobs on the device, queued behind those before them; promises resolve when they are queued or done, but for `norm`, whose numbers come down. Whoever implements it notes what it has written
 * (`written`, `swap`) before it returns, so that what is queued next finds it.
 */
export interface DeviceUpdates {
  /** The rules that it knows. */
  readonly rules: ReadonlySet<UpdateRule>;
  step(update: DeviceUpdate): Promise<void>;
  /** `kind`: see `normKinds`. The non-finite elements are counted for the maximum; for sums it is enough to say that there are some. */
  norm(gradients: DeviceSegments, parts: DeviceParts, kind: number, exponent: number): Promise<GradientNorm>;
  /** x *= factor. */
  scale(gradients: DeviceSegments, parts: DeviceParts, factor: number): Promise<void>;
  /** x = min(max(x, -limit), limit); NaN stays where the device keeps it. */
  clamp(gradients: DeviceSegments, parts: DeviceParts, limit: number): Promise<void>;
}
