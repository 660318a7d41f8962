// What a Trainer is: its parts, what it is made of, its log and its callbacks. What it does stands in trainer.ts.
import type { Accelerator } from "../accelerator/index.js";
import type { DataLoader } from "../data/index.js";
import { ArgumentError } from "../errors.js";
import type { ModuleBase } from "../nn/index.js";
import type { Optimizer } from "../optim/index.js";
import { TrainingArguments } from "./arguments/index.js";
import { callbacksOf, type CallbackEvent, CallbackHandler, type EventDetails, type GivenCallback, type TrainerCallback } from "./callbacks/index.js";
import { defaultCollator } from "./data/index.js";
import { type EvalPrediction, speedMetrics } from "./evaluation/index.js";
import { knownOptions } from "./known-options.js";
import type {
  ComputeLossFunction,
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
} from "./options.js";
import { say } from "./say.js";
import type { TrialRun } from "./search/index.js";
import { TrainerControl, TrainerState } from "./state/index.js";
import type { Trainer } from "./trainer.js";
import type { LabelSmoother } from "./training/label-smoother.js";
import { LossesLogged } from "./training/losses-logged.js";
import { ModelTraits } from "./training/model-traits.js";
import { acceleratorOf, checkModel, checkOptions, labelSmootherOf } from "./training/setup.js";

/** @internal */
export abstract class TrainerCore<R = unknown, P = EvalPrediction> {
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
  /** @internal The trial of a search. */
  trialRun: TrialRun | undefined;
  /** @internal */
  readonly lossesLogged: LossesLogged = new LossesLogged();
  #model: TrainableModel | undefined;
  #traits: ModelTraits | undefined;
  #advice = "modelInit is async: await trainer.ready() first";
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
    this.dataCollator = options.dataCollator ?? defaultCollator(options.processingClass);
    this.modelInit = options.modelInit;
    this.computeMetrics = options.computeMetrics;
    this.computeLossFunc = options.computeLossFunc;
    this.preprocessLogitsForMetrics = options.preprocessLogitsForMetrics;
    this.optimizerClsAndKwargs = options.optimizerClsAndKwargs;
    [this.optimizer, this.lrScheduler] = options.optimizers ?? [];
    this.trainBatchSize = this.args.trainBatchSize;
    this.callbackHandler = new CallbackHandler(callbacksOf(this.args, options.callbacks), (line) => say(this, "warning", line));
    this.state.isWorldProcessZero = this.isWorldProcessZero();
    this.state.isLocalProcessZero = this.isLocalProcessZero();
    const model = options.model ?? options.modelInit?.(undefined);
    this.#ready = model instanceof Promise ? model.then((made) => this.#begin(made)) : Promise.resolve(this.#begin(model));
    // Told by the first method that waits for it.
    this.#ready.catch(() => {});
  }
  /** This object for the functions of the folders, which ask for no types of rows. */
  protected get self(): Trainer {
    return this as unknown as Trainer;
  }
  #begin(model: ModuleBase | undefined): void | Promise<void> {
    this.model = checkModel(model);
    this.labelSmoother = labelSmootherOf(this, this.traits);
    return this.callEvent("onInitEnd");
  }

  /** The model. Not there yet right after the constructor where `modelInit` is async. */
  get model(): TrainableModel {
    if (this.#model) return this.#model;
    throw new ArgumentError("Trainer: the model is not there yet", { code: "ERR_TRAINER_MODEL", hint: this.#advice });
  }
  set model(model: ModuleBase) {
    this.#model = model as TrainableModel;
    this.#traits = undefined;
  }
  /** @internal The model goes, and its memory with it. */
  releaseModel(): void {
    [this.#model, this.#traits] = [undefined, undefined];
    this.#advice = "a search lets go of the models of its trials, train() makes one anew";
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

  /** Adds epoch and counts to the entry, keeps it in `state.logHistory`, and tells the callbacks. `startTime` as of performance.now(). */
  async log(logs: Metrics, startTime?: number): Promise<void> {
    const { state, args } = this;
    logs.epoch = state.epoch;
    if (args.includeNumInputTokensSeen !== "no") {
      logs.num_input_tokens_seen = state.numInputTokensSeen;
      if (startTime !== undefined)
        Object.assign(logs, speedMetrics("train", startTime, { numTokens: state.numInputTokensSeen - this.lossesLogged.firstTokens }));
    }
    state.logHistory.push({ ...logs, step: state.globalStep });
    await this.callEvent("onLog", { logs });
  }
  addCallback(callback: GivenCallback): void {
    this.callbackHandler.add(callback);
  }
  /** Takes a callback away and gives it back. */
  popCallback(callback: GivenCallback): TrainerCallback | undefined {
    return this.callbackHandler.pop(callback);
  }
  removeCallback(callback: GivenCallback): void {
    this.callbackHandler.remove(callback);
  }
  /** Tells all callbacks of an event; `control` is what they leave. Without a promise where no handler is async. */
  callEvent(event: CallbackEvent, about: Omit<EventDetails, "trainer"> = {}): void | Promise<void> {
    const control = this.callbackHandler.call(event, this.args, this.state, this.control, { ...about, trainer: this.self });
    if (!(control instanceof Promise)) this.control = control;
    else
      return control.then((last) => {
        this.control = last;
      });
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
