// Windows that slide over spatial dims: what kernel, strides, dilations and pads make of sizes, for convolutions and pools.
import { ArgumentError, ShapeError } from "../../errors.js";
import type { Dim, ShapeEnv } from "../dims.js";
import type { Attributes } from "../graph.js";

/** How windows lie along the spatial dims; one number per dim. */
export interface Windows {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Elements put before and after each dim. */
  readonly before: readonly number[];
  readonly after: readonly number[];
}

/** A kernel's reach along a dim: from its first to its last element. */
export const reach = (windows: Windows, i: number): number => (windows.kernel[i]! - 1) * windows.dilations[i]! + 1;

const autoPads = ["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"] as const;
export type AutoPad = (typeof autoPads)[number];

export function autoPadOf(attributes: Attributes): AutoPad {
  const value = attributes.auto_pad ?? "NOTSET";
  if (autoPads.includes(value as AutoPad)) return value as AutoPad;
  throw new ArgumentError(`attribute auto_pad is ${JSON.stringify(value)}, not one of ${autoPads.join(", ")}`, { code: "ERR_OP_ATTRIBUTE" });
}

function numbers(attributes: Attributes, name: string, length: number, least: number, fallback: number): readonly number[] {
  const value = attributes[name];
  if (value === undefined) return new Array<number>(length).fill(fallback);
  const fits = Array.isArray(value) && value.length === length && value.every((v) => Number.isSafeInteger(v) && v >= least);
  if (fits) return value as readonly number[];
  throw new ArgumentError(`attribute ${name} is ${JSON.stringify(value)}: ${length} whole numbers from ${least} up are needed`, { code: "ERR_OP_ATTRIBUTE" });
}

/** The windows that attributes describe. Pads of SAME depend on sizes; they are 0 here, see `samePads`. */
export function windowsOf(attributes: Attributes, kernel: readonly number[]): Windows {
  const n = kernel.length;
  const explicit = autoPadOf(attributes) === "NOTSET";
  const pads = explicit ? numbers(attributes, "pads", 2 * n, 0, 0) : new Array<number>(2 * n).fill(0);
  return {
    kernel,
    strides: numbers(attributes, "strides", n, 1, 1),
    dilations: numbers(attributes, "dilations", n, 1, 1),
    before: pads.slice(0, n),
    after: pads.slice(n),
  };
}

/** Sizes of a pool's kernel. */
export function kernelShape(attributes: Attributes, rank: number): readonly number[] {
  if (attributes.kernel_shape === undefined) throw new ArgumentError("attribute kernel_shape is missing", { code: "ERR_OP_ATTRIBUTE" });
  return numbers(attributes, "kernel_shape", rank, 1, 1);
}

/** The pads of SAME for an input of known size: as many as an output of ceil(size / stride) needs, the odd one after (UPPER) or before (LOWER). */
export function samePads(size: number, stride: number, reached: number, upper: boolean): readonly [before: number, after: number] {
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + reached - size, 0);
  const less = Math.floor(total / 2);
  return upper ? [less, total - less] : [total - less, less];
}

/** The windows with the pads that an input of known spatial sizes gets. */
export function padded(windows: Windows, auto: AutoPad, sizes: readonly number[]): Windows {
  if (auto !== "SAME_UPPER" && auto !== "SAME_LOWER") return windows;
  const pads = sizes.map((size, i) => samePads(size, windows.strides[i]!, reach(windows, i), auto === "SAME_UPPER"));
  return { ...windows, before: pads.map(([b]) => b), after: pads.map(([, a]) => a) };
}

/**
 * How many windows fit along each dim. With `ceil` one more where something is left over, unless it would begin in the pads after the input.
 */
export function windowCounts(env: ShapeEnv, spatial: readonly Dim[], windows: Windows, auto: AutoPad, ceil = false): Dim[] {
  return spatial.map((size, i) => {
    const stride = windows.strides[i]!;
    if (auto === "SAME_UPPER" || auto === "SAME_LOWER") return env.div(env.add(size, stride - 1), stride);
    const pads = windows.before[i]! + windows.after[i]!;
    const extent = env.add(size, pads - reach(windows, i));
    const left = env.hint(extent);
    if (left !== undefined && left < 0)
      throw new ShapeError(
        `dim ${i + 2} of ${env.showDim(size)}, with pads ${windows.before[i]} and ${windows.after[i]}, is smaller than the kernel, which reaches over ${reach(windows, i)}`,
      );
    if (!ceil || stride === 1) return env.div(env.add(extent, stride), stride);
    const up = env.div(env.add(extent, 2 * stride - 1), stride);
    return env.min(up, env.div(env.add(size, windows.before[i]! - 1 + stride), stride));
  });
}
