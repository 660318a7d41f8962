// Workers: who this process is among all, and every call between them that needs no model. The Accelerator is one of them.
import type { CollectiveOptions, ProcessGroup, ReduceOp } from "../../distributed/index.js";
import { ArgumentError } from "../../errors.js";
import { defaultGenerator, type Generator } from "../../tensor/index.js";
import { ActiveLoaders } from "../loaders/active-loaders.js";
import { type BatchSizeOptions, type Fits, SizeSearch, searchBatchSize } from "../memory/batch-size.js";
import { broadcastTensors } from "../collectives/broadcast-tensors.js";
import { Calls } from "../collectives/calls.js";
import { gatherRealRows, gatherTensors, type PadOptions, padTensors, reduceTensors } from "../collectives/exchange-tensors.js";
import { MemoryTrial } from "../memory/memory-trial.js";
import type { Gathered, Same, Tensors } from "../collectives/nested.js";
import { carried, gatherRealObjects, isListOfObjects } from "../collectives/objects.js";
import { firstThenOthers } from "../collectives/processes.js";
import { saveObject } from "../saving/save-object.js";
import { followGenerator } from "../seed.js";
import { type Part, partOf, type SplitOptions, type Splittable } from "../collectives/split.js";
import { WorkerState } from "../collectives/worker-state.js";

function wholeNumber(index: number, what: string): number {
  if (Number.isInteger(index) && index >= 0) return index;
  throw new ArgumentError(`${what}: ${index} is no number of a process`, { hint: "processes are counted from 0" });
}

/** The workers of a run as one of them sees them. Calls that are marked as such must be made by every worker, in the same order. */
export abstract class Workers {
  protected readonly state = new WorkerState();
  protected readonly calls = new Calls(this.state);
  protected readonly loaders = new ActiveLoaders();
  #trigger = false;
  readonly #warned = new Set<string>();

