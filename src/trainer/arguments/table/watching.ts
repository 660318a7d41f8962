// Arguments of what is seen of a run: evaluation, checkpoints, logs and trackers.
import { group } from "../argument.js";
import { type Kind, listOf, number, onOff, oneOf, optional, text, whole } from "../kinds.js";

const evaluation = group("evaluation");
const saving = group("saving");
const logging = group("logging");
const tracking = group("tracking");

const steps = number({ min: 0 });
const strategy = ["no", "steps", "epoch"] as const;
const level = oneOf("debug", "info", "warning", "error", "critical", "passive");

/** Names that `reportTo` takes besides "all" and "none". */
export const trackerNames = ["tensorboard", "wandb", "mlflow", "jsonl", "csv"] as const;
export type ReportTo = (typeof trackerNames)[number] | "all";
const noTracker = "there is no such tracker here, but callbacks can report to it";
const otherTrackers = ["azure_ml", "clearml", "codecarbon", "comet_ml", "dagshub", "dvclive", "flyte", "kubeflow", "neptune", "swanlab", "trackio"];
const trackers = listOf(oneOf(...trackerNames, "all", "none"));
/** "none" is an empty list, "all" a list of itself. */
const reportTo: Kind<readonly ReportTo[], readonly ReportTo[] | ReportTo | "none"> = {
  placeholder: "NAME",
  many: true,
  reasons: Object.fromEntries(otherTrackers.map((name) => [name, noTracker])),
  choices: [...trackerNames, "all", "none"],
  wanted: `"none", "all" or names of ${trackerNames.join(", ")}`,
  read: (raw) => {
    const names = trackers.read(raw ?? "none")?.value;
    if (!names || (names.length > 1 && names.some((name) => name === "none" || name === "all"))) return undefined;
    return { value: Object.freeze([...new Set(names)].filter((name): name is ReportTo => name !== "none")) };
  },
};

/** true and false are "all" and "no". */
const seen = oneOf("no", "all", "non_padding");
const tokensSeen: Kind<"no" | "all" | "non_padding", "no" | "all" | "non_padding" | boolean> = {
  placeholder: "NAME",
  choices: seen.choices!,
  wanted: seen.wanted,
  read: (raw) => seen.read(raw) ?? (onOff.read(raw) && { value: onOff.read(raw)!.value ? "all" : "no" }),
};

const noTrackio = "Trackio is not there";

export const watchingArguments = {
  evalStrategy: evaluation.keep(oneOf(...strategy), "no", "When to evaluate while training."),
  evalSteps: evaluation.keep(optional(steps), undefined, 'Optimizer steps between evaluations with "steps"; below 1, a share of all steps.', {
    otherwise: "as `loggingSteps`",
  }),
  evalDelay: evaluation.keep(number({ min: 0 }), 0, "Epochs or steps, as the strategy counts, before the first evaluation."),
  evalOnStart: evaluation.keep(onOff, false, "Evaluate before the first step, too."),
  predictionLossOnly: evaluation.keep(onOff, false, "Evaluations keep losses alone: no predictions and no metrics of them."),
  evalAccumulationSteps: evaluation.same(
    optional(whole(1)),
    undefined,
    "Batches after which predictions leave the device.",
    "those of every batch go to the host's memory at once",
  ),
  evalDoConcatBatches: evaluation.keep(onOff, true, "Predictions of all batches become one tensor; otherwise a list, one per batch."),
  evalUseGatherObject: evaluation.refuse(
    false,
    "Gather predictions that are no tensors.",
    "predictions are tensors, in any nesting; accelerator.gatherObject gathers other values",
  ),
  includeForMetrics: evaluation.keep(listOf(oneOf("inputs", "loss")), [], "What computeMetrics is given besides predictions and labels."),
  batchEvalMetrics: evaluation.keep(onOff, false, "computeMetrics is called for every batch, and for the result at the end, so that no predictions are kept."),

  saveStrategy: saving.keep(oneOf(...strategy, "best"), "steps", "When to save a checkpoint."),
  saveSteps: saving.keep(steps, 500, 'Optimizer steps between checkpoints with "steps"; below 1, a share of all steps.'),
  saveTotalLimit: saving.keep(optional(whole(0)), undefined, "How many checkpoints are kept; the oldest go, the best one stays. 0: all.", { otherwise: "all" }),
  saveOnlyModel: saving.keep(onOff, false, "Checkpoints hold the model alone, and cannot be resumed from."),
  saveOnEachNode: saving.keep(onOff, false, "Every host writes checkpoints, for hosts without a common disk."),
  loadBestModelAtEnd: saving.keep(onOff, false, "The model of the best checkpoint is loaded at the end."),
  metricForBestModel: saving.keep(optional(text("NAME", "the name of a metric")), undefined, "What says which one is best; with or without eval_.", {
    otherwise: '"loss" where one is needed',
  }),
  greaterIsBetter: saving.keep(optional(onOff), undefined, "Greater values of it are better.", { otherwise: 'unless its name ends with "loss"' }),
  enableJitCheckpoint: saving.keep(onOff, true, "SIGTERM saves a checkpoint after the step that runs, and the program ends with 0."),
  ignoreDataSkip: saving.keep(onOff, false, "A resumed run begins its epoch's data again instead of skipping what was done."),
  restoreCallbackStatesFromCheckpoint: saving.keep(onOff, false, "A resumed run takes the states of its callbacks from the checkpoint."),

  loggingStrategy: logging.keep(oneOf(...strategy), "steps", "When to log."),
  loggingSteps: logging.keep(steps, 500, 'Optimizer steps between logs with "steps"; below 1, a share of all steps.'),
  loggingFirstStep: logging.keep(onOff, false, "Log the first step, too."),
  loggingNanInfFilter: logging.keep(onOff, true, "Logged losses leave out steps whose loss is NaN or infinite."),
  includeNumInputTokensSeen: logging.keep(tokensSeen, "no", 'Count the tokens that were trained on: "all", or without padding.'),
  logLevel: logging.keep(level, "passive", 'The least level that the main process shows; "passive": as ACCELERATE_TS_LOG_LEVEL says.'),
  logLevelReplica: logging.keep(level, "warning", "The same for the other workers."),
  logOnEachNode: logging.keep(onOff, true, "`logLevel` holds for the first worker of every host, not of the first alone."),
  disableTqdm: logging.keep(optional(onOff), undefined, "No progress bar, and logs as plain lines.", {
    otherwise: "only where the log level is above `warning`",
  }),
  skipMemoryMetrics: logging.refuse(true, "Leave memory out of metrics.", "use of memory is not measured by the Trainer"),
  debug: logging.refuse(Object.freeze([]) as readonly never[], "Checks for overflows, and metrics of TPUs.", "there are no such checks"),

  reportTo: tracking.keep(reportTo, [], 'Trackers that get logs: names, "all" that are configured, or "none".', { otherwise: '"none"' }),
  runName: tracking.keep(optional(text("NAME")), undefined, "The run's name in trackers.", { otherwise: "theirs" }),
  project: tracking.keep(text("NAME"), "huggingface", "The project's name in trackers."),
  loggingDir: tracking.keep(optional(text("FOLDER", "the path of a folder")), undefined, "Where trackers write their files.", {
    otherwise: "`outputDir`",
    old: "transformers has taken it out; it still says where trackers write",
  }),
  trackioSpaceId: tracking.refuse(undefined, "A Space for Trackio.", noTrackio),
  trackioBucketId: tracking.refuse(undefined, "A bucket for it.", noTrackio),
  trackioStaticSpaceId: tracking.refuse(undefined, "A static Space for it.", noTrackio),
} as const;
