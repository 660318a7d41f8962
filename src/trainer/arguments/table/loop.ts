// Arguments of the loop: how long, how fast, by which rule.
import { group } from "../argument.js";
import { type Kind, number, onOff, oneOf, optional, options, refusing, text, whole } from "../kinds.js";
import { otherOptimizers } from "./other-optimizers.js";

const duration = group("duration");
const schedule = group("schedule");
const optimizer = group("optimizer");
const stability = group("stability");
const memory = group("memory");

/** Names of `lrSchedulerType`. */
export const schedulerTypes = [
  "linear",
  "cosine",
  "cosine_with_restarts",
  "polynomial",
  "constant",
  "constant_with_warmup",
  "inverse_sqrt",
  "reduce_lr_on_plateau",
  "cosine_with_min_lr",
  "cosine_warmup_with_min_lr",
  "warmup_stable_decay",
] as const;

/** Names of `optim`. */
export const optimizerNames = ["adamw_torch_fused", "adamw_torch", "adafactor", "sgd", "adagrad", "rmsprop", "lion_32bit", "lion"] as const;

const noHalf = "weights stay float32 here: fp16 computes products of evaluations in float16, too";
const noFullPrecision = "weights stay float32 here: bf16 computes products of evaluations in bfloat16, too";
const noRecompute = "there are no options: the input of each layer is kept";
const compiled = "models are always compiled here, into graphs for ONNX Runtime";
const noLiger = "Liger's kernels are for Triton on GPUs";

/** null, as Python's None, clips nothing. */
const norm: Kind<number> = { ...number({ min: 0 }), read: (raw) => number({ min: 0 }).read(raw ?? 0) };

export const loopArguments = {
  outputDir: duration.keep(
    text("FOLDER", "the path of a folder"),
    "trainer_output",
    "Where checkpoints, the trained model and logs are written; ~ is the home folder.",
  ),
  perDeviceTrainBatchSize: duration.keep(whole(1), 8, "Rows of a training batch on each worker."),
  perDeviceEvalBatchSize: duration.keep(whole(1), 8, "Rows of a batch on each worker when evaluating and predicting."),
  numTrainEpochs: duration.keep(number({ min: 0 }), 3, "Epochs to train; a fraction ends within an epoch."),
  maxSteps: duration.keep(
    whole(-1),
    -1,
    "Optimizer steps to train instead of epochs, going over the data as often as needed; -1 or 0: by epochs. Needed for data of unknown length.",
  ),
  autoFindBatchSize: duration.keep(onOff, false, "When memory runs out, start again with a smaller training batch until one fits."),

  learningRate: schedule.keep(number({ min: 0 }), 5e-5, "The learning rate after warmup."),
  lrSchedulerType: schedule.keep(refusing(oneOf(...schedulerTypes), { greedy: "this schedule is not there yet" }), "linear", "How the learning rate changes."),
  lrSchedulerKwargs: schedule.keep(optional(options), undefined, "Options of the schedule, such as { numCycles: 2 }; in files with underscores."),
  warmupSteps: schedule.keep(number({ min: 0 }), 0, "Steps over which the learning rate rises from 0; below 1, a share of all steps."),

  optim: optimizer.keep(refusing(oneOf(...optimizerNames), otherOptimizers), "adamw_torch_fused", "The optimizer."),
  optimArgs: optimizer.keep(
    optional(text("TEXT", "a text such as momentum=0.9,nesterov=true")),
    undefined,
    "More options of the optimizer: name=value, separated by commas.",
  ),
  weightDecay: optimizer.keep(number({ min: 0 }), 0, "Weight decay of all parameters but biases and those of normalizations."),
  adamBeta1: optimizer.keep(number({ min: 0, below: 1 }), 0.9, "How slowly the mean of gradients forgets, for Adam's kind and Lion."),
  adamBeta2: optimizer.keep(number({ min: 0, below: 1 }), 0.999, "How slowly the mean of squared gradients forgets, for Adam's kind and Lion."),
  adamEpsilon: optimizer.keep(number({ min: 0 }), 1e-8, "Added to the denominator, for Adam's kind."),
  optimTargetModules: optimizer.refuse(undefined, "Modules that GaLore and APOLLO project.", "these optimizers are not there"),

  gradientAccumulationSteps: stability.keep(whole(1), 1, "Batches on each worker whose gradients make one optimizer step."),
  averageTokensAcrossDevices: stability.keep(onOff, true, "Losses per token are divided by the tokens of all workers, not of each."),
  maxGradNorm: stability.keep(norm, 1, "Gradients are scaled down to this norm where theirs is greater; 0: never."),
  labelSmoothingFactor: stability.keep(number({ min: 0, max: 1 }), 0, "The share of each label that is spread over all classes."),
  neftuneNoiseAlpha: stability.keep(optional(number({ min: 0 })), undefined, "Noise added to embeddings while training (NEFTune), 5 to 15 as a rule."),

  bf16: memory.keep(onOff, false, "Compute matrix products in bfloat16, all else in float32; needs oneDNN."),
  fp16: memory.keep(onOff, false, "Compute matrix products in float16, all else in float32, with a scale of losses; no faster than float32 on CPUs."),
  bf16FullEval: memory.refuse(false, "Evaluate in bfloat16.", noFullPrecision),
  fp16FullEval: memory.refuse(false, "Evaluate in float16.", noHalf),
  tf32: memory.refuse(undefined, "Matrix products of NVIDIA GPUs with fewer bits.", "there is no such mode on CPUs"),
  activationCheckpointing: memory.keep(onOff, false, "Compute activations again in the backward pass instead of keeping them."),
  activationCheckpointingKwargs: memory.refuse(undefined, "Options of that.", noRecompute),
  gradientCheckpointing: memory.keep(onOff, false, "The old name of activationCheckpointing."),
  gradientCheckpointingKwargs: memory.refuse(undefined, "The old name of activationCheckpointingKwargs.", noRecompute),
  torchCompile: memory.refuse(false, "Compile the model with torch.compile.", compiled),
  torchCompileBackend: memory.refuse(undefined, "With which backend.", compiled),
  torchCompileMode: memory.refuse(undefined, "In which mode.", compiled),
  useLigerKernel: memory.refuse(false, "Kernels of Liger.", noLiger),
  ligerKernelConfig: memory.refuse(undefined, "Which of them.", noLiger),
  useCache: memory.refuse(false, "Keep keys and values of attention for what is generated next.", "models keep none when they train"),
  torchEmptyCacheSteps: memory.refuse(undefined, "Steps after which PyTorch's cache of GPU memory is emptied.", "there is no such cache"),
} as const;
