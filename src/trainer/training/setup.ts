// What a Trainer is set up with: its Accelerator, its default callbacks, and what does not go together.
import { Accelerator } from "../../accelerator/index.js";
import { ArgumentError } from "../../errors.js";
import { PreTrainedModelBase } from "../../models/shared/pretrained-model.js";
import { ModuleBase } from "../../nn/index.js";
import type { TrainingArguments } from "../arguments/index.js";
import { trackingOptions } from "../callbacks/index.js";
import type { TrainableModel, TrainerOptions } from "../options.js";
import { say, type Speaker } from "../say.js";
import { LabelSmoother } from "./label-smoother.js";
import { ModelTraits } from "./model-traits.js";

/** The Accelerator that the arguments describe. Seeds the default generator. */
export function acceleratorOf(args: TrainingArguments): Accelerator {
  const { splitBatches, dispatchBatches, evenBatches } = args.acceleratorConfig;
  const tracking = trackingOptions(args);
  return new Accelerator({
    seed: args.seed,
    // Windows end where the Trainer says: it fetches their batches ahead.
    gradientAccumulationPlugin: { numSteps: args.gradientAccumulationSteps, syncWithDataloader: false },
    dataloaderConfig: {
      splitBatches,
      dispatchBatches: dispatchBatches ?? false,
      evenBatches,
      ...(args.dataSeed === undefined ? {} : { dataSeed: args.dataSeed }),
    },
    // The Trainer makes its schedule for the steps that it counts itself.
    watchSchedules: false,
    projectConfig: { projectDir: args.outputDir, loggingDir: tracking.loggingDir, saveOnEachNode: args.saveOnEachNode },
    logWith: tracking.logWith,
    ...(args.bf16 || args.fp16 ? { mixedPrecision: args.bf16 ? ("bf16" as const) : ("fp16" as const) } : {}),
    ...(args.useCpu ? { cpu: true } : {}),
  });
}

const refused = (message: string, hint: string): ArgumentError => new ArgumentError(`Trainer: ${message}`, { code: "ERR_TRAINER_OPTIONS", hint });

/** @throws ArgumentError ERR_TRAINER_OPTIONS */
export function checkOptions<R, P>({ model, modelInit, args, evalDataset, optimizers, optimizerClsAndKwargs }: TrainerOptions<R, P>): void {
  if (!model && !modelInit) throw refused("neither model nor modelInit is given", "give one of them");
  if (model && modelInit) throw refused("model and modelInit are both given", "give only one of them");
  if (modelInit && optimizers?.some((x) => x !== undefined))
    throw refused("optimizers together with modelInit", "they would be of another model: override createOptimizer and createScheduler");
  if (optimizerClsAndKwargs && optimizers?.[0]) throw refused("optimizers together with optimizerClsAndKwargs", "give only one of them");
  if (args && args.evalStrategy !== "no" && evalDataset === undefined)
    throw refused(`evalStrategy is "${args.evalStrategy}" and there is no evalDataset`, 'give evalDataset, or set evalStrategy to "no"');
  if (args && (args.saveStrategy === "best" || args.loadBestModelAtEnd) && args.metricForBestModel === undefined)
    throw refused("metricForBestModel is not set", 'saveStrategy "best" and loadBestModelAtEnd need it');
}

/** @throws ArgumentError ERR_TRAINER_MODEL for what cannot be trained */
export function checkModel(model: unknown): TrainableModel {
  const fault = (message: string, hint: string) => new ArgumentError(`Trainer: ${message}`, { code: "ERR_TRAINER_MODEL", hint });
  if (!(model instanceof ModuleBase)) throw fault(`the model is ${model === null ? "null" : typeof model}`, "give a Module; modelInit must return one");
  if (new ModelTraits(model).isBase)
    throw fault(`${model.constructor.name} only computes hidden states and takes no labels`, "take a model with a head for your task (AutoModelFor...)");
  return model as TrainableModel;
}

/** Turns on what activationCheckpointing asks for; a model that has no such layers is told of. */
export function checkpointActivations(speaker: Speaker, model: ModuleBase): void {
  const { activationCheckpointing, gradientCheckpointing } = speaker.args;
  if (!activationCheckpointing && !gradientCheckpointing) return;
  if (model instanceof PreTrainedModelBase) model.gradientCheckpointingEnable();
  else
    say(
      speaker,
      "warning",
      `activationCheckpointing: ${model.constructor.name} is no model of the library: call checkpoint(x) of accelerate-ts/nn between its layers instead`,
    );
}

/** Undefined without a factor; labels that are no classes cannot be smoothed, which is told. */
export function labelSmootherOf(speaker: Speaker, traits: ModelTraits): LabelSmoother | undefined {
  const { args } = speaker;
  if (args.labelSmoothingFactor === 0) return undefined;
  if (traits.problemType !== "multi_label_classification") return new LabelSmoother(args.labelSmoothingFactor);
  say(speaker, "warning", "labelSmoothingFactor is for single labels: the loss of this multi-label classification is not smoothed");
  return undefined;
}
