// All ranks of several hosts: shared memory within a host, gloo between one rank per host.
import { type DType, dtypes, type TypedArray } from "../../graph/dtype.js";
import { BaseGroup, type CallContext, type GroupSettings } from "../base-group.js";
import type { CheckedCall } from "../collective-checks.js";
import { CollectiveError, type CollectiveFault } from "../errors.js";
import type { GlooGroup } from "../gloo/gloo-group.js";
import { type NativeGloo, reduceNumbers } from "../gloo/native-gloo.js";
import type { CollectiveName, ProcessGroup, RankStatus, ReduceOp } from "../process-group.js";
import type { SeenStall } from "../stall-watch.js";
import { type Board, bytesOf, describe, type NumberedCall, smallBytes } from "./board.js";
import type { Layout } from "./layout.js";
import { chunkBytes, type PipelineGroups, pipeline, type Stages } from "./pipeline.js";

/** A group of the hosts' speakers. */
export type CrossGroup = Pick<GlooGroup, "allReduceDivided" | "attend" | "faultNow"> & ProcessGroup;

export interface LocalGroup extends ProcessGroup {
  /** The fault that has ended the group, also while this rank is not in a call. */
  faultNow?(): CollectiveFault | undefined;
}

export interface Parts {
  readonly native: NativeGloo;
  readonly layout: Layout;
  /** Groups that nobody else uses: their calls are issued when the network is done, at different times on different ranks. */
  readonly local: LocalGroup;
  readonly cross: CrossGroup | undefined;
  readonly board: Board;
  /** Memory that the host's ranks share. */
  readonly slots: readonly Uint8Array[];
}

/** Waits behind one another get more time each, so that the one who knows who is missing speaks first. */
const slackMs = 250;
/** How often a rank that waits for its host looks at the others, and the other way round. */
const lookMs = 20;

/** Made by createHierarchicalGroup. */
export class HierarchicalGroup extends BaseGroup {
  readonly backend = "shm+gloo";
  readonly #parts: Parts;
  #tail: Promise<unknown> = Promise.resolve();
  #sequence = 0;
  #done = 0;
  #current: NumberedCall | undefined;
  #last: NumberedCall | undefined;
  #since = performance.now();

