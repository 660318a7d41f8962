// A run from its first step to its last.
import type { DataLoader } from "../../data/index.js";
import { setSeed } from "../../accelerator/index.js";
import { ArgumentError } from "../../errors.js";
import { PlateauScheduler } from "../../optim/index.js";
import { closeDisplays } from "../callbacks/index.js";
import {
  chosenCheckpoint,
  finishCheckpoints,
  listenForStop,
  loadBestModel,
  loadModel,
  loadOptimizerAndScheduler,
  loadTrainerState,
  prepareOutputDir,
  restoreLosses,
  resumedAt,
  watchedMetric,
} from "../checkpoints/index.js";
import { speedMetrics } from "../evaluation/index.js";
import type { ModelInputs, TrainOptions, TrainOutput } from "../options.js";
import { say } from "../say.js";
import { trialOf } from "../search/index.js";
import { TrainerState } from "../state/index.js";
import type { Trainer } from "../trainer.js";
import { tellBeginning } from "./beginning.js";
import { runEpoch, type TrainingRun } from "./epoch.js";
import { storeFlos } from "./flops.js";
import { zeroGradients } from "./gradients.js";
import { evaluateInTraining } from "./losses-logged.js";
import { withNeftune } from "./neftune.js";
import { checkpointActivations } from "./setup.js";
import { trainingValues } from "./steps.js";

/** The batches of an epoch, where the loader knows. */
function lengthOf(loader: DataLoader<ModelInputs>): number | undefined {
  try {
    return loader.length;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_NO_LENGTH") return undefined;
    throw error;
  }
}

/** `train`: the model where it is made anew, the checkpoint, the batch size where it is to be found, then the run. @throws ArgumentError ERR_TRAINER_BUSY while another run goes on */
export async function trainModel(trainer: Trainer, options: TrainOptions): Promise<TrainOutput> {
  const { args, accelerator } = trainer;
  if (trainer.isInTrain)
    throw new ArgumentError("Trainer.train was called while a training of this Trainer runs", {
      code: "ERR_TRAINER_BUSY",
      hint: "await the first one; to end it, set control.shouldTrainingStop in a callback",
    });
  const trial = options.trial && trialOf(options.trial);
  trainer.isInTrain = true;
  const listening = listenForStop(trainer);
  try {
    if (trainer.modelInit) {
      setSeed(args.seed);
      trainer.model = await trainer.callModelInit(trial);
      [trainer.optimizer, trainer.lrScheduler] = [undefined, undefined];
      trainer.trialRun?.begin(trainer);
    }
    checkpointActivations(trainer, trainer.model);
    await prepareOutputDir(trainer);
    const checkpoint = await chosenCheckpoint(trainer, options.resumeFromCheckpoint);
    if (checkpoint !== undefined) await loadModel(trainer, checkpoint);
    const run = () => withNeftune(trainer.model, args.neftuneNoiseAlpha, () => innerLoop(trainer, checkpoint, options));
    if (!args.autoFindBatchSize) return await run();
    return await accelerator.findExecutableBatchSize(
      (batchSize) => {
        trainer.trainBatchSize = batchSize;
        return run();
      },
      { startingBatchSize: trainer.trainBatchSize, reduce: (size) => Math.floor(size * 0.9), onTry: (line) => say(trainer, "info", line) },
    );
  } finally {
    listening[Symbol.dispose]();
    closeDisplays(trainer.callbackHandler.callbacks);
    trainer.isInTrain = false;
  }
}

async function innerLoop(trainer: Trainer, checkpoint: string | undefined, options: TrainOptions): Promise<TrainOutput> {
  const run = await prepared(trainer, checkpoint, options);
  const { values } = run;
  tellBeginning(run);
  trainer.lossesLogged.begin(trainer.state);
  if (run.resumed) restoreLosses(trainer, run.resumed);
  zeroGradients(trainer.optimizer!, trainer.model.parameters());
  await trainer.callEvent("onTrainBegin");
  if (trainer.args.evalOnStart) await evaluateInTraining(trainer, options.ignoreKeysForEval, { stepsScheduler: false });
  for (let epoch = run.resumed?.epoch ?? 0; epoch < values.numTrainEpochs; epoch++) {
    await trainer.callEvent("onEpochBegin");
    await runEpoch(run, epoch);
    if (trainer.control.shouldTrainingStop) break;
  }
  return finished(run);
}

/** Workers with other numbers of batches would make other calls. @throws ArgumentError ERR_TRAINER_STEPS */
async function commonLength({ accelerator }: Trainer, own: number | undefined): Promise<number | undefined> {
  if (accelerator.numProcesses === 1 || accelerator.evenBatches) return own;
  const all = await accelerator.gatherObject([own ?? -1]);
  if (all.every((length) => length === all[0])) return own;
  throw new ArgumentError(`Trainer: the workers have ${all.join(", ")} batches of the training data`, {
    code: "ERR_TRAINER_STEPS",
    hint: "leave evenBatches in acceleratorConfig as it is (true), or set dataloaderDropLast",
  });
}

