// The profiler: watches the runs of some steps, lets ONNX Runtime time their nodes, and tells where the time went.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AccelerateError, ArgumentError } from "../errors.js";
import { Engine } from "../runtime/engine.js";
import { gemmChoices } from "../runtime/gemm-choices.js";
import { defaultExecutor, type Executor } from "../tensor/executor.js";
import type { Program } from "../tensor/program.js";
import { writeAdvice } from "../write-advice.js";
import { chromeTrace, type Span, type TracedRun } from "./chrome-trace.js";
import { measureGemmPeak } from "./gemm-peak.js";
import { type ProfileReport, profileReport } from "./report.js";
import { profileText } from "./report-text.js";
import { readSessionEvents } from "./session-events.js";

export interface ProfileOptions {
  /** Folder of the traces, `trace-rank<N>.json`; made where it is missing. Default "profile". */
  readonly outputTraceDir?: string;
  /** Steps that are not looked at: the first ones compile and fill caches. Default 3. */
  readonly skipFirst?: number;
  /** Steps that are measured, after one more that compiles anew. Default 10. */
  readonly active?: number;
  /** What to do with the report; default: rank 0 prints it. */
  readonly onTraceReady?: (report: ProfileReport) => void;
}

interface WatchedRun extends Span {
  readonly program: Program;
}

const whole = (name: string, value: number, least: number): number => {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new ArgumentError(`profile: ${name} is ${value}`, { hint: `give a whole number of at least ${least}` });
};

/** What the system said of the folder or of a file in it. */
function writeError(folder: string, error: unknown): Error {
  if (error instanceof AccelerateError || typeof (error as NodeJS.ErrnoException).code !== "string") return error as Error;
  const hint = writeAdvice(error) ?? "give another folder: --output-trace-dir, or outputTraceDir of the option profile";
  return new AccelerateError("ERR_PROFILE_WRITE", `profile: the traces cannot be written to ${folder} (${(error as NodeJS.ErrnoException).code})`, {
    cause: error,
    hint,
  });
}

/**
 * Made by an Accelerator that was given `profile`. A step ends where `stepped` is called. Profiled steps are slower, by some microseconds per node.
 *
 * @example
 * const accelerator = new Accelerator({ profile: { outputTraceDir: "profile", skipFirst: 3, active: 10 } });
 */
export class Profiler {
  readonly #rank: number;
  readonly #folder: string;
  readonly #skip: number;
  readonly #active: number;
  readonly #ready: (report: ProfileReport) => void;
  readonly #executor: Executor;
  readonly #files = new Map<Program, string>();
  readonly #runs: WatchedRun[] = [];
  readonly #steps: Span[] = [];
  #seen = 0;
  #stepBegan = 0;
  #backwardEnded = 0;
  #update = 0;
  #state: "waiting" | "warming" | "measuring" | "done" = "waiting";
  #finished: Promise<void> | undefined;

