// Options of the Trainer and its methods: programs whose types are only stripped give anything, and a name that nobody reads would be ignored in silence.
import { deprecate } from "node:util";
import { ArgumentError } from "../errors.js";
import { isModuleRef } from "../data/module-ref.js";
import { ModuleBase } from "../nn/index.js";
import { checkNames, type OptionNames } from "../option-names.js";
import { speaks } from "../progress/speaks.js";
import { similar } from "../similar.js";
import { TrainingArguments } from "./arguments/index.js";
import type { EvaluateOptions, PredictOptions } from "./evaluation/index.js";
import type { TrainerOptions, TrainOptions } from "./options.js";

const trainer: OptionNames<TrainerOptions> = {
  model: true,
  modelInit: true,
  args: true,
  trainDataset: true,
  evalDataset: true,
  dataCollator: true,
  processingClass: true,
  computeMetrics: true,
  computeLossFunc: true,
  preprocessLogitsForMetrics: true,
  callbacks: true,
  optimizers: true,
  optimizerClsAndKwargs: true,
};
const train: OptionNames<TrainOptions> = { resumeFromCheckpoint: true, trial: true, ignoreKeysForEval: true };
const evaluate: OptionNames<EvaluateOptions> = { evalDataset: true, ignoreKeys: true, metricKeyPrefix: true };
const predict: OptionNames<PredictOptions> = { ignoreKeys: true, metricKeyPrefix: true };
const methods = { train, evaluate, predict } as const;

const refused = (message: string, hint: string): ArgumentError => new ArgumentError(`Trainer: ${message}`, { code: "ERR_TRAINER_OPTIONS", hint });
const shown = (value: unknown): string => (typeof value === "string" ? JSON.stringify(value) : typeof value === "object" ? "an object" : String(value));

/** With the name that looks most like it. */
function checkAll(what: string, options: object, known: object): void {
  const unknown = typeof options === "object" && options !== null ? Object.keys(options).find((name) => !Object.hasOwn(known, name)) : undefined;
  const near = unknown === undefined || unknown.includes("_") ? undefined : similar(unknown, Object.keys(known));
  if (near !== undefined) throw new ArgumentError(`${what} has no option ${unknown} (did you mean ${near}?)`, { code: "ERR_OPTIONS" });
  checkNames(what, options, known);
}

/** `tokenizer` is what processingClass was called. */
function modernised(options: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  if (typeof options !== "object" || options === null || !Object.hasOwn(options, "tokenizer")) return options;
  const { tokenizer, ...rest } = options;
  if (tokenizer === undefined) return rest;
  if (rest.processingClass !== undefined) throw refused("tokenizer and processingClass were both given", "tokenizer is an old name, leave it out");
  if (speaks()) deprecate(() => undefined, "tokenizer is an old name of the Trainer's options: write processingClass", "ACCELERATE_TS_OLD_TOKENIZER")();
  return { ...rest, processingClass: tokenizer };
}

/** What the loader would call with rows. A class is none: the collators of the library are objects of theirs. */
function checkCollator(given: unknown): void {
  if (given === undefined || given === null || isModuleRef(given)) return;
  if (typeof given !== "function") throw refused(`dataCollator is ${shown(given)}`, "give a function of rows, or { filename, name }");
  if (/^class\b/.test(Function.prototype.toString.call(given)))
    throw refused("dataCollator is a class", "give an object of it: new DataCollatorWithPadding(tokenizer)");
}
/** @throws ArgumentError ERR_TRAINER_OPTIONS */
function checkOptimizers({ optimizers, optimizerClsAndKwargs: choice }: Pick<TrainerOptions, "optimizers" | "optimizerClsAndKwargs">): void {
  if (optimizers !== undefined) {
    if (!Array.isArray(optimizers)) throw refused("optimizers is no list", "write optimizers: [optimizer, scheduler]");
    const [optimizer, scheduler]: unknown[] = optimizers;
    const steps = (value: unknown, method: string): boolean => typeof (value as Record<string, unknown> | null | undefined)?.[method] === "function";
    if (optimizer !== undefined && !steps(optimizer, "zeroGrad"))
      throw refused(`the first of optimizers is ${shown(optimizer)}`, "give an optimizer, or undefined");
    if (scheduler !== undefined && !steps(scheduler, "getLastLr"))
      throw refused(`the second of optimizers is ${shown(scheduler)}`, "give a scheduler, or undefined");
  }
  if (choice !== undefined && choice !== null && typeof choice.optimizerClass !== "function")
    throw refused("optimizerClsAndKwargs names no optimizerClass", "write { optimizerClass: SGD, options: { lr: 0.1 } }");
}

const functions = ["modelInit", "computeMetrics", "computeLossFunc", "preprocessLogitsForMetrics"] as const;

/**
 * The options of the constructor, by their names of today.
 * @throws ArgumentError ERR_OPTIONS for a name that is not known; ERR_TRAINER_OPTIONS for what is no value of an option
 */
export function knownOptions<R, P>(given: TrainerOptions<R, P>): TrainerOptions<R, P> {
  if (given instanceof ModuleBase) throw refused("the model was given in the place of options", "write new Trainer({ model, args, ... })");
  const options = modernised(given as Readonly<Record<string, unknown>>) as TrainerOptions<R, P>;
  checkAll("the Trainer", options, trainer);
  const { args, callbacks, evalDataset } = options;
  if (args !== undefined && !(args instanceof TrainingArguments))
    throw refused(
      `args is ${shown(args)}, not TrainingArguments`,
      typeof args === "string" ? `write new TrainingArguments(${shown(args)})` : "write new TrainingArguments({ ... })",
    );
  for (const name of functions)
    if (options[name] !== undefined && typeof options[name] !== "function") throw refused(`${name} is ${shown(options[name])}`, "give a function");
  if (callbacks !== undefined && !Array.isArray(callbacks)) throw refused("callbacks is no list", "write callbacks: [callback]");
  checkOptimizers(options);
  checkCollator(options.dataCollator);
  if (evalDataset !== undefined && evalDataset !== null && typeof evalDataset !== "object")
    throw refused(`evalDataset is ${shown(evalDataset)}`, "give a dataset, or several by name: { matched, mismatched }");
  const processing: unknown = options.processingClass;
  if (processing !== undefined && typeof (processing as { savePretrained?: unknown } | null)?.savePretrained !== "function")
    throw refused(`processingClass is ${shown(processing)}`, "give a tokenizer, or what else can savePretrained");
  return options;
}

const isData = (options: object): boolean =>
  typeof options === "object" && options !== null && (Array.isArray(options) || ![Object.prototype, null].includes(Object.getPrototypeOf(options)));

/** @throws ArgumentError ERR_OPTIONS */
export function checkCall(method: keyof typeof methods, options: object): void {
  if (isData(options)) {
    const [first] = Object.keys(methods[method]);
    throw new ArgumentError(`trainer.${method} was given ${Array.isArray(options) ? "a list" : `a ${options.constructor?.name}`} in the place of options`, {
      code: "ERR_OPTIONS",
      hint: `write trainer.${method}({ ${first} })`,
    });
  }
  checkAll(`trainer.${method}`, options, methods[method]);
  for (const name of ["ignoreKeys", "ignoreKeysForEval"] as const) {
    const keys = (options as Readonly<Record<string, unknown>>)[name];
    if (keys !== undefined && !Array.isArray(keys))
      throw new ArgumentError(`trainer.${method}: ${name} is ${shown(keys)}`, {
        code: "ERR_OPTIONS",
        hint: `give a list of names: ${name}: ["hidden_states"]`,
      });
  }
}
