// Adam (Kingma and Ba, 2014) with weight decay as an L2 term in the gradient, and what it shares with AdamW.
import { checkNames, type OptionNames } from "../option-names.js";
import type { ArenaUpdate } from "./arena-update.js";
import { atLeastZero, validBetas } from "./checks.js";
import type { Hyperparameters, Params } from "./groups.js";
import { type AdamConstants, adamFields } from "./kernels.js";
import { Optimizer } from "./optimizer.js";

export interface AdamHyperparameters extends Hyperparameters {
  /** Decay of the running averages of the gradient and of its square. */
  betas: readonly [number, number];
  /** Added to the denominator. */
  eps: number;
  weightDecay: number;
}

/** Base of the optimizers that run the Adam kernel. */
export abstract class AdamFamily<H extends AdamHyperparameters> extends Optimizer<H> {
  protected override readonly updateRule = "adam";
  protected override readonly stateNames: readonly string[] = ["exp_avg", "exp_avg_sq"];

  protected override check(group: H): void {
    atLeastZero(group.lr, "learning rate");
    atLeastZero(group.eps, "epsilon value");
    validBetas(group.betas);
    atLeastZero(group.weightDecay, "weight_decay value");
  }
  /** What differs between the variants; the rest is the moments' part. */
  protected abstract rule(group: H, step: number): Pick<AdamConstants, "l2" | "decayBefore" | "stepSize" | "rootScale" | "decayAfter">;

  protected override constants(group: H, step: number, gradScale: number): readonly number[] {
    const [beta1, beta2] = group.betas;
    const row: AdamConstants = { gradScale, oneMinusBeta1: 1 - beta1, beta2, oneMinusBeta2: 1 - beta2, eps: group.eps, ...this.rule(group, step) };
    return adamFields.map((name) => row[name]);
  }
  /** Without eps a zero parameter becomes 0 / 0. */
  protected override crossesGaps(group: H): boolean {
    return group.eps > 0;
  }
  protected override update({ kernels, values, grads, states, ranges, rows }: ArenaUpdate): Promise<void> {
    return kernels.adamStep(values, grads, states[0]!, states[1]!, ranges, rows);
  }
}

/** Bias corrections 1 - beta^step of both moments. */
export const biasCorrections = (betas: readonly [number, number], step: number): readonly [number, number] => [1 - betas[0] ** step, 1 - betas[1] ** step];

export interface AdamOptions {
  /** Learning rate; default 1e-3. */
  readonly lr?: number;
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** L2 penalty: weightDecay * p is added to the gradient; default 0. */
  readonly weightDecay?: number;
}

/**
 * Adam as torch.optim.Adam: m and v are running averages of g and g², p -= lr * m̂ / (sqrt(v̂) + eps).
 *
 * @example
 * const optimizer = new Adam(model.parameters(), { lr: 1e-4 });
 * await loss.backward();
 * await optimizer.step();
 * optimizer.zeroGrad();
 *
 * @throws ArgumentError for negative or non-finite options, empty lists, and parameters given twice.
 */
export class Adam extends AdamFamily<AdamHyperparameters> {
  constructor(params: Params<AdamOptions>, options: AdamOptions = {}) {
    checkNames("Adam", options, { lr: true, betas: true, eps: true, weightDecay: true } satisfies OptionNames<AdamOptions>);
    super(params, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, ...options });
  }

  protected override rule(group: AdamHyperparameters, step: number): ReturnType<AdamFamily<AdamHyperparameters>["rule"]> {
    const [correction1, correction2] = biasCorrections(group.betas, step);
    return { l2: group.weightDecay, decayBefore: 1, stepSize: group.lr / correction1, rootScale: 1 / Math.sqrt(correction2), decayAfter: 1 };
  }
}
