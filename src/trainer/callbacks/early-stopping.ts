// EarlyStoppingCallback: ends a training whose metric no longer gets better.
import { ArgumentError } from "../../errors.js";
import { checkNames, type OptionNames } from "../../option-names.js";
import type { TrainingArguments } from "../arguments/index.js";
import type { CallbackState, ExportableState, TrainerControl, TrainerState } from "../state/index.js";
import { type CallbackContext, TrainerCallback } from "./trainer-callback.js";

export interface EarlyStoppingOptions {
  /** Evaluations in a row that may be no better; default 1. */
  readonly earlyStoppingPatience?: number;
  /** What a metric must differ by to count as better; default 0. */
  readonly earlyStoppingThreshold?: number;
}

const optionNames: OptionNames<EarlyStoppingOptions> = { earlyStoppingPatience: true, earlyStoppingThreshold: true };

/**
 * Needs `metricForBestModel` and an `evalStrategy`; set `loadBestModelAtEnd`, too, to get the best model.
 *
 * @example
 * const args = new TrainingArguments("run", { evalStrategy: "epoch", saveStrategy: "epoch", loadBestModelAtEnd: true, metricForBestModel: "f1" });
 * const trainer = new Trainer({ model, args, trainDataset, evalDataset, callbacks: [new EarlyStoppingCallback({ earlyStoppingPatience: 2 })] });
 */
export class EarlyStoppingCallback extends TrainerCallback implements ExportableState {
  earlyStoppingPatience: number;
  earlyStoppingThreshold: number;
  /** Evaluations in a row that were no better. */
  earlyStoppingPatienceCounter = 0;

  constructor(options: EarlyStoppingOptions = {}) {
    super();
    checkNames("EarlyStoppingCallback", options, optionNames);
    const { earlyStoppingPatience = 1, earlyStoppingThreshold = 0 } = options;
    if (!Number.isSafeInteger(earlyStoppingPatience) || earlyStoppingPatience < 1)
      throw new ArgumentError(`earlyStoppingPatience is ${earlyStoppingPatience}`, { hint: "give a number of evaluations, at least 1" });
    if (!(earlyStoppingThreshold >= 0)) throw new ArgumentError(`earlyStoppingThreshold is ${earlyStoppingThreshold}`, { hint: "give a number, 0 or more" });
    this.earlyStoppingPatience = earlyStoppingPatience;
    this.earlyStoppingThreshold = earlyStoppingThreshold;
  }

  /** @throws ArgumentError when the arguments name no metric, or nothing is evaluated */
  override onTrainBegin(args: TrainingArguments, state: TrainerState, _control: TrainerControl, { trainer }: CallbackContext): void {
    if (args.metricForBestModel === undefined)
      throw new ArgumentError("EarlyStoppingCallback does not know which metric to watch", { hint: 'set metricForBestModel, such as "f1" or "loss"' });
    if (args.evalStrategy === "no")
      throw new ArgumentError("EarlyStoppingCallback needs evaluations while training", { hint: 'set evalStrategy to "steps" or "epoch"' });
    if (!args.loadBestModelAtEnd && state.isWorldProcessZero)
      trainer.callbackHandler.warn("EarlyStoppingCallback without loadBestModelAtEnd: the model after the training is the last one, not the best one");
  }

  override onEvaluate(args: TrainingArguments, state: TrainerState, control: TrainerControl, { metrics, trainer }: CallbackContext): void {
    const name = args.metricForBestModel ?? "loss";
    const watched = name.startsWith("eval_") ? name : `eval_${name}`;
    const value = metrics?.[watched];
    if (value === undefined) {
      if (state.isWorldProcessZero)
        trainer.callbackHandler.warn(`EarlyStoppingCallback found no ${watched} in the metrics (${Object.keys(metrics ?? {}).join(", ")}): it stops nothing`);
      return;
    }
    this.earlyStoppingPatienceCounter = this.#isBetter(args, state, value) ? 0 : this.earlyStoppingPatienceCounter + 1;
    if (this.earlyStoppingPatienceCounter >= this.earlyStoppingPatience) control.shouldTrainingStop = true;
  }

  /** state.bestMetric is still that of the evaluations before. */
  #isBetter({ greaterIsBetter }: TrainingArguments, { bestMetric }: TrainerState, value: number): boolean {
    if (bestMetric === undefined) return true;
    return (greaterIsBetter ? value > bestMetric : value < bestMetric) && Math.abs(value - bestMetric) > this.earlyStoppingThreshold;
  }

  state(): CallbackState {
    return {
      args: { early_stopping_patience: this.earlyStoppingPatience, early_stopping_threshold: this.earlyStoppingThreshold },
      attributes: { early_stopping_patience_counter: this.earlyStoppingPatienceCounter },
    };
  }
}
