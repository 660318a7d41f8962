// The optimizer and the scheduler that the arguments describe.
import { ArgumentError } from "../../errors.js";
import type { ModuleBase } from "../../nn/index.js";
import { decayedNames, getScheduler, type Optimizer, type ParamGroup, parameterGroups, PlateauScheduler } from "../../optim/index.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { OptimizerChoice, TrainerScheduler } from "../options.js";
import type { Trainer } from "../trainer.js";
import { parseOptimArgs } from "./optim-args.js";
import { schedulerOptions } from "./schedule-options.js";
import { optimizerTable } from "./table.js";

/** Two groups, decayed and not, of what can be trained now; lazy layers are sorted in when they get their size. */
export function decayGroups(trainer: Trainer): ParamGroup[] {
  const { model, args } = trainer;
  const frozen = new Set([...model.parameters()].filter((p) => !p.requiresGrad));
  return parameterGroups(model, {
    weightDecay: args.weightDecay,
    decayed: () => trainer.getDecayParameterNames(model),
    includes: (parameter) => !frozen.has(parameter),
  });
}

/** By `optimizerClsAndKwargs`, or by the arguments. `params` among the options are the groups in the place of the decay groups. */
export function createOptimizer(trainer: Trainer): Optimizer {
  const { args, model, optimizerClsAndKwargs } = trainer;
  const { getOptimizerClsAndKwargs: choose } = trainer.constructor as typeof Trainer;
  const { optimizerClass: Class, options } = optimizerClsAndKwargs ?? choose.call(trainer.constructor as typeof Trainer, args, model);
  const { params = decayGroups(trainer), ...own } = options as { readonly params?: ParamGroup[] };
  return new Class(params, own as never);
}

/** An optimizer of which nothing is the model's would train nothing, and nobody would know. @throws ArgumentError ERR_TRAINER_OPTIMIZER */
export function checkOptimizer({ model }: Trainer, optimizer: Optimizer): void {
  const own = new Set(model.parameters());
  if (own.size === 0 || optimizer.paramGroups.some((group) => group.params.length === 0 || group.params.some((p) => own.has(p)))) return;
  throw new ArgumentError("Trainer: the optimizer has none of the model's parameters", {
    code: "ERR_TRAINER_OPTIMIZER",
    hint: "make it from the parameters of the model that is trained",
  });
}

/** Steps once per optimizer step; "reduce_lr_on_plateau" with the metric of each evaluation. */
export function createScheduler({ args }: Trainer, numTrainingSteps: number, optimizer: Optimizer): TrainerScheduler {
  const name = args.lrSchedulerType;
  const options = schedulerOptions(name, args.lrSchedulerKwargs);
  if (name === "reduce_lr_on_plateau") return new PlateauScheduler(optimizer, options);
  const steps = { numWarmupSteps: args.getWarmupSteps(numTrainingSteps), numTrainingSteps };
  return getScheduler(name, optimizer, { ...options, ...steps } as never);
}

export function getDecayParameterNames(model: ModuleBase): string[] {
  return [...decayedNames(model)];
}

/** The class that `args.optim` names, and its options: the learning rate, what the arguments say of it, and `optimArgs`. */
export function getOptimizerClsAndKwargs(args: TrainingArguments, _model?: ModuleBase): OptimizerChoice {
  if (!Object.hasOwn(optimizerTable, args.optim))
    throw new ArgumentError(`there is no optimizer ${String(args.optim)}`, {
      code: "ERR_OPTIMIZER_NAME",
      hint: `one of ${Object.keys(optimizerTable).join(", ")}`,
    });
  const { optimizerClass, optimArgs, options } = optimizerTable[args.optim];
  return { optimizerClass, options: { lr: args.learningRate, ...options(args), ...parseOptimArgs(args.optimArgs, optimArgs, args.optim) } };
}
