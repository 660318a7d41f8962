// What a Trainer is made with, and what its methods take and give.
import type { CollateContext, MapDataset, ModuleRef } from "../data/index.js";
import type { ModuleBase } from "../nn/index.js";
import type { Optimizer, ParamGroup, PlateauScheduler, Scheduler } from "../optim/index.js";
import type { Parameter, Tensor } from "../tensor/index.js";
import type { TrainingArguments } from "./arguments/index.js";
import type { TrainerCallback } from "./callbacks/index.js";
import type { EvalPrediction } from "./evaluation/index.js";
import type { Trial, TrialParams } from "./search/index.js";

/** Numbers by name. */
export type Metrics = Record<string, number>;
/** A batch as a model takes it: tensors by name. */
export type ModelInputs = { readonly [name: string]: Tensor };
/** What a model gives: an object of tensors, `loss` among them where there are labels. */
export interface TrainerOutput {
  readonly loss: Tensor<0>;
  readonly logits: Tensor;
}
/** A model as the Trainer calls it. */
export interface TrainableModel extends ModuleBase {
  (inputs: ModelInputs): TrainerOutput;
}

/** Anything that can be trained or evaluated on: an array of rows, a Dataset, a class of one's own, a stream. */
export type TrainerDataset<R = unknown> = MapDataset<R> | AsyncIterable<R> | Iterable<R>;
/** A DatasetDict. */
interface Splits {
  readonly splits: readonly string[];
  readonly numRows: object;
}
/** One evaluation set, or several by name: the metrics of `{ matched }` are named `eval_matched_...`. */
export type EvalDatasets<R = unknown> = TrainerDataset<R> | { readonly [name: string]: TrainerDataset<R> } | Splits;
/** Makes a batch of rows: a function, or where threads read (`dataloaderNumWorkers`) the name of a module's export. */
export type DataCollator = ((rows: never[], context: CollateContext) => unknown) | ModuleRef;
/** The tokenizer that belongs to the model: it is saved beside it, and batches are padded with it. */
export interface ProcessingClass {
  savePretrained(directory: string): Promise<unknown>;
}

/** Called with a batch's outputs, its labels and the number of labels that count in all micro-batches of the step. Gives the loss, divided by that number where there is one. */
export type ComputeLossFunction = (
  outputs: TrainerOutput,
  labels: Tensor | undefined,
  options: { readonly numItemsInBatch: number | undefined },
) => Tensor | Promise<Tensor>;
/** The scores of an evaluation. With `batchEvalMetrics` it is called for each batch; `computeResult` is true at the last, whose result counts. */
export type ComputeMetrics<P = EvalPrediction> = (prediction: P, options: { readonly computeResult: boolean }) => Metrics | Promise<Metrics>;
/** What of the logits is kept for the metrics, and given to `computeMetrics` as predictions. */
export type PreprocessLogits = (
  logits: Tensor | readonly Tensor[],
  labels: Tensor | undefined,
) => Tensor | readonly Tensor[] | Promise<Tensor | readonly Tensor[]>;

/** Makes the model anew for each `train`; of a search, with the values of the trial in `trial.params`. */
export type ModelInit = (trial: Trial | undefined) => ModuleBase | Promise<ModuleBase>;

/** An optimizer's class and its options: `{ optimizerClass: SGD, options: { lr: 0.1 } }`. */
export interface OptimizerChoice {
  readonly optimizerClass: new (params: Iterable<Parameter> | readonly ParamGroup[], options: never) => Optimizer;
  readonly options: Readonly<Record<string, unknown>>;
}

/** A schedule of steps, or one that follows a metric. */
export type TrainerScheduler = Scheduler | PlateauScheduler;

export interface TrainerOptions<R = unknown, P = EvalPrediction> {
  /** The model to train; or `modelInit`. */
  readonly model?: ModuleBase | undefined;
  /** Makes the model, again for each call of `train`; may be async, the model is there after the first await of a method then. */
  readonly modelInit?: ModelInit | undefined;
  /** Default: `new TrainingArguments("tmp_trainer")`. */
  readonly args?: TrainingArguments | undefined;
  readonly trainDataset?: TrainerDataset<R> | undefined;
  readonly evalDataset?: EvalDatasets | undefined;
  /** Default: `DataCollatorWithPadding` of the processingClass where it is a tokenizer, else `defaultDataCollator`. */
  readonly dataCollator?: DataCollator | undefined;
  readonly processingClass?: ProcessingClass | undefined;
  readonly computeMetrics?: ComputeMetrics<P> | undefined;
  readonly computeLossFunc?: ComputeLossFunction | undefined;
  readonly preprocessLogitsForMetrics?: PreprocessLogits | undefined;
  /** Callbacks beside the default ones: objects, or classes that are made without arguments. */
  readonly callbacks?: readonly (TrainerCallback | (new () => TrainerCallback))[] | undefined;
  /** An optimizer, and a scheduler made from it, in place of those that the arguments describe. */
  readonly optimizers?: readonly [optimizer: Optimizer | undefined, scheduler: TrainerScheduler | undefined] | undefined;
  readonly optimizerClsAndKwargs?: OptimizerChoice | undefined;
}

export interface TrainOptions {
  /** A checkpoint's directory, or true for the newest of `outputDir`. */
  readonly resumeFromCheckpoint?: string | boolean | undefined;
  /** Of a search; values by name count as those of one, of which trainer_state.json tells. */
  readonly trial?: Trial | TrialParams | undefined;
  /** Outputs of the model that evaluations while training leave out. */
  readonly ignoreKeysForEval?: readonly string[] | undefined;
}
/** What `train` gives. */
export interface TrainOutput {
  readonly globalStep: number;
  /** The mean over the steps of this call. */
  readonly trainingLoss: number;
  /** train_runtime (s), train_samples_per_second, train_steps_per_second, total_flos, train_loss, epoch. */
  readonly metrics: Metrics;
}
export interface ComputeLossOptions {
  /** The outputs are asked for, too. */
  readonly returnOutputs?: boolean | undefined;
  /** Labels that count in all micro-batches of the step, of all workers with `averageTokensAcrossDevices`. */
  readonly numItemsInBatch?: number | undefined;
}
/** A loss, or a loss with what the model gave. */
export type ComputedLoss = Tensor | { readonly loss: Tensor; readonly outputs: TrainerOutput };
