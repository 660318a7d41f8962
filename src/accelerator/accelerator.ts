// The Accelerator: one object that makes a training loop run on several workers. Here: options, prepare, backward, the end. The rest of its methods come by subject from the classes
// in facade/, each extending the next: SinglePreparing, TrainingData, TrainingWindows, TrainingModes, ResumableWorkers, TrackedWorkers, Workers. None of them does the work itself: that lies in the other folders.
import type { ModuleBase } from "../nn/index.js";
import type { GradScaler, Pace } from "../optim/index.js";
import { createProgress, type progress } from "../progress.js";
import type { Device } from "../runtime/index.js";
import { configuredProfile } from "../config.js";
import { Profiler } from "../profile/profiler.js";
import { withPrecision } from "../tensor/autocast.js";
import { defaultExecutor, type Tensor } from "../tensor/index.js";
import { Accumulation, accumulationOf } from "./gradients/accumulation.js";
import { withConfigured } from "./configured.js";
import { configureRuns } from "./configure-runs.js";
import { HostSums, overlaps } from "./comm-hooks/index.js";
import { checkOptionNames } from "./known-options.js";
import type { AcceleratorOptions } from "./options.js";
import { type Preparable, type PrepareContext, type Prepared, prepareAll } from "./prepare.js";
import { ScheduleWatch } from "./gradients/schedule-watch.js";
import { type AutocastOptions, scalerFor } from "./precision.js";
import { paceOf } from "./gradients/scheduler-pace.js";
import { shardingOf } from "./gradients/zero.js";
import { Stopping } from "./stopping.js";
import { WorkerDealer } from "./loaders/worker-dealer.js";
import { TrainingRun } from "./training-run.js";
import { SinglePreparing } from "./facade/single-preparing.js";
import { type BackwardOptions, weightedBackward, weightOf } from "./gradients/weighted-backward.js";
import { type RunParts, savedHook } from "./checkpoints/run-state.js";

/**
 * Runs a training loop on all workers that `accelerate-ts launch` has started, or on this process alone.
 *
 * Objects given to `prepare` are changed in place: loaders give each worker its batches, an optimizer's step brings the gradients together. Every worker must make the same calls in the same order.
 *
 * @example
 * await using accelerator = new Accelerator({ seed: 42 });
 * await accelerator.prepare(model, optimizer, loader);
 * for await (const batch of loader) {
 *   const { loss } = model(batch);
 *   await accelerator.backward(loss);
 *   await optimizer.step();
 *   optimizer.zeroGrad();
 * }
 */
export class Accelerator extends SinglePreparing implements AsyncDisposable {
  /** Where the programs of this process run. It is opened by `prepare`, or by the first run. */
  readonly device: Device;
  /** Like `progress`, drawn by the main process only. */
  readonly progress: typeof progress;
  protected readonly accumulation: Accumulation;
  readonly scaler: GradScaler | undefined;
  readonly #pace: Pace;
  /** On the main process, unless it is not wanted. */
  readonly #watch: ScheduleWatch | undefined;
  readonly #profiler: Profiler | undefined;
  /** @internal */
  readonly stopping: Stopping = new Stopping();
  readonly #options: AcceleratorOptions;
  #context: Promise<PrepareContext> | undefined;
  #steps = 0;
  readonly #warned = new Set<string>();

