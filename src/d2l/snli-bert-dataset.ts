// SNLI as input of BERT: rows encoded once by threads, held in shared memory, padded when they are read.
import type { MapDataset, MapperDescriptor } from "../data/types.js";
import { ArgumentError } from "../errors.js";
import { speaks } from "../progress/speaks.js";
import { startThreads } from "../threads/index.js";
import type { SnliExamples } from "./snli.js";
import { type EncodedRows, encodePairs } from "./snli-rows.js";
import type { EncodeTask, WorkerData } from "./snli-worker.js";
import type { Truncation } from "./truncate.js";
import type { Vocab } from "./vocab.js";

/** Numbers of tokens and segments, padded to `maxLen`, how many tokens count, and the label. */
export type SnliItem = [x: [tokens: number[], segments: number[], validLen: number], label: number];

export interface SnliBertOptions {
  /** Tokens of a row, `<cls>` and two `<sep>` included. */
  readonly maxLen: number;
  readonly vocab: Vocab;
  /** Threads that encode; default 4. 0 encodes in this one. The rows are the same for any number. */
  readonly numWorkers?: number;
  /** Which tokens a pair loses that is too long: "longest" (default) those of the longer sentence, "ratio" those of both in proportion. */
  readonly truncation?: Truncation;
}

/** Rows per task of a thread, whatever the number of threads. */
const taskRows = 4096;
const minLen = 5;

/** What a thread is given to read the rows. */
interface RowsDescription {
  readonly parts: readonly EncodedRows[];
  readonly labels: Int32Array;
  readonly maxLen: number;
  readonly pad: number;
}

function check({ maxLen, numWorkers = 4, truncation = "longest" }: SnliBertOptions, [premises, hypotheses, labels]: SnliExamples): void {
  const fault = (message: string, hint: string) => new ArgumentError(`SNLIBERTDataset: ${message}`, { hint });
  if (!Number.isSafeInteger(maxLen) || maxLen < minLen)
    throw fault(`maxLen is ${maxLen}`, `give a whole number from ${minLen} up: <cls>, two <sep> and a token of each sentence`);
  if (!Number.isSafeInteger(numWorkers) || numWorkers < 0) throw fault(`numWorkers is ${numWorkers}`, "give a number of threads, or 0 for none");
  if (truncation !== "longest" && truncation !== "ratio") throw fault(`truncation is ${JSON.stringify(truncation)}`, 'give "longest" or "ratio"');
  if (premises.length !== hypotheses.length || premises.length !== labels.length)
    throw fault(`${premises.length} premises, ${hypotheses.length} hypotheses and ${labels.length} labels`, "give as many of each");
}

/**
 * Pairs of sentences as BERT reads them: `<cls> premise <sep> hypothesis <sep>`, lower-cased words, padded with `<pad>`.
 *
 * @example
 * const trainSet = await SNLIBERTDataset.create(await readSnli(dataDir, true), { maxLen: 128, vocab }); // read 549367 examples
 * const [[tokens, segments, validLen], label] = trainSet.at(0);
 */
export class SNLIBERTDataset implements MapDataset<SnliItem> {
  readonly length: number;
  readonly #rows: RowsDescription;

  private constructor(rows: RowsDescription) {
    this.#rows = rows;
    this.length = rows.labels.length;
  }

  /** Encodes examples and prints how many there are. */
  static async create(examples: SnliExamples, options: SnliBertOptions): Promise<SNLIBERTDataset> {
    check(options, examples);
    const { maxLen, vocab } = options;
    const labels = new Int32Array(new SharedArrayBuffer(examples[2].length * 4));
    labels.set(examples[2]);
    const made = new SNLIBERTDataset({ parts: await encoded(examples, options), labels, maxLen, pad: vocab.get("<pad>") });
    if (speaks()) console.log(`read ${made.length} examples`);
    return made;
  }
  /** @internal The same rows in another thread. */
  static of(rows: unknown): SNLIBERTDataset {
    return new SNLIBERTDataset(rows as RowsDescription);
  }

  /** How a thread finds the same rows, in the same memory. */
  get descriptor(): MapperDescriptor {
    return { module: import.meta.url, name: "datasetOf", options: this.#rows };
  }

  /** A row, from the end when the index is negative. @throws ArgumentError ERR_ROW_RANGE */
  at(index: number): SnliItem {
    const row = index < 0 ? index + this.length : index;
    if (!Number.isInteger(row) || row < 0 || row >= this.length)
      throw new ArgumentError(`row ${index} of an SNLIBERTDataset of ${this.length} rows`, { code: "ERR_ROW_RANGE", hint: `rows are 0 to ${this.length - 1}` });
    const { parts, labels, maxLen, pad } = this.#rows;
    const { ids, ends, firsts } = parts[Math.floor(row / taskRows)]!;
    const k = row % taskRows;
    const start = k === 0 ? 0 : ends[k - 1]!;
    const count = ends[k]! - start;
    const first = firsts[k]!;
    const tokens = new Array<number>(maxLen).fill(pad);
    const segments = new Array<number>(maxLen).fill(0);
    for (let i = 0; i < count; i++) {
      tokens[i] = ids[start + i]!;
      if (i >= first) segments[i] = 1;
    }
    return [[tokens, segments, count], labels[row]!];
  }
}

/** @internal For threads: the data set of a descriptor's options. */
export const datasetOf = (options: unknown): SNLIBERTDataset => SNLIBERTDataset.of(options);

async function encoded(
  [premises, hypotheses]: SnliExamples,
  { vocab, maxLen, numWorkers = 4, truncation = "longest" }: SnliBertOptions,
): Promise<EncodedRows[]> {
  const tasks: EncodeTask[] = [];
  for (let from = 0; from < premises.length; from += taskRows)
    tasks.push({ premises: premises.slice(from, from + taskRows), hypotheses: hypotheses.slice(from, from + taskRows) });
  const threads = Math.min(numWorkers, tasks.length);
  // One task is done before a thread has started.
  if (threads < 2) return tasks.map((task) => encodePairs(task.premises, task.hypotheses, vocab, { maxLen, truncation }));
  const workerData: WorkerData = { tokens: vocab.idxToToken, options: { maxLen, truncation } };
  const module = new URL("./snli-worker.js", import.meta.url);
  await using pool = startThreads<EncodeTask, EncodedRows>({ module, name: "encode", threads, data: workerData });
  return await Promise.all(tasks.map((task) => pool.run(task)));
}
