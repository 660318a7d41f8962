// What an Accelerator is made with.
import type { DataloaderConfig } from "./loaders/dataloader-config.js";
import type { GradScaler, GradScalerOptions } from "../optim/index.js";
import type { DdpOptions } from "./comm-hooks/index.js";
import type { GradientAccumulationPlugin } from "./gradients/accumulation.js";
import type { ZeroOptions } from "./gradients/zero.js";
import type { SchedulerStepping } from "./gradients/scheduler-pace.js";
import type { ProjectConfiguration } from "./checkpoints/project-config.js";
import type { PassSwitches } from "../graph/passes/pipeline.js";
import type { ProfileOptions } from "../profile/profiler.js";
import type { Device } from "../runtime/index.js";
import type { TrackingOptions } from "./tracking/tracking.js";

/** How recorded programs are compiled. */
export interface CompilerSettings {
  /** Passes that are turned off: `{ unpad: false }`. All are on; docs/performance.md says what each does. */
  readonly passes?: PassSwitches;
  /**
   * On CUDA, for one worker: the launches of programs whose sizes come again are recorded (a CUDA graph) and replayed as one, which takes the processor out of small steps. Up to four sets of sizes per
   * program, from their sixth run or so on; pad batches to few lengths. Costs scratch memory of its own for each program, and a copy on the device of each batch and result. Default false.
   */
  readonly cudaGraph?: boolean;
}

export interface AcceleratorOptions extends TrackingOptions {
  /** Seeds the default generator: the same initial weights and orders on every worker, dropout of its own on each. Default: the generator as it is. */
  readonly seed?: number;
  /** Bodies of `accumulate` per optimizer step; default: what the launcher says (`--gradient-accumulation-steps`), else 1. */
  readonly gradientAccumulationSteps?: number;
  /** Accumulation in full; its numSteps instead of gradientAccumulationSteps. */
  readonly gradientAccumulationPlugin?: GradientAccumulationPlugin;
  /**
   * Multiplies losses by a scale that keeps small gradients from vanishing, and skips steps whose gradients overflow. Options, or a GradScaler of the program's own. Default: one with
   * GradScaler's defaults where mixedPrecision is "fp16", else none; `{ enabled: false }` turns it off.
   */
  readonly gradScaler?: GradScaler | GradScalerOptions;
  /** Schedulers step when their optimizer does; default true. false: whenever they are called, also when a step was skipped and inside an accumulation window. */
  readonly stepSchedulerWithOptimizer?: boolean;
  /**
   * Schedule steps per optimizer step. "optimizer" (default): one. "process": as many as there are workers, as Accelerate does, unless `splitBatches`; for schedules whose total counts the
   * batches of all workers.
   */
  readonly schedulerStepping?: SchedulerStepping;
  /** Tell the plan of schedules at the first step, and warn of those that do not fit the run; default true. */
  readonly watchSchedules?: boolean;
  /** How gradients travel between hosts. */
  readonly ddp?: DdpOptions;
  /**
   * By whom the state of optimizers is kept. Not said: once per host, each worker updating a part of it. `{ stage: 1 }` (ZeRO stage 1): once in the whole run, also where there are several hosts;
   * `{ stage: 0 }`: by every worker, with parameters of its own. The numbers are the same.
   */
  readonly zero?: ZeroOptions;
  /**
   * Matrix products, and on devices what only passes their results on, are computed in bfloat16 or float16; weights, sums, normalizations, softmax, losses, gradients of weights and optimizer states
   * stay float32, as with torch.autocast. "fp16" scales losses (see `gradScaler`). "bf16" on the CPU needs oneDNN and takes half the time on processors with instructions for it (AVX-512 BF16, AMX);
   * "fp16" on the CPU is right, and slower than "no". WebGPU has no bfloat16. Default: what the launcher says (`--mixed-precision`), else "no".
   */
  readonly mixedPrecision?: "no" | "fp16" | "bf16";
  /**
   * Where the model is trained: "cpu", "cuda" (the GPU of this worker), "cuda:1", "webgpu". Default: what the launcher says (`--device`), else a GPU where ONNX Runtime's CUDA provider is installed
   * and NVIDIA's driver is there, else the CPU. WebGPU has to be asked for.
   */
  readonly device?: string | Device;
  /** Train on the CPU also where there are GPUs. Default: what the launcher says (`--cpu`), else false. */
  readonly cpu?: boolean;
  /** How recorded programs are compiled, from now on and in the whole process. */
  readonly compiler?: CompilerSettings;
  /** Measures where the time of some steps goes: by op, by part of the model, memory; writes a Chrome trace. Default: what `accelerate-ts profile` says, else not. */
  readonly profile?: ProfileOptions;
  /** Compare each collective call over the workers before it is made: slow, and tells where they part. Default: what the launcher says (`--debug`), else false. */
  readonly debug?: boolean;
  /** Where runs are kept: checkpoints in its folder `checkpoints`. */
  readonly projectDir?: string;
  /** More about what is kept, and where. */
  readonly projectConfig?: ProjectConfiguration;
  /** How prepared loaders deal their rows to the workers. */
  readonly dataloaderConfig?: DataloaderConfig;
  /**
   * The workers of a host read one copy of the parameters; default true. What one of them writes into a parameter (`parameter.set`, `load`) is then seen by the others; false gives every worker its own.
   */
  readonly shareParameters?: boolean;
}
