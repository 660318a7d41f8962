// One pass over the training data: windows of micro-batches, each an optimizer step.
import type { DataLoader } from "../../data/index.js";
import { ArgumentError } from "../../errors.js";
import { PlateauScheduler } from "../../optim/index.js";
import { type Parameter, Tensor } from "../../tensor/index.js";
import { loadRngState, placed, type Resumed, stopIfAsked } from "../checkpoints/index.js";
import type { ModelInputs, TrainableModel } from "../options.js";
import { say } from "../say.js";
import type { Trainer } from "../trainer.js";
import { trackInputTokens } from "./flops.js";
import { zeroGradients } from "./gradients.js";
import type { StepResults } from "./losses-logged.js";
import type { TrainingValues } from "./steps.js";

/** A run that was prepared: what its epochs have in common. */
export interface TrainingRun {
  readonly trainer: Trainer;
  readonly model: TrainableModel;
  readonly loader: DataLoader<ModelInputs>;
  readonly values: TrainingValues;
  /** Whether the loader's length is known: then its last batch ends the last window. */
  readonly endKnown: boolean;
  /** As of performance.now(). */
  readonly startTime: number;
  readonly ignoreKeysForEval: readonly string[] | undefined;
  /** What is gone on from, and where. */
  readonly resumed: Resumed | undefined;
}

const stops = ({ control }: Trainer): boolean => control.shouldEpochStop || control.shouldTrainingStop;

/** A stop that was asked for on any worker is made by all after the same step. @throws StoppedError, unless the run is saved and ends here */
async function heedStop(trainer: Trainer): Promise<void> {
  if (trainer.trialRun) await trainer.trialRun.heed();
  if (!trainer.accelerator.signal.aborted) return;
  await stopIfAsked(trainer);
  trainer.accelerator.signal.throwIfAborted();
}

class Epoch {
  readonly #run: TrainingRun;
  readonly #epoch: number;
  #parameters: readonly Parameter[] | undefined;
  #gradNorm: number | undefined;
  #learningRate: number | undefined;
  /** Micro-batches that were made, those that were skipped included. */
  done = 0;

  constructor(run: TrainingRun, epoch: number) {
    this.#run = run;
    this.#epoch = epoch;
  }

  get results(): StepResults {
    const { startTime, ignoreKeysForEval } = this.#run;
    return { gradNorm: this.#gradNorm, learningRate: this.#learningRate, startTime, ignoreKeysForEval };
  }

  /** One optimizer step of these micro-batches. */
  async window(batches: readonly ModelInputs[], numItemsInBatch: number | undefined): Promise<void> {
    const { trainer, model } = this.#run;
    const { accelerator } = trainer;
    trainer.currentGradientAccumulationSteps = batches.length;
    for (const [i, inputs] of batches.entries()) {
      const last = i === batches.length - 1;
      if (i === 0) await trainer.callEvent("onStepBegin");
      await accelerator.accumulate(model, async () => {
        // Batches were fetched ahead: which one ends the window is known here, not by the loader.
        accelerator.syncGradients = last;
        await this.#microBatch(inputs, numItemsInBatch);
        if (last) await this.#update();
      });
      this.done++;
      if (last) await this.#stepped();
      else await trainer.callEvent("onSubstepEnd");
      if (stops(trainer)) return;
    }
  }

  async #microBatch(inputs: ModelInputs, numItemsInBatch: number | undefined): Promise<void> {
    const { trainer, model } = this.#run;
    const loss: unknown = await trainer.trainingStep(model, inputs, numItemsInBatch);
    if (typeof loss !== "number")
      throw new ArgumentError(`trainingStep gave ${loss instanceof Tensor ? "a tensor" : typeof loss}, not the loss as a number`, {
        code: "ERR_TRAINER_LOSS",
        hint: "return what super.trainingStep gives, or await loss.item()",
      });
    trainer.lossesLogged.add(loss, { step: trainer.state.globalStep, filters: trainer.args.loggingNanInfFilter });
    trainer.currentFlos += trainer.floatingPointOps(inputs);
    if (trainer.args.includeNumInputTokensSeen !== "no") await trackInputTokens(trainer, inputs);
  }

  async #update(): Promise<void> {
    const { trainer, model } = this.#run;
    const { accelerator, args, lrScheduler } = trainer;
    const optimizer = trainer.optimizer!;
    // Lazy layers have their parameters once a batch was seen.
    this.#parameters ??= [...model.parameters()];
    this.#gradNorm = await accelerator.clipGradNorm(this.#parameters, args.maxGradNorm > 0 ? args.maxGradNorm : Number.POSITIVE_INFINITY);
    await trainer.callEvent("onPreOptimizerStep");
    await optimizer.step();
    await trainer.callEvent("onOptimizerStep");
    this.#learningRate = trainer.getLearningRate();
    if (!accelerator.optimizerStepWasSkipped && lrScheduler && !(lrScheduler instanceof PlateauScheduler)) lrScheduler.step();
    zeroGradients(optimizer, this.#parameters);
  }

  async #stepped(): Promise<void> {
    const { trainer, values } = this.#run;
    trainer.state.globalStep++;
    trainer.state.epoch = this.#epoch + this.done / values.stepsInEpoch;
    await trainer.callEvent("onStepEnd");
    await trainer.maybeLogSaveEvaluate(this.results);
    await heedStop(trainer);
  }
}

/** Runs an epoch, the rest of one that was begun before, or as much of it as `control` lets. */
export async function runEpoch(run: TrainingRun, number: number): Promise<void> {
  const { trainer, values, resumed, endKnown } = run;
  const accumulated = trainer.args.gradientAccumulationSteps;
  const goesOn = resumed?.epoch === number ? resumed : undefined;
  const epoch = new Epoch(run, number);
  if (goesOn?.skips) epoch.done = goesOn.batches;
  run.loader.setEpoch(number);
  const loader = goesOn ? placed(run.loader, goesOn) : run.loader;

  const iterator = loader[Symbol.asyncIterator]();
  let ended = false;
  try {
    for (let first = true; epoch.done < values.stepsInEpoch && !stops(trainer); first = false) {
      const { batches, numItemsInBatch } = await trainer.getBatchSamples(iterator, Math.min(accumulated, values.stepsInEpoch - epoch.done));
      if (batches.length === 0) break;
      // What was drawn since the run was loaded counts for nothing.
      if (first && goesOn) await loadRngState(trainer, goesOn.checkpoint);
      await epoch.window(batches, numItemsInBatch);
    }
    // The loader notes its end when it is asked for more; a stream could wait for more.
    if (endKnown && epoch.done >= values.stepsInEpoch) ended = (await iterator.next()).done === true;
  } finally {
    if (!ended) await iterator.return?.(undefined);
  }
  if (epoch.done === 0 && !stops(trainer)) {
    say(
      trainer,
      "warning",
      `the training data gave no batch: training ends at step ${trainer.state.globalStep} of ${trainer.state.maxSteps}. A stream must begin anew in each epoch and have rows enough for maxSteps`,
    );
    trainer.control.shouldTrainingStop = true;
  }
  await trainer.callEvent("onEpochEnd");
  await trainer.maybeLogSaveEvaluate(epoch.results);
}
