// Adafactor (Shazeer and Stern, 2018): the second moment of a matrix in as many numbers as it has rows and columns. As transformers.Adafactor.
import { AccelerateError } from "../errors.js";
import { checkNames, type OptionNames } from "../option-names.js";
import type { Parameter } from "../tensor/index.js";
import type { ArenaUpdate } from "./arena-update.js";
import { atLeastZero, refuseOption } from "./checks.js";
import type { Hyperparameters, Params } from "./groups.js";
import { type AdafactorConstants, adafactorFields } from "./kernels.js";
import { Optimizer } from "./optimizer.js";

export interface AdafactorGroupOptions {
  /** Learning rate, in the place of `relativeStep`. */
  readonly lr?: number;
  /** Added to squares of gradients, and the least scale of a parameter; default [1e-30, 1e-3]. */
  readonly eps?: readonly [number, number];
  /** The root mean square of an update is at most this, before it is multiplied by the learning rate; default 1. */
  readonly clipThreshold?: number;
  /** The second moment's decay in step t is 1 - t ** decayRate; default -0.8. */
  readonly decayRate?: number;
  /** Decay of a running average of updates; default: none, and no state for it. */
  readonly beta1?: number | null;
  /** Share of a parameter that is taken away per unit of learning rate; default 0. */
  readonly weightDecay?: number;
  /** Multiply the learning rate by the parameter's root mean square; default true. */
  readonly scaleParameter?: boolean;
  /** The learning rate is min(0.01, 1 / sqrt(t)); default true. */
  readonly relativeStep?: boolean;
  /** With relativeStep: min(1e-6 t, 1 / sqrt(t)); default false. */
  readonly warmupInit?: boolean;
}
export type AdafactorOptions = AdafactorGroupOptions;

export interface AdafactorHyperparameters extends Hyperparameters {
  eps: readonly [number, number];
  clipThreshold: number;
  decayRate: number;
  beta1: number | null;
  weightDecay: number;
  scaleParameter: boolean;
  relativeStep: boolean;
  warmupInit: boolean;
}
const optionNames: OptionNames<AdafactorOptions> = {
  lr: true,
  eps: true,
  clipThreshold: true,
  decayRate: true,
  beta1: true,
  weightDecay: true,
  scaleParameter: true,
  relativeStep: true,
  warmupInit: true,
};

/** Fields of a parameter for the kernel, but for its places: how it is cut into matrices. Vectors are one row of 0. */
function matricesOf(shape: readonly number[]): readonly [matrices: number, rows: number, columns: number] {
  if (shape.length < 2) return [1, 0, shape[0] ?? 1];
  return [shape.slice(0, -2).reduce((a, b) => a * b, 1), shape.at(-2)!, shape.at(-1)!];
}

/**
 * u = g / sqrt(v), where the second moment v of a matrix is the product of its row means and its column means, and that of a vector a running average of g²;
 * p -= lr * u / max(1, RMS(u) / clipThreshold).
 *
 * Over several workers each updates whole parameters: the largest one is the least that one of them has to do.
 *
 * @example
 * const optimizer = new Adafactor(model.parameters(), { lr: 1e-3, scaleParameter: false, relativeStep: false });
 * const bySteps = new Adafactor(model.parameters()); // its own learning rate, in the place of a schedule
 *
 * @throws ArgumentError for lr together with relativeStep, for options that make no sense, empty lists, and parameters given twice.
 */
export class Adafactor extends Optimizer<AdafactorHyperparameters> {
  protected override readonly updateRule = "adafactor";
  protected override readonly stateNames: readonly string[];

  constructor(params: Params<AdafactorGroupOptions>, options: AdafactorOptions = {}) {
    checkNames("Adafactor", options, optionNames);
    const { relativeStep = true, lr } = options;
    if (lr === undefined && !relativeStep) refuseOption("Adafactor with relativeStep: false has no learning rate", "give lr");
    const rules = { eps: [1e-30, 1e-3], clipThreshold: 1, decayRate: -0.8, weightDecay: 0, scaleParameter: true, warmupInit: false } as const;
    super(params, { ...rules, ...options, relativeStep, beta1: options.beta1 ?? null, lr: lr ?? 0 });
    const average = this.paramGroups.some((g) => g.beta1 !== null);
    const rms = this.paramGroups.some((g) => g.scaleParameter);
    this.stateNames = [...(average ? ["exp_avg"] : []), "exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq", ...(rms ? ["RMS"] : [])];
  }

