// The arguments of a trial: those of the Trainer, with the trial's values.
import { join } from "node:path";
import { AccelerateError, ArgumentError } from "../../errors.js";
import { similar } from "../../similar.js";
import type { TrainingArguments, TrainingArgumentsOptions } from "../arguments/index.js";
import { camelCase } from "../arguments/names.js";
import { searchFault } from "./faults.js";

type Values = Readonly<Record<string, unknown>>;

/** Read once, when the Trainer is made, or by the search itself. */
const settled: Readonly<Record<string, string>> = {
  outputDir: "each trial has a folder in it",
  runName: "each trial has a run of its own",
  acceleratorConfig: "the Accelerator is made with it",
  useCpu: "the Accelerator is made with it",
  saveOnEachNode: "the Accelerator is made with it",
  reportTo: "callbacks are made by it",
  disableTqdm: "callbacks are made by it",
  loggingDir: "trackers are made with it",
  resumeFromCheckpoint: "trials begin anew",
};

/** The values of training arguments, in camelCase, and the names of the others. */
export function argumentsAmong(args: TrainingArguments, values: Values): { readonly changes: TrainingArgumentsOptions; readonly others: readonly string[] } {
  const { argumentTable, oldArguments } = args.constructor as typeof TrainingArguments;
  const changes: Record<string, unknown> = {};
  const others: string[] = [];
  for (const [given, value] of Object.entries(values)) {
    const name = camelCase(given);
    if (!Object.hasOwn(argumentTable, name) && !Object.hasOwn(oldArguments, name)) {
      others.push(given);
      continue;
    }
    if (Object.hasOwn(settled, name)) throw searchFault(`a trial cannot change ${name}`, settled[name]!, "ERR_SEARCH_SPACE");
    if (Object.hasOwn(changes, name)) throw searchFault(`${name} is there twice`, `once as ${given}`, "ERR_SEARCH_SPACE");
    changes[name] = value;
  }
  return { changes, others };
}

/** "dropout is no training argument (did you mean ...?)" */
export function toldOther(args: TrainingArguments, name: string, isParam: boolean): string {
  const near = similar(camelCase(name), Object.keys((args.constructor as typeof TrainingArguments).argumentTable));
  return `hpSpace gives ${name}, which is no training argument${near === undefined ? "" : ` (did you mean ${near}?)`}: ${isParam ? `modelInit alone can read it, as trial.params.${name}` : "nobody reads it"}`;
}

/**
 * The arguments that a trial trains with.
 * @throws ArgumentError what TrainingArguments say of the values, with the trial's number
 */
export function argumentsOf(
  base: TrainingArguments,
  { number, values, folder }: { readonly number: number; readonly values: Values; readonly folder?: string },
): TrainingArguments {
  const { changes } = argumentsAmong(base, values);
  try {
    if (folder === undefined) return base.with(changes);
    const runName = base.runName === undefined ? folder : `${base.runName}-${folder}`;
    return base.with({ ...changes, outputDir: join(base.outputDir, folder), runName });
  } catch (cause) {
    if (!(cause instanceof AccelerateError)) throw cause;
    throw new ArgumentError(`hyperparameterSearch, trial ${number}: ${cause.message}`, { code: cause.code, cause });
  }
}
