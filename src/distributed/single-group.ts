// A group of one rank: nothing to wait for, the same checks and results.
import { deserialize, serialize } from "node:v8";
import { dtypes } from "../graph/dtype.js";
import { ArgumentError } from "../errors.js";
import { loadNative, type NativeBinding } from "../native/binding.js";
import {
  barrierCall,
  type CheckedCall,
  checkAllGather,
  checkAllReduce,
  checkBroadcast,
  checkBytes,
  checkReduceScatter,
  checkRoot,
  checkTimeout,
} from "./collective-checks.js";
import { CollectiveError, type CollectiveFault } from "./errors.js";
import type { CollectiveArray, CollectiveOptions, ProcessGroup, RankStatus, ReduceOp, SharedMemory } from "./process-group.js";

export interface SingleGroupOptions {
  /** The rank's number in the whole job; default 0. */
  readonly jobRank?: number;
  readonly native?: NativeBinding;
}

/**
 * The group of a process that is alone.
 *
 * @example
 * await using group = new SingleGroup();
 * await group.allReduce({ dtype: "float32", data: Float32Array.of(1, 2) }, "mean"); // [1, 2]
 */
export class SingleGroup implements ProcessGroup, SharedMemory {
  readonly backend = "single";
  readonly rank = 0;
  readonly size = 1;
  readonly #jobRank: number;
  readonly #native: NativeBinding | undefined;
  #fault: CollectiveFault | undefined;
  #closed = false;
  #last: RankStatus;
  #since = performance.now();

  constructor(options: SingleGroupOptions = {}) {
    this.#jobRank = options.jobRank ?? 0;
    this.#native = options.native;
    this.#last = { rank: this.#jobRank, sequence: 0, waiting: false };
  }

  async allReduce(data: CollectiveArray, op: ReduceOp, options: CollectiveOptions = {}): Promise<void> {
    this.#enter(checkAllReduce(data, op), options);
  }

  async reduceScatter(input: CollectiveArray, output: CollectiveArray, op: ReduceOp, options: CollectiveOptions = {}): Promise<void> {
    const call = checkReduceScatter(input, output, op, 0, 1);
    this.#enter(call, options);
    copy(call);
  }

  async allGather(input: CollectiveArray, output: CollectiveArray, options: CollectiveOptions = {}): Promise<void> {
    const call = checkAllGather(input, output, 0, 1);
    this.#enter(call, options);
    copy(call);
  }

  async broadcast(data: CollectiveArray, root: number, options: CollectiveOptions = {}): Promise<void> {
    this.#enter(checkBroadcast(data, root, 1), options);
  }

  async barrier(options: CollectiveOptions = {}): Promise<void> {
    this.#enter(barrierCall, options);
  }

  /** As the other groups' meet: there is nobody to wait for. */
  async meet(call: CheckedCall, options: CollectiveOptions = {}): Promise<void> {
    this.#enter(call, options);
  }

  async allGatherObject<T>(value: T, options: CollectiveOptions = {}): Promise<T[]> {
    this.#enter(barrierCall, options);
    return [this.#carried(value)];
  }

  async broadcastObject<T>(value: T | undefined, root: number, options: CollectiveOptions = {}): Promise<T> {
    checkRoot(root, 1);
    this.#enter(barrierCall, options);
    return this.#carried(value as T);
  }

  async allocate(bytes: number, options: CollectiveOptions = {}): Promise<ArrayBuffer> {
    checkBytes(bytes);
    this.#enter(barrierCall, options);
    return bytes === 0 ? new ArrayBuffer(0) : (this.#native ?? loadNative()).allocate(bytes);
  }

  abort(fault: CollectiveFault): void {
    if (!this.#closed) this.#fault ??= fault;
  }

  faultNow(): CollectiveFault | undefined {
    return this.#fault;
  }

  status(): readonly RankStatus[] {
    const gone = this.#closed ? { gone: true } : {};
    return [this.#last.sequence === 0 ? { ...this.#last, ...gone } : { ...this.#last, forMs: performance.now() - this.#since, ...gone }];
  }

  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #enter({ op, dtype, count }: CheckedCall, { signal, timeoutMs, site, purpose }: CollectiveOptions): void {
    checkTimeout(timeoutMs, 1);
    const ranks = [this.#jobRank];
    if (signal?.aborted) {
      const reason: unknown = signal.reason;
      const why = reason instanceof Error ? reason.message : String(reason);
      this.abort({ code: "ERR_COLLECTIVE_ABORTED", message: `rank ${this.#jobRank} aborted its collectives: ${why}`, ranks });
    }
    if (this.#fault) throw new CollectiveError(this.#fault);
    if (this.#closed) throw new CollectiveError({ code: "ERR_GROUP_CLOSED", message: `rank ${this.#jobRank} has closed this group`, ranks });
    this.#since = performance.now();
    this.#last = {
      rank: this.#jobRank,
      sequence: this.#last.sequence + 1,
      waiting: false,
      op,
      ...(dtype !== undefined && { dtype, count }),
      ...(site !== undefined && { site }),
      ...(purpose !== undefined && { purpose }),
    };
  }

  /** As if it had travelled: a copy, of what can travel at all. */
  #carried<T>(value: T): T {
    try {
      return deserialize(serialize(value)) as T;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ArgumentError(`the value of rank ${this.#jobRank} cannot travel: ${reason}`, {
        cause,
        hint: "only what structured cloning can carry goes between processes",
      });
    }
  }
}

function copy({ dtype, input, output }: CheckedCall): void {
  const { array } = dtypes[dtype!];
  (output as InstanceType<typeof array>).set(input as never);
}