  constructor(parts: Parts, settings: GroupSettings) {
    super(settings);
    this.#parts = parts;
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
    const { layout, board, cross } = this.#parts;
    const here = layout.hosts[layout.host]!;
    let missing = here.filter((rank) => rank !== this.rank && board.entered(rank) < call.sequence);
    if (missing.length === 0) {
      // Behind the host's own ranks only its speaker can see, and no further than to the other hosts.
      const waiting = new Set(cross?.status().flatMap(({ rank, waiting }) => (waiting ? [layout.hostOf[rank]!] : [])));
      missing = cross ? layout.hosts.flatMap((ranks, host) => (host === layout.host || waiting.has(host) ? [] : ranks)) : [];
      if (missing.length === 0) return undefined;
    }
    const waiting = here.filter((rank) => !missing.includes(rank));
    return {
      sequence: call.sequence,
      event: { kind: "stalled", waitedMs: performance.now() - this.#since, collective: describe({ ...call, site: undefined }), waiting, missing },
    };
  }

  protected async leave(): Promise<void> {
    await Promise.all([this.#parts.local.close(), this.#parts.cross?.close()]);
  }

  /** The groups within do so themselves. */
  protected depart(): void {}

  async #enter(checked: CheckedCall, context: CallContext): Promise<void> {
    if (this.fault) throw new CollectiveError(this.fault);
    const { local, cross } = this.#parts;
    const call: NumberedCall = { ...checked, site: context.site, purpose: context.purpose, sequence: ++this.#sequence };
    this.#current = this.#last = call;
    this.#since = performance.now();
    cross?.attend(true);
    // A fault on one side ends the wait on the other.
    const watch = setInterval(() => {
      const fault = cross?.faultNow() ?? local.faultNow?.();
      if (fault) this.raise(fault);
    }, lookMs).unref();
    try {
      await this.#perform(call, context);
      this.#done = call.sequence;
    } catch (error) {
      const { code, message, ranks } = error as CollectiveFault;
      if (error instanceof CollectiveError) this.raise({ code, message, ranks });
      throw error;
    } finally {
      clearInterval(watch);
      cross?.attend(false);
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

/** A call that carries numbers. */
type DataCall = NumberedCall & { readonly dtype: DType; readonly input: TypedArray; readonly output: TypedArray };
type MakeStages = (parts: Parts, call: DataCall, groups: PipelineGroups) => Stages;

/** 16-bit floats are added in float32 on all levels, and rounded once. */
const widened: { readonly [D in DType]?: true } = { float16: true, bfloat16: true };

/** from, to: the elements of the whole that this rank wants. */
function reduceStages({ native, layout, slots }: Parts, call: DataCall, { local, options }: PipelineGroups, from: number, to: number): Stages {
  const { input, output, dtype, count } = call;
  const reduce = call.reduce as ReduceOp;
  const wide = widened[dtype] === true;
  const working: DType = wide ? "float32" : dtype;
  const { array, bytes: itemBytes } = dtypes[working];
  const here = layout.hosts[layout.host]!;
  const items = Math.floor(chunkBytes / itemBytes / here.length) * here.length;
  const lengthOf = (chunk: number) => Math.min(items, count - chunk * items);
  const inSlot = (slot: number, begin: number, length: number) =>
    new array(slots[slot]!.buffer as ArrayBuffer, slots[slot]!.byteOffset + begin * itemBytes, length) as TypedArray;
  // For conversion, and for a last chunk that does not divide into parts; one per chunk under way.
  const staging = Array.from(
    { length: wide ? 2 : 1 },
    () => new array(wide || count % here.length !== 0 ? Math.min(items, Math.ceil(count / here.length) * here.length) : 0) as TypedArray,
  );
  return {
    chunks: Math.ceil(count / items),
    fill(chunk, slot) {
      const length = lengthOf(chunk);
      const padded = Math.ceil(length / here.length) * here.length;
      const source = input.subarray(chunk * items, chunk * items + length);
      let data = source as TypedArray;
      if (wide || padded !== length) {
        data = staging[chunk % staging.length]!.subarray(0, padded) as TypedArray;
        if (wide) native.widen(dtypes[dtype].onnx, (data as Float32Array).subarray(0, length), source as Uint16Array);
        else (data as Float32Array).set(source as Float32Array);
        (data as Float32Array).fill((data instanceof BigInt64Array ? 0n : 0) as number, length);
      }
      const part = padded / here.length;
      const own = inSlot(slot, here.indexOf(layout.rank) * part, part);
      return local.reduceScatter({ dtype: working, data }, { dtype: working, data: own }, reduce === "max" ? "max" : "sum", options.gathering);
    },
    cross(group, chunk, slot) {
      const data = { dtype: working, data: inSlot(slot, 0, lengthOf(chunk)) };
      if (reduce === "mean") return (group as CrossGroup).allReduceDivided(data, layout.hostOf.length, options.crossing);
      return group.allReduce(data, reduce, options.crossing);
    },
    drain(chunk, slot) {
      const first = chunk * items;
      const [begin, end] = [Math.max(first, from), Math.min(first + lengthOf(chunk), to)];
      if (begin >= end) return;
      const result = inSlot(slot, begin - first, end - begin);
      const target = output.subarray(begin - from, end - from);
      if (wide) native.narrow(dtypes[dtype].onnx, target as Uint16Array, result as Float32Array);
      else (target as Float32Array).set(result as Float32Array);
    },
  };
}

const stagesOf: Readonly<Record<CollectiveName, MakeStages>> = {
  "all-reduce": (parts, call, groups) => reduceStages(parts, call, groups, 0, call.count),
  "reduce-scatter": (parts, call, groups) => {
    const { rank } = parts.layout;
    return reduceStages(parts, call, groups, rank * call.output.length, (rank + 1) * call.output.length);
  },
  "all-gather": ({ layout, slots }, { input, output }, { options }) => {
    const [from, to] = [bytesOf(input), bytesOf(output)];
    const step = Math.floor(chunkBytes / layout.places);
    const lengthOf = (chunk: number) => Math.min(step, from.length - chunk * step);
    return {
      chunks: Math.ceil(from.length / step),
      fill(chunk, slot) {
        const length = lengthOf(chunk);
        slots[slot]!.set(from.subarray(chunk * step, chunk * step + length), layout.placeOf[layout.rank]! * length);
        return undefined;
      },
      cross(group, chunk, slot) {
        const perHost = lengthOf(chunk) * layout.placesPerHost;
        const all = slots[slot]!.subarray(0, perHost * layout.hosts.length);
        const own = all.subarray(layout.host * perHost, (layout.host + 1) * perHost);
        return group.allGather({ dtype: "uint8", data: own }, { dtype: "uint8", data: all }, options.crossing);
      },
      drain(chunk, slot) {
        const length = lengthOf(chunk);
        for (const [rank, place] of layout.placeOf.entries())
          to.set(slots[slot]!.subarray(place * length, (place + 1) * length), rank * from.length + chunk * step);
      },
    };
  },
  broadcast: ({ layout, slots }, { output, root = 0 }, { options }) => {
    const data = bytesOf(output);
    const lengthOf = (chunk: number) => Math.min(chunkBytes, data.length - chunk * chunkBytes);
    const piece = (chunk: number) => data.subarray(chunk * chunkBytes, chunk * chunkBytes + lengthOf(chunk));
    return {
      chunks: Math.ceil(data.length / chunkBytes),
      fill(chunk, slot) {
        if (layout.rank === root) slots[slot]!.set(piece(chunk));
        return undefined;
      },
      cross: (group, chunk, slot) =>
        group.broadcast({ dtype: "uint8", data: slots[slot]!.subarray(0, lengthOf(chunk)) }, layout.hostOf[root]!, options.crossing),
      drain(chunk, slot) {
        if (layout.rank !== root) piece(chunk).set(slots[slot]!.subarray(0, lengthOf(chunk)));
      },
    };
  },
  barrier: () => ({ chunks: 0, fill: () => undefined, cross: async () => {}, drain: () => {} }),
};
