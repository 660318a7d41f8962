// Sizes of windows as layers take them: one number for all spatial dims, or one per dim.
import { ArgumentError } from "../errors.js";

/** A number for each of N spatial dims, or one for all. */
export type PerDim = number | readonly number[];

/** One number per dim; at least `least`. */
export function perDim(who: string, what: string, value: PerDim, dims: number, least: number): readonly number[] {
  const list = typeof value === "number" ? new Array<number>(dims).fill(value) : value;
  if (!Array.isArray(list) || list.length !== dims || !list.every((n) => Number.isSafeInteger(n) && n >= least))
    throw new ArgumentError(`${who}: ${what} is a whole number from ${least} up, or ${dims} of them, not ${JSON.stringify(value)}`);
  return list;
}

/** The same pads before and after each dim, as ONNX lists them. */
export const bothSides = (pads: readonly number[]): readonly number[] => [...pads, ...pads];

/** Numbers as torch prints a tuple, or the number alone where all are the same and `short`. */
export function tuple(list: readonly number[], short = false): string {
  if (short && list.every((n) => n === list[0])) return String(list[0]);
  return list.length === 1 ? `(${list[0]},)` : `(${list.join(", ")})`;
}
