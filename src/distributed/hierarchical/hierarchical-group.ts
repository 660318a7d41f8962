// All ranks of several hosts: shared memory within a host, gloo between one rank per host.
import { type DType, dtypes } from "../../graph/dtype.js";
import { BaseGroup, type CallContext, type GroupSettings } from "../base-group.js";
import type { CheckedCall } from "../collective-checks.js";
import { CollectiveError, type CollectiveFault } from "../errors.js";
import { FaultLink } from "../fault-link.js";
import { reduceNumbers } from "../gloo/native-gloo.js";
import type { CollectiveName, RankStatus } from "../process-group.js";
import type { SeenStall } from "../stall-watch.js";
import { bytesOf, describe, type NumberedCall, smallBytes } from "./board.js";
import { pipeline } from "./pipeline.js";
import { type DataCall, type Parts, stagesOf } from "./stages.js";

/** Waits behind one another get more time each, so that the one who knows who is missing speaks first. */
const slackMs = 250;

/** Made by createHierarchicalGroup. */
export class HierarchicalGroup extends BaseGroup {
  readonly backend = "shm+gloo";
  readonly #parts: Parts;
  readonly #link: FaultLink | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #sequence = 0;
  #done = 0;
  #current: NumberedCall | undefined;
  #last: NumberedCall | undefined;
  #since = performance.now();

  constructor(parts: Parts, settings: GroupSettings) {
    super(settings);
    this.#parts = parts;
    this.#link = parts.cross && new FaultLink([parts.cross, parts.local]);
  }

  faultNow(): CollectiveFault | undefined {
    return this.fault ?? this.#parts.cross?.faultNow() ?? this.#parts.local.faultNow();
  }

