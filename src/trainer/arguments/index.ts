// Training arguments: one table, from which types, checks, files, the command line and docs/training-arguments.md are made.
export type { AcceleratorConfig, AcceleratorConfigOptions, GradientAccumulationKwargs } from "./accelerator-config.js";
export type { TrainingArgumentName, TrainingArgumentValues } from "./table/index.js";
export { optimizerNames, schedulerTypes } from "./table/loop.js";
export { type ReportTo, trackerNames } from "./table/watching.js";
export { TrainingArguments, type TrainingArgumentsOptions, type WorkerPlace } from "./training-arguments.js";
export type { Argument, ArgumentSource, ArgumentTable } from "./argument.js";
export { argument, defineArguments, type OwnArgument } from "./parse/define.js";
export { argumentHelp } from "./parse/help.js";
export { parseArgs, type Parsed, type ParseArgsOptions } from "./parse/parse-args.js";
