// LengthGroupedSampler: rows of about the same length come together, so that little is padded; the algorithm of transformers.
import { ArgumentError } from "../../errors.js";
import { Tensor } from "../../tensor/index.js";
import { Dataset } from "../dataset/dataset.js";
import type { MapDataset } from "../types.js";
import { type RandomNumbers, SeededSampler } from "./samplers.js";

const MOST_BATCHES = 50;
const fault = (message: string, hint: string): ArgumentError => new ArgumentError(`LengthGroupedSampler: ${message}`, { code: "ERR_LOADER_SAMPLER", hint });

export interface LengthGroupedOptions {
  /** Whose rows are measured, unless `lengths` says. */
  readonly dataset?: MapDataset<unknown>;
  /** The length of every row. */
  readonly lengths?: ArrayLike<number>;
  /** The key of the rows that is measured; default "input_ids". */
  readonly modelInputName?: string;
  readonly seed?: number;
}

function lengthOfValue(value: unknown, i: number, name: string): number {
  const length = value instanceof Tensor ? value.shape[0] : (value as { readonly length?: unknown } | null | undefined)?.length;
  if (typeof length === "number") return length;
  throw fault(`row ${i} has no list ${JSON.stringify(name)}`, 'give lengths: [...], or modelInputName: "..." of rows that are objects');
}
function lengthsOf(dataset: MapDataset<unknown>, name: string): Uint32Array {
  if (dataset instanceof Dataset) {
    if (!dataset.columnNames.includes(name as never))
      throw fault(`there is no column ${JSON.stringify(name)}`, `columns are ${dataset.columnNames.join(", ")}; give modelInputName`);
    const read = Dataset.tableOf(dataset).reader(name);
    return Uint32Array.from({ length: dataset.length }, (_, i) => lengthOfValue(read(i), i, name));
  }
  return Uint32Array.from({ length: dataset.length }, (_, i) =>
    lengthOfValue((dataset.at(i) as Readonly<Record<string, unknown>> | undefined)?.[name], i, name),
  );
}

/**
 * Rows at random, cut into groups of up to 50 batches (of a quarter of the rows in small data sets), each sorted from long to short; the longest row of all comes first, so that a batch that is too
 * large for memory fails at once. Length 0 rows count.
 *
 * @example
 * const sampler = new LengthGroupedSampler(8, { dataset: tokenized.train });
 * const loader = new DataLoader(tokenized.train, { batchSize: 8, sampler, collateFn });
 */
export class LengthGroupedSampler extends SeededSampler {
  readonly batchSize: number;
  readonly #lengths: ArrayLike<number>;

  /** @throws ArgumentError ERR_LOADER_SAMPLER */
  constructor(batchSize: number, { dataset, lengths, modelInputName = "input_ids", seed }: LengthGroupedOptions) {
    super(seed);
    if (!(Number.isInteger(batchSize) && batchSize > 0)) throw fault(`batchSize is ${batchSize}`, "give a whole number of at least 1");
    if (!dataset && !lengths) throw fault("neither dataset nor lengths are given", "give one of them");
    this.batchSize = batchSize;
    this.#lengths = lengths ?? lengthsOf(dataset!, modelInputName);
  }
  get length(): number {
    return this.#lengths.length;
  }
  protected draw(random: RandomNumbers): Iterable<number> {
    const lengths = this.#lengths;
    const rows = random.permutation(lengths.length);
    const size = Math.max(1, Math.min(Math.floor(rows.length / (this.batchSize * 4)), MOST_BATCHES)) * this.batchSize;
    let longest = 0;
    for (let start = 0; start < rows.length; start += size) {
      const sorted = [...rows.subarray(start, start + size)].sort((a, b) => lengths[b]! - lengths[a]!);
      rows.set(sorted, start);
      if (lengths[sorted[0]!]! > lengths[rows[longest]!]!) longest = start;
    }
    if (rows.length > 0) [rows[0], rows[longest]] = [rows[longest]!, rows[0]!];
    return rows;
  }
}
