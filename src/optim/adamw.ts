// AdamW (Loshchilov and Hutter, 2017): weight decay apart from the gradient, as torch and as transformers' old class do it.
import { checkNames, type OptionNames } from "../option-names.js";
import { AdamFamily, type AdamHyperparameters, biasCorrections } from "./adam.js";
import { refuseOption } from "./checks.js";
import type { Params } from "./groups.js";

/**
 * torch: torch.optim.AdamW; decays before the Adam step, and eps is added after the bias correction of sqrt(v).
 * transformers: the class transformers.AdamW had until version 4; decays after the step, and eps is added before the correction.
 */
export type AdamWVariant = "torch" | "transformers";

export interface AdamWGroupOptions {
  /** Learning rate; default 1e-3. */
  readonly lr?: number;
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8, of the variant "transformers" 1e-6. */
  readonly eps?: number;
  /** Share of a parameter that is taken away per unit of learning rate; default 0.01, of the variant "transformers" 0. */
  readonly weightDecay?: number;
  /** false: no bias correction, as BERT's original code. Only with the variant "transformers"; default true. */
  readonly correctBias?: boolean;
}
export interface AdamWOptions extends AdamWGroupOptions {
  /** Default "torch". */
  readonly variant?: AdamWVariant;
}

export interface AdamWHyperparameters extends AdamHyperparameters {
  correctBias: boolean;
}

const variantDefaults: { readonly [V in AdamWVariant]: { readonly eps: number; readonly weightDecay: number } } = {
  torch: { eps: 1e-8, weightDecay: 0.01 },
  transformers: { eps: 1e-6, weightDecay: 0 },
};

type Rule = (group: AdamWHyperparameters, corrections: readonly [number, number]) => ReturnType<AdamFamily<AdamWHyperparameters>["rule"]>;

/** The scalars of the kernel (src/native/kernels/optimizer.h) by variant. */
const rules: { readonly [V in AdamWVariant]: Rule } = {
  torch: ({ lr, weightDecay }, [correction1, correction2]) => ({
    l2: 0,
    decayBefore: 1 - lr * weightDecay,
    stepSize: lr / correction1,
    rootScale: 1 / Math.sqrt(correction2),
    decayAfter: 1,
  }),
  transformers: ({ lr, weightDecay, correctBias }, [correction1, correction2]) => ({
    l2: 0,
    decayBefore: 1,
    stepSize: correctBias ? (lr * Math.sqrt(correction2)) / correction1 : lr,
    rootScale: 1,
    decayAfter: 1 - lr * weightDecay,
  }),
};
const optionNames: OptionNames<AdamWOptions> = { lr: true, betas: true, eps: true, weightDecay: true, correctBias: true, variant: true };

/**
 * Adam with decoupled weight decay.
 *
 * @example
 * const optimizer = new AdamW(model.parameters(), { lr: 5e-5 });
 * const bert = new AdamW(parameterGroups(model, { weightDecay: 0.01 }), { lr: 2e-5, variant: "transformers", correctBias: false });
 *
 * @throws ArgumentError for negative or non-finite options, empty lists, and parameters given twice.
 */
export class AdamW extends AdamFamily<AdamWHyperparameters> {
  readonly variant: AdamWVariant;

  constructor(params: Params<AdamWGroupOptions>, options: AdamWOptions = {}) {
    checkNames("AdamW", options, optionNames);
    const { variant = "torch", ...own } = options;
    if (!(variant in rules)) refuseOption(`Invalid variant: ${String(variant)}`, `one of ${Object.keys(rules).join(", ")}`);
    super(params, { lr: 1e-3, betas: [0.9, 0.999], correctBias: true, ...variantDefaults[variant], ...own });
    this.variant = variant;
    for (const group of this.paramGroups) {
      if (variant === "torch" && !group.correctBias) refuseOption("correctBias is false", 'only the variant "transformers" can leave out the bias correction');
    }
  }

  protected override rule(group: AdamWHyperparameters, step: number): ReturnType<Rule> {
    return rules[this.variant](group, biasCorrections(group.betas, step));
  }
}
