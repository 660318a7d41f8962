// A group of processes of one host: collectives through shared memory, carried out by the comm thread in the order of the calls.
import { AccelerateError } from "../../errors.js";
import { BaseGroup, type CallContext, type GroupSettings } from "../base-group.js";
import { type CheckedCall, checkBytes } from "../collective-checks.js";
import type { CollectiveFault } from "../errors.js";
import type { AllocateOptions, RankStatus, SharedMemory } from "../process-group.js";
import type { SeenStall } from "../stall-watch.js";
import { collectiveNames, dtypeNumber, dtypeOfNumber, type NativeGlimpse, type NativeShm, noNumber, reduceNumbers, type ShmHandle } from "./native-shm.js";

/** A call whose result is memory. */
interface Allocation extends CheckedCall {
  readonly bytes: number;
  readonly reserve: boolean;
  memory?: ArrayBuffer;
}

/** Made by createShmGroup. */
export class ShmGroup extends BaseGroup implements SharedMemory {
  readonly backend = "shm";
  readonly #native: NativeShm;
  readonly #handle: ShmHandle;
  #sequence = 0;
  #attends = false;
  /** After close(). */
  #last: readonly RankStatus[] | undefined;

  constructor(native: NativeShm, handle: ShmHandle, settings: GroupSettings) {
    super(settings);
    this.#native = native;
    this.#handle = handle;
  }

  async allocate(bytes: number, options: AllocateOptions = {}): Promise<ArrayBuffer> {
    checkBytes(bytes);
    const allocation: Allocation = { op: "barrier", count: 0, bytes, reserve: options.reserve ?? true };
    await this.call(allocation, options);
    return allocation.memory!;
  }

  /** While this is on, faultNow() notices also between collectives that the process of a rank has ended. */
  attend(on: boolean): void {
    this.#attends = on;
  }

  faultNow(): CollectiveFault | undefined {
    if (this.#attends && !this.#last && !this.fault) this.#native.attend(this.#handle);
    return this.fault ?? (this.#last ? undefined : this.#native.fault(this.#handle));
  }

  status(): readonly RankStatus[] {
    return this.#last ?? statusOf(this.#native.look(this.#handle), this.settings.jobRanks);
  }

  protected async carryOut(call: CheckedCall & Partial<Allocation>, context: CallContext): Promise<void> {
    try {
      await (call.bytes === undefined ? this.#submit(call, context) : this.#submitAllocation(call as Allocation, context));
    } catch (cause) {
      throw this.#explained(cause as Error & { code: string });
    }
  }

  #submit(call: CheckedCall, { timeoutMs, site, purpose }: CallContext): Promise<void> {
    const { op, dtype = "uint8", reduce, root = noNumber, count } = call;
    const [input, output] = call.elsewhere ? [null, null] : [call.input, call.output];
    const by = reduce === undefined ? noNumber : reduceNumbers[reduce];
    const [number, type] = [collectiveNames.indexOf(op), dtypeNumber(dtype)];
    return this.#native.call(this.#handle, number, type, by, root, count, ++this.#sequence, timeoutMs, site, purpose, input, output);
  }

  async #submitAllocation(allocation: Allocation, { timeoutMs, site, purpose }: CallContext): Promise<void> {
    allocation.memory = await this.#native.allocate(this.#handle, allocation.bytes, ++this.#sequence, timeoutMs, site, purpose, allocation.reserve);
  }

  /** Errors of the group get the ranks that caused them. */
  #explained(cause: Error & { code: string }): Error {
    if (cause.code === "ERR_GROUP_CLOSED") return Object.assign(cause, { ranks: [this.name] });
    const fault = this.#native.fault(this.#handle);
    return fault?.code === cause.code ? Object.assign(cause, { ranks: fault.ranks }) : new AccelerateError(cause.code, cause.message, { cause });
  }

  protected raise(fault: CollectiveFault): void {
    this.#native.raise(this.#handle, fault.code, fault.message, fault.ranks);
    // Another rank may have been faster.
    this.end(this.#native.fault(this.#handle) ?? fault);
  }

  protected look(): SeenStall | undefined {
    const ranks = this.#native.look(this.#handle);
    const own = ranks[this.rank]!;
    if (!own.waiting) return undefined;
    const named = (behind: boolean) => this.settings.jobRanks.filter((_, index) => ranks[index]!.behind === behind);
    return { sequence: own.sequence, event: { kind: "stalled", waitedMs: own.forMs, collective: own.text, waiting: named(false), missing: named(true) } };
  }

  protected async leave(): Promise<void> {
    this.depart(false, "it closed the group");
  }

  protected override release(): void {
    this.#last = this.status();
    this.#native.release(this.#handle);
  }

  protected depart(failed: boolean, reason: string): void {
    this.#native.depart(this.#handle, failed, reason);
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
