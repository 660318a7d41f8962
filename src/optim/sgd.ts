// Stochastic gradient descent with momentum, dampening and Nesterov's variant, as torch.optim.SGD.
import { checkNames, type OptionNames } from "../option-names.js";
import type { ArenaUpdate } from "./arena-update.js";
import { atLeastZero, refuseOption } from "./checks.js";
import type { Hyperparameters, Params } from "./groups.js";
import { type SgdConstants, sgdFields } from "./kernels.js";
import { Optimizer } from "./optimizer.js";

export interface SGDGroupOptions {
  readonly lr?: number;
  /** Default 0: no velocity, no state. */
  readonly momentum?: number;
  /** The gradient's part in the velocity is 1 - dampening; default 0. */
  readonly dampening?: number;
  /** L2 penalty: weightDecay * p is added to the gradient; default 0. */
  readonly weightDecay?: number;
  /** Looks ahead along the velocity; needs momentum > 0 and dampening 0. Default false. */
  readonly nesterov?: boolean;
}
export interface SGDOptions extends SGDGroupOptions {
  readonly lr: number;
}
export interface SGDHyperparameters extends Hyperparameters {
  momentum: number;
  dampening: number;
  weightDecay: number;
  nesterov: boolean;
}
const optionNames: OptionNames<SGDOptions> = { lr: true, momentum: true, dampening: true, weightDecay: true, nesterov: true };

/**
 * b = momentum * b + (1 - dampening) * g, where the first b is g; p -= lr * b, with Nesterov p -= lr * (g + momentum * b).
 *
 * @example
 * const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
 *
 * @throws ArgumentError for negative or non-finite options, Nesterov without momentum, empty lists, and parameters given twice.
 */
export class SGD extends Optimizer<SGDHyperparameters> {
  protected override readonly updateRule = "sgd";
  protected override readonly stateNames: readonly string[];

  constructor(params: Params<SGDGroupOptions>, options: SGDOptions) {
    checkNames("SGD", options, optionNames);
    super(params, { momentum: 0, dampening: 0, weightDecay: 0, nesterov: false, ...options });
    this.stateNames = this.paramGroups.some((g) => g.momentum > 0) ? ["momentum_buffer"] : [];
  }

  protected override check(group: SGDHyperparameters): void {
    atLeastZero(group.lr, "learning rate");
    atLeastZero(group.momentum, "momentum value");
    atLeastZero(group.weightDecay, "weight_decay value");
    if (!Number.isFinite(group.dampening)) refuseOption(`Invalid dampening value: ${group.dampening}`, "give a finite number");
    if (group.nesterov && (group.momentum <= 0 || group.dampening !== 0))
      refuseOption("Nesterov momentum requires a momentum and zero dampening", "set momentum to 0.9 or so, and dampening to 0");
  }

  protected override constants(group: SGDHyperparameters, step: number, gradScale: number): readonly number[] {
    const { lr, weightDecay: l2, momentum, dampening, nesterov } = group;
    if (momentum > 0 && this.stateNames.length === 0)
      refuseOption(`momentum was set to ${momentum} after the optimizer was made without`, "give momentum to the constructor");
    const first = step === 1;
    const velocity = { momentum: first ? 0 : momentum, oneMinusDampening: momentum === 0 ? 0 : first ? 1 : 1 - dampening };
    const mix = momentum === 0 ? { gFactor: 1, bFactor: 0 } : nesterov ? { gFactor: 1, bFactor: momentum } : { gFactor: 0, bFactor: 1 };
    const row: SgdConstants = { gradScale, l2, lr, ...velocity, ...mix };
    return sgdFields.map((name) => row[name]);
  }
  protected override update({ kernels, values, grads, states, ranges, rows }: ArenaUpdate): Promise<void> {
    return kernels.sgdStep(values, grads, states[0], ranges, rows);
  }
}
