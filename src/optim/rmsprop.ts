// RMSprop (Hinton, 2012): gradients divided by a running average of their size, as torch.optim.RMSprop.
import { checkNames, type OptionNames } from "../option-names.js";
import type { ArenaUpdate } from "./arena-update.js";
import { atLeastZero, refuseOption } from "./checks.js";
import type { Hyperparameters, Params } from "./groups.js";
import { type RmspropConstants, rmspropFields } from "./kernels.js";
import { Optimizer } from "./optimizer.js";

export interface RMSpropOptions {
  /** Learning rate; default 1e-2. */
  readonly lr?: number;
  /** Decay of the running average of squares; default 0.99. */
  readonly alpha?: number;
  /** Added to the denominator; default 1e-8. */
  readonly eps?: number;
  /** L2 penalty: weightDecay * p is added to the gradient; default 0. */
  readonly weightDecay?: number;
  /** Default 0: no velocity, no state for it. */
  readonly momentum?: number;
  /** Divides by an estimate of the gradient's deviation rather than of its size; of all groups or of none. Default false. */
  readonly centered?: boolean;
}
export interface RMSpropHyperparameters extends Hyperparameters {
  alpha: number;
  eps: number;
  weightDecay: number;
  momentum: number;
  centered: boolean;
}
const optionNames: OptionNames<RMSpropOptions> = { lr: true, alpha: true, eps: true, weightDecay: true, momentum: true, centered: true };

/**
 * v is a running average of g²; p -= lr * b, where b = momentum * b + g / (sqrt(v) + eps). Centered: the square of a running average of g is taken from v.
 *
 * @example
 * const optimizer = new RMSprop(model.parameters(), { lr: 1e-3, momentum: 0.9 });
 *
 * @throws ArgumentError for negative or non-finite options, empty lists, and parameters given twice.
 */
export class RMSprop extends Optimizer<RMSpropHyperparameters> {
  protected override readonly updateRule = "rmsprop";
  protected override readonly stateNames: readonly string[];

  constructor(params: Params<RMSpropOptions>, options: RMSpropOptions = {}) {
    checkNames("RMSprop", options, optionNames);
    super(params, { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false, ...options });
    const groups = this.paramGroups;
    if (groups.some((g) => g.centered !== groups[0]!.centered)) refuseOption("centered differs between groups", "use an optimizer for each");
    this.stateNames = ["square_avg", ...(groups.some((g) => g.momentum > 0) ? ["momentum_buffer"] : []), ...(groups[0]!.centered ? ["grad_avg"] : [])];
  }

  protected override check(group: RMSpropHyperparameters): void {
    atLeastZero(group.lr, "learning rate");
    atLeastZero(group.eps, "epsilon value");
    atLeastZero(group.momentum, "momentum value");
    atLeastZero(group.weightDecay, "weight_decay value");
    atLeastZero(group.alpha, "alpha value");
    if (typeof group.centered !== "boolean") refuseOption(`Invalid centered value: ${String(group.centered)}`, "true or false");
  }

  protected override constants(group: RMSpropHyperparameters, _step: number, gradScale: number): readonly number[] {
    const { lr, alpha, eps, momentum, weightDecay: l2 } = group;
    if (momentum > 0 && !this.stateNames.includes("momentum_buffer"))
      refuseOption(`momentum was set to ${momentum} after the optimizer was made without`, "give momentum to the constructor");
    if (group.centered !== this.stateNames.includes("grad_avg")) refuseOption("centered was changed after the optimizer was made", "make a new one");
    const row: RmspropConstants = { gradScale, l2, alpha, oneMinusAlpha: 1 - alpha, eps, momentum, lr };
    return rmspropFields.map((name) => row[name]);
  }
  /** Without eps a zero parameter becomes 0 / 0. */
  protected override crossesGaps(group: RMSpropHyperparameters): boolean {
    return group.eps > 0;
  }
  protected override update({ kernels, values, grads, states, ranges, rows }: ArenaUpdate): Promise<void> {
    const state = (name: string) => states[this.stateNames.indexOf(name)];
    return kernels.rmspropStep(values, grads, state("square_avg")!, state("momentum_buffer"), state("grad_avg"), ranges, rows);
  }
}
