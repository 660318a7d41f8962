// torch's generator on the CPU: the Mersenne Twister MT19937, bit for bit, its permutation and its draws.
import { ArgumentError } from "../errors.js";

const SIZE = 624;
const MIDDLE = 397;
/** From here on torch draws 64 bits for each place of a permutation: 2^32 / 20. */
const wideFrom = Math.floor(0xffffffff / 20);
/** From here on torch draws 64 bits for a whole number. */
const wideRange = 2 ** 28;

/** (high * 2^32 + low) mod m in steps that stay exact, m up to 2^32. */
function mod64(high: number, low: number, m: number): number {
  const upper = (((high % m) * 0x10000) % m) + (low >>> 16);
  return ((upper % m) * 0x10000 + (low & 0xffff)) % m;
}
/** One step of the recurrence: the twist of two neighbours. */
const twist = (upper: number, lower: number): number => {
  const y = (upper & 0x80000000) | (lower & 0x7fffffff);
  return (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
};

/**
 * `torch.Generator().manual_seed(seed)` on the CPU: the same numbers for the same seed.
 *
 * @example
 * new Mt19937(42).permutation(5); // 0 4 2 1 3, as torch.randperm(5, generator=torch.Generator().manual_seed(42))
 */
export class Mt19937 {
  readonly #state = new Uint32Array(SIZE);
  #next = SIZE;

  /** @throws ArgumentError ERR_SEED unless the seed is a non-negative integer. Of a large one the low 32 bits count, as in torch. */
  constructor(seed: number) {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new ArgumentError(`seed ${seed} is no non-negative integer`, { code: "ERR_SEED" });
    const state = this.#state;
    state[0] = seed % 2 ** 32;
    for (let i = 1; i < SIZE; i++) {
      const last = state[i - 1]!;
      state[i] = Math.imul(1812433253, last ^ (last >>> 30)) + i;
    }
  }

  nextUint32(): number {
    if (this.#next === SIZE) this.#refill();
    let y = this.#state[this.#next++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }
  #refill(): void {
    const state = this.#state;
    for (let i = 0; i < SIZE - MIDDLE; i++) state[i] = state[i + MIDDLE]! ^ twist(state[i]!, state[i + 1]!);
    for (let i = SIZE - MIDDLE; i < SIZE - 1; i++) state[i] = state[i + MIDDLE - SIZE]! ^ twist(state[i]!, state[i + 1]!);
    state[SIZE - 1] = state[MIDDLE - 1]! ^ twist(state[SIZE - 1]!, state[0]!);
    this.#next = 0;
  }
  /** Of 64 bits, the high half first, mod m. */
  #wideBelow(m: number): number {
    const high = this.nextUint32();
    return mod64(high, this.nextUint32(), m);
  }

  /** The numbers 0..length-1 in random order: `torch.randperm(length)`. */
  permutation(length: number): Uint32Array {
    return length < wideFrom ? this.#swapped(length) : this.permutationInsideOut(length);
  }
  /** Each place in turn is exchanged with one at or behind it. */
  #swapped(length: number): Uint32Array {
    const out = Uint32Array.from({ length }, (_, i) => i);
    for (let i = 0; i < length - 1; i++) {
      const j = i + (this.nextUint32() % (length - i));
      const kept = out[i]!;
      out[i] = out[j]!;
      out[j] = kept;
    }
    return out;
  }
  /** How torch permutes where 32 bits would favour some places: each number in turn is put into a place of those so far. @internal */
  permutationInsideOut(length: number): Uint32Array {
    const out = new Uint32Array(length);
    for (let i = 0; i < length; i++) {
      const j = this.#wideBelow(i + 1);
      out[i] = out[j]!;
      out[j] = i;
    }
    return out;
  }
  /** A whole number of 0..most, most below 2^32: one of `torch.randint(most + 1, size)`. */
  nextBelow(most: number): number {
    const range = most + 1;
    return range >= wideRange ? this.#wideBelow(range) : this.nextUint32() % range;
  }
  /** Below 1, with 53 bits: one of `torch.rand(size, dtype=torch.float64)`. */
  nextDouble(): number {
    const high = this.nextUint32() & 0x1fffff;
    return (high * 2 ** 32 + this.nextUint32()) / 2 ** 53;
  }
}
