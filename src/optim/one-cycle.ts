// The 1cycle policy (Smith and Topin, 2017): learning rates rise to their maximum and fall far below their start, momentum the other way round. As torch.optim.lr_scheduler.OneCycleLR.
import { ArgumentError } from "../errors.js";
import type { GroupState } from "./groups.js";
import type { Optimizer } from "./optimizer.js";
import { SteppedScheduler } from "./stepped.js";

export interface OneCycleOptions {
  /** Highest learning rate, of all groups or of each. */
  readonly maxLr: number | readonly number[];
  /** Steps of the cycle; or epochs and stepsPerEpoch. */
  readonly totalSteps?: number;
  readonly epochs?: number;
  readonly stepsPerEpoch?: number;
  /** Share of the cycle in which the learning rate rises; default 0.3. */
  readonly pctStart?: number;
  /** Default "cos". */
  readonly annealStrategy?: "cos" | "linear";
  /** Cycle momentum (SGD) or the first beta (Adam) inversely to the learning rate; default true. */
  readonly cycleMomentum?: boolean;
  /** Momentum at the highest learning rate, of all groups or of each; default 0.85. */
  readonly baseMomentum?: number | readonly number[];
  /** Momentum at the start; default 0.95. */
  readonly maxMomentum?: number | readonly number[];
  /** The first learning rate is maxLr / divFactor; default 25. */
  readonly divFactor?: number;
  /** The last one is that divided by finalDivFactor; default 1e4. */
  readonly finalDivFactor?: number;
  /** Fall back to the first learning rate in a phase of its own, as long as the rise; default false. */
  readonly threePhase?: boolean;
}

type Anneal = (start: number, end: number, share: number) => number;
const anneals: { readonly [S in NonNullable<OneCycleOptions["annealStrategy"]>]: Anneal } = {
  cos: (start, end, share) => end + ((start - end) / 2) * (Math.cos(Math.PI * share) + 1),
  linear: (start, end, share) => (end - start) * share + start,
};

/** Names of rates and of momenta at the ends of a phase. */
type Rate = "initial" | "max" | "min";
type Momentum = "base" | "max";
interface Phase {
  readonly endStep: number;
  readonly lr: readonly [Rate, Rate];
  readonly momentum: readonly [Momentum, Momentum];
}
const phasesOf = (total: number, pct: number, three: boolean): readonly Phase[] => {
  const rise: Phase = { endStep: pct * total - 1, lr: ["initial", "max"], momentum: ["max", "base"] };
  if (!three) return [rise, { endStep: total - 1, lr: ["max", "min"], momentum: ["base", "max"] }];
  return [
    rise,
    { endStep: 2 * pct * total - 2, lr: ["max", "initial"], momentum: ["base", "max"] },
    { endStep: total - 1, lr: ["initial", "min"], momentum: ["max", "max"] },
  ];
};

const refuse = (what: string, hint: string): never => {
  throw new ArgumentError(`OneCycleScheduler: ${what}`, { code: "ERR_SCHEDULER_OPTION", hint });
};
const positive = (value: number, name: string): number =>
  Number.isInteger(value) && value > 0 ? value : refuse(`Expected positive integer ${name}, but got ${value}`, "give a whole number above 0");
function totalOf({ totalSteps, epochs, stepsPerEpoch }: OneCycleOptions): number {
  if (totalSteps !== undefined) return positive(totalSteps, "totalSteps");
  if (epochs === undefined || stepsPerEpoch === undefined)
    return refuse(
      "You must define either totalSteps OR (epochs AND stepsPerEpoch)",
      "stepsPerEpoch are optimizer steps: loader.length after prepare, divided by the accumulation steps",
    );
  return positive(epochs, "epochs") * positive(stepsPerEpoch, "stepsPerEpoch");
}
function perGroup(value: number | readonly number[], optimizer: Optimizer, name: string): readonly number[] {
  const groups = optimizer.paramGroups.length;
  const values = typeof value === "number" ? optimizer.paramGroups.map(() => value) : value;
  return values.length === groups ? values : refuse(`${name} has ${values.length} values for ${groups} groups`, "one per group, or one number");
}

