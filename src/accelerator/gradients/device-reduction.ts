// Gradients on devices that reach each other: buckets are added up and handed out there, each worker updates its part, and new values are exchanged from device to device.
import type { CollectiveOptions, DeviceCall, DeviceGroup } from "../../distributed/index.js";
import { type ArenaSegment, type CollectedGradients, type DeviceSegments, type GradientMemory, graphsOf, type ParameterArena } from "../../tensor/index.js";
import type { Bucket } from "./buckets.js";
import { gathered, sumOfBucket, sumOfSegment, zerosOf } from "./device-calls.js";
import type { EarlySums } from "./early.js";
import type { PlacedArena } from "./placed-arena.js";
import type { Placement } from "./placement.js";
import type { Collected, GradientSums } from "./reduction.js";
import type { Treatment } from "./treatment.js";

/** Reduce-scatter, update of the own part, all-gather: as much travels as in an all-reduce, and optimizers keep state of their part alone (ZeRO stage 1). */
export class DeviceReduction implements GradientSums {
  /** What is added up may be on its way before anybody knows by what it is divided. */
  readonly raw = true;
  readonly #group: DeviceGroup;
  readonly #placement: Placement;
  readonly #treatment: Treatment;
  /** Of these each device has its part of the sum. */
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
  async deliver(): Promise<void> {}
  take({ segments, parted }: EarlySums): void {
    for (const s of segments) {
      this.#treatment.reduced.add(s);
      this.#note(s, parted.has(s));
    }
  }
  #note(segment: ArenaSegment, parted: boolean): void {
    if (parted) this.#parted.add(segment);
    else this.#parted.delete(segment);
  }

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
        // What was reduced before, and limited maybe, stays as it is.
        const whole = bucket.segments.every((s) => missing.has(s) || !any[s.index]);
        const parted = whole && this.#placement.shardedOverDevices;
        const absent = bucket.segments.filter((s) => !s.hasGrad && any[s.index]);
        calls.push(...zerosOf(placed, absent));
        if (whole) calls.push(...sumOfBucket(placed, bucket, this.#group, { parted }));
        else for (const s of own) calls.push(sumOfSegment(placed, s));
        written.push(() => {
          for (const s of absent) placed.arena.device!.grads.written(s.index);
          for (const s of whole ? bucket.segments : own) {
            placed.mean!.written(s.index);
            this.#note(s, parted);
          }
        });
      }
    }
    await this.#group.onDevice(calls, options);
    for (const note of written) note();
    for (const s of missing) this.#treatment.reduced.add(s);
  }

  async complete(segments: readonly ArenaSegment[], options: CollectiveOptions): Promise<void> {
    const wanted = new Set(segments.filter((s) => this.#parted.has(s)));
    if (wanted.size === 0) return;
    const calls: DeviceCall[] = [];
    for (const { mean, buckets } of this.#placement.arenas)
      for (const bucket of buckets) {
        if (!bucket.segments.some((s) => wanted.has(s))) continue;
        calls.push(...gathered(mean!, bucket, this.#group));
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
        calls.push(...gathered(values, bucket, this.#group));
        fresh.push([values, bucket]);
      }
    }
    if (calls.length > 0) await this.#group.onDevice(calls, options);
    for (const [values, bucket] of fresh) for (const s of bucket.segments) values.written(s.index);
  }
}

const settled = async ({ arena }: PlacedArena): Promise<unknown> => graphsOf(arena.device!.context).settled;
