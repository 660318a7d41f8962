// Whether schedules fit the run: the plan told at the first step, and a warning when a schedule has ended before the training, or the training in the middle of a schedule.
import type { Optimizer, Pace, Scheduler } from "../../optim/index.js";

/** What is asked of the loader that trains. */
export interface PlannedLoader {
  readonly length: number;
  state(): { readonly epoch: number; readonly batch: number };
}

export interface WatchOptions {
  readonly numProcesses: number;
  readonly pace: Pick<Pace, "withOptimizer" | "perStep">;
  /** Bodies of `accumulate` per optimizer step. */
  readonly steps: () => number;
  /** Gives a line to people. */
  readonly tell: (line: string) => void;
  readonly warn: (line: string) => void;
}

/** Share of a schedule that a run may go on behind its end: a last epoch that is rounded up is nothing to speak of. */
const tolerance = 0.02;

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
const times = (x: number): string => String(Number(x.toFixed(2)));

function lengthOf(loader: PlannedLoader | undefined): number | undefined {
  try {
    return loader?.length;
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_NO_LENGTH") return undefined;
    throw error;
  }
}

/**
 * Of one Accelerator, on its main process. A schedule that is said to end at n steps is held against what happens:
 *
 * - at the first step a line says how many optimizer steps an epoch has, and how many epochs the schedule is: where several workers or micro-batches make that worth saying;
 * - optimizer steps with a learning rate of 0, more than 2 % behind the end of a schedule, are warned of at once (Accelerate's schedules that run as many times too fast as there are processes);
 * - a run that ends with whole epochs, and a schedule whose total is not their optimizer steps but exactly their batches (of all workers, if it was made before the loader was prepared; of each worker,
 *   if there are several per step), is warned of at the end. A run that was stopped early ends with other numbers.
 */
export class ScheduleWatch {
  readonly #options: WatchOptions;
  /** Made before a loader was prepared, whose length was then that of all workers together. */
  readonly #early = new WeakSet<object>();
  #loaderPrepared = false;
  #told = false;
  readonly #warned = new WeakSet<object>();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Something was prepared, a loader among it or not. */
  prepared(optimizers: readonly Optimizer[], options: { readonly loader: boolean }): void {
    if (this.#loaderPrepared || !options.loader) return;
    this.#loaderPrepared = true;
    for (const scheduler of planned(optimizers)) this.#early.add(scheduler);
  }

  /** An optimizer step was made, in the loop over this loader. */
  stepped(optimizers: readonly Optimizer[], loader: PlannedLoader | undefined): void {
    if (!this.#told) this.#tellPlan(optimizers, loader);
    this.#told = true;
    for (const optimizer of optimizers) {
      for (const scheduler of planned([optimizer])) {
        const { totalSteps, lastEpoch } = scheduler;
        const over = optimizer.stepCount - totalSteps / this.#perStep;
        if (lastEpoch < totalSteps || over <= 1 || over <= (tolerance * totalSteps) / this.#perStep || this.#warned.has(scheduler)) continue;
        if (!scheduler.getLastLr().every((lr) => lr === 0)) continue;
        this.#warned.add(scheduler);
        const pace = this.#perStep > 1 ? `, ${this.#perStep} of which are made per optimizer step (schedulerStepping: "process")` : "";
        this.#options.warn(
          `optimizer step ${optimizer.stepCount} has a learning rate of 0, and so will those to come: the schedule ended after ${count(totalSteps, "step")}${pace}. Make it for all optimizer steps of the run: epochs * Math.ceil(loader.length / gradientAccumulationSteps), with the loader prepared`,
        );
      }
    }
  }

  /** The run is over, its last loop over this loader. */
  ended(optimizers: readonly Optimizer[], loader: PlannedLoader | undefined): void {
    const length = lengthOf(loader);
    if (!loader || length === undefined || this.#perStep > 1 || !this.#options.pace.withOptimizer) return;
    const { epoch: epochs, batch } = loader.state();
    if (batch !== 0 || epochs === 0) return;
    const { numProcesses } = this.#options;
    const steps = this.#options.steps();
    const perEpoch = Math.ceil(length / steps);
    for (const scheduler of planned(optimizers)) {
      const { totalSteps, lastEpoch } = scheduler;
      const each = totalSteps / epochs;
      if (lastEpoch !== epochs * perEpoch || each === perEpoch || !Number.isInteger(each)) continue;
      const ofAll = this.#early.has(scheduler) && (Math.ceil(each / numProcesses) === length || Math.ceil(each / numProcesses) === perEpoch);
      if (!ofAll && each !== length) continue;
      this.#options.warn(
        `the schedule was made for ${count(totalSteps, "step")}, and ${count(epochs, "epoch")} had ${count(lastEpoch, "optimizer step")}: it has come ${times((100 * lastEpoch) / totalSteps)} % of its way. Its total seems to count ${
          ofAll ? "the batches of all workers: make it once the loader is prepared" : "micro-batches"
        }, from epochs * Math.ceil(loader.length / gradientAccumulationSteps)`,
      );
    }
  }

  get #perStep(): number {
    return this.#options.pace.withOptimizer ? this.#options.pace.perStep : 1;
  }
  #tellPlan(optimizers: readonly Optimizer[], loader: PlannedLoader | undefined): void {
    const length = lengthOf(loader);
    const steps = this.#options.steps();
    const { numProcesses, pace } = this.#options;
    const [scheduler] = planned(optimizers);
    if (!scheduler || length === undefined || (numProcesses === 1 && steps === 1) || !pace.withOptimizer) return;
    const perEpoch = Math.ceil(length / steps);
    const parts = [...(numProcesses > 1 ? [count(numProcesses, "worker")] : []), ...(steps > 1 ? [`${steps} micro-batches each`] : [])];
    const speed = this.#perStep > 1 ? `, ${this.#perStep} per optimizer step,` : "";
    const epochs = scheduler.totalSteps / this.#perStep / perEpoch;
    this.#options.tell(
      `plan: ${count(perEpoch, "optimizer step")} per epoch (${parts.join(", ")}); the schedule's ${count(scheduler.totalSteps, "step")}${speed} are ${times(epochs)} epoch${epochs === 1 ? "" : "s"}`,
    );
  }
}

type Planned = Scheduler & { readonly totalSteps: number };
/** Schedules that have an end. */
const planned = (optimizers: readonly Optimizer[]): Planned[] =>
  optimizers.flatMap((o) => o.schedulers.filter((s): s is Planned => typeof (s as Partial<Scheduler>).totalSteps === "number"));
