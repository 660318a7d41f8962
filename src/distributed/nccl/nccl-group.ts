// A group of ranks with a GPU each: numbers travel by NCCL, calls are compared and ranks watched over the host's own group.
import { setTimeout as sleep } from "node:timers/promises";
import { dtypes } from "../../graph/dtype.js";
import type { NativeHandle } from "../../native/binding.js";
import { BaseGroup, type CallContext, type GroupSettings } from "../base-group.js";
import { callSite } from "../call-site.js";
import type { CheckedCall } from "../collective-checks.js";
import { CollectiveError, type CollectiveErrorCode, type CollectiveFault } from "../errors.js";
import type { CollectiveOptions, DeviceCall, DeviceGroup, DeviceOrder, RankStatus } from "../process-group.js";
import type { SeenStall } from "../stall-watch.js";
import type { ControlGroup } from "./control-group.js";
import { batchOf, type DeviceBatch, type Issued, type NumberedCall, textOf } from "./device-batch.js";
import { kindNumber, type NativeNccl, type NcclHandle, type NcclParts, reduceNumbers, stages } from "./native-nccl.js";

/** While the device is at work the other ranks are looked at that often. */
const lookMs = 20;
/** From a failure of NCCL to the verdict: time for a better account, of the host's group. */
const graceMs = 300;
/** A rank that does not answer for so long, once a deadline is over, is the one that is waited for. */
const answerMs = 1000;
const closeMs = 10_000;
/** From the end of a group to the error of a call that NCCL does not give back. */
const stuckMs = 2000;

/** Made by createNcclGroup. */
export class NcclGroup extends BaseGroup implements DeviceGroup {
  readonly backend = "nccl";
  readonly #native: NativeNccl;
  readonly #handle: NcclHandle;
  readonly #control: ControlGroup;
  readonly #context: NativeHandle<"device"> | undefined;
  #issued: Promise<unknown> = Promise.resolve();
  #moments: NativeHandle<"moments"> | undefined;
  /** What the device has been given and was not seen to have done. */
  readonly #under = new Map<object, { readonly text: string; readonly since: number; readonly sequence: number }>();
  /** Calls so far, on all ranks alike. */
  #number = 0;
  /** Fails some time after the end of the group: for calls that NCCL does not give back. */
  readonly #ended: Promise<never>;
  #fail: (cause: Error) => void = () => {};
  #looking: NodeJS.Timeout | undefined;
  #settled: Promise<unknown> = Promise.resolve();
  #aborted: Promise<unknown> = Promise.resolve();
  #verdict: Promise<CollectiveFault> | undefined;
  #stopped = false;

  constructor({ native, handle, control, context }: NcclParts, settings: GroupSettings) {
    super(settings);
    this.#native = native;
    this.#handle = handle;
    this.#control = control;
    this.#context = context;
    this.#ended = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.#ended.catch(() => {}); // it is raced with calls, where there are some
  }

  // Objects and barriers are the host's.
  override async allGatherObject<T>(value: T, options: CollectiveOptions = {}): Promise<T[]> {
    return this.#onHost(() => this.#control.allGatherObject(value, { ...options, site: options.site ?? callSite() }));
  }
  override async broadcastObject<T>(value: T | undefined, root: number, options: CollectiveOptions = {}): Promise<T> {
    return this.#onHost(() => this.#control.broadcastObject(value, root, { ...options, site: options.site ?? callSite() }));
  }

  async onDevice(calls: readonly DeviceCall[], { after, joins = true, ...options }: CollectiveOptions & DeviceOrder = {}): Promise<void> {
    const order: DeviceOrder = { ...(after && { after }), joins };
    const batch: Issued = { ...batchOf(calls, this.rank, this.size), order };
    return this.call(batch, options);
  }
  async joined(): Promise<void> {
    if (this.fault) throw new CollectiveError(this.fault);
    try {
      await this.#native.join(this.#handle, this.#context!);
    } catch (cause) {
      throw await this.#explained(cause as Error & Partial<CollectiveFault>, { op: "barrier", count: 0, number: this.#number });
    }
  }
  get moments(): NativeHandle<"moments"> {
    this.#moments ??= this.#native.moments(this.#handle);
    return this.#moments;
  }
  /** Resolves when the device has done all collectives that it was given. */
  async settled(): Promise<void> {
    await this.#settled;
    if (this.fault) throw new CollectiveError(this.fault);
  }

  faultNow(): CollectiveFault | undefined {
    return this.fault ?? this.#control.faultNow();
  }
  attend(on: boolean): void {
    this.#control.attend?.(on);
  }
  status(): readonly RankStatus[] {
    return this.#control.status();
  }

