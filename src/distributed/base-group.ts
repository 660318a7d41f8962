// What groups have in common whatever carries their numbers: checks, call sites, the order of calls, objects, aborts by signal, the one fault that ends them.
import { setTimeout as sleep } from "node:timers/promises";
import { CallOrder } from "./call-order.js";
import { callSite } from "./call-site.js";
import {
  barrierCall,
  type CheckedCall,
  checkAllGather,
  checkAllReduce,
  checkBroadcast,
  checkReduceScatter,
  checkRoot,
  checkTimeout,
  innerOptions,
} from "./collective-checks.js";
import { atDeparture } from "./departures.js";
import { CollectiveError, type CollectiveFault } from "./errors.js";
import { type ByteCollectives, gatherObjects, spreadObject } from "./objects.js";
import type { CollectiveArray, CollectiveOptions, ProcessGroup, RankStatus, ReduceOp } from "./process-group.js";
import { type SeenStall, type StallEvent, StallWatch } from "./stall-watch.js";

export interface GroupSettings {
  readonly rank: number;
  /** The ranks' numbers in the whole job. */
  readonly jobRanks: readonly number[];
  readonly timeoutMs: number;
  readonly reportAfterMs: number;
  readonly onStall?: ((event: StallEvent) => void) | undefined;
  readonly onFault?: ((fault: CollectiveFault) => void) | undefined;
}

/** What a backend needs to know beside the call. */
export interface CallContext {
  readonly timeoutMs: number;
  readonly site: string | undefined;
  readonly purpose: string | undefined;
}

/** Between the end of a close and the failure of calls that it has ended, or that came soon after it. */
const lateMs = 250;

export abstract class BaseGroup implements ProcessGroup {
  abstract readonly backend: ProcessGroup["backend"];
  readonly rank: number;
  readonly size: number;
  protected readonly settings: GroupSettings;
  readonly #order = new CallOrder();
  readonly #watch: StallWatch | undefined;
  readonly #stay: () => void;
  readonly #running = new Set<Promise<void>>();
  #fault: CollectiveFault | undefined;
  #closed: Promise<void> | undefined;
  #closedAt = 0;

  protected constructor(settings: GroupSettings) {
    this.settings = settings;
    this.rank = settings.rank;
    this.size = settings.jobRanks.length;
    this.#watch = settings.onStall && new StallWatch(settings.reportAfterMs, () => this.look(), settings.onStall);
    this.#stay = atDeparture((failed, reason) => this.depart(failed, reason));
  }

  /** Carries out a collective; calls come in their order and may overlap. Fails with a CollectiveFault as an Error. */
  protected abstract carryOut(call: CheckedCall, context: CallContext): Promise<void>;
  /** Tells this rank's threads and the other ranks. */
  protected abstract raise(fault: CollectiveFault): void;
  /** This rank's wait, if it is in one that others have not entered. */
  protected abstract look(): SeenStall | undefined;
  /** Tells the others that this rank goes; busy: calls under way end now. */
  protected abstract leave(busy: boolean): Promise<void>;
  /** Frees what is held; no call is under way any more. */
  protected release(): void {}
  /** The process ends: tells the others at once, without waiting. */
  protected abstract depart(failed: boolean, reason: string): void;
  abstract status(): readonly RankStatus[];

  /** The fault that has ended the group, also while this rank is not in a call. */
  abstract faultNow(): CollectiveFault | undefined;

  /** The name of this rank in messages. */
  protected get name(): number {
    return this.settings.jobRanks[this.rank]!;
  }
  protected get fault(): CollectiveFault | undefined {
    return this.#fault;
  }

  async allReduce(data: CollectiveArray, op: ReduceOp, options: CollectiveOptions = {}): Promise<void> {
    return this.call(checkAllReduce(data, op), options);
  }

  async reduceScatter(input: CollectiveArray, output: CollectiveArray, op: ReduceOp, options: CollectiveOptions = {}): Promise<void> {
    return this.call(checkReduceScatter(input, output, op, this.rank, this.size), options);
  }

  async allGather(input: CollectiveArray, output: CollectiveArray, options: CollectiveOptions = {}): Promise<void> {
    return this.call(checkAllGather(input, output, this.rank, this.size), options);
  }

  async broadcast(data: CollectiveArray, root: number, options: CollectiveOptions = {}): Promise<void> {
    return this.call(checkBroadcast(data, root, this.size), options);
  }

  async barrier(options: CollectiveOptions = {}): Promise<void> {
    return this.call(barrierCall, options);
  }

