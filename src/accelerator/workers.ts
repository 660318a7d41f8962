// Workers: who this process is among all, and every call between them that needs no model. The Accelerator is one of them.
import type { ReduceOp } from "../distributed/index.js";
import { ArgumentError } from "../errors.js";
import { ActiveLoaders } from "./active-loaders.js";
import { Calls } from "./calls.js";
import { gatherRealRows, gatherTensors, type PadOptions, padTensors, reduceTensors } from "./exchange-tensors.js";
import type { Gathered, Same, Tensors } from "./nested.js";
import { firstThenOthers, partOf } from "./processes.js";
import { WorkerState } from "./worker-state.js";

/** The workers of a run as one of them sees them. Calls that are marked as such must be made by every worker, in the same order. */
export abstract class Workers {
  protected readonly state = new WorkerState();
  protected readonly calls = new Calls(this.state);
  protected readonly loaders = new ActiveLoaders();
  /** Whether last batches are filled up, so that all workers get as many. */
  protected abstract readonly evenBatches: boolean;
  #trigger = false;

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

  /** Prints on one worker of each host. */
  print(...values: readonly unknown[]): void {
    if (this.isLocalMainProcess) console.log(...values);
  }

  /** Tensors of all workers, concatenated along the first dim in the order of ranks; scalars become vectors. First dims may differ. */
  gather<const T extends Tensors>(value: T): Promise<Gathered<T>> {
    return this.calls.onTensors<Gathered<T>>("gather", value, (group, values, options) => gatherTensors(group, values, options));
  }
  /**
   * `gather`, without the rows that were filled in to make the last batches even: over an epoch exactly the dataset's rows. Tensors whose first dim is not the batch's rows (a mean per worker) are kept
   * whole.
   */
  gatherForMetrics<const T extends Tensors>(value: T): Promise<Gathered<T>> {
    const batch = this.loaders.current;
    return this.calls.onTensors<Gathered<T>>("gatherForMetrics", value, async (group, values, options) => {
      // Uneven batches hold nothing that was filled in, and end at other times.
      if (!batch?.last || group.size === 1 || !this.evenBatches) return gatherTensors(group, values, options);
      return gatherRealRows(group, values, batch, options);
    });
  }
  /** Tensors of the same shape on all workers, element by element; the given ones stay as they are. "none" gives them back. */
  reduce<const T extends Tensors>(value: T, reduction: ReduceOp | "none" = "sum"): Promise<Same<T>> {
    return this.calls.onTensors<Same<T>>("reduce", value, (group, values, options) => reduceTensors(group, values, reduction, options));
  }
  /** Makes a dim as long as the longest of any worker. */
  padAcrossProcesses<const T extends Tensors>(value: T, pad: PadOptions = {}): Promise<Same<T>> {
    return this.calls.onTensors<Same<T>>("padAcrossProcesses", value, (group, values, options) => padTensors(group, values, pad, options));
  }
  /** Lists of all workers, one behind the other. Values travel as structured clones. */
  async gatherObject<T>(values: readonly T[]): Promise<T[]> {
    if (!Array.isArray(values)) throw new ArgumentError("gatherObject takes a list", { hint: "write gatherObject([value])" });
    const options = this.calls.options("gatherObject");
    const own = [...values] as T[];
    return this.calls.inOrder(async ({ group }) => (await group.allGatherObject(own, options)).flat() as T[]);
  }
  /** One worker's value, on all of them. */
  async broadcastObject<T>(value: T | undefined, fromProcess: number = 0): Promise<T> {
    const options = this.calls.options("broadcastObject");
    const root = this.#rank(fromProcess, "broadcastObject");
    return this.calls.inOrder(({ group }) => group.broadcastObject(value, root, options));
  }

  /** Runs the body on this worker's part of a list: as even as can be, the first workers get one more. With `applyPadding` the last item is repeated so that all get as many. */
  async splitBetweenProcesses<T, V>(items: readonly T[], body: (part: T[]) => V | Promise<V>, options: { readonly applyPadding?: boolean } = {}): Promise<V> {
    return body(partOf(items, { rank: this.processIndex, size: this.numProcesses }, options));
  }
  /** The main process runs the body first, the others after it: to fill a cache that they read. A body that fails there fails everywhere. */
  async mainProcessFirst<V>(body: () => V | Promise<V>): Promise<V> {
    const options = this.calls.options("mainProcessFirst");
    return firstThenOthers((await this.calls.idle()).group, 0, body, options);
  }
  /** As `mainProcessFirst`, on each host by itself: for caches on local disks. */
  async localMainProcessFirst<V>(body: () => V | Promise<V>): Promise<V> {
    const options = this.calls.options("localMainProcessFirst");
    return firstThenOthers((await this.calls.idle()).local, 0, body, options);
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
    const options = this.calls.options("checkTrigger");
    const flag = Uint8Array.of(Number(this.#trigger));
    this.#trigger = false;
    await this.calls.inOrder(({ group }) => group.allReduce({ dtype: "uint8", data: flag }, "max", options));
    return flag[0] !== 0;
  }
  /** Returns when all workers have come here. */
  async waitForEveryone(): Promise<void> {
    const options = this.calls.options("waitForEveryone");
    await this.calls.inOrder(({ group }) => group.barrier(options));
  }

  #rank(rank: number, what: string): number {
    if (Number.isInteger(rank) && rank >= 0 && rank < this.numProcesses) return rank;
    throw new ArgumentError(`${what}: there is no process ${rank}`, { hint: `processes are 0 to ${this.numProcesses - 1}` });
  }
}
