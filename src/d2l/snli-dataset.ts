// SNLI as the book's attention model reads it (16.4): both sentences as rows of a fixed length, and loaders over them.
import { DataLoader, type MapDataset } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import { speaks } from "../progress/speaks.js";
import { type Tensor, tensor } from "../tensor/index.js";
import { type DownloadOptions, downloadExtract } from "./download.js";
import { readSnli, type SnliExamples } from "./snli.js";
import { words } from "./tokens.js";
import { Vocab } from "./vocab.js";

/** Numbers of tokens of both sentences, and the label. */
export type SnliPair = [x: [premise: number[], hypothesis: number[]], label: number];

/**
 * A line of exactly so many tokens: cut, or filled up with padding.
 *
 * @example
 * truncatePad([5, 6, 7], 2, 0); // [5, 6]
 * truncatePad([5], 3, 0); // [5, 0, 0]
 */
export function truncatePad<T>(line: readonly T[], numSteps: number, padding: T): T[] {
  return Array.from({ length: numSteps }, (_, i) => (i < line.length ? line[i]! : padding));
}

export interface SnliDatasetOptions {
  /** Tokens of a sentence. */
  readonly numSteps: number;
  /** That of other data; default: the tokens that are at least five times in these, and `<pad>`. */
  readonly vocab?: Vocab;
}

/**
 * Pairs of sentences of a fixed number of tokens.
 *
 * @example
 * const trainSet = new SNLIDataset(await readSnli(dataDir, true), { numSteps: 50 }); // read 549367 examples
 */
export class SNLIDataset implements MapDataset<SnliPair> {
  readonly length: number;
  readonly vocab: Vocab;
  readonly numSteps: number;
  readonly #examples: SnliExamples;

  constructor(examples: SnliExamples, { numSteps, vocab }: SnliDatasetOptions) {
    const [premises, hypotheses, labels] = examples;
    if (!Number.isSafeInteger(numSteps) || numSteps < 1)
      throw new ArgumentError(`SNLIDataset: numSteps is ${numSteps}`, { hint: "give a whole number from 1 up" });
    if (premises.length !== labels.length || hypotheses.length !== labels.length)
      throw new ArgumentError(`SNLIDataset: ${premises.length} premises, ${hypotheses.length} hypotheses and ${labels.length} labels`, {
        hint: "give as many of each",
      });
    this.#examples = examples;
    this.numSteps = numSteps;
    this.length = labels.length;
    this.vocab = vocab ?? new Vocab([...premises, ...hypotheses].map(words), { minFreq: 5, reservedTokens: ["<pad>"] });
    if (speaks()) console.log(`read ${this.length} examples`);
  }

  /** A row, from the end when the index is negative. @throws ArgumentError ERR_ROW_RANGE */
  at(index: number): SnliPair {
    const row = index < 0 ? index + this.length : index;
    const [premises, hypotheses, labels] = this.#examples;
    if (labels[row] === undefined)
      throw new ArgumentError(`row ${index} of an SNLIDataset of ${this.length} rows`, { code: "ERR_ROW_RANGE", hint: `rows are 0 to ${this.length - 1}` });
    const pad = this.vocab.get("<pad>");
    const [premise, hypothesis] = [premises[row]!, hypotheses[row]!].map((text) => truncatePad(this.vocab.get(words(text)), this.numSteps, pad)) as [
      number[],
      number[],
    ];
    return [[premise, hypothesis], labels[row]];
  }
}

/** Premises and hypotheses [batch, numSteps], labels [batch]. */
export type SnliBatch = [x: [premises: Tensor<2, "int64">, hypotheses: Tensor<2, "int64">], labels: Tensor<1, "int64">];
export interface SnliLoaders {
  readonly trainIter: DataLoader<SnliBatch>;
  readonly testIter: DataLoader<SnliBatch>;
  /** Of the training data. */
  readonly vocab: Vocab;
}

/** Two sentences of one length would be stacked into one tensor. */
const batched = (rows: readonly SnliPair[]): SnliBatch => [
  [
    tensor(
      rows.map(([[premise]]) => premise),
      { dtype: "int64" },
    ),
    tensor(
      rows.map(([[, hypothesis]]) => hypothesis),
      { dtype: "int64" },
    ),
  ],
  tensor(
    rows.map(([, label]) => label),
    { dtype: "int64" },
  ),
];

/**
 * Downloads SNLI and gives loaders over its training data (shuffled) and its test data.
 *
 * @example
 * const { trainIter, testIter, vocab } = await loadDataSnli(128, { numSteps: 50 });
 * console.log(vocab.length); // 18678
 */
export async function loadDataSnli(batchSize: number, options: DownloadOptions & { readonly numSteps?: number } = {}): Promise<SnliLoaders> {
  const { numSteps = 50, ...where } = options;
  const dataDir = await downloadExtract("SNLI", where);
  const trainSet = new SNLIDataset(await readSnli(dataDir, true), { numSteps });
  const testSet = new SNLIDataset(await readSnli(dataDir, false), { numSteps, vocab: trainSet.vocab });
  return {
    trainIter: new DataLoader(trainSet, { batchSize, shuffle: true, collateFn: batched }),
    testIter: new DataLoader(testSet, { batchSize, collateFn: batched }),
    vocab: trainSet.vocab,
  };
}
