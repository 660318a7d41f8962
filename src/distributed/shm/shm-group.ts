// A group of processes of one host: collectives through shared memory, carried out by the comm thread in the order of the calls.
import { AccelerateError, ArgumentError } from "../../errors.js";
import { CallOrder } from "../call-order.js";
import { callSite } from "../call-site.js";
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
} from "../collective-checks.js";
import { atDeparture } from "../departures.js";
import { CollectiveError, type CollectiveFault } from "../errors.js";
import { type ByteCollectives, gatherObjects, spreadObject } from "../objects.js";
import type { CollectiveArray, CollectiveOptions, ProcessGroup, RankStatus, ReduceOp, SharedMemory } from "../process-group.js";
import { type StallEvent, StallWatch } from "../stall-watch.js";
import { collectiveNames, dtypeNumber, dtypeOfNumber, type NativeGlimpse, type NativeShm, noNumber, reduceNumbers, type ShmHandle } from "./native-shm.js";

export interface ShmGroupSettings {
  readonly rank: number;
  /** The ranks' numbers in the whole job. */
  readonly jobRanks: readonly number[];
  readonly timeoutMs: number;
  readonly reportAfterMs: number;
  readonly onStall?: ((event: StallEvent) => void) | undefined;
}

/** More than any machine has, and still a whole number of bytes. */
const mostBytes = 2 ** 46;

/** Made by createShmGroup. */
export class ShmGroup implements ProcessGroup, SharedMemory {
  readonly backend = "shm";
  readonly rank: number;
  readonly size: number;
  readonly #native: NativeShm;
  readonly #handle: ShmHandle;
  readonly #settings: ShmGroupSettings;
  readonly #order = new CallOrder();
  readonly #watch: StallWatch | undefined;
  readonly #stay: () => void;
  #sequence = 0;
  #closing: Promise<void> | undefined;
  /** After close(). */
  #last: readonly RankStatus[] | undefined;
  #fault: CollectiveFault | undefined;
  #running: Promise<unknown> = Promise.resolve();

  constructor(native: NativeShm, handle: ShmHandle, settings: ShmGroupSettings) {
    this.#native = native;
    this.#handle = handle;
    this.#settings = settings;
    this.rank = settings.rank;
    this.size = settings.jobRanks.length;
    this.#watch = settings.onStall && new StallWatch(settings.reportAfterMs, () => this.#waiting(), settings.onStall);
    this.#stay = atDeparture((failed, reason) => native.depart(handle, failed, reason));
  }

  async allReduce(data: CollectiveArray, op: ReduceOp, options: CollectiveOptions = {}): Promise<void> {
    const call = checkAllReduce(data, op);
    const site = options.site ?? callSite();
    return this.#order.one(() => this.#collective(call, options, site));
  }

  async reduceScatter(input: CollectiveArray, output: CollectiveArray, op: ReduceOp, options: CollectiveOptions = {}): Promise<void> {
    const call = checkReduceScatter(input, output, op, this.rank, this.size);
    const site = options.site ?? callSite();
    return this.#order.one(() => this.#collective(call, options, site));
  }

  async allGather(input: CollectiveArray, output: CollectiveArray, options: CollectiveOptions = {}): Promise<void> {
    const call = checkAllGather(input, output, this.rank, this.size);
    const site = options.site ?? callSite();
    return this.#order.one(() => this.#collective(call, options, site));
  }

  async broadcast(data: CollectiveArray, root: number, options: CollectiveOptions = {}): Promise<void> {
    const call = checkBroadcast(data, root, this.size);
    const site = options.site ?? callSite();
    return this.#order.one(() => this.#collective(call, options, site));
  }

  async barrier(options: CollectiveOptions = {}): Promise<void> {
    const site = options.site ?? callSite();
    return this.#order.one(() => this.#collective(barrierCall, options, site));
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

  async allocate(bytes: number, options: CollectiveOptions = {}): Promise<ArrayBuffer> {
    if (!Number.isInteger(bytes) || bytes < 0 || bytes > mostBytes)
      throw new ArgumentError(`${bytes} bytes of shared memory`, { hint: "give a whole number of bytes" });
    const site = options.site ?? callSite();
    return this.#order.one(() =>
      this.#run(options, (sequence, timeoutMs) => this.#native.allocate(this.#handle, bytes, sequence, timeoutMs, site, options.purpose)),
    );
  }