  /** The checks, waits and faults of a collective whose numbers travel on another way. */
  async meet({ op, dtype, reduce, root, count }: CheckedCall, options: CollectiveOptions = {}): Promise<void> {
    const [type, by, from] = [dtype && { dtype }, reduce && { reduce }, root !== undefined && { root }];
    return this.call({ op, count, ...type, ...by, ...from, elsewhere: true }, options);
  }

  async allGatherObject<T>(value: T, options: CollectiveOptions = {}): Promise<T[]> {
    const bytes = this.#bytes(options, options.site ?? callSite());
    return (await this.#order.whole(() => gatherObjects(bytes, value))) as T[];
  }

  async broadcastObject<T>(value: T | undefined, root: number, options: CollectiveOptions = {}): Promise<T> {
    checkRoot(root, this.size);
    const bytes = this.#bytes(options, options.site ?? callSite());
    return (await this.#order.whole(() => spreadObject(bytes, value, root))) as T;
  }

  abort(fault: CollectiveFault): void {
    if (this.#closed || this.#fault) return;
    this.raise(fault);
    this.end(fault);
  }

  close(): Promise<void> {
    this.#closed ??= this.#close().finally(() => {
      this.#closedAt = performance.now();
    });
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** For calls with more than the interface says; to be called before the first await of a method of the user's. */
  protected call(call: CheckedCall, options: CollectiveOptions): Promise<void> {
    const site = options.site ?? callSite();
    return this.#order.one(() => this.#run(call, options, site));
  }

  /** The group is of no more use; the first fault counts. */
  protected end(fault: CollectiveFault): void {
    if (this.#fault) return;
    this.#fault = fault;
    this.settings.onFault?.(fault);
    this.#stay();
  }

  /** Work that goes on when its call has ended: while it is under way the watch looks at it, too. */
  protected async underWatch<T>(work: Promise<T>): Promise<T> {
    this.#watch?.begin();
    try {
      return await work;
    } finally {
      this.#watch?.end();
    }
  }

  async #close(): Promise<void> {
    this.#stay();
    await this.leave(this.#running.size > 0);
    this.#watch?.close();
    await Promise.allSettled(this.#running);
    this.release();
  }

  async #run(call: CheckedCall, options: CollectiveOptions, site: string | undefined): Promise<void> {
    const { signal, purpose } = options;
    const timeoutMs = checkTimeout(options.timeoutMs, this.settings.timeoutMs);
    const stop = (): void => {
      const reason: unknown = signal?.reason;
      const why = reason instanceof Error ? reason.message : String(reason);
      this.abort({ code: "ERR_COLLECTIVE_ABORTED", message: `rank ${this.name} aborted its collectives: ${why}`, ranks: [this.name] });
    };
    if (signal?.aborted) stop();
    if (this.#closed) throw await this.#closedError();
    if (this.#fault) throw new CollectiveError(this.#fault);
    signal?.addEventListener("abort", stop, { once: true });
    this.#watch?.begin();
    const running = this.carryOut(call, { timeoutMs, site, purpose });
    this.#running.add(running);
    try {
      await running;
    } catch (cause) {
      throw await this.#errorOf(cause as Error & Partial<CollectiveFault>);
    } finally {
      this.#running.delete(running);
      this.#watch?.end();
      signal?.removeEventListener("abort", stop);
    }
  }

  async #errorOf(cause: Error & Partial<CollectiveFault>): Promise<Error> {
    if (cause.code === undefined || cause.ranks === undefined) return cause;
    this.end({ code: cause.code, message: cause.message, ranks: cause.ranks });
    return this.#closed ? this.#closedError() : new CollectiveError(this.#fault!, { cause });
  }

  async #closedError(): Promise<CollectiveError> {
    // A script that fails closes its groups on the way out: calls that it has not awaited must not be heard before its own error.
    await this.#closed;
    const early = this.#closedAt + lateMs - performance.now();
    if (early > 0) await sleep(early);
    return new CollectiveError({ code: "ERR_GROUP_CLOSED", message: `rank ${this.name} has closed this group`, ranks: [this.name] });
  }

  #bytes(options: CollectiveOptions, site: string | undefined): ByteCollectives {
    const { rank, size } = this;
    const inner = innerOptions(options, site, options.purpose ?? "objects");
    return {
      rank,
      size,
      nameOf: (of) => this.settings.jobRanks[of]!,
      allGather: (input, output) => this.#run(checkAllGather({ dtype: "uint8", data: input }, { dtype: "uint8", data: output }, rank, size), inner, site),
      broadcast: (data, root) => this.#run(checkBroadcast({ dtype: "uint8", data }, root, size), inner, site),
    };
  }
}
