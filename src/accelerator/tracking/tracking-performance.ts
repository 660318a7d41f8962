// How fast the training is: measured on every worker, put together every few seconds by one small exchange right after a step that all of them make.
import type { ProcessGroup, World } from "../../distributed/index.js";
import { ArgumentError } from "../../errors.js";
import { combined, packReport, type Performance, type RankReport, reportLength, unpackReports } from "../../tracking/rank-reports.js";
import { StepTimer } from "../../tracking/step-timer.js";
import type { ActiveLoaders } from "../loaders/active-loaders.js";
import { timedWorld } from "./tracking-groups.js";
import { TrainingLoops } from "./tracking-loops.js";

export interface PerformanceOptions {
  /** Steps of the optimizer per report; left out: the first after 10, then as many as take about five seconds. The same on every worker. */
  readonly everySteps?: number;
}

/** Of the reports whose number of steps is left to us. */
const first = 10;
const intervalMs = 5000;
const most = 100_000;

export class PerformanceWatch {
  /** For the comparison of workers: all make their reports after the same steps. */
  readonly every: number | "auto";
  readonly #timer = new StepTimer({ interval: Number.MAX_SAFE_INTEGER });
  readonly #loops = new TrainingLoops(this.#timer);
  readonly #loaders: ActiveLoaders;
  readonly #onReport: (performance: Performance, step: number) => void;
  #due: number;
  #warm = false;
  #last: Performance | undefined;
  #step = 0;

  constructor({ everySteps }: PerformanceOptions, loaders: ActiveLoaders, onReport: (performance: Performance, step: number) => void) {
    if (everySteps !== undefined && !(Number.isSafeInteger(everySteps) && everySteps >= 1))
      throw new ArgumentError(`trackPerformance.everySteps is ${everySteps}`, { hint: "give a number of steps, 1 or more" });
    this.every = everySteps ?? "auto";
    this.#due = everySteps ?? first;
    this.#loaders = loaders;
    this.#onReport = onReport;
    loaders.watcher = this.#loops;
  }

  /** The last report. */
  get last(): Performance | undefined {
    return this.#last;
  }
  /** The same groups; what their calls take counts as communication. */
  timed(world: World): World {
    return world.group.size > 1 ? timedWorld(world, (milliseconds) => this.#timer.spent("communication", milliseconds)) : world;
  }
  /** Work beside the steps: it belongs to none of them. */
  async aside<V>(work: () => Promise<V>): Promise<V> {
    const mark = this.#timer.mark();
    try {
      return await work();
    } finally {
      this.#timer.leaveOut(mark);
    }
  }
  async backward(work: Promise<void>): Promise<void> {
    const began = performance.now();
    this.#loops.backward(this.#loaders.current?.realRows);
    await work;
    this.#timer.spent("compute", performance.now() - began);
  }

  /** After every step, on every worker. A collective where a report is due, which is after the same steps everywhere. `step` counts the optimizer's steps of the run. */
  async stepped({ step, group, arenaBytes }: { readonly step: number; readonly group: ProcessGroup; readonly arenaBytes: () => number }): Promise<void> {
    this.#step = step;
    this.#loops.step();
    if (!this.#warm) {
      // The first step compiles; it says nothing about the others.
      this.#warm = true;
      this.#timer.restart();
      return;
    }
    this.#timer.step();
    if (this.#timer.steps < this.#due) return;
    const own = { ...this.#timer.flush()!, arenaBytes: arenaBytes() };
    this.#tell(group.size === 1 ? [own] : await this.#ofAll(own, group));
  }
  /** What was measured since the last report, where it can be told without the other workers. */
  flush(size: number): void {
    const report = size === 1 ? this.#timer.flush() : undefined;
    if (report && !this.#last) this.#tell([{ ...report, arenaBytes: 0 }]);
  }

  async #ofAll(own: RankReport, group: ProcessGroup): Promise<RankReport[]> {
    const numbers = new Float64Array(reportLength * group.size);
    await group.allGather({ dtype: "float64", data: packReport(own) }, { dtype: "float64", data: numbers }, { purpose: "report of the training's speed" });
    return unpackReports(numbers);
  }
  #tell(reports: readonly RankReport[]): void {
    const performance = combined(reports);
    this.#last = performance;
    // From numbers that all workers have alike: the next report is due after the same step everywhere.
    if (this.every === "auto") this.#due = Math.max(1, Math.min(most, Math.round(intervalMs / Math.max(performance.stepMs, intervalMs / most))));
    this.#onReport(performance, this.#step);
  }
}
