// The default generator: the one source of randomness for new layers and dropout, seeded by setSeed.
import { philox4x32 } from "../runtime/philox.js";
import { ArgumentError } from "../errors.js";
import { Tensor } from "./tensor.js";

/** Everything that a resumed run needs to draw the same numbers. */
export interface GeneratorState {
  readonly seed: number;
  readonly rank: number;
  /** Numbers drawn so far for initial weights and the like. */
  readonly drawn: number;
  /** Backward passes so far; with the ordinal it keys dropout. */
  readonly microStep: number;
  /** Calls with dropout since the last backward. */
  readonly callOrdinal: number;
}

/** Counter words that keep the streams of the generator apart from dropout's. */
const valueStream = 0x76616c75;

/**
 * Counter-based generator (Philox4x32-10, Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011). Values for new
 * layers are drawn one after the other; dropout is keyed by (seed, rank, micro-step, ordinal of the call), so that a mask
 * depends neither on threads nor on what was computed before.
 *
 * @example
 * const g = new Generator(42);
 * const weights = g.normal(1000, 0, 0.02); // Float32Array
 */
export class Generator {
  #seed = 0;
  #rank = 0;
  #drawn = 0;
  #microStep = 0;
  #callOrdinal = 0;

  constructor(seed: number = 0) {
    this.setSeed(seed);
  }

  /** Starts anew. Seeds are integers from 0 to 2^53 - 1. */
  setSeed(seed: number, options: { rank?: number } = {}): void {
    if (!Number.isSafeInteger(seed) || seed < 0) throw new ArgumentError(`seed ${seed}`, { hint: "a seed is an integer from 0 to 2^53 - 1" });
    this.#seed = seed;
    this.#rank = options.rank ?? 0;
    this.#drawn = 0;
    this.#microStep = 0;
    this.#callOrdinal = 0;
  }

  get state(): GeneratorState {
    return { seed: this.#seed, rank: this.#rank, drawn: this.#drawn, microStep: this.#microStep, callOrdinal: this.#callOrdinal };
  }
  set state(state: GeneratorState) {
    this.setSeed(state.seed, { rank: state.rank });
    this.#drawn = state.drawn;
    this.#microStep = state.microStep;
    this.#callOrdinal = state.callOrdinal;
  }

  /** The dropout key of a recorded call: int64 [4] of seed, rank, micro-step, ordinal. */
  drawKey(): Tensor<1, "int64"> {
    const data = BigInt64Array.of(BigInt(this.#seed), BigInt(this.#rank), BigInt(this.#microStep), BigInt(this.#callOrdinal++));
    return Tensor.make("int64", { kind: "concrete", shape: [4], data });
  }
  /** A backward has run: the next calls belong to the next micro-step. */
  nextMicroStep(): void {
    this.#microStep++;
    this.#callOrdinal = 0;
  }

  /** The next n 32-bit words. */
  words(n: number): Uint32Array {
    const out = new Uint32Array(n);
    const [k0, k1] = [this.#seed >>> 0, Math.floor(this.#seed / 2 ** 32)];
    for (let i = 0; i < n; i += 4) {
      const block = this.#drawn++;
      const four = philox4x32(block >>> 0, Math.floor(block / 2 ** 32), valueStream, 0, k0, k1);
      for (let j = 0; j < 4 && i + j < n; j++) out[i + j] = four[j]!;
    }
    return out;
  }

  /** n numbers in [low, high). */
  uniform(n: number, low: number = 0, high: number = 1): Float32Array {
    const words = this.words(n);
    return Float32Array.from(words, (w) => low + (high - low) * ((w >>> 8) / 2 ** 24));
  }

  /** n numbers of the normal distribution (Box and Muller's transform of pairs of words). */
  normal(n: number, mean: number = 0, std: number = 1): Float32Array {
    const words = this.words(n + (n & 1));
    const out = new Float32Array(n);
    for (let i = 0; i < n; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((words[i]! + 1) / 2 ** 32));
      const angle = (2 * Math.PI * words[i + 1]!) / 2 ** 32;
      out[i] = mean + std * radius * Math.cos(angle);
      if (i + 1 < n) out[i + 1] = mean + std * radius * Math.sin(angle);
    }
    return out;
  }
}

const generator = new Generator();

/** The generator that new layers and dropout draw from. One per process, seed 0 until setSeed says otherwise. */
export const defaultGenerator = (): Generator => generator;

/**
 * Seeds the default generator.
 *
 * @example
 * setSeed(42);
 * const layer = new Linear(3, 4); // the same weights in every run
 */
export function setSeed(seed: number): void {
  generator.setSeed(seed);
}