/** What a group's momentum is called: that of SGD, or the first beta of Adam. */
type Momenta = GroupState & { momentum?: number; betas?: readonly [number, number] };

/**
 * One step per optimizer step, `totalSteps` in all; behind them learning rates stay at their lowest.
 *
 * @example
 * const scheduler = new OneCycleScheduler(optimizer, { maxLr: 0.1, totalSteps: 3 * loader.length });
 *
 * @throws ArgumentError ERR_SCHEDULER_OPTION, with torch's messages.
 */
export class OneCycleScheduler extends SteppedScheduler {
  protected override baseLrs: readonly number[];
  readonly #phases: readonly Phase[];
  readonly #anneal: Anneal;
  readonly #divide: readonly [first: number, last: number];
  /** By group; undefined: momentum stays as it is. */
  readonly #momenta: readonly { readonly [M in Momentum]: number }[] | undefined;

  constructor(optimizer: Optimizer, options: OneCycleOptions) {
    const {
      pctStart = 0.3,
      annealStrategy = "cos",
      cycleMomentum = true,
      baseMomentum = 0.85,
      maxMomentum = 0.95,
      divFactor = 25,
      finalDivFactor = 1e4,
    } = options;
    const totalSteps = totalOf(options);
    super(optimizer, { totalSteps, stops: true });
    if (!(pctStart >= 0 && pctStart <= 1)) refuse(`Expected float between 0 and 1 pctStart, but got ${pctStart}`, "give a share of the cycle");
    if (!Object.hasOwn(anneals, annealStrategy)) refuse(`annealStrategy must be one of 'cos' or 'linear', instead got ${annealStrategy}`, '"cos" or "linear"');
    this.#phases = phasesOf(totalSteps, pctStart, options.threePhase ?? false);
    this.#anneal = anneals[annealStrategy];
    this.#divide = [divFactor, finalDivFactor];
    this.baseLrs = perGroup(options.maxLr, optimizer, "maxLr");
    if (cycleMomentum) {
      if (optimizer.paramGroups.some((g: Momenta) => g.betas === undefined && !(g.momentum !== undefined && g.momentum > 0)))
        refuse("optimizer must support momentum or beta1 with cycleMomentum enabled", "give the optimizer a momentum, or cycleMomentum: false");
      const [base, max] = [perGroup(baseMomentum, optimizer, "baseMomentum"), perGroup(maxMomentum, optimizer, "maxMomentum")];
      this.#momenta = base.map((b, i) => ({ base: b, max: max[i]! }));
    }
    for (const [i, group] of optimizer.paramGroups.entries()) group.initialLr = this.baseLrs[i]! / divFactor;
    this.apply();
    optimizer.follow(this);
  }

  protected override apply(): void {
    let start = 0;
    let phase = this.#phases[0]!;
    for (const [i, next] of this.#phases.entries()) {
      if (i > 0) start = phase.endStep;
      phase = next;
      if (this.lastEpoch <= phase.endStep) break;
    }
    const share = phase.endStep === start ? 1 : Math.min(1, (this.lastEpoch - start) / (phase.endStep - start));
    for (const [i, group] of this.optimizer.paramGroups.entries()) {
      const initial = this.baseLrs[i]! / this.#divide[0];
      const rates: { readonly [R in Rate]: number } = { initial, max: this.baseLrs[i]!, min: initial / this.#divide[1] };
      group.lr = this.#anneal(rates[phase.lr[0]], rates[phase.lr[1]], share);
      const momenta = this.#momenta?.[i];
      if (momenta) setMomentum(group, this.#anneal(momenta[phase.momentum[0]], momenta[phase.momentum[1]], share));
    }
  }
}

function setMomentum(group: Momenta, momentum: number): void {
  if (group.betas) group.betas = [momentum, group.betas[1]];
  else group.momentum = momentum;
}
