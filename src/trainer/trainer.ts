// The Trainer: one object that trains a model, evaluates it, saves it, and logs. Every method may be overridden in a subclass; the work lies in the folders beside this file, by subject.
import type { DataLoader } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import type { ModuleBase } from "../nn/index.js";
import type { Optimizer } from "../optim/index.js";
import type { TrainingArguments } from "./arguments/index.js";
import * as checkpoints from "./checkpoints/index.js";
import * as data from "./data/index.js";
import { plotHistory } from "./display/index.js";
import type { EvalPrediction } from "./evaluation/index.js";
import * as evaluation from "./evaluation/index.js";
import { checkCall } from "./known-options.js";
import * as optimizers from "./optimizers/index.js";
import type {
  ComputedLoss,
  ComputeLossOptions,
  Metrics,
  ModelInputs,
  OptimizerChoice,
  TrainableModel,
  TrainerDataset,
  TrainerScheduler,
  TrainOptions,
  TrainOutput,
} from "./options.js";
import { type BestRun, hyperparameterSearch, type HyperparameterSearchOptions, type SearchDirection, type Trial } from "./search/index.js";
import { TrainerCore } from "./trainer-core.js";
import { type BatchSamples, getBatchSamples } from "./training/batch-samples.js";
import { floatingPointOps } from "./training/flops.js";
import { maybeLogSaveEvaluate, type StepResults } from "./training/losses-logged.js";
import { checkModel } from "./training/setup.js";
import { computeLoss, trainingStep } from "./training/step.js";
import { stepPlateau, trainModel } from "./training/train.js";

/**
 * Trains a model on a dataset as transformers' Trainer does, with the same arguments, steps, logs and files, on all workers that `accelerate-ts launch` has started or on this process alone. All
 * workers make the same calls.
 *
 * @example
 * const trainer = new Trainer({
 *   model: await AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }),
 *   args: new TrainingArguments("out", { evalStrategy: "epoch" }),
 *   trainDataset: tokenized.train,
 *   evalDataset: tokenized.validation,
 *   processingClass: tokenizer,
 * });
 * const { trainingLoss } = await trainer.train();
 */
export class Trainer<R = unknown, P = EvalPrediction> extends TrainerCore<R, P> {
  // ---- training

  /**
   * Trains. Returns when the last step is made, its checkpoint is written, and the best model is loaded where that is asked for.
   *
   * @example
   * const { globalStep, trainingLoss, metrics } = await trainer.train({ resumeFromCheckpoint: true });
   */
  async train(options: TrainOptions = {}): Promise<TrainOutput> {
    checkCall("train", options);
    await this.ready();
    return trainModel(this.self, options);
  }
  /** Forward and backward of one micro-batch. Gives its part of the step's loss, which has no graph any more. */
  async trainingStep(model: TrainableModel, inputs: ModelInputs, numItemsInBatch: number | undefined): Promise<number> {
    return trainingStep(this.self, model, inputs, numItemsInBatch);
  }
  /**
   * The loss of a batch: the model's own, that of `computeLossFunc`, or the smoothed one. An override may return a loss alone, or `{ loss, outputs }` where evaluations are to see the outputs.
   *
   * @example
   * class Weighted extends Trainer {
   *   override lossIsScaledForGa = false;
   *   override async computeLoss(model: TrainableModel, { labels, ...inputs }: ModelInputs) {
   *     const outputs = model(inputs);
   *     return { loss: weightedLoss(outputs.logits, labels), outputs };
   *   }
   * }
   */
  async computeLoss(model: TrainableModel, inputs: ModelInputs, options: ComputeLossOptions = {}): Promise<ComputedLoss> {
    return computeLoss(this.self, model, inputs, options);
  }
  /** The next micro-batches of a step, and the labels that count in them. */
  async getBatchSamples(epochIterator: AsyncIterator<ModelInputs>, numBatches: number): Promise<BatchSamples> {
    return getBatchSamples(this.self, epochIterator, numBatches);
  }
  /** After a step, and at the end of an epoch: what `control` asks for. */
  async maybeLogSaveEvaluate(results: StepResults): Promise<void> {
    return maybeLogSaveEvaluate(this.self, results);
  }
  /** 6 x tokens x parameters outside embeddings. */
  floatingPointOps(inputs: ModelInputs): number {
    return floatingPointOps(this.self, inputs);
  }
  /** Makes the model by `modelInit`. */
  async callModelInit(trial?: Trial): Promise<TrainableModel> {
    return checkModel(await this.modelInit?.(trial));
  }

