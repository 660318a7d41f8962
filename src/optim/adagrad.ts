// Adagrad (Duchi, Hazan and Singer, 2011): gradients divided by the root of the sum of their squares, as torch.optim.Adagrad.
import { checkNames, type OptionNames } from "../option-names.js";
import type { ArenaUpdate } from "./arena-update.js";
import { atLeastZero } from "./checks.js";
import type { Hyperparameters, Params } from "./groups.js";
import { type AdagradConstants, adagradFields } from "./kernels.js";
import { Optimizer } from "./optimizer.js";

export interface AdagradOptions {
  /** Learning rate; default 1e-2. */
  readonly lr?: number;
  /** The learning rate of a parameter's step t, from 0, is lr / (1 + t * lrDecay); default 0. */
  readonly lrDecay?: number;
  /** L2 penalty: weightDecay * p is added to the gradient; default 0. */
  readonly weightDecay?: number;
  /** What the sum of squares begins with; default 0. */
  readonly initialAccumulatorValue?: number;
  /** Added to the denominator; default 1e-10. */
  readonly eps?: number;
}
export interface AdagradHyperparameters extends Hyperparameters {
  lrDecay: number;
  weightDecay: number;
  initialAccumulatorValue: number;
  eps: number;
}
const optionNames: OptionNames<AdagradOptions> = { lr: true, lrDecay: true, weightDecay: true, initialAccumulatorValue: true, eps: true };

/**
 * s += g²; p -= lr / (1 + t * lrDecay) * g / (sqrt(s) + eps).
 *
 * @example
 * const optimizer = new Adagrad(model.parameters(), { lr: 0.01 });
 *
 * @throws ArgumentError for negative or non-finite options, empty lists, and parameters given twice.
 */
export class Adagrad extends Optimizer<AdagradHyperparameters> {
  protected override readonly updateRule = "adagrad";
  protected override readonly stateNames: readonly string[] = ["sum"];

  constructor(params: Params<AdagradOptions>, options: AdagradOptions = {}) {
    checkNames("Adagrad", options, optionNames);
    super(params, { lr: 1e-2, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10, ...options });
  }

  protected override check(group: AdagradHyperparameters): void {
    atLeastZero(group.lr, "learning rate");
    atLeastZero(group.lrDecay, "lr_decay value");
    atLeastZero(group.weightDecay, "weight_decay value");
    atLeastZero(group.initialAccumulatorValue, "initial_accumulator_value value");
    atLeastZero(group.eps, "epsilon value");
  }

  protected override constants(group: AdagradHyperparameters, step: number, gradScale: number): readonly number[] {
    const { lr, lrDecay, eps, weightDecay: l2, initialAccumulatorValue } = group;
    // State is zero until the first step.
    const initial = step === 1 ? initialAccumulatorValue : 0;
    const row: AdagradConstants = { gradScale, l2, initial, stepSize: lr / (1 + (step - 1) * lrDecay), eps };
    return adagradFields.map((name) => row[name]);
  }
  /** Without eps a zero parameter becomes 0 / 0. */
  protected override crossesGaps(group: AdagradHyperparameters): boolean {
    return group.eps > 0;
  }
  protected override update({ kernels, values, grads, states, ranges, rows }: ArenaUpdate): Promise<void> {
    return kernels.adagradStep(values, grads, states[0]!, ranges, rows);
  }
}
