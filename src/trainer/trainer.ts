// The Trainer: one object that trains a model, evaluates it, saves it, and logs. Every method may be overridden in a subclass; the work lies in the folders beside this file, by subject.
import type { Accelerator } from "../accelerator/index.js";
import type { DataLoader } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import type { ModuleBase } from "../nn/index.js";
import type { Optimizer } from "../optim/index.js";
import { TrainingArguments } from "./arguments/index.js";
import { callbacksOf, type CallbackEvent, CallbackHandler, type EventDetails, type TrainerCallback } from "./callbacks/index.js";
import * as checkpoints from "./checkpoints/index.js";
import * as data from "./data/index.js";
import { plotHistory } from "./display/index.js";
import type { EvalPrediction } from "./evaluation/index.js";
import * as evaluation from "./evaluation/index.js";
import * as optimizers from "./optimizers/index.js";
import { checkCall, knownOptions } from "./known-options.js";
import type {
  ComputedLoss,
  ComputeLossFunction,
  ComputeLossOptions,
  ComputeMetrics,
  DataCollator,
  EvalDatasets,
  Metrics,
  ModelInit,
  ModelInputs,
  OptimizerChoice,
  PreprocessLogits,
  ProcessingClass,
  TrainableModel,
  TrainerDataset,
  TrainerOptions,
  TrainerScheduler,
  TrainOptions,
  TrainOutput,
  Trial,
} from "./options.js";
import { TrainerControl, TrainerState } from "./state/index.js";
import { type BatchSamples, getBatchSamples } from "./training/batch-samples.js";
import { floatingPointOps } from "./training/flops.js";
import type { LabelSmoother } from "./training/label-smoother.js";
import { LossesLogged, type StepResults, maybeLogSaveEvaluate } from "./training/losses-logged.js";
import { ModelTraits } from "./training/model-traits.js";
import { acceleratorOf, checkModel, checkOptions, labelSmootherOf } from "./training/setup.js";
import { computeLoss, trainingStep } from "./training/step.js";
import { stepPlateau, trainModel } from "./training/train.js";
import { unfinished } from "./unfinished.js";

type Callback = TrainerCallback | (new () => TrainerCallback);

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
export class Trainer<R = unknown, P = EvalPrediction> {
  args: TrainingArguments;
  readonly accelerator: Accelerator;
  state: TrainerState = new TrainerState();
  control: TrainerControl = new TrainerControl();
  callbackHandler: CallbackHandler;
  trainDataset: TrainerDataset<R> | undefined;
  evalDataset: EvalDatasets | undefined;
  dataCollator: DataCollator;
  processingClass: ProcessingClass | undefined;
  optimizer: Optimizer | undefined;
  lrScheduler: TrainerScheduler | undefined;
  modelInit: ModelInit | undefined;
  computeMetrics: ComputeMetrics<P> | undefined;
  computeLossFunc: ComputeLossFunction | undefined;
  preprocessLogitsForMetrics: PreprocessLogits | undefined;
  optimizerClsAndKwargs: OptimizerChoice | undefined;
  labelSmoother: LabelSmoother | undefined;
  /** The loader that `train` iterates. */
  trainDataloader: DataLoader<ModelInputs> | undefined;
  /** The loader of the evaluation that runs, or ran last. */
  evalDataloader: DataLoader<ModelInputs> | undefined;
  /** `train` runs. */
  isInTrain = false;
  /**
   * Whether the loss of `computeLoss` is already divided by what all micro-batches of a step have together. undefined: it is where `numItemsInBatch` went into it. A subclass that computes a loss of its
   * own says false for the mean of its batch, true for what it has divided itself.
   */
  lossIsScaledForGa: boolean | undefined;
  /** Micro-batches of the step that is made: fewer for the last of an epoch. */
  currentGradientAccumulationSteps = 1;
  /** Rows per batch and worker; `autoFindBatchSize` may make it smaller. */
  trainBatchSize: number;
  /** Floating point operations since the last log, of this worker. */
  currentFlos = 0;
  /** @internal `lrScheduler` was made by `createScheduler`: the next run makes its own. */
  madeScheduler = false;
  /** @internal */
  readonly lossesLogged: LossesLogged = new LossesLogged();
  #model: TrainableModel | undefined;
  #traits: ModelTraits | undefined;
  readonly #ready: Promise<void>;

