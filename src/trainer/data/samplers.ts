// The order in which a Trainer reads: that of transformers' Trainer with the same seeds.
import { Dataset, LengthGroupedSampler, type MapDataset, RandomSampler, type Sampler, SeedableRandomSampler, SequentialSampler } from "../../data/index.js";
import type { RandomNumbers } from "../../data/loader/samplers.js";
import { Mt19937 } from "../../data/mt19937.js";
import type { TrainerDataset } from "../options.js";
import type { Trainer } from "../trainer.js";
import { isTokenizer } from "./collator.js";
import { hasLength } from "./named.js";
import { sayOnce } from "./notices.js";

/** Rows of about one length together, permuted with torch's generator: epoch e with seed + e. */
export class TorchLengthGroupedSampler extends LengthGroupedSampler {
  protected override random(seed: number, epoch: number): RandomNumbers {
    return new Mt19937(seed + epoch);
  }
}

const seedOf = ({ args }: Trainer): number => args.dataSeed ?? args.seed;

/** Lengths from the column that says them, else of the model's first input. */
function grouped(trainer: Trainer, dataset: MapDataset<unknown>, batchSize: number): Sampler {
  const { args, processingClass } = trainer;
  const seed = seedOf(trainer);
  const column = args.lengthColumnName;
  const names: readonly string[] = dataset instanceof Dataset ? dataset.columnNames : [];
  if (names.includes(column)) {
    const read = Dataset.tableOf(dataset as Dataset).reader(column);
    return new TorchLengthGroupedSampler(batchSize, { lengths: Float64Array.from({ length: dataset.length }, (_, i) => Number(read(i))), seed });
  }
  const modelInputName = isTokenizer(processingClass) ? processingClass.modelInputNames[0] : undefined;
  return new TorchLengthGroupedSampler(batchSize, { dataset, seed, ...(modelInputName !== undefined && { modelInputName }) });
}

/** Of the training set; a stream comes as it is. */
export function trainSampler(trainer: Trainer, dataset: TrainerDataset): Sampler | undefined {
  const { args } = trainer;
  const strategy = args.trainSamplingStrategy;
  if (!hasLength(dataset)) {
    if (strategy === "group_by_length")
      sayOnce(trainer, `trainSamplingStrategy "${strategy}" does nothing: the training set is a stream, whose rows come in its own order`);
    return undefined;
  }
  const rows = dataset as MapDataset<unknown>;
  if (strategy === "group_by_length") return grouped(trainer, rows, args.trainBatchSize * args.gradientAccumulationSteps);
  if (strategy === "sequential") return new SequentialSampler(rows.length);
  const seed = seedOf(trainer);
  return args.acceleratorConfig.useSeedableSampler ? new SeedableRandomSampler(rows.length, { seed }) : new RandomSampler(rows.length, { seed });
}

/** Of an evaluation: in order, or grouped like the training. */
export function evalSampler(trainer: Trainer, dataset: TrainerDataset): Sampler | undefined {
  if (trainer.args.trainSamplingStrategy !== "group_by_length" || !hasLength(dataset)) return undefined;
  return grouped(trainer, dataset as MapDataset<unknown>, trainer.args.evalBatchSize);
}