  abort(fault: CollectiveFault): void {
    if (this.#closing || this.#fault) return;
    this.#native.raise(this.#handle, fault.code, fault.message, fault.ranks);
    this.#end(this.#native.fault(this.#handle) ?? fault);
  }

  /** The fault that has ended the group, also while this rank is not in a call. */
  faultNow(): CollectiveFault | undefined {
    return this.#fault ?? this.#native.fault(this.#handle);
  }

  status(): readonly RankStatus[] {
    return this.#last ?? statusOf(this.#native.look(this.#handle), this.#settings.jobRanks);
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  async #leave(): Promise<void> {
    this.#native.depart(this.#handle, false, "it closed the group");
    this.#stay();
    this.#watch?.close();
    // The thread must not touch the caller's arrays any more; it has been woken.
    await this.#running;
    this.#last = this.status();
    this.#native.release(this.#handle);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #collective(call: CheckedCall, options: CollectiveOptions, site: string | undefined): Promise<void> {
    const { op, dtype = "uint8", reduce, root = noNumber, count, input, output } = call;
    const by = reduce === undefined ? noNumber : reduceNumbers[reduce];
    return this.#run(options, (sequence, timeoutMs) =>
      this.#native.call(
        this.#handle,
        collectiveNames.indexOf(op),
        dtypeNumber(dtype),
        by,
        root,
        count,
        sequence,
        timeoutMs,
        site,
        options.purpose,
        input,
        output,
      ),
    );
  }

  async #run<T>(options: CollectiveOptions, submit: (sequence: number, timeoutMs: number) => Promise<T>): Promise<T> {
    const { signal } = options;
    const timeoutMs = checkTimeout(options.timeoutMs, this.#settings.timeoutMs);
    const name = this.#settings.jobRanks[this.rank]!;
    const stop = (): void => {
      const reason: unknown = signal?.reason;
      const why = reason instanceof Error ? reason.message : String(reason);
      this.abort({ code: "ERR_COLLECTIVE_ABORTED", message: `rank ${name} aborted its collectives: ${why}`, ranks: [name] });
    };
    if (!this.#fault && signal?.aborted) stop();
    if (this.#fault) throw new CollectiveError(this.#fault);
    if (this.#closing) throw new CollectiveError({ code: "ERR_GROUP_CLOSED", message: `rank ${name} has closed this group`, ranks: [name] });
    signal?.addEventListener("abort", stop, { once: true });
    this.#watch?.begin();
    const submitted = submit(++this.#sequence, timeoutMs);
    this.#running = submitted.catch(() => {}); // of interest is only that it has ended: calls end in their order
    try {
      return await submitted;
    } catch (cause) {
      throw this.#errorOf(cause as Error & { code?: string });
    } finally {
      this.#watch?.end();
      signal?.removeEventListener("abort", stop);
    }
  }

  #errorOf(cause: Error & { code?: string }): Error {
    if (cause.code === "ERR_GROUP_CLOSED") {
      const name = this.#settings.jobRanks[this.rank]!;
      return new CollectiveError({ code: "ERR_GROUP_CLOSED", message: `rank ${name} has closed this group`, ranks: [name] });
    }
    const fault = this.#fault ?? this.#native.fault(this.#handle);
    if (fault === undefined) return new AccelerateError(cause.code ?? "ERR_NATIVE", cause.message, { cause });
    this.#end(fault);
    return new CollectiveError(fault);
  }

  /** The group is of no more use; what it would say at the process's end nobody waits for. */
  #end(fault: CollectiveFault): void {
    this.#fault ??= fault;
    this.#stay();
  }

  #bytes(options: CollectiveOptions, site: string | undefined): ByteCollectives {
    const { rank, size } = this;
    const inner = innerOptions(options, site, options.purpose ?? "objects");
    return {
      rank,
      size,
      nameOf: (of) => this.#settings.jobRanks[of]!,
      allGather: async (input, output) =>
        this.#collective(checkAllGather({ dtype: "uint8", data: input }, { dtype: "uint8", data: output }, rank, size), inner, site),
      broadcast: async (data, root) => this.#collective(checkBroadcast({ dtype: "uint8", data }, root, size), inner, site),
    };
  }

  /** For the watch: the wait of this rank, with those who are there and those who are not. */
  #waiting(): { readonly sequence: number; readonly event: StallEvent } | undefined {
    const ranks = this.#native.look(this.#handle);
    const own = ranks[this.rank]!;
    if (!own.waiting) return undefined;
    const named = (behind: boolean) => this.#settings.jobRanks.filter((_, index) => ranks[index]!.behind === behind);
    return { sequence: own.sequence, event: { kind: "stalled", waitedMs: own.forMs, collective: own.text, waiting: named(false), missing: named(true) } };
  }
}

function statusOf(glimpses: readonly NativeGlimpse[], jobRanks: readonly number[]): readonly RankStatus[] {
  return glimpses.map((glimpse, index): RankStatus => {
    const { sequence, waiting, count, site, purpose, forMs } = glimpse;
    const rank = jobRanks[index]!;
    const gone = glimpse.gone ? { gone: true } : {};
    if (sequence === 0) return { rank, sequence, waiting: false, ...gone };
    const op = collectiveNames[glimpse.op];
    const dtype = op === undefined || op === "barrier" ? undefined : dtypeOfNumber(glimpse.dtype);
    return {
      rank,
      sequence,
      waiting,
      forMs,
      ...(op !== undefined && { op }),
      ...(dtype !== undefined && { dtype, count }),
      ...(site !== "" && { site }),
      ...(purpose !== "" && { purpose }),
      ...gone,
    };
  });
}
