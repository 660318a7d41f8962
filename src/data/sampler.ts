// The order of rows in an epoch: f(seed, epoch), the same on every machine.
import { Pcg64 } from "./pcg64.js";

/** Row numbers of an epoch: numpy's default_rng([seed, epoch]).permutation(length); without a seed as they lie. */
export function epochOrder(length: number, epoch: number, seed: number | undefined): Uint32Array {
  if (seed !== undefined) return new Pcg64([seed, epoch]).permutation(length);
  return Uint32Array.from({ length }, (_, i) => i);
}
