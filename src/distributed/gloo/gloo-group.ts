// A group of processes on several hosts: collectives over gloo's TCP connections, carried out by a thread of its own in the order of the calls.
import { dtypeFromOnnx, dtypes } from "../../graph/dtype.js";
import { BaseGroup, type CallContext, type GroupSettings } from "../base-group.js";
import { type CheckedCall, checkAllReduce } from "../collective-checks.js";
import type { CollectiveFault } from "../errors.js";
import type { CollectiveArray, CollectiveOptions, RankStatus } from "../process-group.js";
import type { SeenStall } from "../stall-watch.js";
import { collectiveNumber, collectiveOfNumber, type GlooHandle, type NativeGloo, reduceNumbers } from "./native-gloo.js";

/** Made by createGlooGroup. */
export class GlooGroup extends BaseGroup {
  readonly backend = "gloo";
  readonly #native: NativeGloo;
  readonly #handle: GlooHandle;
  /** Once the group is closed. */
  #last: readonly RankStatus[] | undefined;

  constructor(native: NativeGloo, handle: GlooHandle, settings: GroupSettings) {
    super(settings);
    this.#native = native;
    this.#handle = handle;
  }

  /** A sum divided by any number: the mean over more ranks than those of this group. */
  async allReduceDivided(data: CollectiveArray, divisor: number, options: CollectiveOptions = {}): Promise<void> {
    return this.call({ ...checkAllReduce(data, "sum"), divisor } as CheckedCall, options);
  }

  /** While this is on, faults are noticed also between collectives; faultNow() shows them. */
  attend(on: boolean): void {
    if (!this.#last) this.#native.attend(this.#handle, on);
  }

  faultNow(): CollectiveFault | undefined {
    return this.fault ?? (this.#last ? undefined : this.#native.fault(this.#handle));
  }

  status(): readonly RankStatus[] {
    if (this.#last) return this.#last;
    const { busy, forMs, peers } = this.#native.status(this.#handle);
    return peers.map((peer, index): RankStatus => {
      const own = index === this.rank;
      const op = collectiveOfNumber(peer.collective);
      const dtype = dtypeFromOnnx(peer.dtype);
      return {
        rank: this.settings.jobRanks[index]!,
        sequence: op === undefined ? 0 : peer.sequence,
        // A peer shows itself by the header of the collective that it waits in.
        waiting: own ? busy : op !== undefined,
        ...(own && op !== undefined && { forMs }),
        ...(op !== undefined && { op }),
        ...(dtype !== undefined && { dtype, count: peer.count }),
        ...(op !== undefined && peer.site !== "" && { site: peer.site }),
        ...(peer.purpose !== "" && { purpose: peer.purpose }),
        ...(peer.gone && { gone: true }),
      };
    });
  }

  protected carryOut(call: CheckedCall & { readonly divisor?: number }, { timeoutMs, site, purpose }: CallContext): Promise<void> {
    const { op, dtype, reduce, root = -1, count } = call;
    const [input, output] = call.elsewhere ? [null, null] : [call.input, call.output];
    const divisor = call.divisor ?? (reduce === "mean" ? this.size : 0);
    return this.#native.collective(
      this.#handle,
      collectiveNumber(op),
      reduce === undefined ? 0 : reduceNumbers[reduce],
      dtype === undefined ? 0 : dtypes[dtype].onnx,
      root,
      divisor,
      count,
      input,
      output,
      Math.ceil(timeoutMs),
      site ?? "",
      purpose ?? "",
    );
  }

  protected raise({ code, message, ranks }: CollectiveFault): void {
    this.#native.abort(this.#handle, code, message, ranks);
  }

  protected look(): SeenStall | undefined {
    const { busy, forMs, text, missing, peers } = this.#native.status(this.#handle);
    if (!busy) return undefined;
    const named = (isMissing: boolean) => this.settings.jobRanks.filter((_, index) => missing.includes(index) === isMissing);
    return { sequence: peers[this.rank]!.sequence, event: { kind: "stalled", waitedMs: forMs, collective: text, waiting: named(false), missing: named(true) } };
  }

  protected async leave(busy: boolean): Promise<void> {
    // Calls under way have to end first; the others are told why they do.
    if (busy) this.#native.depart(this.#handle, "it closed the group");
    await this.#native.leave(this.#handle);
  }

  protected override release(): void {
    this.#last = this.status();
    this.#native.release(this.#handle);
  }

  protected depart(_failed: boolean, reason: string): void {
    this.#native.depart(this.#handle, reason);
  }
}