  /** @throws ArgumentError ERR_OPTIONS for a name that is not known; ERR_TRAINER_OPTIONS for what does not go together */
  constructor(given: TrainerOptions<R, P>) {
    const options = knownOptions(given);
    checkOptions(options);
    this.args = options.args ?? new TrainingArguments("tmp_trainer");
    this.accelerator = acceleratorOf(this.args);
    this.trainDataset = options.trainDataset;
    this.evalDataset = options.evalDataset;
    this.processingClass = options.processingClass;
    this.dataCollator = options.dataCollator ?? data.defaultCollator(options.processingClass);
    this.modelInit = options.modelInit;
    this.computeMetrics = options.computeMetrics;
    this.computeLossFunc = options.computeLossFunc;
    this.preprocessLogitsForMetrics = options.preprocessLogitsForMetrics;
    this.optimizerClsAndKwargs = options.optimizerClsAndKwargs;
    [this.optimizer, this.lrScheduler] = options.optimizers ?? [];
    this.trainBatchSize = this.args.trainBatchSize;
    this.callbackHandler = new CallbackHandler(callbacksOf(this.args, options.callbacks));
    this.state.isWorldProcessZero = this.isWorldProcessZero();
    this.state.isLocalProcessZero = this.isLocalProcessZero();
    const model = options.model ?? options.modelInit?.(undefined);
    this.#ready = model instanceof Promise ? model.then((made) => this.#begin(made)) : Promise.resolve(this.#begin(model));
    // Told by the first method that waits for it.
    this.#ready.catch(() => {});
  }
  #begin(model: ModuleBase | undefined): void | Promise<void> {
    this.model = checkModel(model);
    this.labelSmoother = labelSmootherOf(this.args, this.traits);
    return this.callEvent("onInitEnd");
  }

  /** The model. Not there yet right after the constructor where `modelInit` is async. */
  get model(): TrainableModel {
    if (this.#model) return this.#model;
    throw new ArgumentError("Trainer: the model is not there yet", { code: "ERR_TRAINER_MODEL", hint: "modelInit is async: await trainer.ready() first" });
  }
  set model(model: ModuleBase) {
    this.#model = model as TrainableModel;
    this.#traits = undefined;
  }
  /** What the Trainer must know of the model. */
  get traits(): ModelTraits {
    this.#traits ??= new ModelTraits(this.model);
    return this.#traits;
  }
  /** Names of the batch's entries that are labels. */
  get labelNames(): readonly string[] {
    return this.args.labelNames ?? this.traits.labelNames;
  }

  /** Returns when what the constructor began is done: `modelInit`, callbacks' `onInitEnd`. Methods wait for it themselves. */
  ready(): Promise<void> {
    return this.#ready;
  }

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
    return trainModel(this as unknown as Trainer, options);
  }
  /** Forward and backward of one micro-batch. Gives its part of the step's loss, which has no graph any more. */
  async trainingStep(model: TrainableModel, inputs: ModelInputs, numItemsInBatch: number | undefined): Promise<number> {
    return trainingStep(this as unknown as Trainer, model, inputs, numItemsInBatch);
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
    return computeLoss(this as unknown as Trainer, model, inputs, options);
  }
  /** The next micro-batches of a step, and the labels that count in them. */
  async getBatchSamples(epochIterator: AsyncIterator<ModelInputs>, numBatches: number): Promise<BatchSamples> {
    return getBatchSamples(this as unknown as Trainer, epochIterator, numBatches);
  }
  /** After a step, and at the end of an epoch: what `control` asks for. */
  async maybeLogSaveEvaluate(results: StepResults): Promise<void> {
    return maybeLogSaveEvaluate(this as unknown as Trainer, results);
  }
  /** 6 x tokens x parameters outside embeddings. */
  floatingPointOps(inputs: ModelInputs): number {
    return floatingPointOps(this as unknown as Trainer, inputs);
  }
  /** Makes the model by `modelInit`. */
  async callModelInit(trial?: Trial): Promise<TrainableModel> {
    return checkModel(await this.modelInit?.(trial));
  }

  // ---- data

  /** Batches to train on: not prepared, `train` does that. */
  getTrainDataloader(): DataLoader<ModelInputs> | Promise<DataLoader<ModelInputs>> {
    return data.getTrainDataloader(this as unknown as Trainer);
  }
  /** Batches to evaluate on: of `evalDataset`, one of its sets by name, or another dataset. */
  getEvalDataloader(dataset?: TrainerDataset | string): DataLoader<ModelInputs> | Promise<DataLoader<ModelInputs>> {
    return data.getEvalDataloader(this as unknown as Trainer, dataset);
  }
  getTestDataloader(dataset: TrainerDataset): DataLoader<ModelInputs> | Promise<DataLoader<ModelInputs>> {
    return data.getTestDataloader(this as unknown as Trainer, dataset);
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
      const own = batch.input_ids?.shape.reduce((a, b) => a * b, 1) ?? 0;
      if (maxSteps !== undefined) return own * maxSteps;
      tokens += own;
    }
    return tokens;
  }

  // ---- optimizer

  createOptimizerAndScheduler(numTrainingSteps: number): void {
    this.createScheduler(numTrainingSteps, this.createOptimizer());
  }
  /** Makes `optimizer` unless there is one. */
  createOptimizer(): Optimizer {
    this.optimizer ??= optimizers.createOptimizer(this as unknown as Trainer);
    return this.optimizer;
  }
  /** Makes `lrScheduler` unless there is one. */
  createScheduler(numTrainingSteps: number, optimizer: Optimizer = this.createOptimizer()): TrainerScheduler {
    this.lrScheduler ??= optimizers.createScheduler(this as unknown as Trainer, numTrainingSteps, optimizer);
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
    stepPlateau(this as unknown as Trainer, metrics);
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
    return evaluation.evaluate(this as unknown as Trainer, options);
  }
  /** Predictions and labels of a dataset, with metrics where there are labels. */
  async predict(dataset: TrainerDataset, options: evaluation.PredictOptions = {}): Promise<evaluation.PredictionOutput> {
    checkCall("predict", options);
    await this.ready();
    return evaluation.predict(this as unknown as Trainer, dataset, options);
  }
  async evaluationLoop(loader: DataLoader<ModelInputs>, options: evaluation.EvaluationLoopOptions): Promise<evaluation.EvalLoopOutput> {
    return evaluation.evaluationLoop(this as unknown as Trainer, loader, options);
  }
  async predictionStep(model: TrainableModel, inputs: ModelInputs, options: evaluation.PredictionStepOptions): Promise<evaluation.PredictionStepOutput> {
    return evaluation.predictionStep(this as unknown as Trainer, model, inputs, options);
  }

  // ---- saving

  /** Writes the model, its config and the processing class; default into `outputDir`. */
  async saveModel(directory: string = this.args.outputDir): Promise<void> {
    await this.ready();
    return checkpoints.saveModel(this as unknown as Trainer, directory);
  }
  /** Writes trainer_state.json into `outputDir`. */
  async saveState(): Promise<void> {
    await this.ready();
    return checkpoints.saveState(this as unknown as Trainer);
  }
  /** Writes README.md into `outputDir`. */
  async createModelCard(options: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.ready();
    return checkpoints.createModelCard(this as unknown as Trainer, options);
  }
  /** @throws always: nothing is uploaded. */
  async pushToHub(): Promise<never> {
    throw new ArgumentError("Trainer.pushToHub: models are not uploaded to the hub", {
      code: "ERR_HUB_PUSH",
      hint: "saveModel() writes a folder that huggingface-cli upload takes",
    });
  }

  // ---- logs and callbacks

  /** Adds epoch and counts to the entry, keeps it in `state.logHistory`, and tells the callbacks. `startTime` as of performance.now(). */
  async log(logs: Metrics, startTime?: number): Promise<void> {
    const { state, args } = this;
    logs.epoch = state.epoch;
    if (args.includeNumInputTokensSeen !== "no") {
      logs.num_input_tokens_seen = state.numInputTokensSeen;
      if (startTime !== undefined)
        Object.assign(logs, evaluation.speedMetrics("train", startTime, { numTokens: state.numInputTokensSeen - this.lossesLogged.firstTokens }));
    }
    state.logHistory.push({ ...logs, step: state.globalStep });
    await this.callEvent("onLog", { logs });
  }
  /** Prints metrics as a table, on the main process. */
  logMetrics(split: string, metrics: Metrics): void {
    evaluation.logMetrics(this as unknown as Trainer, split, metrics);
  }
  /** Writes `<split>_results.json`, and with `combined` (the default) adds to all_results.json. */
  async saveMetrics(split: string, metrics: Metrics, options: { readonly combined?: boolean } = {}): Promise<void> {
    return evaluation.saveMetrics(this as unknown as Trainer, split, metrics, { combined: options.combined ?? true });
  }
  /** Writes the curves of losses and metrics so far as SVG. */
  async plot(file: string): Promise<void> {
    return plotHistory(this.state.logHistory, file, { writes: this.isWorldProcessZero() });
  }
  addCallback(callback: Callback): void {
    this.callbackHandler.add(callback);
  }
  /** Takes a callback away and gives it back. */
  popCallback(callback: Callback): TrainerCallback | undefined {
    return this.callbackHandler.pop(callback);
  }
  removeCallback(callback: Callback): void {
    this.callbackHandler.remove(callback);
  }
  /** Tells all callbacks of an event; `control` is what they leave. Without a promise where no handler is async. */
  callEvent(event: CallbackEvent, about: Omit<EventDetails, "trainer"> = {}): void | Promise<void> {
    const control = this.callbackHandler.call(event, this.args, this.state, this.control, { ...about, trainer: this as unknown as Trainer });
    if (!(control instanceof Promise)) this.control = control;
    else
      return control.then((last) => {
        this.control = last;
      });
  }

  /** Several runs with values of their own; not there. */
  async hyperparameterSearch(): Promise<never> {
    throw unfinished("hyperparameterSearch");
  }

  /** Whether this is the first of all workers. */
  isWorldProcessZero(): boolean {
    return this.accelerator.isMainProcess;
  }
  /** Whether this is the first worker of its host. */
  isLocalProcessZero(): boolean {
    return this.accelerator.isLocalMainProcess;
  }
}
