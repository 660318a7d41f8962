// numpy's default generator: SeedSequence and PCG64 (XSL-RR), bit for bit, its permutation and its draws.
import { randomBytes } from "node:crypto";
import { ArgumentError } from "../errors.js";

const u32 = (x: number): number => x >>> 0;
const mul32 = (a: number, b: number): number => Math.imul(a, b) >>> 0;
const MASK64 = (1n << 64n) - 1n;
const MASK128 = (1n << 128n) - 1n;
const MULTIPLIER = 0x2360ed051fc65da44385df649fccf645n;

/** A non-negative integer as little-endian words, as numpy's SeedSequence takes it. */
function words(seed: number | bigint): number[] {
  const out: number[] = [];
  for (let rest = BigInt(seed); rest > 0n || out.length === 0; rest >>= 32n) out.push(Number(rest & 0xffffffffn));
  return out;
}

/** SeedSequence(entropy).generate_state(8): eight words. */
function seedState(entropy: readonly number[]): number[] {
  let hash = 0x43b0d7e5;
  const hashed = (value: number): number => {
    let v = u32(value ^ hash);
    hash = mul32(hash, 0x931e8875);
    v = mul32(v, hash);
    return u32(v ^ (v >>> 16));
  };
  const mix = (x: number, y: number): number => {
    const v = u32(mul32(0xca01f9dd, x) - mul32(0x4973f715, y));
    return u32(v ^ (v >>> 16));
  };
  const pool = [0, 1, 2, 3].map((i) => hashed(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++) for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mix(pool[to]!, hashed(pool[from]!));
  for (let from = 4; from < entropy.length; from++) for (let to = 0; to < 4; to++) pool[to] = mix(pool[to]!, hashed(entropy[from]!));
  let out = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, i) => {
    let v = u32(pool[i % 4]! ^ out);
    out = mul32(out, 0x58f38ded);
    v = mul32(v, out);
    return u32(v ^ (v >>> 16));
  });
}

/**
 * numpy.random.default_rng(seed): the same numbers for the same seed. A list of seeds is numpy's list of entropy words.
 *
 * @example
 * new Pcg64(42).permutation(10); // 5 6 0 7 3 2 4 9 1 8, as np.random.default_rng(42).permutation(10)
 */
export class Pcg64 {
  #state: bigint;
  readonly #increment: bigint;
  #high: number | undefined;

  /** @throws ArgumentError ERR_SEED unless every seed is a non-negative integer. */
  constructor(seed: number | bigint | readonly (number | bigint)[] | undefined) {
    const seeds = seed === undefined ? [...new Uint32Array(randomBytes(16).buffer.slice(0, 16))] : typeof seed === "object" ? seed : [seed];
    for (const s of seeds)
      if ((typeof s === "number" && !Number.isSafeInteger(s)) || s < 0) throw new ArgumentError(`seed ${s} is no non-negative integer`, { code: "ERR_SEED" });
    const s = seedState(seeds.flatMap(words));
    const u64 = (i: number) => (BigInt(s[2 * i + 1]!) << 32n) | BigInt(s[2 * i]!);
    this.#increment = (((u64(2) << 64n) | u64(3)) << 1n) | 1n;
    this.#increment &= MASK128;
    this.#state = (this.#increment + ((u64(0) << 64n) | u64(1))) & MASK128;
    this.#step();
  }
  #step(): void {
    this.#state = (this.#state * MULTIPLIER + this.#increment) & MASK128;
  }
  nextUint64(): bigint {
    this.#step();
    const rotation = this.#state >> 122n;
    const x = ((this.#state >> 64n) ^ this.#state) & MASK64;
    return ((x >> rotation) | (x << (64n - rotation))) & MASK64;
  }
  /** The low half first; the high half is kept for the next call. */
  nextUint32(): number {
    if (this.#high !== undefined) {
      const high = this.#high;
      this.#high = undefined;
      return high;
    }
    const next = this.nextUint64();
    this.#high = Number(next >> 32n);
    return Number(next & 0xffffffffn);
  }
  /** The numbers 0..length-1 in random order (Fisher-Yates from the end, masked rejection), in shared memory. */
  permutation(length: number): Uint32Array {
    const out = new Uint32Array(new SharedArrayBuffer(length * 4));
    for (let i = 0; i < length; i++) out[i] = i;
    for (let i = length - 1; i > 0; i--) {
      const mask = 0xffffffff >>> Math.clz32(i);
      let j = u32(this.nextUint32() & mask);
      while (j > i) j = u32(this.nextUint32() & mask);
      const kept = out[i]!;
      out[i] = out[j]!;
      out[j] = kept;
    }
    return out;
  }
  /** Below 1, with 53 bits: `random()`. */
  nextDouble(): number {
    return Number(this.nextUint64() >> 11n) / 2 ** 53;
  }
  /** A whole number of 0..most (Lemire's method on 32 bits): `integers(0, most, endpoint=True)`. */
  nextBelow(most: number): number {
    if (most === 0) return 0;
    if (most === 0xffffffff) return this.nextUint32();
    const range = BigInt(most + 1);
    let product = BigInt(this.nextUint32()) * range;
    const threshold = BigInt((0xffffffff - most) % (most + 1));
    while ((product & 0xffffffffn) < threshold) product = BigInt(this.nextUint32()) * range;
    return Number(product >> 32n);
  }
  /** Numbers of 0..probabilities.length-1 drawn with those probabilities: `choice(n, size, p=probabilities)`. @throws ArgumentError ERR_PROBABILITIES */
  choice(size: number, probabilities: readonly number[]): number[] {
    const sum = probabilities.reduce((a, b) => a + b, 0);
    if (probabilities.length === 0 || !probabilities.every((p) => p >= 0) || Math.abs(sum - 1) > 1e-8)
      throw new ArgumentError(`probabilities [${probabilities.join(", ")}] do not sum to 1`, { code: "ERR_PROBABILITIES" });
    let total = 0;
    const bounds = probabilities.map((p) => (total += p)).map((bound) => bound / total);
    return Array.from({ length: size }, () => {
      const x = this.nextDouble();
      return bounds.findIndex((bound) => x < bound);
    });
  }
  /** `size` different numbers of 0..length-1: `choice(length, size, replace=False)`. */
  sample(length: number, size: number): number[] {
    const shuffle = (list: number[], first: number) => {
      for (let i = list.length - 1; i >= first; i--) {
        const j = this.nextBelow(i);
        [list[i], list[j]] = [list[j]!, list[i]!];
      }
      return list;
    };
    if (length > 10000 && size > Math.floor(length / 50)) {
      const all = Array.from({ length }, (_, i) => i);
      return shuffle(all, Math.max(length - size, 1)).slice(length - size);
    }
    // Floyd's algorithm.
    const chosen = new Set<number>();
    for (let j = length - size; j < length; j++) {
      const value = this.nextBelow(j);
      chosen.add(chosen.has(value) ? j : value);
    }
    return shuffle([...chosen], 1);
  }
}