  protected async carryOut(made: Issued, context: CallContext): Promise<void> {
    const call = { ...made, number: ++this.#number };
    const began = performance.now();
    const { timeoutMs, site, purpose } = context;
    const { operations, order, number: _, ...checked } = call;
    const options = { timeoutMs, ...(site !== undefined && { site }), ...(purpose !== undefined && { purpose }) };
    const before = this.#issued;
    const met = this.#control.meet(checked, options);
    const issue = (async () => {
      await Promise.allSettled([before, met]);
      await met;
      if (call.op === "barrier" && !operations) return;
      const after = await order?.after?.();
      const left = Math.max(1, Math.ceil(timeoutMs - (performance.now() - began)));
      return operations
        ? this.#enqueue({ ...call, operations }, context, { timeoutMs: left, after })
        : { done: this.#watched(call, context, this.#collective(call, left)) };
    })();
    this.#issued = issue.catch(() => {});
    try {
      await (await Promise.race([issue, this.#ended]))?.done;
    } catch (cause) {
      throw await this.#explained(cause as Error & Partial<CollectiveFault>, call);
    }
  }
  #collective({ op, dtype, reduce, root = 0, count, input, output }: CheckedCall, timeoutMs: number): Promise<void> {
    const number = reduceNumbers[reduce ?? "sum"];
    return this.#native.collective(
      this.#handle,
      kindNumber(op as DeviceCall["op"]),
      dtypes[dtype!].onnx,
      number,
      1,
      root,
      op === "reduce-scatter" || op === "all-gather" || op === "all-reduce" || op === "broadcast" ? count : 0,
      timeoutMs,
      input,
      output,
    );
  }
  /** Its end is waited for by nobody: what goes wrong is the error of the next call. */
  async #enqueue(
    call: NumberedCall & Issued & DeviceBatch,
    context: CallContext,
    { timeoutMs, after }: { readonly timeoutMs: number; readonly after: number | undefined },
  ): Promise<{ readonly done: undefined }> {
    const { operations, order } = call;
    if (operations.length === 0) return { done: undefined };
    const enqueued = this.#native.enqueue(this.#handle, this.#context!, operations, order?.joins ?? true, after);
    const late = setTimeout(() => this.#native.stop(this.#handle, "ERR_COLLECTIVE_TIMEOUT", "NCCL has not taken the call in time"), timeoutMs).unref();
    void Promise.allSettled([enqueued]).then(() => clearTimeout(late));
    // From the first call on: while NCCL connects the ranks one of them may go.
    const ended = enqueued.then((ticket) => this.#native.await(this.#handle, ticket, timeoutMs));
    const end = this.#watched(call, context, ended).catch(async (cause: Error) => {
      const { code, message, ranks } = (await this.#explained(cause, call)) as Error & CollectiveFault;
      if (ranks) this.end({ code, message, ranks });
    });
    this.#settled = Promise.all([this.#settled, end]);
    await enqueued;
    return { done: undefined };
  }

  /** The work of the device, while which the other ranks are watched. */
  async #watched<T>(call: NumberedCall, { purpose }: CallContext, work: Promise<T>): Promise<T> {
    const own = {};
    this.#under.set(own, { text: textOf(call, purpose), since: performance.now(), sequence: call.number });
    if (this.#looking === undefined) {
      this.#control.attend?.(true);
      this.#looking = setInterval(() => this.#lookAround(), lookMs).unref();
    }
    try {
      return await this.underWatch(work);
    } finally {
      this.#under.delete(own);
      if (this.#under.size === 0) this.#lookAway();
    }
  }
  #lookAround(): void {
    const fault = this.#control.faultNow();
    if (fault) this.#stop(fault);
  }
  #lookAway(): void {
    clearInterval(this.#looking);
    if (this.#looking !== undefined) this.#control.attend?.(false);
    this.#looking = undefined;
  }
  /** Ends the work of the device. */
  #stop({ code, message, ranks }: CollectiveFault): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#native.stop(this.#handle, code, message);
    this.#aborted = this.#native.abort(this.#handle).catch(() => {}); // its failures are those of what is ended anyway
    setTimeout(() => this.#fail(Object.assign(new Error(message), { code, ranks })), stuckMs).unref();
  }

  /** Why a call has failed, for all ranks alike: what the host's group knows counts more than what NCCL says. */
  async #explained(cause: Error & Partial<CollectiveFault>, call: NumberedCall): Promise<Error> {
    if (cause.code === undefined || (cause.code as string) === "ERR_ABORTED" || (cause.code as string) === "ERR_ARGUMENT") return cause;
    this.#verdict ??= this.#judge(cause, call);
    const { code, message, ranks } = await this.#verdict;
    return Object.assign(new Error(message, { cause }), { code, ranks });
  }
  async #judge(cause: Error & Partial<CollectiveFault>, call: NumberedCall): Promise<CollectiveFault> {
    const known = this.#control.faultNow() ?? this.fault ?? (cause.ranks ? (cause as CollectiveFault) : undefined);
    const fault = known ?? ((cause.code as string) === "ERR_COLLECTIVE_TIMEOUT" ? await this.#late(call, cause) : await this.#broken(call, cause));
    this.#control.abort(fault);
    // Another rank may have been faster.
    const first = this.#control.faultNow() ?? fault;
    this.#stop(first);
    return first;
  }
  /** NCCL has failed: a rank that is gone may be the reason. */
  async #broken(call: NumberedCall, cause: Error & Partial<CollectiveFault>): Promise<CollectiveFault> {
    this.#control.attend?.(true);
    for (const end = performance.now() + graceMs; performance.now() < end; await sleep(lookMs)) {
      const fault = this.#control.faultNow();
      if (fault) return fault;
    }
    const code = (cause.code ?? "ERR_NCCL") as CollectiveErrorCode;
    const message = `rank ${this.name}: ${textOf(call, undefined)} failed: ${cause.message}; NCCL_DEBUG=INFO shows what NCCL has tried`;
    return { code, message, ranks: code === "ERR_PEER_LOST" ? [] : [this.name] };
  }
  /** The time is over, though all ranks have come: those that do not answer are the reason, else the devices or what connects them. */
  async #late(call: NumberedCall, cause: Error): Promise<CollectiveFault> {
    const text = `${textOf(call, undefined)} was given up: ${cause.message}`;
    const at = new Uint8Array(this.size);
    try {
      const own = Uint8Array.of(this.#native.stage(this.#handle));
      await this.#control.allGather(
        { dtype: "uint8", data: own },
        { dtype: "uint8", data: at },
        { timeoutMs: answerMs, purpose: `NCCL has not ended number ${call.number}` },
      );
    } catch (error) {
      const { code, message, ranks } = error as Partial<CollectiveFault>;
      // The others are in another call: only this rank's device is late.
      if (code === "ERR_COLLECTIVE_MISMATCH")
        return { code: "ERR_COLLECTIVE_TIMEOUT", message: `rank ${this.name}: ${text}; the others have ended it`, ranks: [this.name] };
      if (code !== undefined && message !== undefined && ranks !== undefined) return { code, message, ranks };
      throw error;
    }
    const away = [...at].flatMap((stage, rank) => (stages[stage] === "behind" || stages[stage] === "calling" ? [this.settings.jobRanks[rank]!] : []));
    if (away.length > 0 && away.length < this.size) {
      const one = away.length === 1;
      const who = `${one ? "the GPU of rank" : "the GPUs of ranks"} ${away.join(", ")} ${one ? "has" : "have"} not come to it, being still at work that was queued before`;
      return { code: "ERR_COLLECTIVE_TIMEOUT", message: `${text}: ${who}`, ranks: away };
    }
    return { code: "ERR_COLLECTIVE_TIMEOUT", message: `${text}, on any rank: do the GPUs reach each other (NCCL_DEBUG=INFO)?`, ranks: [] };
  }