  constructor(own: AcceleratorOptions = {}) {
    checkOptionNames(own);
    super(own);
    const { options, overruled } = withConfigured(own);
    if (this.isMainProcess) for (const text of overruled) console.warn(text);
    const { mixedPrecision = "no" } = options;
    this.#options = options;
    this.accumulation = new Accumulation(accumulationOf(own, options));
    this.scaler = scalerFor(options.gradScaler, mixedPrecision);
    this.#pace = paceOf(options, {
      accumulation: this.accumulation,
      numProcesses: this.numProcesses,
      splitBatches: options.dataloaderConfig?.splitBatches ?? false,
    });
    if (this.isMainProcess && options.watchSchedules !== false)
      this.#watch = new ScheduleWatch({
        numProcesses: this.numProcesses,
        pace: this.#pace,
        steps: () => this.accumulation.steps,
        tell: (line) => console.error(line),
        warn: (line) => console.warn(line),
      });
    this.calls.debug = options.debug ?? false;
    this.progress = createProgress({ enabled: this.isMainProcess, numProcesses: this.numProcesses });
    this.device = configureRuns(own, options, this);
    const profile = options.profile ?? configuredProfile();
    this.#profiler = profile && new Profiler(this.processIndex, profile);
    const link = this.state.link();
    // A line that does not open is told by the first call that needs it.
    link?.then((open) => open.on("stop", (reason) => this.stopping.request(reason))).catch(() => {});
  }

  /** The type that matrix products are computed in: "no" means float32. Everything else is float32: sums, normalizations, softmax, losses, gradients, weights and optimizer states. */
  get mixedPrecision(): "no" | "fp16" | "bf16" {
    return this.#options.mixedPrecision ?? "no";
  }
  /**
   * Runs a body whose runs compute matrix products in the Accelerator's precision, or in float32 where `enabled` is false: `backward`, and values that are awaited in it. Outside of it, too,
   * all runs compute in the Accelerator's precision, so it is there for exceptions.
   *
   * @example
   * const logits = await accelerator.autocast(() => model(batch).logits.toArray(), { enabled: false });
   */
  autocast<T>(body: () => T, { enabled = true }: AutocastOptions = {}): T {
    return withPrecision(enabled ? this.mixedPrecision : "no", body);
  }
  /** Aborted when the run was asked to stop (Ctrl-C), on all workers after the same step. The next `backward` throws ERR_STOPPED. */
  get signal(): AbortSignal {
    return this.stopping.signal;
  }
  /**
   * Asks for the stop that Ctrl-C asks for: all workers stop after the step that this one makes next. One worker is enough.
   *
   * @example
   * process.once("SIGTERM", () => accelerator.requestStop("SIGTERM"));
   */
  requestStop(reason: string = "the program"): void {
    this.stopping.request(reason);
  }
  /** Tells the launcher that a stop which was asked for has left everything saved: it exits with 0 when its workers do. */
  stopIsSaved(): void {
    this.state.tell({ kind: "stopping", step: this.#steps, saved: true });
  }

  /**
   * Makes models, optimizers, schedulers and loaders distributed, in place and in any order, and gives them back. Compares what the workers have, then takes rank 0's parameters, buffers and
   * shuffle seeds. A foreign iterable of batches comes back as a loader.
   *
   * @throws AccelerateError ERR_PREPARE, ERR_PARAMETERS_DIFFER with the first difference, on every worker.
   */
  async prepare<T extends readonly Preparable[]>(...objects: T): Promise<{ [K in keyof T]: Prepared<T[K]> }> {
    const options = this.calls.options("prepare");
    return this.calls.inOrder(async () => {
      const prepared = (await prepareAll(objects, await this.#prepared(), options)) as { [K in keyof T]: Prepared<T[K]> };
      await this.checkpoints.reserve();
      return prepared;
    }, options);
  }
  /**
   * Adds to the gradients of every parameter that this scalar depends on. They are averaged over workers and micro-batches when the optimizer steps; by weight, where losses are means over
   * different numbers of tokens.
   *
   * @example
   * await accelerator.backward(loss, { weight: batch.numTokens });
   */
  async backward(loss: Tensor, options: BackwardOptions = {}): Promise<void> {
    if (this.signal.aborted) this.loaders.unread();
    this.stopping.check();
    if (this.numProcesses > 1 && !this.run?.placement.arenas.length && this.objects.models.length === 0) this.#warnUnprepared();
    this.loaders.noteBackward();
    const work = weightedBackward(loss, weightOf(options, this.loaders.current), {
      accumulation: this.accumulation,
      exchange: this.localExchange ?? this.exchange,
    });
    await (this.tracking.performance?.backward(work) ?? work);
  }

  /** The model itself: `prepare` wraps nothing. */
  unwrapModel<T extends ModuleBase>(model: T): T {
    return model;
  }

  /** Leaves the group of workers. Waits for what is being saved, else for nobody. @throws CheckpointError what went wrong with a checkpoint that was saved beside the program. */
  close(): Promise<void> {
    return this.#leave(() => this.checkpoints.close());
  }
  [Symbol.asyncDispose](): Promise<void> {
    // The program's own error is the one to be seen.
    return this.#leave(() => this.checkpoints.closeQuietly());
  }
  async #leave(settle: () => Promise<void>): Promise<void> {
    if (this.calls.closed) return;
    this.calls.closed = true;
    if (!this.signal.aborted) this.#watch?.ended(this.objects.optimizers, this.loaders.training);
    try {
      await settle();
      await this.#profiler?.finish();
    } finally {
      await this.run?.exchange.close();
      await this.state.close();
      // The last, because servers may be slow: the other workers do not wait for them.
      await this.tracking.end({ status: this.stopping.signal.aborted ? "failed" : "finished" });
    }
  }

  #warnUnprepared(): void {
    this.#warnOnce(
      `accelerator.backward before a model was prepared: each of the ${this.numProcesses} workers trains a model of its own. Call await accelerator.prepare(model, optimizer, loader) first`,
    );
  }
  #warnOnce(message: string): void {
    if (this.#warned.has(message)) return;
    this.#warned.add(message);
    console.warn(message);
  }

  protected get runParts(): RunParts {
    const { exchange, placement } = this.run ?? {};
    const { gradientAccumulationSteps, numProcesses, localProcessIndex } = this;
    const { splitBatches, dispatchBatches, evenBatches, ignoreDuplicates } = this.dataloaderConfig;
    const { zero, shareParameters } = this.#options;
    const speaks = numProcesses === 1 || localProcessIndex === 0;
    const writesStates = speaks || (placement?.sharding ?? shardingOf(zero)) === "none";
    return {
      settings: { gradientAccumulationSteps, splitBatches, dispatchBatches, evenBatches, ignoreDuplicates },
      steps: this.#steps,
      setSteps: (steps) => {
        this.#steps = steps;
      },
      parts: { scaler: this.scaler, scaling: exchange?.scaling, tracking: this.tracking },
      ownParts: { accumulation: this.accumulation, commHook: savedHook(this.commHook) },
      arenas: placement?.arenas.map(({ arena }) => arena) ?? [],
      waiting: exchange?.waiting ?? [],
      memory: { writesStates, writesParameters: writesStates || shareParameters === false },
      wholeState: async (optimizer, { keeps }) => this.run?.wholeState(optimizer, { keeps, everywhere: false }, this.calls.options("saveState")),
    };
  }

  #prepared(): Promise<PrepareContext> {
    this.#context ??= this.#connect();
    return this.#context;
  }
  async #connect(): Promise<PrepareContext> {
    const dataloader = this.dataloaderConfig;
    const { shareParameters = true, ddp, zero } = this.#options;
    // Before parameters are placed: they go there at once.
    await defaultExecutor().open();
    const world = await this.state.world();
    const { performance } = this.tracking;
    const lanes = overlaps(ddp) && (world.hosts > 1 || world.device) ? await this.state.lanes() : undefined;
    this.run = new TrainingRun({
      world,
      lanes,
      localRanks: await this.state.localRanks(),
      shareParameters,
      accumulation: this.accumulation,
      scaler: this.scaler,
      ddp,
      zero,
      joining: this.joining,
      stopping: this.stopping,
      performance,
      profiler: this.#profiler,
      onStep: (made) => this.#stepped(made),
      onWarning: (message) => this.isMainProcess && this.#warnOnce(message),
    });
    const { placement } = this.run;
    const { gradientAccumulationSteps } = this;
    return {
      world,
      placement,
      loaders: this.loaders,
      dataloader,
      buffers: this.run.buffers,
      dealer: new WorkerDealer(this.calls),
      prepared: new WeakSet(),
      objects: this.objects,
      pace: this.#pace,
      watch: this.#watch,
      settings: {
        gradientAccumulationSteps,
        pace: { ...this.#pace },
        accumulation: this.accumulation.settings,
        scaler: this.scaler?.stateDict(),
        dataloader,
        shareParameters,
        performanceEvery: performance?.every,
        ddp: HostSums.describe(ddp),
        zero: shardingOf(zero),
      },
    };
  }
  protected async trained(): Promise<TrainingRun> {
    await this.#prepared();
    return this.run!;
  }
  protected override forget(): void {
    this.run?.release();
    this.run = undefined;
    this.objects.clear();
    this.loaders.clear();
    this.#context = undefined;
  }
  protected override attempt(): () => void {
    const steps = this.#steps;
    return () => {
      this.forget();
      this.#steps = steps;
    };
  }
  #stepped(made: boolean): number {
    if (made) {
      this.state.progress(++this.#steps);
      this.#watch?.stepped(this.objects.optimizers, this.loaders.innermost);
    }
    if (this.stopping.settle(this.#steps)) this.state.tell({ kind: "stopping", step: this.#steps });
    return this.#steps;
  }
}
