// What Resize does along one dim, as a matrix: each output is a weighted sum of inputs.
import type { Attributes } from "../../graph/graph.js";

export interface ResizeAxis {
  readonly from: number;
  readonly to: number;
  /** What coordinates are divided by; to / from where sizes were given. */
  readonly scale: number;
}

/** Where an output lies among the inputs. ONNX Runtime computes in float32. */
const coordinates: { readonly [mode: string]: ((at: number, axis: ResizeAxis) => number) | undefined } = {
  half_pixel: (at, { scale }) => Math.fround(Math.fround(Math.fround(at + 0.5) / Math.fround(scale)) - 0.5),
  pytorch_half_pixel: (at, { scale, to }) => (to > 1 ? Math.fround(Math.fround(Math.fround(at + 0.5) / Math.fround(scale)) - 0.5) : 0),
  // Where sizes were given its scale is no float32 here: 4 / (8 / 7) is 3.5, and rounded as that.
  asymmetric: (at, { scale }) => Math.fround(at / scale),
  align_corners: (at, { from, to }) => (to === 1 ? 0 : Math.fround(Math.fround(at * (from - 1)) / (to - 1))),
  half_pixel_symmetric: (at, { from, to, scale }) => {
    const adjustment = to / (scale * from);
    const centre = from / 2;
    return centre * (1 - adjustment) + (at + 0.5) / scale - 0.5;
  },
};

const rounded: { readonly [mode: string]: (x: number) => number } = {
  round_prefer_floor: (x) => (x - Math.floor(x) === 0.5 ? Math.floor(x) : Math.round(x)),
  round_prefer_ceil: (x) => Math.round(x),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** Weights of the four neighbours of a place at a distance behind the second of them. */
function cubic(distance: number, a: number): number[] {
  const near = (t: number) => ((a + 2) * t - (a + 3)) * t * t + 1;
  const far = (t: number) => ((a * t - 5 * a) * t + 8 * a) * t - 4 * a;
  return [far(1 + distance), near(distance), near(1 - distance), far(2 - distance)];
}

const text = (attributes: Attributes, name: string, fallback: string): string => String(attributes[name] ?? fallback);
function number(attributes: Attributes, name: string, fallback: number): number {
  const value = attributes[name];
  return typeof value === "object" && "float" in value ? value.float : typeof value === "number" ? value : fallback;
}

/** For each output the inputs and their weights; undefined for a form of Resize that is not known here. */
export function resizeWeights(attributes: Attributes, axis: ResizeAxis): (readonly (readonly [input: number, weight: number])[])[] | undefined {
  const place = coordinates[text(attributes, "coordinate_transformation_mode", "half_pixel")];
  if (!place || number(attributes, "antialias", 0) !== 0) return undefined;
  const { from, to } = axis;
  const clamp = (i: number) => Math.min(Math.max(i, 0), from - 1);
  const outputs = Array.from({ length: to }, (_, at) => place(at, axis));
  const mode = text(attributes, "mode", "nearest");
  if (mode === "nearest") {
    const round = rounded[text(attributes, "nearest_mode", "round_prefer_floor")]!;
    return outputs.map((x) => [[clamp(round(x)), 1]]);
  }
  if (mode === "linear") {
    return outputs.map((given) => {
      const x = Math.min(Math.max(given, 0), from - 1);
      const low = Math.floor(x);
      return low + 1 > from - 1
        ? [[low, 1]]
        : [
            [low, 1 - (x - low)],
            [low + 1, x - low],
          ];
    });
  }
  const a = number(attributes, "cubic_coeff_a", -0.75);
  const outside = number(attributes, "exclude_outside", 0) !== 0;
  return outputs.map((x) => {
    const low = Math.floor(x);
    const weights = cubic(x - low, a).map((weight, i): [number, number] => [low - 1 + i, weight]);
    if (!outside) return weights.map(([i, weight]) => [clamp(i), weight]);
    const inside = weights.filter(([i]) => i >= 0 && i < from);
    const sum = inside.reduce((total, [, weight]) => total + weight, 0);
    return inside.map(([i, weight]) => [i, weight / sum]);
  });
}
