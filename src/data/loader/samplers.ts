// Samplers ready made: in order, at random, by weight, grouped by length, and batches of another sampler's rows.
import { ArgumentError } from "../../errors.js";
import { defaultGenerator } from "../../tensor/index.js";
import { Pcg64 } from "../pcg64.js";
import { type BatchSampler as AnyBatchSampler, lengthOf, type Sampler } from "./sampler.js";

/** Rows of a dataset, or how many there are. */
export type Counted = number | { readonly length: number };

const fault = (who: string, message: string, hint: string): ArgumentError => new ArgumentError(`${who}: ${message}`, { code: "ERR_LOADER_SAMPLER", hint });
function count(who: string, name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw fault(who, `${name} is ${value}`, `give a whole number of at least ${least}`);
}
const rowsIn = (who: string, source: Counted): number => count(who, "the number of rows", typeof source === "number" ? source : source.length, 0);

/** The rows as they lie. */
export class SequentialSampler implements Sampler {
  readonly length: number;
  constructor(source: Counted) {
    this.length = rowsIn("SequentialSampler", source);
  }
  *[Symbol.iterator](): Generator<number, void, undefined> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

/** Where draws come from. */
export type RandomNumbers = Pick<Pcg64, "permutation" | "nextBelow" | "nextDouble">;

/** Draws of an epoch that depend on the seed and the epoch alone. A loader tells it the epoch; all workers of a job take rank 0's seed. */
export abstract class SeededSampler implements Sampler {
  /** Default drawn from the default generator (`setSeed`). */
  seed: number;
  /** The program gave the seed; otherwise it was drawn. */
  readonly seedIsGiven: boolean;
  #epoch = 0;

  constructor(seed: number | undefined) {
    this.seed = count(new.target.name, "seed", seed ?? defaultGenerator().words(1)[0]!, 0);
    this.seedIsGiven = seed !== undefined;
  }
  abstract readonly length: number;
  protected abstract draw(random: RandomNumbers): Iterable<number>;
  /** The numbers of an epoch: numpy's, unless a class has its own. */
  protected random(seed: number, epoch: number): RandomNumbers {
    return new Pcg64([seed, epoch]);
  }

  setEpoch(epoch: number): void {
    this.#epoch = epoch;
  }
  [Symbol.iterator](): Iterator<number> {
    return this.draw(this.random(this.seed, this.#epoch))[Symbol.iterator]();
  }
}

/**
 * Rows at random: each once, as `shuffle: true` has them; with replacement every draw is of all rows.
 *
 * @example
 * new DataLoader(dataset, { batchSize: 8, sampler: new RandomSampler(dataset, { replacement: true, numSamples: 1000 }) });
 */
export class RandomSampler extends SeededSampler {
  readonly length: number;
  readonly #rows: number;
  readonly #replacement: boolean;

  /** @throws ArgumentError ERR_LOADER_SAMPLER */
  constructor(
    source: Counted,
    { replacement = false, numSamples, seed }: { readonly replacement?: boolean; readonly numSamples?: number; readonly seed?: number } = {},
  ) {
    super(seed);
    this.#rows = rowsIn("RandomSampler", source);
    this.#replacement = replacement;
    this.length = count("RandomSampler", "numSamples", numSamples ?? this.#rows, 0);
    if (this.#rows === 0 && this.length > 0) throw fault("RandomSampler", `${this.length} draws of no rows`, "give a dataset with rows");
  }
  protected *draw(random: RandomNumbers): Generator<number, void, undefined> {
    if (this.#replacement) for (let i = 0; i < this.length; i++) yield random.nextBelow(this.#rows - 1);
    else for (let given = 0; given < this.length; given += this.#rows) yield* random.permutation(this.#rows).subarray(0, this.length - given);
  }
}

/**
 * Rows drawn by their weights, which need not sum to 1.
 *
 * @example
 * const rarer = labels.map((label) => 1 / counts[label]!);
 * new DataLoader(dataset, { batchSize: 8, sampler: new WeightedRandomSampler(rarer, labels.length) });
 */
export class WeightedRandomSampler extends SeededSampler {
  readonly length: number;
  /** Sums of the weights up to each row. */
  readonly #bounds: Float64Array;
  readonly #replacement: boolean;

  /** @throws ArgumentError ERR_LOADER_SAMPLER */
  constructor(weights: readonly number[], numSamples: number, { replacement = true, seed }: { readonly replacement?: boolean; readonly seed?: number } = {}) {
    super(seed);
    const odd = weights.findIndex((w) => !(w >= 0 && Number.isFinite(w)));
    if (odd >= 0) throw fault("WeightedRandomSampler", `weight ${odd} is ${weights[odd]}`, "weights are numbers from 0");
    this.length = count("WeightedRandomSampler", "numSamples", numSamples, 1);
    this.#replacement = replacement;
    const drawable = weights.filter((w) => w > 0).length;
    if (drawable < (replacement ? 1 : this.length))
      throw fault("WeightedRandomSampler", `${this.length} draws of ${drawable} rows with a weight`, "draw fewer, or with replacement");
    let sum = 0;
    this.#bounds = Float64Array.from(weights, (w) => (sum += w));
  }
  protected draw(random: RandomNumbers): Iterable<number> {
    const bounds = this.#bounds;
    if (this.#replacement) return Array.from({ length: this.length }, () => firstAbove(bounds, random.nextDouble() * bounds.at(-1)!));
    // Rows in the order of exponential times at the rate of their weights are draws without replacement (Efraimidis and Spirakis 2006).
    const times = bounds.map((bound, i) => -Math.log(1 - random.nextDouble()) / (bound - (bounds[i - 1] ?? 0)));
    const rows = Array.from(times.keys()).filter((i) => bounds[i]! > (bounds[i - 1] ?? 0));
    return rows.sort((x, y) => times[x]! - times[y]!).slice(0, this.length);
  }
}
/** The first place whose bound is larger. */
function firstAbove(bounds: Float64Array, value: number): number {
  let [low, high] = [0, bounds.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (bounds[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Batches of the rows that another sampler gives. */
class SampledBatches implements AnyBatchSampler {
  readonly sampler: Sampler;
  readonly batchSize: number;
  readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, dropLast: boolean = false) {
    this.sampler = sampler;
    this.batchSize = count("BatchSampler", "batchSize", batchSize, 1);
    this.dropLast = dropLast;
  }
  /** Batches of an epoch. @throws ArgumentError ERR_NO_LENGTH when the sampler has no length. */
  get length(): number {
    const rows = lengthOf(this.sampler);
    if (rows === undefined) throw new ArgumentError("BatchSampler: the sampler has no length", { code: "ERR_NO_LENGTH", hint: "give it a property length" });
    return this.dropLast ? Math.floor(rows / this.batchSize) : Math.ceil(rows / this.batchSize);
  }
  *[Symbol.iterator](): Generator<readonly number[], void, undefined> {
    let batch: number[] = [];
    for (const row of this.sampler) {
      if (batch.push(row) < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
/** Says which rows come together. It must give the same on every worker. */
export type BatchSampler = AnyBatchSampler;
/**
 * @example
 * const batchSampler = new BatchSampler(new RandomSampler(dataset), 8, true); // the last batch is left out when it is short
 * new DataLoader(dataset, { batchSampler });
 */
export const BatchSampler: {
  new (
    sampler: Sampler,
    batchSize: number,
    dropLast?: boolean,
  ): AnyBatchSampler & { readonly batchSize: number; readonly length: number; readonly dropLast: boolean };
} = SampledBatches;
