// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", 2011): the same bits as src/native/kernels/philox.h.

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;
const rounds = 10;

/** Upper 32 bits of the product of two unsigned 32-bit integers; 16-bit halves keep every intermediate below 2^53. */
function high(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16);
  const carry = (middle & 0xffff) + aLow * bHigh;
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(carry / 0x10000)) >>> 0;
}

/**
 * Four random 32-bit words of a 128-bit counter (c0 lowest) and a 64-bit key. Arguments are taken modulo 2^32.
 *
 * @example
 * philox4x32(0, 0, 0, 0, 0, 0).map((w) => w.toString(16)); // ["6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8"]
 */
export function philox4x32(c0: number, c1: number, c2: number, c3: number, k0: number, k1: number): [number, number, number, number] {
  let w0 = c0 >>> 0;
  let w1 = c1 >>> 0;
  let w2 = c2 >>> 0;
  let w3 = c3 >>> 0;
  let a = k0 >>> 0;
  let b = k1 >>> 0;
  for (let round = 0; round < rounds; round++) {
    const high0 = high(M0, w0);
    const low0 = Math.imul(M0, w0);
    const high1 = high(M1, w2);
    const low1 = Math.imul(M1, w2);
    w0 = (high1 ^ w1 ^ a) >>> 0;
    w1 = low1 >>> 0;
    w2 = (high0 ^ w3 ^ b) >>> 0;
    w3 = low0 >>> 0;
    a = (a + W0) >>> 0;
    b = (b + W1) >>> 0;
  }
  return [w0, w1, w2, w3];
}

/** What keys the dropout of one call of a model; one site of it draws with `dropoutKey`. */
export interface CallKey {
  readonly seed: bigint;
  readonly rank: number;
  readonly microStep: bigint;
  readonly callOrdinal: number;
}

const low = (x: bigint): number => Number(BigInt.asUintN(32, x));
const upper = (x: bigint): number => Number(BigInt.asUintN(32, x >> 32n));

/** The Philox key of one dropout site in one call: the words that the custom op Dropout draws its masks with. */
export function dropoutKey(key: CallKey, site: number): readonly [number, number] {
  const [k0, k1] = philox4x32(
    site,
    key.callOrdinal,
    low(key.microStep),
    upper(key.microStep),
    (low(key.seed) ^ Math.imul(W0, key.rank)) >>> 0,
    upper(key.seed),
  );
  return [k0, k1];
}

/**
 * Whether each element of a tensor of rank 1 to 4 is kept by dropout: 1 or 0, row-major. The reference for the kernel, and the
 * host's generator for devices that have none. The element at (p0, p1, p2, c) draws word c & 3 of the counter {p0, p1, p2, c >> 2}
 * and is kept iff it is at least round(ratio * 2^32).
 *
 * @example
 * dropoutMask({ seed: 42n, rank: 0, microStep: 0n, callOrdinal: 0 }, 3, 0.1, [2, 384]); // Uint8Array(768)
 */
export function dropoutMask(key: CallKey, site: number, ratio: number, shape: readonly number[]): Uint8Array {
  const [k0, k1] = dropoutKey(key, site);
  const threshold = Math.round(Math.fround(ratio) * 2 ** 32);
  const columns = shape.at(-1) ?? 1;
  const [, size1 = 1, size2 = 1] = shape.slice(0, -1);
  const mask = new Uint8Array(shape.reduce((a, b) => a * b, 1));
  for (let start = 0, row = 0; start < mask.length; start += columns, row++) {
    const [p0, p1, p2] = [Math.floor(row / size2 / size1), Math.floor(row / size2) % size1, row % size2];
    for (let c = 0; c < columns; c += 4) {
      const words = philox4x32(p0, p1, p2, c >> 2, k0, k1);
      for (let j = 0; j < 4 && c + j < columns; j++) mask[start + c + j] = words[j]! >= threshold ? 1 : 0;
    }
  }
  return mask;
}
