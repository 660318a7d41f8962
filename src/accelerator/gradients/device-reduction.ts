// Gradients on devices that reach each other: buckets are added up and handed out there, each worker updates its part, and new values are exchanged from device to device.
import type { CollectiveOptions, DeviceCall, DeviceGroup } from "../../distributed/index.js";
import { type ArenaSegment, type CollectedGradients, type DeviceSegments, type GradientMemory, graphsOf, type ParameterArena } from "../../tensor/index.js";
import type { Bucket } from "./buckets.js";
import type { PlacedArena, Placement } from "./placement.js";
import type { Collected, GradientSums } from "./reduction.js";
import type { Treatment } from "./treatment.js";
import { evenPart } from "./zero.js";

/** Reduce-scatter, update of the own part, all-gather: as much travels as in an all-reduce, and optimizers keep state of their part alone (ZeRO stage 1). */
export class DeviceReduction implements GradientSums {
  /** The devices multiply on the way. */
  readonly raw = false;
  readonly #group: DeviceGroup;
  readonly #placement: Placement;
  readonly #treatment: Treatment;
  /** Of these each device has its part of the mean. */
  readonly #parted = new Set<ArenaSegment>();

  constructor(group: DeviceGroup, placement: Placement, treatment: Treatment) {
    this.#group = group;
    this.#placement = placement;
    this.#treatment = treatment;
  }

  arenasOf(segments: readonly ArenaSegment[]): ReadonlySet<ParameterArena> {
    return new Set(segments.filter((s) => this.#treatment.reduced.has(s)).map((s) => s.arena));
  }
  needed(): boolean {
    return true;
  }
  async offer(): Promise<void> {}
  take(): void {}
  async deliver(): Promise<void> {}

  async reduce(segments: readonly ArenaSegment[], collected: Collected, options: CollectiveOptions): Promise<void> {
    const missing = new Set(segments.filter((s) => !this.#treatment.reduced.has(s)));
    if (missing.size === 0) return;
    const calls: DeviceCall[] = [];
    const written: (() => void)[] = [];
    for (const placed of this.#placement.arenas) {
      const any = collected.any.get(placed.arena)!;
      for (const bucket of placed.buckets) {
        const own = bucket.segments.filter((s) => missing.has(s));
        if (own.length === 0) continue;
        await settled(placed);
        await this.#clearAbsent(placed, bucket, any);
        const factors = new Set(own.map((s) => this.#treatment.mean(s)!));
        // What was reduced before, and limited maybe, stays as it is.
        const whole = factors.size === 1 && bucket.segments.every((s) => missing.has(s) || !any[s.index]);
        if (whole) this.#addBucket(placed, bucket, [...factors][0]!, calls);
        else for (const s of own) calls.push(added(placed, s, this.#treatment.mean(s)!));
        written.push(() => {
          for (const s of whole ? bucket.segments : own) {
            placed.mean!.written(s.index);
            if (whole && this.#placement.shardedOverDevices) this.#parted.add(s);
            else this.#parted.delete(s);
          }
        });
      }
    }
    await this.#group.onDevice(calls, options);
    for (const note of written) note();
    for (const s of missing) this.#treatment.reduced.add(s);
  }
  #addBucket({ arena, mean }: PlacedArena, bucket: Bucket, factor: number, calls: DeviceCall[]): void {
    const { grads } = arena.device!;
    const all = bucket.end - bucket.begin;
    const reduce = { factor };
    if (!this.#placement.shardedOverDevices) {
      calls.push({ op: "all-reduce", input: grads.range(bucket.begin, all), output: mean!.range(bucket.begin, all), reduce });
      return;
    }
    const { begin, end, each } = evenPart(bucket, this.#group.size);
    if (each > 0) {
      const output = mean!.range(begin + this.#group.rank * each, each);
      calls.push({ op: "reduce-scatter", input: grads.range(begin, end - begin), output, reduce });
    }
    const rest = bucket.end - end;
    if (rest > 0) calls.push({ op: "all-reduce", input: grads.range(end, rest), output: mean!.range(end, rest), reduce });
  }
  /** A worker without a gradient adds zeros. */
  async #clearAbsent({ arena }: PlacedArena, bucket: Bucket, any: readonly boolean[]): Promise<void> {
    const absent = bucket.segments.filter((s) => !s.hasGrad && any[s.index]);
    if (absent.length === 0) return;
    const { context, grads } = arena.device!;
    const zeros = context.allocate("float32", [Math.max(...absent.map((s) => s.length))]);
    const clearings = absent.map((s) => ({ from: context.view(zeros, 0, [s.length]), into: grads.range(s.offset, s.length) }));
    await context.copy(clearings);
    for (const s of absent) grads.written(s.index);
    context.free(zeros);
  }

  async complete(segments: readonly ArenaSegment[], options: CollectiveOptions): Promise<void> {
    const wanted = new Set(segments.filter((s) => this.#parted.has(s)));
    if (wanted.size === 0) return;
    const calls: DeviceCall[] = [];
    for (const { mean, buckets } of this.#placement.arenas)
      for (const bucket of buckets) {
        if (!bucket.segments.some((s) => wanted.has(s))) continue;
        this.#gather(mean!, bucket, calls);
        for (const s of bucket.segments) {
          this.#parted.delete(s);
          mean!.written(s.index);
        }
      }
    await this.#group.onDevice(calls, options);
  }
  means({ mean }: PlacedArena): GradientMemory {
    return mean!;
  }
  delivered(placed: PlacedArena): GradientMemory {
    return this.means(placed);
  }
  numbers({ mean }: PlacedArena, { index }: ArenaSegment): Float32Array {
    return mean!.host(index);
  }

  async publish(view: CollectedGradients, options: CollectiveOptions): Promise<void> {
    const calls: DeviceCall[] = [];
    const fresh: [DeviceSegments, Bucket][] = [];
    for (const placed of this.#placement.shardedOverDevices ? this.#placement.arenas : []) {
      await settled(placed);
      const { values } = placed.arena.device!;
      for (const bucket of placed.buckets) {
        if (!bucket.segments.some((s) => view.has(s))) continue;
        this.#gather(values, bucket, calls);
        fresh.push([values, bucket]);
      }
    }
    if (calls.length > 0) await this.#group.onDevice(calls, options);
    for (const [values, bucket] of fresh) for (const s of bucket.segments) values.written(s.index);
  }
  /** Everybody gets the parts of all. */
  #gather(data: DeviceSegments, bucket: Bucket, calls: DeviceCall[]): void {
    const { rank, size } = this.#group;
    const { begin, end, each } = evenPart(bucket, size);
    if (each > 0) calls.push({ op: "all-gather", input: data.range(begin + rank * each, each), output: data.range(begin, end - begin) });
    const rest = bucket.end - end;
    if (rest > 0) calls.push({ op: "broadcast", data: data.range(end, rest), root: size - 1 });
  }
}

const settled = async ({ arena }: PlacedArena): Promise<unknown> => graphsOf(arena.device!.context).settled;

/** One gradient by itself, wholly everywhere. */
function added({ arena, mean }: PlacedArena, { offset, length }: ArenaSegment, factor: number): DeviceCall {
  return { op: "all-reduce", input: arena.device!.grads.range(offset, length), output: mean!.range(offset, length), reduce: { factor } };
}