  status(): readonly RankStatus[] {
    const { board, layout } = this.#parts;
    return this.settings.jobRanks.map((rank): RankStatus => {
      const own = rank === this.rank;
      const sequence = own ? (this.#last?.sequence ?? 0) : board.entered(rank);
      if (sequence === 0) return { rank, sequence, waiting: false };
      const { signature, site, purpose } = board.entry(sequence, rank);
      const [op, dtype, count] = signature;
      return {
        rank,
        sequence,
        waiting: own ? this.#current !== undefined : sequence > this.#done && layout.hostOf[rank] === layout.host,
        ...(own && { forMs: performance.now() - this.#since }),
        ...(op !== "" && { op: op as CollectiveName }),
        ...(dtype !== "" && { dtype: dtype as DType, count }),
        ...(site !== "" && { site }),
        ...(purpose !== "" && { purpose }),
      };
    });
  }

  protected carryOut(call: CheckedCall, context: CallContext): Promise<void> {
    const run = this.#tail.then(() => this.#enter(call, context));
    this.#tail = run.catch(() => {}); // the caller's
    return run;
  }

  protected raise(fault: CollectiveFault): void {
    this.#parts.cross?.abort(fault);
    this.#parts.local.abort(fault);
  }

  protected look(): SeenStall | undefined {
    const call = this.#current;
    if (call === undefined) return undefined;
    const { layout } = this.#parts;
    const here = layout.hosts[layout.host]!;
    const missing = this.#missing(call.sequence, here);
    if (missing.length === 0) return undefined;
    const waiting = here.filter((rank) => !missing.includes(rank));
    return {
      sequence: call.sequence,
      event: { kind: "stalled", waitedMs: performance.now() - this.#since, collective: describe({ ...call, site: undefined }), waiting, missing },
    };
  }

  /** Ranks that have not come, or do not go on. Behind the host's own ranks only its speaker can see, and no further than to the other hosts. */
  #missing(sequence: number, here: readonly number[]): readonly number[] {
    const { layout, board, local, cross } = this.#parts;
    const late = here.filter((rank) => rank !== this.rank && board.entered(rank) < sequence);
    if (late.length > 0) return late;
    const hosts = cross?.status() ?? [];
    const waiting = new Set(hosts.flatMap((peer) => (peer.waiting ? [layout.hostOf[peer.rank]!] : [])));
    const elsewhere = cross ? layout.hosts.flatMap((ranks, host) => (host === layout.host || waiting.has(host) ? [] : ranks)) : [];
    const others = elsewhere.filter((rank) => board.entered(rank) < sequence);
    if (others.length > 0) return others;
    // All have come, and this host's ranks meet again on the way.
    const inner = local.status();
    const own = inner.find(({ rank }) => rank === this.rank);
    const slow = own?.waiting ? inner.flatMap((peer) => (peer.sequence < own.sequence ? [peer.rank] : [])) : [];
    // Between the hosts: the speaker that waits sees which of them do not.
    return slow.length > 0 || !hosts.some((peer) => peer.rank === this.rank && peer.waiting) ? slow : elsewhere;
  }

  protected async leave(): Promise<void> {
    this.#link?.close();
    await Promise.all([this.#parts.local.close(), this.#parts.cross?.close()]);
  }

  /** The groups within do so themselves. */
  protected depart(): void {}

  async #enter(checked: CheckedCall, context: CallContext): Promise<void> {
    if (this.fault) throw new CollectiveError(this.fault);
    const call: NumberedCall = { ...checked, site: context.site, purpose: context.purpose, sequence: ++this.#sequence };
    this.#current = this.#last = call;
    this.#since = performance.now();
    try {
      await this.#perform(call, context);
      this.#done = call.sequence;
    } catch (error) {
      const { code, message, ranks } = error as CollectiveFault;
      if (error instanceof CollectiveError) this.raise({ code, message, ranks });
      throw error;
    } finally {
      this.#current = undefined;
      this.#since = performance.now();
    }
  }

  async #perform(call: NumberedCall, { timeoutMs, site }: CallContext): Promise<void> {
    const { local, cross, board, layout } = this.#parts;
    const purpose = describe({ ...call, site: undefined });
    const waitFor = (ms: number) => ({ timeoutMs: ms, purpose, ...(site !== undefined && { site }) });
    const options = { gathering: waitFor(timeoutMs), crossing: waitFor(timeoutMs + slackMs), awaiting: waitFor(timeoutMs + 2 * slackMs) };
    const { sequence, input, output } = call;
    const bytes = input?.byteLength ?? 0;
    const small = bytes <= smallBytes;
    board.write(call, small && input ? bytesOf(input) : undefined);
    await local.barrier(options.gathering);
    if (cross) {
      await cross.allGather({ dtype: "uint8", data: board.part(sequence, layout.host) }, { dtype: "uint8", data: board.round(sequence) }, options.crossing);
    }
    await local.barrier(options.awaiting);
    const mismatch = board.mismatch(sequence);
    if (mismatch) throw new CollectiveError(mismatch);
    if (bytes === 0 || !input || !output) return;
    if (small) this.#finishSmall(call, bytes);
    else await pipeline({ local, cross, options }, stagesOf[call.op](this.#parts, call as DataCall, { local, cross, options }));
  }

  #finishSmall({ op, dtype, reduce, root, sequence, output }: NumberedCall, bytes: number): void {
    const { board, native } = this.#parts;
    const payloads = () => this.settings.jobRanks.map((rank) => board.payload(sequence, rank, bytes));
    const to = bytesOf(output!);
    if (op === "broadcast") to.set(board.payload(sequence, root!, bytes));
    else if (op === "all-gather") for (const [rank, payload] of payloads().entries()) to.set(payload, rank * bytes);
    else {
      const offset = op === "reduce-scatter" ? this.rank * to.length : 0;
      const parts = payloads().map((payload) => payload.subarray(offset, offset + to.length));
      const divisor = reduce === "mean" ? this.size : 0;
      native.reduceInOrder(to, parts, dtypes[dtype!].onnx, output!.length, reduceNumbers[reduce!], divisor);
    }
  }
}
