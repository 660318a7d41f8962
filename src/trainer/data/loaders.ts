// The loaders of a Trainer: what is read in which order, without the columns that the model does not take. They are not prepared: whoever iterates them does that.
import { inspect } from "node:util";
import { DataLoader, type DataLoaderOptions, Dataset, type Sampler } from "../../data/index.js";
import { ArgumentError } from "../../errors.js";
import type { DataCollator, ModelInputs, TrainerDataset } from "../options.js";
import type { Trainer } from "../trainer.js";
import { droppedColumns, ignoredLine, signatureOf } from "./columns.js";
import { collatorThatDrops } from "./dropping-collator.js";
import { hasLength, isDataset, namedDatasets } from "./named.js";
import { sayOnce } from "./notices.js";
import { evalSampler, trainSampler } from "./samplers.js";

type Loader = DataLoader<ModelInputs>;

/** Loaders whose threads stay from one evaluation to the next, by dataset; and those that are for one alone. */
interface EvalLoaders {
  readonly kept: WeakMap<object, Loader>;
  readonly passing: WeakSet<object>;
}
const loaders = new WeakMap<Trainer, EvalLoaders>();
function loadersOf(trainer: Trainer): EvalLoaders {
  const own = loaders.get(trainer) ?? { kept: new WeakMap(), passing: new WeakSet() };
  loaders.set(trainer, own);
  return own;
}

const refused = (message: string, hint: string): ArgumentError => new ArgumentError(`Trainer: ${message}`, { code: "ERR_TRAINER_DATASET", hint });

interface Purpose {
  /** "Training", "Evaluation" or "test": for messages. */
  readonly description: string;
  readonly batchSize: number;
  readonly sampler: Sampler | undefined;
}

function makeLoader(trainer: Trainer, dataset: TrainerDataset, { description, batchSize, sampler }: Purpose): Loader {
  const { args } = trainer;
  const threads = args.dataloaderNumWorkers;
  const { rows, collateFn } = withoutUnused(trainer, dataset, description);
  const options: DataLoaderOptions & { collateFn: DataCollator } = {
    batchSize,
    collateFn,
    dropLast: hasLength(dataset) && args.dataloaderDropLast,
    numWorkers: threads,
    ...(sampler && { sampler }),
    ...(threads > 0 && args.dataloaderPrefetchFactor !== undefined && { prefetchFactor: args.dataloaderPrefetchFactor }),
  };
  return new DataLoader(rows as never, options as never) as Loader;
}

/** Columns of a Dataset are dropped at once, keys of other rows when they are collated. */
function withoutUnused(trainer: Trainer, dataset: TrainerDataset, description: string): { readonly rows: TrainerDataset; readonly collateFn: DataCollator } {
  const { args, dataCollator: collateFn } = trainer;
  const signature = args.removeUnusedColumns ? signatureOf(trainer.model, trainer.labelNames) : undefined;
  if (!signature) return { rows: dataset, collateFn };
  const told = (ignored: readonly string[]) => sayOnce(trainer, ignoredLine(signature, ignored, description));
  if (dataset instanceof Dataset) {
    const ignored = droppedColumns(signature, dataset.columnNames, description);
    if (ignored.length === 0) return { rows: dataset, collateFn };
    told(ignored);
    return { rows: dataset.removeColumns(ignored as never) as TrainerDataset, collateFn };
  }
  return { rows: dataset, collateFn: collatorThatDrops(collateFn, { signature, description }, told, args.dataloaderNumWorkers > 0) };
}

/** @throws ArgumentError ERR_TRAINER_DATASET, ERR_TRAINER_COLUMNS */
export function getTrainDataloader(trainer: Trainer): Loader {
  const dataset = trainer.trainDataset;
  if (dataset === undefined) throw refused("training requires a trainDataset", "give new Trainer({ trainDataset })");
  if (!isDataset(dataset)) throw noDataset("trainDataset", dataset);
  return makeLoader(trainer, dataset, { description: "Training", batchSize: trainer.trainBatchSize, sampler: trainSampler(trainer, dataset) });
}

/** Of `evalDataset`, a set of it by name, or the one that is given. With `dataloaderPersistentWorkers` a dataset keeps its loader. @throws ArgumentError ERR_TRAINER_DATASET, ERR_TRAINER_COLUMNS */
export function getEvalDataloader(trainer: Trainer, given?: TrainerDataset | string): Loader {
  const dataset = chosen(trainer, given);
  const { kept, passing } = loadersOf(trainer);
  const known = kept.get(dataset);
  if (known) {
    known.setEpoch(0);
    return known;
  }
  const loader = makeLoader(trainer, dataset, { description: "Evaluation", batchSize: trainer.args.evalBatchSize, sampler: evalSampler(trainer, dataset) });
  if (trainer.args.dataloaderPersistentWorkers && trainer.args.dataloaderNumWorkers > 0) kept.set(dataset, loader);
  else passing.add(loader);
  return loader;
}
function chosen(trainer: Trainer, given: TrainerDataset | string | undefined): TrainerDataset {
  const own = trainer.evalDataset;
  if (given === undefined && own === undefined)
    throw refused("evaluation requires an evalDataset", "give new Trainer({ evalDataset }), or evaluate({ evalDataset })");
  const sets = namedDatasets(own);
  if (typeof given === "string") {
    const dataset = sets && Object.hasOwn(sets, given) ? sets[given] : undefined;
    if (dataset === undefined)
      throw refused(
        `there is no evaluation set ${JSON.stringify(given)}`,
        sets ? `there are ${Object.keys(sets).join(", ")}` : "evalDataset is one set without a name",
      );
    return checked(dataset, given);
  }
  if (given === undefined && sets)
    throw refused("evalDataset holds several sets", `name one: getEvalDataloader(${JSON.stringify(Object.keys(sets)[0] ?? "")})`);
  return checked((given ?? own) as TrainerDataset, "evalDataset");
}
function checked(dataset: TrainerDataset, name: string): TrainerDataset {
  if (isDataset(dataset)) return dataset;
  throw noDataset(name, dataset);
}
const noDataset = (name: string, given: unknown): ArgumentError =>
  refused(`${name} is ${inspect(given, { depth: 0 })}`, "give an array, a Dataset, anything with length and at(index), or an iterable of rows");

/** Rows in their order, whatever the sampling strategy: predictions belong to them. @throws ArgumentError ERR_TRAINER_DATASET, ERR_TRAINER_COLUMNS */
export function getTestDataloader(trainer: Trainer, dataset: TrainerDataset): Loader {
  const loader = makeLoader(trainer, checked(dataset, "the dataset"), { description: "test", batchSize: trainer.args.evalBatchSize, sampler: undefined });
  loadersOf(trainer).passing.add(loader);
  return loader;
}

/** The threads of a loader that was made for one evaluation end with it. */
export async function endThreads(trainer: Trainer, loader: Loader): Promise<void> {
  if (loadersOf(trainer).passing.has(loader)) await loader.close();
}
