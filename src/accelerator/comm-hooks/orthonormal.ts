// Few vectors of equal length, made orthogonal and of length 1. Only exactly rounded operations in a fixed order: hosts that have the same vectors get the same bits.
import { philox4x32 } from "../../runtime/index.js";

/** What is left of a vector by rounding alone, as a part of its length. */
const noise = 1e-6;

const dot = (a: Float32Array, b: Float32Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
};

/**
 * Gram-Schmidt, each vector twice ("twice is enough", Giraud et al. 2005), in place. A vector that depends on those before it becomes zero, or is drawn anew by `draw`: normalizing what rounding has
 * left of it would count directions twice.
 */
export function orthonormalize(
  vectors: readonly Float32Array[],
  options: { readonly epsilon?: number; readonly draw?: (vector: Float32Array) => void } = {},
): void {
  const { epsilon = 0, draw } = options;
  const settle = (vector: Float32Array, before: readonly Float32Array[]): boolean => {
    const length = Math.sqrt(dot(vector, vector));
    for (let pass = 0; pass < 2; pass++)
      for (const other of before) {
        const by = dot(vector, other);
        for (let i = 0; i < vector.length; i++) vector[i]! -= by * other[i]!;
      }
    const left = Math.sqrt(dot(vector, vector));
    // NaN is no small number: it goes on, to be seen in the result.
    if (left <= noise * length) return false;
    const by = 1 / (left + epsilon);
    for (let i = 0; i < vector.length; i++) vector[i]! *= by;
    return true;
  };
  for (const [v, vector] of vectors.entries()) {
    const before = vectors.slice(0, v);
    if (settle(vector, before)) continue;
    draw?.(vector);
    if (!draw || !settle(vector, before)) vector.fill(0);
  }
}

/** Numbers from -1 to 1, by counter: the same for the same draw and seed on every host. */
export function drawVector(vector: Float32Array, { draw, seed }: { readonly draw: number; readonly seed: number }): void {
  for (let i = 0; i < vector.length; i += 4) {
    const words = philox4x32(i / 4, draw, 0, 0, seed, 0x5047_4453);
    for (let w = 0; w < 4 && i + w < vector.length; w++) vector[i + w] = words[w]! / 2 ** 31 - 1;
  }
}

/** k vectors that lie one behind the other. */
export const vectorsOf = (data: Float32Array, k: number): Float32Array[] => {
  const length = data.length / k;
  return Array.from({ length: k }, (_, v) => data.subarray(v * length, (v + 1) * length));
};
