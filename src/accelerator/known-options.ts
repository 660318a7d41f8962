// The names of the Accelerator's options.
import { ArgumentError } from "../errors.js";
import { checkNames, type OptionNames } from "../option-names.js";
import type { GradientAccumulationPlugin } from "./gradients/accumulation.js";
import type { DataloaderConfig } from "./loaders/dataloader-config.js";
import type { ZeroOptions } from "./gradients/zero.js";
import type { ProfileOptions } from "../profile/profiler.js";
import { type PassName, passNames } from "../graph/passes/pipeline.js";
import type { AcceleratorOptions, CompilerSettings } from "./options.js";
import type { ProjectConfiguration } from "./checkpoints/project-config.js";

const dataloaderConfig: OptionNames<DataloaderConfig> = {
  splitBatches: true,
  dispatchBatches: true,
  evenBatches: true,
  dataSeed: true,
  ignoreDuplicates: true,
};
const projectConfig: OptionNames<ProjectConfiguration> = {
  projectDir: true,
  loggingDir: true,
  automaticCheckpointNaming: true,
  totalLimit: true,
  iteration: true,
  saveOnEachNode: true,
  asyncSave: true,
};
const gradientAccumulationPlugin: OptionNames<GradientAccumulationPlugin> = {
  numSteps: true,
  adjustScheduler: true,
  syncWithDataloader: true,
  syncEachBatch: true,
  divideBy: true,
};
const compiler: OptionNames<CompilerSettings> = { passes: true, cudaGraph: true };
const passSwitches = Object.fromEntries(passNames.map((name) => [name, true])) as OptionNames<{ readonly [name in PassName]?: boolean }>;
const profile: OptionNames<ProfileOptions> = { outputTraceDir: true, skipFirst: true, active: true, onTraceReady: true };
const accelerator: OptionNames<AcceleratorOptions> = {
  seed: true,
  gradientAccumulationSteps: true,
  gradientAccumulationPlugin: true,
  gradScaler: true,
  stepSchedulerWithOptimizer: true,
  schedulerStepping: true,
  watchSchedules: true,
  ddp: true,
  zero: true,
  mixedPrecision: true,
  compiler: true,
  profile: true,
  device: true,
  cpu: true,
  debug: true,
  projectDir: true,
  projectConfig: true,
  dataloaderConfig: true,
  shareParameters: true,
  logWith: true,
  trackPerformance: true,
};
const zero: OptionNames<ZeroOptions> = { stage: true };
const groups = { zero, dataloaderConfig, projectConfig, gradientAccumulationPlugin, compiler, profile };

/** @throws ArgumentError ERR_OPTIONS for an option that there is not. */
export function checkOptionNames(options: AcceleratorOptions): void {
  checkNames("the Accelerator", options, accelerator, groups);
  const switches = options.compiler?.passes ?? {};
  checkNames("compiler.passes", switches, passSwitches, groups);
  for (const [name, on] of Object.entries(switches))
    if (typeof on !== "boolean")
      throw new ArgumentError(`compiler.passes.${name} is ${JSON.stringify(on)}`, { code: "ERR_OPTIONS", hint: "give true or false" });
  for (const name of Object.keys(groups) as (keyof typeof groups)[]) checkNames(name, options[name] ?? {}, groups[name], groups);
}