/** Loader, optimizer, scheduler and state of a run that begins or goes on. */
async function prepared(trainer: Trainer, checkpoint: string | undefined, options: TrainOptions): Promise<TrainingRun> {
  const { args, accelerator, callbackHandler } = trainer;
  // What an earlier run has prepared: a model that is made anew leaves the memory of the one before.
  if (trainer.trainDataloader) await (trainer.modelInit ? accelerator.returnMemory() : accelerator.unprepare());
  if (trainer.madeScheduler && trainer.lrScheduler) {
    trainer.optimizer?.unfollow(trainer.lrScheduler);
    trainer.lrScheduler = undefined;
  }
  trainer.madeScheduler = trainer.lrScheduler === undefined;
  // An override may have set the field, or only given what it made.
  const optimizer = trainer.createOptimizer();
  trainer.optimizer ??= optimizer;
  if (!trainer.optimizer)
    throw new ArgumentError("Trainer: createOptimizer made no optimizer", { code: "ERR_TRAINER_OPTIMIZER", hint: "set this.optimizer, and return it" });
  const [loader] = await accelerator.prepare(await trainer.getTrainDataloader(), trainer.model, trainer.optimizer);
  trainer.trainDataloader = loader as DataLoader<ModelInputs>;
  callbackHandler.trainDataloader = trainer.trainDataloader;

  const length = await commonLength(trainer, lengthOf(trainer.trainDataloader));
  const planned = trainingValues(args, {
    length,
    numExamples: () => trainer.numExamples(trainer.trainDataloader!),
    totalTrainBatchSize: trainer.trainBatchSize * args.gradientAccumulationSteps * accelerator.numProcesses,
  });
  trainer.state = new TrainerState();
  trainer.currentFlos = 0;
  trainer.state.isHyperParamSearch = options.trial !== undefined;
  trainer.state.trainBatchSize = trainer.trainBatchSize;
  trainer.state.computeSteps(args, planned.maxSteps);
  if (checkpoint !== undefined) await loadTrainerState(trainer, checkpoint);
  const { numUpdateStepsPerEpoch: updatesPerEpoch, maxSteps } = planned;
  const resumed = checkpoint === undefined ? undefined : await resumedAt(trainer, checkpoint, { batchesPerEpoch: length, updatesPerEpoch, maxSteps });
  const values = resumed ? { ...planned, maxSteps: resumed.maxSteps } : planned;
  trainer.state.initTrainingReferences({
    maxSteps: values.maxSteps,
    // As Python's sys.maxsize, that JSON can hold.
    numTrainEpochs: Math.min(values.numTrainEpochs, Number.MAX_SAFE_INTEGER),
    isLocalProcessZero: trainer.isLocalProcessZero(),
    isWorldProcessZero: trainer.isWorldProcessZero(),
    trialName: trainer.trialRun?.name,
    trialParams: options.trial && trialOf(options.trial).params,
  });
  const scheduler = trainer.createScheduler(values.maxSteps, trainer.optimizer);
  trainer.lrScheduler ??= scheduler;
  if (checkpoint !== undefined) await loadOptimizerAndScheduler(trainer, checkpoint);
  return {
    trainer,
    model: trainer.model,
    loader: trainer.trainDataloader,
    values,
    endKnown: length !== undefined,
    startTime: performance.now(),
    ignoreKeysForEval: options.ignoreKeysForEval,
    resumed,
  };
}

/** Metrics, the best model, the last words. */
async function finished({ trainer, values, startTime }: TrainingRun): Promise<TrainOutput> {
  const { state, lossesLogged: losses, args } = trainer;
  losses.total += losses.sum;
  const steps = state.globalStep - losses.firstStep;
  // Python divides by a thousandth where no step was made.
  const trainingLoss = losses.total / Math.max(steps, 0.001);
  const metrics = speedMetrics("train", startTime, { numSamples: (values.numTrainSamples * steps) / Math.max(state.maxSteps, 1), numSteps: steps });
  await storeFlos(trainer);
  metrics.total_flos = state.totalFlos;
  metrics.train_loss = trainingLoss;
  await trainer.log(metrics);
  if (args.loadBestModelAtEnd && state.bestModelCheckpoint !== undefined) await loadBestModel(trainer);
  await finishCheckpoints(trainer);
  await trainer.callEvent("onTrainEnd");
  return { globalStep: state.globalStep, trainingLoss, metrics };
}

/** Steps a scheduler that follows a metric. @throws ArgumentError ERR_METRIC_NAME when the evaluation has not given it */
export function stepPlateau({ args, lrScheduler }: Trainer, metrics: Readonly<Record<string, number>>): void {
  if (!(lrScheduler instanceof PlateauScheduler)) return;
  lrScheduler.step(watchedMetric(args.metricForBestModel ?? "loss", metrics));
}
