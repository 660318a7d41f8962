// The optimizer and the scheduler that the arguments describe.
import type { Optimizer, Scheduler } from "../../optim/index.js";
import { decayedNames } from "../../optim/index.js";
import type { ModuleBase } from "../../nn/index.js";
import type { OptimizerChoice } from "../options.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { Trainer } from "../trainer.js";
import { unfinished } from "../unfinished.js";

/** Made of trainer.args for trainer.model; decay groups. */
export function createOptimizer(_trainer: Trainer): Optimizer {
  throw unfinished("createOptimizer");
}
export function createScheduler(_trainer: Trainer, _numTrainingSteps: number, _optimizer: Optimizer): Scheduler {
  throw unfinished("createScheduler");
}
export function getDecayParameterNames(model: ModuleBase): string[] {
  return [...decayedNames(model)];
}
export function getOptimizerClsAndKwargs(_args: TrainingArguments, _model?: ModuleBase): OptimizerChoice {
  throw unfinished("getOptimizerClsAndKwargs");
}