  protected override check(group: AdafactorHyperparameters): void {
    atLeastZero(group.lr, "learning rate");
    atLeastZero(group.weightDecay, "weight_decay value");
    if (!Array.isArray(group.eps) || group.eps.length !== 2)
      refuseOption(`Invalid eps: ${JSON.stringify(group.eps)}`, "give two numbers, for squares of gradients and for parameters' scales");
    for (const eps of group.eps) atLeastZero(eps, "epsilon value");
    if (!(group.clipThreshold > 0)) refuseOption(`Invalid clip_threshold value: ${group.clipThreshold}`, "give a number above 0, or Infinity for none");
    if (!Number.isFinite(group.decayRate) || group.decayRate > 0)
      refuseOption(`Invalid decay_rate value: ${group.decayRate}`, "give a number below 0, such as -0.8");
    if (group.beta1 !== null && !(group.beta1 >= 0 && group.beta1 < 1))
      refuseOption(`Invalid beta1 value: ${group.beta1}`, "give a number of at least 0 and below 1, or null");
    if (group.relativeStep && group.lr !== 0) refuseOption("Cannot combine manual `lr` and `relativeStep: true` options", "give relativeStep: false, or no lr");
    if (group.warmupInit && !group.relativeStep) refuseOption("`warmupInit: true` requires `relativeStep: true`", "a schedule warms a learning rate up");
  }

  /** Rows and columns of what has two dimensions or more, squares of the others. */
  protected override stateShape(name: string, { shape }: Parameter): readonly number[] | undefined {
    const factored = shape.length >= 2;
    if (name === "exp_avg_sq_row") return factored ? shape.slice(0, -1) : undefined;
    if (name === "exp_avg_sq_col") return factored ? [...shape.slice(0, -2), shape.at(-1)!] : undefined;
    if (name === "exp_avg_sq") return factored ? undefined : shape;
    return name === "RMS" ? [] : shape;
  }
  override get wholeParameters(): boolean {
    return true;
  }

  /** The learning rate of a parameter's step, but for its scale. */
  #rate({ lr, relativeStep, warmupInit }: AdafactorHyperparameters, step: number): number {
    return relativeStep ? Math.min(warmupInit ? 1e-6 * step : 1e-2, 1 / Math.sqrt(step)) : lr;
  }
  /** The learning rates of the last step, scale included: of each group's first parameter that has made one; undefined before. */
  rates(): readonly (number | undefined)[] {
    return this.paramGroups.map((group) => {
      const first = group.params.find((p) => this.places.stepOf(p) !== undefined);
      if (!first) return undefined;
      const rms = this.places.arraysOf(first).find(([name]) => name === "RMS")?.[1][0];
      return this.#rate(group, this.places.stepOf(first)!) * (group.scaleParameter ? Math.max(group.eps[1], rms!) : 1);
    });
  }

  protected override constants(group: AdafactorHyperparameters, step: number, gradScale: number): readonly number[] {
    const { eps, clipThreshold, weightDecay, beta1, scaleParameter } = group;
    if (beta1 !== null && !this.stateNames.includes("exp_avg"))
      refuseOption(`beta1 was set to ${beta1} after the optimizer was made without`, "give beta1 to the constructor");
    if (scaleParameter && !this.stateNames.includes("RMS"))
      refuseOption("scaleParameter was set after the optimizer was made without", "give scaleParameter to the constructor");
    const oneMinusBeta2 = step ** group.decayRate;
    const row: AdafactorConstants = {
      gradScale,
      beta2: 1 - oneMinusBeta2,
      oneMinusBeta2,
      epsSquare: eps[0],
      epsScale: eps[1],
      clipThreshold,
      lr: this.#rate(group, step),
      scales: Number(scaleParameter),
      // Without a running average an update is the average.
      beta1: beta1 ?? 0,
      oneMinusBeta1: 1 - (beta1 ?? 0),
      weightDecay,
    };
    return adafactorFields.map((name) => row[name]);
  }

  protected override update({ kernels, values, grads, states, stateArenas, segments, share, rows }: ArenaUpdate): Promise<void> {
    const at = (name: string): number => this.stateNames.indexOf(name);
    const places = ["exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq", "RMS"].map(at);
    const parameters: number[] = [];
    for (const { segment, row, contributors } of [...segments].sort((a, b) => a.segment.offset - b.segment.offset)) {
      const { offset, length, index, parameter } = segment;
      const own = share.parts.filter(({ begin, end }) => offset < end && offset + length > begin);
      if (length === 0 || own.length === 0) continue;
      if (own.length > 1 || offset < own[0]!.begin || offset + length > own[0]!.end)
        throw new AccelerateError("ERR_OPTIMIZER_SHARE", `${parameter.name || "a parameter"} was to be updated by Adafactor in parts`, {
          hint: "prepare the optimizer together with its model",
        });
      parameters.push(offset, row, contributors, ...matricesOf(parameter.shape), ...places.map((i) => stateArenas[i]?.segments[index]?.offset ?? 0));
    }
    if (parameters.length === 0) return Promise.resolve();
    const [rowMeans, columns, squares, rms] = places.map((i) => states[i]);
    const arrays = { rows: rowMeans!, columns: columns!, squares: squares!, average: states[at("exp_avg")], rms };
    return kernels.adafactorStep(values, grads, arrays, Float64Array.from(parameters), rows);
  }
}