  // ---- data

  /** Batches to train on: not prepared, `train` does that. */
  getTrainDataloader(): DataLoader<ModelInputs> | Promise<DataLoader<ModelInputs>> {
    return data.getTrainDataloader(this.self);
  }
  /** Batches to evaluate on: of `evalDataset`, one of its sets by name, or another dataset. */
  getEvalDataloader(dataset?: TrainerDataset | string): DataLoader<ModelInputs> | Promise<DataLoader<ModelInputs>> {
    return data.getEvalDataloader(this.self, dataset);
  }
  getTestDataloader(dataset: TrainerDataset): DataLoader<ModelInputs> | Promise<DataLoader<ModelInputs>> {
    return data.getTestDataloader(this.self, dataset);
  }
  /** Rows of a loader's dataset. */
  numExamples(loader: DataLoader<ModelInputs>): number {
    const { dataset } = loader as { readonly dataset?: { readonly length?: unknown } };
    return typeof dataset?.length === "number" ? dataset.length : loader.length * this.args.perDeviceTrainBatchSize;
  }
  /** Tokens of a loader's batches: all of an epoch, or of `maxSteps` batches as long as the first. */
  async numTokens(loader: DataLoader<ModelInputs>, maxSteps?: number): Promise<number> {
    let tokens = 0;
    for await (const batch of loader) {
      const own = batch[this.traits.mainInputName]?.shape.reduce((a, b) => a * b, 1) ?? 0;
      if (maxSteps !== undefined) return own * maxSteps;
      tokens += own;
    }
    return tokens;
  }

  // ---- optimizer

  createOptimizerAndScheduler(numTrainingSteps: number): void {
    this.createScheduler(numTrainingSteps, this.createOptimizer());
  }
  /** Makes `optimizer` unless there is one. @throws ArgumentError ERR_TRAINER_OPTIMIZER where the one that was given is of another model */
  createOptimizer(): Optimizer {
    if (this.optimizer) optimizers.checkOptimizer(this.self, this.optimizer);
    else this.optimizer = optimizers.createOptimizer(this.self);
    return this.optimizer;
  }
  /** Makes `lrScheduler` unless there is one. */
  createScheduler(numTrainingSteps: number, optimizer: Optimizer = this.createOptimizer()): TrainerScheduler {
    this.lrScheduler ??= optimizers.createScheduler(this.self, numTrainingSteps, optimizer);
    return this.lrScheduler;
  }
  /** Names of the parameters that weight decay is for. */
  getDecayParameterNames(model: ModuleBase = this.model): string[] {
    return optimizers.getDecayParameterNames(model);
  }
  static getOptimizerClsAndKwargs(args: TrainingArguments, model?: ModuleBase): OptimizerChoice {
    return optimizers.getOptimizerClsAndKwargs(args, model);
  }
  /** Steps a scheduler that follows a metric with those of an evaluation. */
  stepPlateau(metrics: Metrics): void {
    stepPlateau(this.self, metrics);
  }
  /** The rate of the first group. */
  getLearningRate(): number {
    return this.lrScheduler?.getLastLr()[0] ?? this.optimizer?.paramGroups[0]?.lr ?? this.args.learningRate;
  }

  // ---- evaluation