  /** Rank of this worker, from 0. */
  get processIndex(): number {
    return this.state.rank;
  }
  /** Rank among the workers of this host. */
  get localProcessIndex(): number {
    return this.state.localRank;
  }
  get numProcesses(): number {
    return this.state.size;
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

  /** What kind of run this is. */
  get distributedType(): "NO" | "MULTI_CPU" {
    return this.useDistributed ? "MULTI_CPU" : "NO";
  }
  /** Whether there are several workers. */
  get useDistributed(): boolean {
    return this.numProcesses > 1;
  }

  /** The same; Accelerate leaves runs on CPUs out. */
  get multiDevice(): boolean {
    return this.useDistributed;
  }

  /** Prints on one worker of each host. */
  print(...values: readonly unknown[]): void {
    if (this.isLocalMainProcess) console.log(...values);
  }

  /** Tensors of all workers, concatenated along the first dim in the order of ranks; scalars become vectors. First dims may differ. */
  gather<const T extends Tensors>(value: T): Promise<Gathered<T>> {
    return this.calls.onTensors<Gathered<T>>("gather", value, (group, values, options) => gatherTensors(group, values, options), {
      mayDiffer: (dim) => dim === 0,
    });
  }
  /**
   * `gather`, without the rows that were filled in to make the last batches even: over an epoch exactly the dataset's rows, in its order. A scalar (a mean per worker) comes once per row that it stands
   * for, so that the mean over an epoch weighs every row alike; where rows were filled in it is exact only with `dataloaderConfig.ignoreDuplicates`. Tensors whose first dim is not the batch's rows are
   * kept whole, and told of where rows were filled in. A list of other values (texts, say), one per row, is gathered likewise.
   */
  gatherForMetrics<const T extends Tensors>(value: T): Promise<Gathered<T>>;
  gatherForMetrics<T>(values: readonly T[]): Promise<T[]>;
  gatherForMetrics(value: Tensors | readonly unknown[]): Promise<unknown> {
    const batch = this.loaders.current;
    const rows = batch && { rows: batch.rows, realRows: batch.realRows };
    if (isListOfObjects(value)) {
      const options = this.calls.options("gatherForMetrics");
      const own = [...value];
      const gathered = this.calls.inOrder(({ group }) => gatherRealObjects(group, own, rows, options), options, { settings: "a list of values" });
      return gathered.then(({ values, inexact }) => {
        this.#warnOnce(inexact);
        return values;
      });
    }
    return this.calls.onTensors(
      "gatherForMetrics",
      value,
      async (group, values, options) => {
        const { tensors, inexact } = await gatherRealRows(group, values, rows, options);
        this.#warnOnce(inexact);
        return tensors;
      },
      { mayDiffer: (dim) => dim === 0 },
    );
  }
  /** Tensors of the same shape on all workers, element by element; the given ones stay as they are. "none" gives them back. */
  reduce<const T extends Tensors>(value: T, reduction: ReduceOp | "none" = "sum"): Promise<Same<T>> {
    return this.calls.onTensors<Same<T>>("reduce", value, (group, values, options) => reduceTensors(group, values, reduction, options), {
      settings: reduction,
    });
  }
  /** Makes a dim as long as the longest of any worker. */
  padAcrossProcesses<const T extends Tensors>(value: T, pad: PadOptions = {}): Promise<Same<T>> {
    return this.calls.onTensors<Same<T>>("padAcrossProcesses", value, (group, values, options) => padTensors(group, values, pad, options), {
      settings: `dim ${pad.dim ?? 0}`,
      mayDiffer: (dim, rank) => dim === ((pad.dim ?? 0) + rank) % rank,
    });
  }
  /** One worker's tensors, on all of them. The others give tensors of the same shapes, or undefined. */
  broadcast<const T extends Tensors>(value: T | undefined, fromProcess: number = 0): Promise<Same<T>> {
    return this.#fromOne("broadcast", fromProcess, (group, root, options) => broadcastTensors<Same<T>>(group, value, root, options));
  }
  /** Lists of all workers, one behind the other. Values travel as structured clones. */
  async gatherObject<T>(values: readonly T[]): Promise<T[]> {
    if (!Array.isArray(values)) throw new ArgumentError("gatherObject takes a list", { hint: "write gatherObject([value])" });
    const options = this.calls.options("gatherObject");
    const own = carried([...values] as T[]);
    return this.calls.inOrder(async ({ group }) => (await group.allGatherObject(own, options)).flat() as T[], options);
  }
  /** One worker's value, on all of them. */
  broadcastObject<T>(value: T | undefined, fromProcess: number = 0): Promise<T> {
    return this.#fromOne("broadcastObject", fromProcess, (group, root, options) => group.broadcastObject(carried(value), root, options));
  }
  /** One worker's list, on all of them, as a new one. @throws ArgumentError on every worker where that one gives no list. */
  broadcastObjectList<T>(values: readonly T[] | undefined, fromProcess: number = 0): Promise<T[]> {
    return this.#fromOne("broadcastObjectList", fromProcess, async (group, root, options) => {
      // Without a list it speaks, too: the others wait for it.
      const own = this.processIndex === root && Array.isArray(values) ? { list: carried([...(values as readonly T[])]) } : {};
      const { list } = await group.broadcastObject<{ readonly list?: T[] }>(own, root, options);
      if (list) return list;
      throw new ArgumentError(`broadcastObjectList takes a list, rank ${root} gave none`, { hint: "one value is sent by broadcastObject(value)" });
    });
  }

  /**
   * Runs the body on this worker's part of a list, a tensor (its rows), a Dataset, or a plain object of such columns: as even as can be, the first workers get one more row. What is given stays as it is.
   *
   * @example
   * await accelerator.splitBetweenProcesses({ prompt: prompts, label: labels }, async ({ prompt, label }) => console.log(prompt.length, label.length));
   */
  async splitBetweenProcesses<T, V>(items: readonly T[], body: (part: T[]) => V | Promise<V>, options?: SplitOptions): Promise<V>;
  async splitBetweenProcesses<T extends Splittable, V>(items: T, body: (part: Part<T>) => V | Promise<V>, options?: SplitOptions): Promise<V>;
  async splitBetweenProcesses<V>(items: unknown, body: (part: never) => V | Promise<V>, options: SplitOptions = {}): Promise<V> {
    return body((await partOf(items, { rank: this.processIndex, size: this.numProcesses }, options)) as never);
  }
  /** The main process runs the body first, the others after it: to fill a cache that they read. A body that fails there fails everywhere. */
  async mainProcessFirst<V>(body: () => V | Promise<V>): Promise<V> {
    const options = this.calls.options("mainProcessFirst");
    return firstThenOthers((await this.calls.idle(options)).group, 0, body, options);
  }
  /** As `mainProcessFirst`, on each host by itself: for caches on local disks. */
  async localMainProcessFirst<V>(body: () => V | Promise<V>): Promise<V> {
    const options = this.calls.options("localMainProcessFirst");
    return firstThenOthers((await this.calls.idle(options, "local")).local, 0, body, options);
  }
  /** Runs the body on the main process; elsewhere undefined. */
  async onMainProcess<V>(body: () => V | Promise<V>): Promise<V | undefined> {
    return this.onProcess(0, body);
  }
  /** Runs the body on the main process of each host; elsewhere undefined. */
  async onLocalMainProcess<V>(body: () => V | Promise<V>): Promise<V | undefined> {
    return this.onLocalProcess(0, body);
  }
  /** Runs the body on the last process; elsewhere undefined. */
  async onLastProcess<V>(body: () => V | Promise<V>): Promise<V | undefined> {
    return this.onProcess(this.numProcesses - 1, body);
  }
  /** Runs the body on one process; elsewhere undefined. A number that no process has is one that this run is too small for: nobody runs the body. */
  async onProcess<V>(index: number, body: () => V | Promise<V>): Promise<V | undefined> {
    return this.processIndex === wholeNumber(index, "onProcess") ? body() : undefined;
  }
  /** Runs the body on one process of each host, counted there; elsewhere undefined. */
  async onLocalProcess<V>(index: number, body: () => V | Promise<V>): Promise<V | undefined> {
    return this.localProcessIndex === wholeNumber(index, "onLocalProcess") ? body() : undefined;
  }

  /** Sets a flag that `checkTrigger` shows to all workers. */
  setTrigger(): void {
    this.#trigger = true;
  }
  /** Whether any worker has set the flag since the last check; takes it back. */
  async checkTrigger(): Promise<boolean> {
    const options = this.calls.options("checkTrigger");
    const flag = Uint8Array.of(Number(this.#trigger));
    this.#trigger = false;
    await this.calls.inOrder(({ group }) => group.allReduce({ dtype: "uint8", data: flag }, "max", options), options);
    return flag[0] !== 0;
  }
  /**
   * Runs the body with the largest batch size that fits into the memory of all workers, and gives back what it returns. Where memory runs out on one, all begin anew with the next size: what the body
   * prepares belongs to its try. Sizes are halved until one fits; a body that calls `fits` after its first step also finds the larger sizes in between, by bisection. Errors of other kinds pass.
   *
   * @throws AccelerateError ERR_NO_BATCH_SIZE when not even 1 fits.
   * @example
   * await accelerator.findExecutableBatchSize(async (batchSize, fits) => {
   *   const { model, optimizer, loader } = await make(batchSize);
   *   await accelerator.prepare(model, optimizer, loader);
   *   for await (const batch of loader) {
   *     await accelerator.backward(model(batch).loss);
   *     await optimizer.step();
   *     optimizer.zeroGrad();
   *     await fits();
   *   }
   * });
   */
  async findExecutableBatchSize<V>(body: (batchSize: number, fits: Fits) => V | Promise<V>, options: BatchSizeOptions = {}): Promise<V> {
    const { startingBatchSize = 128, reduce, onTry = (line) => console.error(line) } = options;
    const call = this.calls.options("findExecutableBatchSize");
    const starts = await this.calls.inOrder(({ group }) => group.allGatherObject(startingBatchSize, call), call);
    const trial = new MemoryTrial({ state: this.state, calls: this.calls, call, attempt: () => this.attempt() });
    await trial.agree();
    return searchBatchSize(body, new SizeSearch(Math.min(...starts), reduce), trial, (line) => this.isMainProcess && onTry(line));
  }

  /** Takes rank 0's place in a generator's numbers (seed and how many were drawn); dropout stays each worker's own. */
  async synchronizeRngStates(generator: Generator = defaultGenerator()): Promise<void> {
    const options = this.calls.options("synchronizeRngStates");
    await this.calls.inOrder(({ group }) => followGenerator(group, generator, options), options);
  }
  /** Returns when all workers have come here. */
  async waitForEveryone(): Promise<void> {
    const options = this.calls.options("waitForEveryone");
    await this.calls.inOrder(({ group }) => group.barrier(options), options);
  }

  /**
   * Writes a value into a file, on the main process: tensors (in lists, plain objects or a Map by name) as safetensors, anything else as JSON. Returns when it is there; fails everywhere where it fails.
   *
   * @throws ArgumentError for what neither can hold; AccelerateError ERR_SAVE where the system refuses the file, on the main process, and ERR_PEER_FAILED on the others.
   * @example
   * await accelerator.save({ epoch: 3, losses }, "run/notes.json");
   * await accelerator.save(await accelerator.getStateDict(model), "run/weights.safetensors");
   */
  async save(value: unknown, file: string): Promise<void> {
    const options = this.calls.options("save");
    const { group } = await this.calls.idle(options);
    await firstThenOthers(group, 0, () => (this.isMainProcess ? saveObject(value, file) : undefined), options);
  }

  /** Lets go of what was prepared. */
  protected forget(): void {}
  /** Gives what forgets all that was prepared and counted since. */
  protected attempt(): () => void {
    return () => this.forget();
  }

  async #fromOne<R>(purpose: string, from: number, work: (group: ProcessGroup, root: number, options: CollectiveOptions) => Promise<R>): Promise<R> {
    const options = this.calls.options(purpose);
    const root = this.#rank(from, purpose);
    return this.calls.inOrder(({ group }) => work(group, root, options), options, { settings: `from process ${root}` });
  }
  #warnOnce(text: string | undefined): void {
    if (text === undefined || this.#warned.has(text) || !this.isMainProcess) return;
    this.#warned.add(text);
    console.warn(`gatherForMetrics: ${text}`);
  }
  #rank(rank: number, what: string): number {
    if (Number.isInteger(rank) && rank >= 0 && rank < this.numProcesses) return rank;
    throw new ArgumentError(`${what}: there is no process ${rank}`, { hint: `processes are 0 to ${this.numProcesses - 1}` });
  }
}
