// The optimizers that the argument `optim` names, and what becomes of the arguments in each. Names that are refused: arguments/table/other-optimizers.ts.
import { Adafactor, Adagrad, AdamW, Lion, RMSprop, SGD } from "../../optim/index.js";
import type { optimizerNames, TrainingArguments } from "../arguments/index.js";
import type { OptimizerChoice } from "../options.js";
import type { OptimArgNames } from "./optim-args.js";

export type OptimizerName = (typeof optimizerNames)[number];

export interface OptimizerEntry {
  readonly optimizerClass: OptimizerChoice["optimizerClass"];
  /** What optimArgs may say. */
  readonly optimArgs: OptimArgNames;
  /** Options beside the learning rate. */
  readonly options: (args: TrainingArguments) => Readonly<Record<string, unknown>>;
}

const betas = ({ adamBeta1, adamBeta2 }: TrainingArguments) => [adamBeta1, adamBeta2] as const;

const adamw: OptimizerEntry = { optimizerClass: AdamW, optimArgs: {}, options: (args) => ({ betas: betas(args), eps: args.adamEpsilon }) };
const lion: OptimizerEntry = { optimizerClass: Lion, optimArgs: {}, options: (args) => ({ betas: betas(args) }) };

export const optimizerTable: { readonly [N in OptimizerName]: OptimizerEntry } = {
  adamw_torch: adamw,
  // All kernels here are fused.
  adamw_torch_fused: adamw,
  adafactor: {
    optimizerClass: Adafactor,
    optimArgs: { clipThreshold: "number", decayRate: "number", beta1: "number" },
    options: () => ({ scaleParameter: false, relativeStep: false }),
  },
  sgd: { optimizerClass: SGD, optimArgs: { momentum: "number", dampening: "number", nesterov: "boolean" }, options: () => ({}) },
  adagrad: { optimizerClass: Adagrad, optimArgs: { lrDecay: "number", eps: "number", initialAccumulatorValue: "number" }, options: () => ({}) },
  rmsprop: { optimizerClass: RMSprop, optimArgs: { momentum: "number", alpha: "number", eps: "number", centered: "boolean" }, options: () => ({}) },
  lion,
  lion_32bit: lion,
};