  /** Loss and metrics of the evaluation set; logged, and told to callbacks. */
  async evaluate(options: evaluation.EvaluateOptions = {}): Promise<Metrics> {
    checkCall("evaluate", options);
    await this.ready();
    return evaluation.evaluate(this.self, options);
  }
  /** Predictions and labels of a dataset, with metrics where there are labels. */
  async predict(dataset: TrainerDataset, options: evaluation.PredictOptions = {}): Promise<evaluation.PredictionOutput> {
    checkCall("predict", options);
    await this.ready();
    return evaluation.predict(this.self, dataset, options);
  }
  async evaluationLoop(loader: DataLoader<ModelInputs>, options: evaluation.EvaluationLoopOptions): Promise<evaluation.EvalLoopOutput> {
    return evaluation.evaluationLoop(this.self, loader, options);
  }
  async predictionStep(model: TrainableModel, inputs: ModelInputs, options: evaluation.PredictionStepOptions): Promise<evaluation.PredictionStepOutput> {
    return evaluation.predictionStep(this.self, model, inputs, options);
  }

  // ---- saving

  /** Writes the model, its config and the processing class; default into `outputDir`. */
  async saveModel(directory: string = this.args.outputDir): Promise<void> {
    await this.ready();
    return checkpoints.saveModel(this.self, directory);
  }
  /** Writes trainer_state.json into `outputDir`. */
  async saveState(): Promise<void> {
    await this.ready();
    return checkpoints.saveState(this.self);
  }
  /** Writes README.md into `outputDir`. */
  async createModelCard(options: checkpoints.ModelCardOptions = {}): Promise<void> {
    await this.ready();
    return checkpoints.createModelCard(this.self, options);
  }
  /** @throws always: nothing is uploaded. */
  async pushToHub(): Promise<never> {
    throw new ArgumentError("Trainer.pushToHub: models are not uploaded to the hub", {
      code: "ERR_HUB_PUSH",
      hint: "saveModel() writes a folder that huggingface-cli upload takes",
    });
  }

  /** Prints metrics as a table, on the main process. */
  logMetrics(split: string, metrics: Metrics): void {
    evaluation.logMetrics(this.self, split, metrics);
  }
  /** Writes `<split>_results.json`, and with `combined` (the default) adds to all_results.json. */
  async saveMetrics(split: string, metrics: Metrics, options: { readonly combined?: boolean } = {}): Promise<void> {
    return evaluation.saveMetrics(this.self, split, metrics, { combined: options.combined ?? true });
  }
  /** Writes the curves of losses and metrics so far as SVG. */
  async plot(file: string): Promise<void> {
    return plotHistory(this.state.logHistory, file, { writes: this.isWorldProcessZero() });
  }

  /**
   * Trains with several sets of arguments, each from a new model of `modelInit` and in a folder of its own (`run-<number>`), and tells which was best: by the last evaluation of each run. On several
   * workers the first one draws the values. Needs `modelInit` and an evaluation set; the Trainer has its own arguments and no model afterwards.
   *
   * @throws ArgumentError ERR_SEARCH_OPTIONS, ERR_SEARCH_BACKEND, ERR_SEARCH_SPACE, ERR_SEARCH_OBJECTIVE; ERR_SEARCH_NO_TRIAL when no trial ends with a number; what TrainingArguments say of values
   * @example
   * const best = await trainer.hyperparameterSearch({
   *   hpSpace: (trial) => ({
   *     learningRate: trial.suggestFloat("learningRate", 1e-5, 1e-3, { log: true }),
   *     perDeviceTrainBatchSize: trial.suggestCategorical("perDeviceTrainBatchSize", [8, 16, 32]),
   *   }),
   *   direction: "maximize",
   *   nTrials: 10,
   *   pruner: "median",
   * });
   * console.log(best.objective, best.hyperparameters);
   * trainer.args = best.args;
   * await trainer.train();
   */
  hyperparameterSearch(
    options: HyperparameterSearchOptions<readonly SearchDirection[]> & { readonly direction: readonly SearchDirection[] },
  ): Promise<BestRun<readonly number[]>[]>;
  hyperparameterSearch(options?: HyperparameterSearchOptions<SearchDirection>): Promise<BestRun>;
  async hyperparameterSearch(options: HyperparameterSearchOptions = {}): Promise<BestRun | BestRun<readonly number[]>[]> {
    await this.ready();
    const { evaluate, getEvalDataloader } = Trainer.prototype;
    const evaluates = this.evaluate !== evaluate || this.getEvalDataloader !== getEvalDataloader;
    return hyperparameterSearch(this.self, options, { evaluates });
  }
}