  constructor(rank: number, options: ProfileOptions = {}, executor: Executor = defaultExecutor()) {
    const { outputTraceDir = "profile", skipFirst = 3, active = 10, onTraceReady } = options;
    this.#rank = rank;
    this.#folder = outputTraceDir;
    this.#skip = whole("skipFirst", skipFirst, 0);
    this.#active = whole("active", active, 1);
    if (typeof outputTraceDir !== "string" || outputTraceDir === "")
      throw new ArgumentError(`profile: outputTraceDir is ${JSON.stringify(outputTraceDir)}`, { hint: "give the name of a folder" });
    if (onTraceReady !== undefined && typeof onTraceReady !== "function")
      throw new ArgumentError(`profile: onTraceReady is ${JSON.stringify(onTraceReady)}`, { hint: "give a function that takes the report" });
    this.#ready = onTraceReady ?? ((report) => rank === 0 && console.error(profileText(report)));
    this.#executor = executor;
    executor.watch = {
      profile: () => (this.#state === "warming" || this.#state === "measuring" ? join(this.#folder, `.nodes-rank${rank}`) : undefined),
      compiled: (program, prefix) => void this.#files.set(program, prefix),
      ran: (program, { backward, began, ended }) => {
        if (this.#state === "warming" || this.#state === "measuring")
          this.#runs.push({ name: backward ? "forward and backward" : "forward", began, ended, program });
        if (backward) this.#backwardEnded = ended;
      },
    };
    process.once("beforeExit", this.#atEnd);
  }

  /** Programs need not close their Accelerator: what was measured until they end is told, too. */
  readonly #atEnd = (): void => {
    this.finish().catch(this.#tell);
  };
  readonly #tell = ({ message }: Error): void => console.error(message);

  /** To be called after every optimizer step. @throws AccelerateError ERR_PROFILE_WRITE where the folder cannot be made */
  async stepped(): Promise<void> {
    const now = performance.now();
    this.#seen++;
    if (this.#state === "measuring") {
      this.#steps.push({ name: `step ${this.#seen}`, began: this.#stepBegan, ended: now });
      this.#update += now - this.#backwardEnded;
      // Not awaited: a step is made where no run may begin. What goes wrong is told at once: not every program closes its Accelerator, which awaits this.
      if (this.#steps.length === this.#active) this.finish().catch(this.#tell);
    } else if (this.#state === "warming") {
      this.#state = "measuring";
      // What compiled and warmed up is not counted.
      this.#runs.length = 0;
    }
    if (this.#state === "waiting" && this.#seen >= this.#skip) {
      try {
        await mkdir(this.#folder, { recursive: true });
        // A program that was ended while it was profiled has left files that would be taken for this one's.
        await this.#sweep();
      } catch (error) {
        throw writeError(this.#folder, error);
      }
      this.#state = "warming";
    }
    this.#stepBegan = performance.now();
  }

  /** Ends the measurement, writes the trace and tells the report; nothing where no step was measured. */
  finish(): Promise<void> {
    process.removeListener("beforeExit", this.#atEnd);
    this.#finished ??= this.#finish().catch((error) => {
      throw writeError(this.#folder, error);
    });
    return this.#finished;
  }
  async #finish(): Promise<void> {
    const measured = this.#steps.length;
    this.#state = "done";
    this.#executor.watch = undefined;
    await this.#executor.clearProfiled();
    if (measured === 0) {
      await this.#sweep();
      if (this.#rank === 0)
        console.error(
          `profile: the program made ${this.#seen} step${this.#seen === 1 ? "" : "s"}, ${this.#skip + 1} come before the first that is measured: nothing was measured`,
        );
      return;
    }
    const last = this.#steps.at(-1)!.ended;
    const within = this.#runs.filter(({ began, ended }) => began >= this.#steps[0]!.began && ended <= last);
    const runs = await this.#withEvents(within);
    await this.#sweep();
    const total = this.#steps.reduce((sum, { began, ended }) => sum + ended - began, 0) / measured;
    const graph = within.reduce((sum, { began, ended }) => sum + ended - began, 0) / measured;
    const update = this.#update / measured;
    const { context } = this.#executor;
    const report = profileReport({
      rank: this.#rank,
      steps: measured,
      times: { total, graph, update, rest: Math.max(0, total - graph - update) },
      runs: runs.flatMap(({ events }) => (events ? [events] : [])),
      peak: await measureGemmPeak(Engine.default(), this.#executor.compiler.precision),
      peakRss: process.resourceUsage().maxRSS * 1024,
      device: context && { name: `${context.device}`, peak: context.memory().peak },
      choices: gemmChoices(Engine.default()).made,
    });
    await writeFile(join(this.#folder, `trace-rank${this.#rank}.json`), chromeTrace(this.#rank, this.#steps, runs));
    this.#ready(report);
  }

  /** The last runs of each program are those that were measured. */
  async #withEvents(runs: readonly WatchedRun[]): Promise<TracedRun[]> {
    const names = await readdir(this.#folder);
    const events = new Map<Program, Awaited<ReturnType<typeof readSessionEvents>>>();
    for (const [program, prefix] of this.#files) {
      const file = names.find((name) => join(this.#folder, name).startsWith(`${prefix}_`));
      if (file !== undefined && runs.some((run) => run.program === program)) events.set(program, await readSessionEvents(join(this.#folder, file)));
    }
    const left = new Map<Program, number>();
    for (const { program } of runs) left.set(program, (left.get(program) ?? 0) + 1);
    return runs.map(({ program, ...span }) => {
      const behind = left.get(program)!;
      left.set(program, behind - 1);
      return { ...span, events: events.get(program)?.at(-behind) };
    });
  }

  /** The engine's own files go: the trace holds what is in them. */
  async #sweep(): Promise<void> {
    for (const name of await readdir(this.#folder).catch(() => []))
      if (name.startsWith(`.nodes-rank${this.#rank}-`)) await rm(join(this.#folder, name), { force: true });
  }
}
