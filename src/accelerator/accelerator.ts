// The Accelerator: one object that makes a training loop run on several workers. A facade; its parts lie beside it.
import type { ReduceOp } from "../distributed/index.js";
import { ArgumentError } from "../errors.js";
import type { ModuleBase } from "../nn/index.js";
import { clipGradNorm, clipGradValue } from "../optim/index.js";
import { createProgress, type progress } from "../progress.js";
import { cpu, type Device } from "../runtime/index.js";
import { defaultExecutor, defaultGenerator, type Parameter, setSeed, type Tensor } from "../tensor/index.js";
import { Accumulation } from "./accumulation.js";
import { ActiveLoaders } from "./active-loaders.js";
import { Calls } from "./calls.js";
import { gatherRealRows, gatherTensors, type PadOptions, padTensors, reduceTensors } from "./exchange-tensors.js";
import { WorkerExchange } from "./gradient-exchange.js";
import type { Gathered, Same, Tensors } from "./nested.js";
import type { AcceleratorOptions } from "./options.js";
import { Placement } from "./placement.js";
import { type Preparable, type PrepareContext, type Prepared, prepareAll } from "./prepare.js";
import { firstThenOthers, partOf } from "./processes.js";
import { saveWeights } from "./save-model.js";
import { Stopping } from "./stopping.js";
import { WorkerState } from "./worker-state.js";

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
export class Accelerator implements AsyncDisposable {
  readonly device: Device = cpu;
  readonly projectDir: string | undefined;
  /** Like `progress`, drawn by the main process only. */
  readonly progress: typeof progress;
  readonly #state = new WorkerState();
  readonly #accumulation: Accumulation;
  readonly #loaders = new ActiveLoaders();
  readonly #stopping = new Stopping();
  readonly #options: AcceleratorOptions;
  readonly #calls = new Calls(this.#state);
  #context: Promise<PrepareContext> | undefined;
  #placement: Placement | undefined;
  #exchange: WorkerExchange | undefined;
  #steps = 0;
  #trigger = false;
  #warned = false;