  protected raise(fault: CollectiveFault): void {
    this.#control.abort(fault);
    const first = this.#control.faultNow() ?? fault;
    this.#stop(first);
    this.end(first);
  }

  /** While ranks wait for each other the host's group reports; afterwards all wait for the devices. */
  protected look(): SeenStall | undefined {
    const [first] = this.#under.values();
    if (!first) return undefined;
    const { text: collective, since, sequence } = first;
    const device = stages[this.#native.stage(this.#handle)];
    if (device === undefined || device === "none") return undefined;
    const here = device === "come";
    const [waiting, missing] = [here ? [this.name] : [], here ? [] : [this.name]];
    return { sequence, event: { kind: "stalled", waitedMs: performance.now() - since, collective, waiting, missing, device } };
  }

  protected async leave(busy: boolean): Promise<void> {
    if (busy)
      this.raise({
        code: "ERR_PEER_LOST",
        message: `rank ${this.name} has left the group (it closed the group while a call was under way)`,
        ranks: [this.name],
      });
    else await this.#settled;
    await this.#native.close(this.#handle, closeMs).catch(() => {}); // there is nobody whom it would concern
    // A job whose thread ends before it keeps the process alive.
    await Promise.allSettled([this.#settled, this.#aborted]);
    await this.#control.close();
  }
  protected override release(): void {
    this.#lookAway();
    this.#native.release(this.#handle);
  }
  /** The host's group does so itself. */
  protected depart(): void {}

  async #onHost<T>(run: () => Promise<T>): Promise<T> {
    if (this.fault) throw new CollectiveError(this.fault);
    return run();
  }
}
