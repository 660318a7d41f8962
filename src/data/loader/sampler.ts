// The order of rows in an epoch: f(seed, epoch), the same on every machine; or what a sampler of the program's says.
import { inspect } from "node:util";
import { ArgumentError } from "../../errors.js";
import { Pcg64 } from "../pcg64.js";

/** Says in which order rows come: an array of indices, or anything that can be iterated anew each epoch. It must give the same on every worker. */
export interface Sampler extends Iterable<number> {
  /** How many indices an epoch has. */
  readonly length?: number;
  /** Told before each epoch. */
  setEpoch?(epoch: number): void;
}
/** Says which rows come together. It must give the same on every worker. */
export interface BatchSampler extends Iterable<readonly number[]> {
  /** Rows of every batch but perhaps the last; without it batches of any sizes are dealt whole. */
  readonly batchSize?: number;
  /** How many batches an epoch has. */
  readonly length?: number;
  /** It leaves out a last batch that is short: then a last round that lacks batches is left out, too. */
  readonly dropLast?: boolean;
  /** The sampler behind it, which is told of epochs. */
  readonly sampler?: unknown;
  setEpoch?(epoch: number): void;
}

/** Row numbers of an epoch: numpy's default_rng([seed, epoch]).permutation(length); without a seed as they lie. */
export function epochOrder(length: number, epoch: number, seed: number | undefined): Uint32Array {
  if (seed !== undefined) return new Pcg64([seed, epoch]).permutation(length);
  return Uint32Array.from({ length }, (_, i) => i);
}

const fault = (message: string, hint: string): ArgumentError => new ArgumentError(`DataLoader: ${message}`, { code: "ERR_LOADER_SAMPLER", hint });
const isIterable = (x: unknown): x is Iterable<unknown> => typeof x === "object" && x !== null && Symbol.iterator in x;
/** A generator is used up with the first epoch. */
function checkRenewable(sampler: object, name: string): void {
  if ("next" in sampler && typeof sampler.next === "function")
    throw fault(`${name} can be iterated only once`, "give an array, or an object whose [Symbol.iterator]() begins anew each epoch");
}

/** @throws ArgumentError ERR_LOADER_SAMPLER */
export function checkSampler(sampler: unknown): void {
  if (!isIterable(sampler)) throw fault(`sampler is ${inspect(sampler, { depth: 0 })}`, "give an array of indices, or anything iterable over them");
  checkRenewable(sampler, "sampler");
}
/** @throws ArgumentError ERR_LOADER_SAMPLER */
export function checkBatchSampler(sampler: unknown): void {
  if (!isIterable(sampler))
    throw fault(`batchSampler is ${inspect(sampler, { depth: 0 })}`, "give an array of lists of indices, or anything iterable over them");
  checkRenewable(sampler, "batchSampler");
  const { batchSize } = sampler as BatchSampler;
  if (batchSize !== undefined && !(Number.isInteger(batchSize) && batchSize > 0))
    throw fault(`the batch sampler's batchSize is ${inspect(batchSize)}`, "its batches have 1 row or more; leave it out where they have different sizes");
}

/** Tells whoever wants to know. */
export function tellEpoch(listener: unknown, epoch: number): void {
  if (typeof listener !== "object" || listener === null || !("setEpoch" in listener)) return;
  if (typeof listener.setEpoch === "function") listener.setEpoch(epoch);
}

/** The length that a sampler or a stream says it has. */
export function lengthOf(source: object): number | undefined {
  const { length } = source as { readonly length?: unknown };
  return typeof length === "number" && Number.isInteger(length) && length >= 0 ? length : undefined;
}

/** Indices that there are rows for. @throws ArgumentError ERR_LOADER_SAMPLER */
export async function* checkedIndices(sampler: Sampler, rows: number): AsyncGenerator<number, void, undefined> {
  for (const index of sampler) yield checked(index, rows, "the sampler");
}
/** @throws ArgumentError ERR_LOADER_SAMPLER */
export async function* checkedBatches(sampler: BatchSampler, rows: number, most: number | undefined): AsyncGenerator<readonly number[], void, undefined> {
  for (const batch of sampler) {
    if (!isIterable(batch) || typeof batch === "string") throw fault(`the batch sampler gave ${inspect(batch)}`, "its items are lists of indices");
    const indices = Array.from(batch, (index) => checked(index, rows, "the batch sampler"));
    if (indices.length === 0) throw fault("the batch sampler gave an empty batch", "leave empty batches out");
    if (most !== undefined && indices.length > most)
      throw fault(`the batch sampler gave a batch of ${indices.length} rows, its batchSize is ${most}`, "correct its batchSize, or leave it out");
    yield indices;
  }
}

function checked(index: unknown, rows: number, who: string): number {
  if (typeof index === "number" && Number.isInteger(index) && index >= 0 && index < rows) return index;
  throw fault(`${who} gave ${inspect(index, { depth: 0 })}`, `indices are 0 to ${rows - 1}, as many as the dataset has rows`);
}
