// Lion (Chen et al., 2023, "Symbolic Discovery of Optimization Algorithms"): steps of one size in the direction of a momentum's sign. As its authors' program and lion-pytorch.
import { checkNames, type OptionNames } from "../option-names.js";
import type { ArenaUpdate } from "./arena-update.js";
import { atLeastZero, validBetas } from "./checks.js";
import type { Hyperparameters, Params } from "./groups.js";
import { type LionConstants, lionFields } from "./kernels.js";
import { Optimizer } from "./optimizer.js";

export interface LionOptions {
  /** Learning rate, a third to a tenth of AdamW's; default 1e-4. */
  readonly lr?: number;
  /** The gradient's weight in the step, and the momentum's decay; default [0.9, 0.99]. */
  readonly betas?: readonly [number, number];
  /** Share of a parameter that is taken away per unit of learning rate; default 0. */
  readonly weightDecay?: number;
}
export interface LionHyperparameters extends Hyperparameters {
  betas: readonly [number, number];
  weightDecay: number;
}
const optionNames: OptionNames<LionOptions> = { lr: true, betas: true, weightDecay: true };

/**
 * p = (1 - lr * weightDecay) * p - lr * sign(beta1 * m + (1 - beta1) * g); then m = beta2 * m + (1 - beta2) * g. One state, half of AdamW's.
 *
 * @example
 * const optimizer = new Lion(parameterGroups(model, { weightDecay: 0.1 }), { lr: 1e-5 });
 *
 * @throws ArgumentError for negative or non-finite options, empty lists, and parameters given twice.
 */
export class Lion extends Optimizer<LionHyperparameters> {
  protected override readonly updateRule = "lion";
  protected override readonly stateNames: readonly string[] = ["exp_avg"];

  constructor(params: Params<LionOptions>, options: LionOptions = {}) {
    checkNames("Lion", options, optionNames);
    super(params, { lr: 1e-4, betas: [0.9, 0.99], weightDecay: 0, ...options });
  }

  protected override check(group: LionHyperparameters): void {
    atLeastZero(group.lr, "learning rate");
    validBetas(group.betas);
    atLeastZero(group.weightDecay, "weight_decay value");
  }

  protected override constants({ lr, betas, weightDecay }: LionHyperparameters, _step: number, gradScale: number): readonly number[] {
    const [beta1, beta2] = betas;
    const row: LionConstants = { gradScale, beta1, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, lr, decay: 1 - lr * weightDecay };
    return lionFields.map((name) => row[name]);
  }
  protected override update({ kernels, values, grads, states, ranges, rows }: ArenaUpdate): Promise<void> {
    return kernels.lionStep(values, grads, states[0]!, ranges, rows);
  }
}
