// What Adafactor's own learning rates are, for those who log a scheduler's: as transformers' AdafactorSchedule.
import { ArgumentError } from "../errors.js";
import { Adafactor } from "./adafactor.js";
import { SteppedScheduler } from "./stepped.js";

export interface AdafactorSchedulerOptions {
  /** What it says before the first step; default 0. */
  readonly initialLr?: number;
}

/**
 * Stands in for a schedule where Adafactor makes its own (`relativeStep`): it sets nothing, and `getLastLr` gives the rates of the last step, those of each group's first parameter.
 *
 * @example
 * const optimizer = new Adafactor(model.parameters(), { warmupInit: true });
 * const trainer = new Trainer({ model, args, trainDataset, optimizers: [optimizer, new AdafactorScheduler(optimizer)] });
 *
 * @throws ArgumentError ERR_SCHEDULER_OPTION for another optimizer.
 */
export class AdafactorScheduler extends SteppedScheduler {
  protected override baseLrs: readonly number[];
  readonly #adafactor: Adafactor;

  constructor(optimizer: Adafactor, { initialLr = 0 }: AdafactorSchedulerOptions = {}) {
    if (!(optimizer instanceof Adafactor))
      throw new ArgumentError("AdafactorScheduler tells the learning rates of Adafactor", {
        code: "ERR_SCHEDULER_OPTION",
        hint: "use getScheduler with other optimizers",
      });
    super(optimizer);
    this.#adafactor = optimizer;
    this.baseLrs = optimizer.paramGroups.map(() => initialLr);
    optimizer.follow(this);
  }

  protected override apply(): void {}
  override getLastLr(): readonly number[] {
    return this.lastEpoch === 0 ? this.baseLrs : this.#adafactor.rates().map((rate, i) => rate ?? this.baseLrs[i]!);
  }
}
