// The order of rows in an epoch: f(seed, epoch), the same on every machine.
import { Pcg64 } from "./pcg64.js";

/** Row numbers of an epoch: as they lie, or numpy's default_rng([seed, epoch]).permutation(length). */
export function epochOrder(length: number, epoch: number, shuffle: { readonly seed: number } | undefined): Uint32Array {
  if (shuffle) return new Pcg64([shuffle.seed, epoch]).permutation(length);
  return Uint32Array.from({ length }, (_, i) => i);
}

/** Batches of row numbers; the last may be smaller unless it is dropped. */
export function* batchesOf(order: Uint32Array, batchSize: number, dropLast: boolean, from = 0): Generator<Uint32Array> {
  for (let start = from * batchSize; start < order.length; start += batchSize) {
    const batch = order.subarray(start, start + batchSize);
    if (batch.length === batchSize || !dropLast) yield batch;
  }
}
export const batchCount = (rows: number, batchSize: number, dropLast: boolean): number =>
  dropLast ? Math.floor(rows / batchSize) : Math.ceil(rows / batchSize);
