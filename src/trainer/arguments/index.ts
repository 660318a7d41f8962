// The arguments of a training run.
export { TrainingArguments, type TrainingArgumentsOptions } from "./training-arguments.js";
