// The names of options. Types find wrong ones, but programs whose types are only stripped run all the same.
import { ArgumentError } from "../errors.js";
import type { GradientAccumulationPlugin } from "./gradients/accumulation.js";
import type { DataloaderConfig } from "./loaders/dataloader-config.js";
import type { AcceleratorOptions } from "./options.js";
import type { ProjectConfiguration } from "./checkpoints/project-config.js";

type Names<T> = { readonly [K in keyof Required<T>]: true };

const dataloaderConfig: Names<DataloaderConfig> = { splitBatches: true, dispatchBatches: true, evenBatches: true, dataSeed: true, ignoreDuplicates: true };
const projectConfig: Names<ProjectConfiguration> = {
  projectDir: true,
  loggingDir: true,
  automaticCheckpointNaming: true,
  totalLimit: true,
  iteration: true,
  saveOnEachNode: true,
  asyncSave: true,
};
const gradientAccumulationPlugin: Names<GradientAccumulationPlugin> = {
  numSteps: true,
  adjustScheduler: true,
  syncWithDataloader: true,
  syncEachBatch: true,
  divideBy: true,
};
const accelerator: Names<AcceleratorOptions> = {
  seed: true,
  gradientAccumulationSteps: true,
  gradientAccumulationPlugin: true,
  gradScaler: true,
  stepSchedulerWithOptimizer: true,
  schedulerStepping: true,
  ddp: true,
  mixedPrecision: true,
  cpu: true,
  debug: true,
  projectDir: true,
  projectConfig: true,
  dataloaderConfig: true,
  shareParameters: true,
  logWith: true,
  trackPerformance: true,
};
const groups = { dataloaderConfig, projectConfig, gradientAccumulationPlugin };

const camelCase = (name: string): string => name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function check(what: string, options: object, known: object): void {
  const unknown = Object.keys(options).find((name) => !(name in known));
  if (unknown === undefined) return;
  const name = camelCase(unknown);
  const group = Object.entries(groups).find(([, names]) => names !== known && name in names)?.[0];
  const hint = name in known ? `write ${name}` : group ? `it belongs to ${group}: { ${name} }` : `its options are ${Object.keys(known).join(", ")}`;
  throw new ArgumentError(`${what} has no option ${unknown}`, { code: "ERR_OPTIONS", hint });
}

/** @throws ArgumentError ERR_OPTIONS for an option that there is not. */
export function checkOptionNames(options: AcceleratorOptions): void {
  check("the Accelerator", options, accelerator);
  for (const name of Object.keys(groups) as (keyof typeof groups)[]) check(name, options[name] ?? {}, groups[name]);
}