  constructor(options: AcceleratorOptions = {}) {
    const { mixedPrecision = "no", gradientAccumulationSteps = 1, seed } = options;
    if (mixedPrecision !== "no") throw new ArgumentError(`mixedPrecision ${mixedPrecision} is not there yet`, { hint: 'leave it out, or give "no"' });
    this.#options = options;
    this.#accumulation = new Accumulation(gradientAccumulationSteps);
    this.projectDir = options.projectDir;
    this.progress = createProgress({ enabled: this.isMainProcess, numProcesses: this.numProcesses });
    if (seed !== undefined) setSeed(seed);
    const generator = defaultGenerator();
    generator.state = { ...generator.state, rank: this.processIndex };
    defaultExecutor().coordinated = true;
    const link = this.#state.link();
    // A line that does not open is told by the first call that needs it.
    link?.then((open) => open.on("stop", (reason) => this.#stopping.request(reason))).catch(() => {});
  }

  /** Rank of this worker, from 0. */
  get processIndex(): number {
    return this.#state.rank;
  }
  /** Rank among the workers of this host. */
  get localProcessIndex(): number {
    return this.#state.localRank;
  }
  get numProcesses(): number {
    return this.#state.size;
  }
  get isMainProcess(): boolean {
    return this.processIndex === 0;
  }
  get isLocalMainProcess(): boolean {
    return this.localProcessIndex === 0;
  }
  get isLastProcess(): boolean {
    return this.processIndex === this.numProcesses - 1;
  }
  /** Whether this backward completes a step: false inside an accumulation window. */
  get syncGradients(): boolean {
    return this.#accumulation.syncs;
  }
  get gradientAccumulationSteps(): number {
    return this.#accumulation.steps;
  }
  /** Aborted when the run was asked to stop (Ctrl-C), on all workers after the same step. The next `backward` throws ERR_STOPPED. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  /** Prints on one worker of each host. */
  print(...values: readonly unknown[]): void {
    if (this.isLocalMainProcess) console.log(...values);
  }

  /**
   * Makes models, optimizers, schedulers and loaders distributed, in place and in any order, and gives them back. Compares what the workers have, then takes rank 0's parameters, buffers and
   * shuffle seeds. A foreign iterable of batches comes back as a loader.
   *
   * @throws AccelerateError ERR_PREPARE, ERR_PARAMETERS_DIFFER with the first difference, on every worker.
   */
  async prepare<T extends readonly Preparable[]>(...objects: T): Promise<{ [K in keyof T]: Prepared<T[K]> }> {
    const options = this.#calls.options("prepare");
    return this.#calls.inOrder(async () => (await prepareAll(objects, await this.#prepared(), options)) as { [K in keyof T]: Prepared<T[K]> });
  }

  /** Adds to the gradients of every parameter that this scalar depends on. They are averaged over workers and micro-batches when the optimizer steps. */
  async backward(loss: Tensor): Promise<void> {
    this.#stopping.check();
    if (this.numProcesses > 1 && !this.#placement?.arenas.length) this.#warnUnprepared();
    await loss.backward();
  }

  /**
   * Runs one micro-batch of an accumulation window. Until the window is full (or the loader at its last batch) the optimizer neither steps nor forgets gradients, and nothing is communicated. A short
   * last window divides by its real size.
   *
   * @example
   * await accelerator.accumulate(model, async () => {
   *   await accelerator.backward(model(batch).loss);
   *   await optimizer.step();
   *   optimizer.zeroGrad();
   * });
   */
  accumulate<V>(_models: ModuleBase | readonly ModuleBase[], body: () => Promise<V>): Promise<V> {
    return this.#accumulation.run(body, { endOfLoader: this.#loaders.endOfLoader });
  }

  /** Clips the norm of the mean gradient of all workers. Returns the norm before; inside an accumulation window nothing is done and it is 0. */
  clipGradNorm(parameters: Iterable<Parameter>, maxNorm: number, options: { readonly normType?: number } = {}): Promise<number> {
    return clipGradNorm(parameters, maxNorm, options);
  }
  /** Limits every element of the mean gradient. */
  clipGradValue(parameters: Iterable<Parameter>, clipValue: number): Promise<void> {
    return clipGradValue(parameters, clipValue);
  }

  /** Tensors of all workers, concatenated along the first dim in the order of ranks; scalars become vectors. First dims may differ. */
  gather<const T extends Tensors>(value: T): Promise<Gathered<T>> {
    return this.#calls.onTensors<Gathered<T>>("gather", value, (group, values, options) => gatherTensors(group, values, options));
  }
  /**
   * `gather`, without the rows that were filled in to make the last batches even: over an epoch exactly the dataset's rows. Tensors whose first dim is not the batch's rows (a mean per worker) are kept
   * whole.
   */
  gatherForMetrics<const T extends Tensors>(value: T): Promise<Gathered<T>> {
    const batch = this.#loaders.current;
    return this.#calls.onTensors<Gathered<T>>("gatherForMetrics", value, async (group, values, options) => {
      // Uneven batches hold nothing that was filled in, and end at other times.
      if (!batch?.last || group.size === 1 || this.#options.evenBatches === false) return gatherTensors(group, values, options);
      return gatherRealRows(group, values, batch, options);
    });
  }
  /** Tensors of the same shape on all workers, element by element; the given ones stay as they are. "none" gives them back. */
  reduce<const T extends Tensors>(value: T, reduction: ReduceOp | "none" = "sum"): Promise<Same<T>> {
    return this.#calls.onTensors<Same<T>>("reduce", value, (group, values, options) => reduceTensors(group, values, reduction, options));
  }
  /** Makes a dim as long as the longest of any worker. */
  padAcrossProcesses<const T extends Tensors>(value: T, pad: PadOptions = {}): Promise<Same<T>> {
    return this.#calls.onTensors<Same<T>>("padAcrossProcesses", value, (group, values, options) => padTensors(group, values, pad, options));
  }
  /** Lists of all workers, one behind the other. Values travel as structured clones. */
  async gatherObject<T>(values: readonly T[]): Promise<T[]> {
    if (!Array.isArray(values)) throw new ArgumentError("gatherObject takes a list", { hint: "write gatherObject([value])" });
    const options = this.#calls.options("gatherObject");
    const own = [...values] as T[];
    return this.#calls.inOrder(async ({ group }) => (await group.allGatherObject(own, options)).flat() as T[]);
  }
  /** One worker's value, on all of them. */
  async broadcastObject<T>(value: T | undefined, fromProcess: number = 0): Promise<T> {
    const options = this.#calls.options("broadcastObject");
    const root = this.#rank(fromProcess, "broadcastObject");
    return this.#calls.inOrder(({ group }) => group.broadcastObject(value, root, options));
  }

  /** Runs the body on this worker's part of a list: as even as can be, the first workers get one more. With `applyPadding` the last item is repeated so that all get as many. */
  async splitBetweenProcesses<T, V>(items: readonly T[], body: (part: T[]) => V | Promise<V>, options: { readonly applyPadding?: boolean } = {}): Promise<V> {
    return body(partOf(items, { rank: this.processIndex, size: this.numProcesses }, options));
  }
  /** The main process runs the body first, the others after it: to fill a cache that they read. A body that fails there fails everywhere. */
  async mainProcessFirst<V>(body: () => V | Promise<V>): Promise<V> {
    const options = this.#calls.options("mainProcessFirst");
    return firstThenOthers((await this.#calls.idle()).group, 0, body, options);
  }
  /** As `mainProcessFirst`, on each host by itself: for caches on local disks. */
  async localMainProcessFirst<V>(body: () => V | Promise<V>): Promise<V> {
    const options = this.#calls.options("localMainProcessFirst");
    return firstThenOthers((await this.#calls.idle()).local, 0, body, options);
  }
  /** Runs the body on the main process; elsewhere undefined. */
  async onMainProcess<V>(body: () => V | Promise<V>): Promise<V | undefined> {
    return this.isMainProcess ? body() : undefined;
  }

  /** Sets a flag that `checkTrigger` shows to all workers. */
  setTrigger(): void {
    this.#trigger = true;
  }
  /** Whether any worker has set the flag since the last check; takes it back. */
  async checkTrigger(): Promise<boolean> {
    const options = this.#calls.options("checkTrigger");
    const flag = Uint8Array.of(Number(this.#trigger));
    this.#trigger = false;
    await this.#calls.inOrder(({ group }) => group.allReduce({ dtype: "uint8", data: flag }, "max", options));
    return flag[0] !== 0;
  }
  /** Returns when all workers have come here. */
  async waitForEveryone(): Promise<void> {
    const options = this.#calls.options("waitForEveryone");
    await this.#calls.inOrder(({ group }) => group.barrier(options));
  }

  /** The model itself: `prepare` wraps nothing. */
  unwrapModel<T extends ModuleBase>(model: T): T {
    return model;
  }
  /** Weights and config, written by the main process into a directory that Python's transformers loads; returns when they are there. */
  async saveModel(model: ModuleBase, directory: string): Promise<void> {
    const options = this.#calls.options("saveModel");
    const { group } = await this.#calls.idle();
    await firstThenOthers(group, 0, () => (this.isMainProcess ? saveWeights(model, directory) : undefined), options);
  }

  /** Leaves the group of workers. Waits for nobody. */
  async close(): Promise<void> {
    if (this.#calls.closed) return;
    this.#calls.closed = true;
    this.#exchange?.close();
    await this.#state.close();
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #warnUnprepared(): void {
    if (this.#warned) return;
    this.#warned = true;
    console.warn(
      `accelerator.backward before a model was prepared: each of the ${this.numProcesses} workers trains a model of its own. Call await accelerator.prepare(model, optimizer, loader) first`,
    );
  }
  #rank(rank: number, what: string): number {
    if (Number.isInteger(rank) && rank >= 0 && rank < this.numProcesses) return rank;
    throw new ArgumentError(`${what}: there is no process ${rank}`, { hint: `processes are 0 to ${this.numProcesses - 1}` });
  }

  #prepared(): Promise<PrepareContext> {
    this.#context ??= this.#connect();
    return this.#context;
  }
  async #connect(): Promise<PrepareContext> {
    const { evenBatches = true, shareParameters = true } = this.#options;
    const world = await this.#state.world();
    const placement = new Placement({ world, localRanks: await this.#state.localRanks(), sharesParameters: shareParameters });
    const exchange = new WorkerExchange({ world, placement, accumulation: this.#accumulation, wishes: this.#stopping, onStep: () => this.#stepped() });
    placement.connect(exchange);
    this.#exchange = exchange;
    this.#placement = placement;
    const { gradientAccumulationSteps } = this;
    return {
      world,
      placement,
      loaders: this.#loaders,
      evenBatches,
      prepared: new WeakSet(),
      settings: { gradientAccumulationSteps, evenBatches, shareParameters },
    };
  }
  #stepped(): void {
    this.#steps++;
    this.#state.progress(this.#steps);
    if (this.#stopping.settle(this.#steps)) this.#state.tell({ kind: "stopping", step: this.#steps });
  }
}
