// Images of other sizes: interpolation, and pixels out of channels.
import { checkNames, type OptionNames } from "../option-names.js";
import { ArgumentError } from "../errors.js";
import { apply } from "../tensor/index.js";
import type { Tensor } from "../tensor/index.js";
import { checkSize } from "./linear.js";
import { Module } from "./module.js";
import { pythonFloat } from "./module-repr.js";
import { perDim, type PerDim } from "./windows.js";

export interface InterpolateOptions {
  /** The sizes wanted, or how many times as large the images become: one of both. */
  readonly size?: PerDim;
  readonly scaleFactor?: number | readonly number[];
  /** "nearest" (default) repeats pixels; "linear" of [N, C, L] and "bilinear" of [N, C, H, W] draw lines between them, "bicubic" curves. */
  readonly mode?: "nearest" | "linear" | "bilinear" | "bicubic";
  /** The corners of the image stay where they are; default false. */
  readonly alignCorners?: boolean;
}
const optionNames: OptionNames<InterpolateOptions> = { size: true, scaleFactor: true, mode: true, alignCorners: true };
const modes = { nearest: "nearest", linear: "linear", bilinear: "linear", bicubic: "cubic" } as const;

function checkOptions(who: string, options: InterpolateOptions): void {
  checkNames(who, options, optionNames);
  const { size, scaleFactor, mode = "nearest" } = options;
  if ((size === undefined) === (scaleFactor === undefined)) throw new ArgumentError(`${who}: either size or scaleFactor is needed`);
  if (!Object.hasOwn(modes, mode))
    throw new ArgumentError(`${who}: there is no mode ${JSON.stringify(mode)}`, { hint: `modes are ${Object.keys(modes).join(", ")}` });
}

/**
 * Images [N, C, spatial..] in other sizes, as torch.nn.functional.interpolate.
 *
 * @example
 * const y = interpolate(zeros([1, 8, 16, 16]), { scaleFactor: 2, mode: "bilinear" }); // [1, 8, 32, 32]
 */
export function interpolate(x: Tensor, options: InterpolateOptions): Tensor {
  checkOptions("interpolate", options);
  const { size, scaleFactor, mode = "nearest" } = options;
  const coordinates = mode === "nearest" ? "asymmetric" : options.alignCorners ? "align_corners" : "half_pixel";
  const dims = x.rank - 2;
  const given = { mode: modes[mode], coordinates };
  if (size !== undefined) return apply("resize", [x], { ...given, sizes: perDim("interpolate", "size", size, dims, 1) });
  const scales = typeof scaleFactor === "number" ? new Array<number>(dims).fill(scaleFactor) : scaleFactor!;
  if (scales.length !== dims || !scales.every((s) => s > 0))
    throw new ArgumentError(`interpolate: scaleFactor is a number above 0, or ${dims} of them, not ${JSON.stringify(scaleFactor)}`);
  return apply("resize", [x], { ...given, scales });
}

/**
 * `interpolate` as a layer.
 *
 * @example
 * const layers = new Sequential(new Upsample({ scaleFactor: 2 }), new Conv2d(8, 8, 3, { padding: 1 }));
 */
export class Upsample extends Module {
  readonly options: InterpolateOptions;

  constructor(options: InterpolateOptions) {
    super();
    checkOptions("Upsample", options);
    this.options = options;
  }
  override extraRepr(): string {
    const { size, scaleFactor, mode = "nearest" } = this.options;
    const list = (value: number | readonly number[], show: (n: number) => string) =>
      typeof value === "number" ? show(value) : `(${value.map(show).join(", ")})`;
    return `${size === undefined ? `scale_factor=${list(scaleFactor ?? 1, pythonFloat)}` : `size=${list(size, String)}`}, mode='${mode}'`;
  }
  forward(x: Tensor): Tensor {
    return interpolate(x, this.options);
  }
}

/**
 * Pixels out of channels: [N, C f^2, H, W] to [N, C, H f, W f], https://arxiv.org/abs/1609.05158.
 *
 * @example
 * const y = new PixelShuffle(2)(zeros([1, 12, 8, 8])); // [1, 3, 16, 16]
 */
export class PixelShuffle extends Module {
  readonly upscaleFactor: number;

  constructor(upscaleFactor: number) {
    super();
    checkSize("PixelShuffle", "upscaleFactor", upscaleFactor);
    this.upscaleFactor = upscaleFactor;
  }
  override extraRepr(): string {
    return `upscale_factor=${this.upscaleFactor}`;
  }
  forward(x: Tensor): Tensor {
    return apply("pixelShuffle", [x], { factor: this.upscaleFactor });
  }
}
