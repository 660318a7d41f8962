// Gradients on devices that reach each other, added up while their backward still runs: bucket by bucket, beside what the devices compute.
import type { CollectiveOptions, DeviceGroup, ProcessGroup } from "../../distributed/index.js";
import type { ArenaSegment, ExpectedGradient, GradientBuckets, RunTaps } from "../../tensor/index.js";
import { type Agreement, agree } from "./agreement.js";
import { BucketScheduler } from "./bucket-scheduler.js";
import type { Bucket } from "./buckets.js";
import { sumOfBucket, sumOfSegment, zerosOf } from "./device-calls.js";
import { type EarlyGradients, type EarlySums, earlySums, leaveRound, nothingEarly } from "./early.js";
import type { PlacedArena } from "./placed-arena.js";
import type { Placement } from "./placement.js";
import type { Treatment } from "./treatment.js";

export interface OverlapOptions {
  readonly group: DeviceGroup;
  /** The same workers on the host, in a group that nobody else uses: agreements meet whatever the program does meanwhile. */
  readonly beside: ProcessGroup;
  readonly placement: Placement;
}

/** A bucket among those of all arenas. */
interface Traveller {
  readonly placed: PlacedArena;
  readonly bucket: Bucket;
  /** Also that of its moment in the device's work. */
  readonly number: number;
}

const stateOf = ({ hasGrad, writes }: ArenaSegment): number => (hasGrad ? writes + 1 : 0);

/** One taking part in by every worker between two collections: from the backward on that tells of its gradients, else when gradients are collected. */
class Round {
  readonly scheduler: BucketScheduler;
  readonly agreed: Promise<Agreement>;
  /** What this worker gives; zeros for the rest. */
  readonly has: ReadonlySet<ArenaSegment>;
  /** Buckets whose gradients are there when the device comes to their moment. */
  readonly noted = new Set<number>();
  /** How often each gradient was written when the round took it; what was written since counts anew. */
  writes: ReadonlyMap<ArenaSegment, number> = new Map();
  failed = false;

  constructor(
    travellers: readonly Traveller[],
    { has, agreed }: Pick<Round, "has" | "agreed">,
    send: (traveller: Traveller, agreed: Agreement, round: Round) => Promise<void>,
  ) {
    this.has = has;
    this.agreed = agreed;
    this.agreed.catch(() => {}); // every bucket tells
    this.scheduler = new BucketScheduler(travellers.length, async (i) => send(travellers[i]!, await agreed, this));
  }
  /** From now on another write makes a gradient another one. */
  note(segments: readonly ArenaSegment[]): void {
    this.writes = new Map(segments.map((s) => [s, stateOf(s)]));
  }
}

/**
 * The host queues a backward much faster than the device computes it. So a tap notes a moment of the compute stream, the bucket's collective waits for that moment on a stream of its own, and the compute stream
 * waits for the collectives only where somebody looks at the sums.
 *
 * Every worker takes part in each round once, with the backward whose buckets it is told of, or at the latest when it collects gradients. What a round has summed up counts if on all workers nothing was written
 * since. No backward waits for other workers: one that comes while a round is open (a second one before the step) goes on at once; what of the round was not queued by then is queued behind it.
 */
export class DeviceOverlap implements EarlyGradients, GradientBuckets {
  static #made = 0;
  readonly #number = DeviceOverlap.#made++;
  readonly #options: OverlapOptions;
  #treatment: Treatment | undefined;
  #round: Round | undefined;
  /** A backward that writes gradients while a round is open: nothing is queued before its end. */
  #writing: Promise<void> = Promise.resolve();
  /** Backward passes that tell, since gradients were collected the last time, and between the two times before. */
  #passes = 0;
  #usual = 1;
  /** Buckets that were told of by a backward that went on, since the start. */
  told = 0;
  readonly bytes = 0;

  constructor(options: OverlapOptions) {
    this.#options = options;
  }

  connect(treatment: Treatment): void {
    this.#treatment = treatment;
  }

  get version(): string {
    return `device ${this.#number}.${this.#options.placement.arenas.length}`;
  }
  of(parameter: { segment(): ArenaSegment | undefined }): number | undefined {
    const segment = parameter.segment();
    return segment && this.#travellers.find(({ bucket }) => bucket.segments.includes(segment))?.number;
  }

  /** It tells of its buckets if it is the last one before the next step: as many as there were before the last one. */
  taps({ syncs }: { readonly syncs: boolean }): RunTaps {
    let round: Round | undefined;
    let ended = false;
    return {
      buckets: this,
      moments: this.#options.group.moments,
      before: async () => {
        if (syncs) this.#passes++;
        return syncs && !this.#round && this.#passes === this.#usual;
      },
      begin: (expected) => {
        round = this.#join({ tells: true, expected });
        const coming = new Set(expected.map(({ segment }) => segment));
        // They come in the order of all: those that the run does not write would hold back what is behind them.
        for (const { bucket, number } of this.#travellers) if (!bucket.segments.some((s) => coming.has(s))) round.scheduler.ready(number);
      },
      ready: (bucket) => {
        if (!round || ended) return;
        this.told++;
        round.noted.add(bucket);
        round.scheduler.ready(bucket);
      },
      end: (done) => {
        if (!round) return;
        ended = true;
        round.failed = !done;
        round.note(this.#segments);
        round.scheduler.readyAll();
      },
    };
  }

  async writing(): Promise<() => void> {
    const round = this.#round;
    if (!round) return () => {};
    let over = (): void => {};
    const before = this.#writing;
    const now = new Promise<void>((resolve) => {
      over = resolve;
    });
    this.#writing = Promise.all([before, now]).then(() => {});
    round.noted.clear();
    // What was queued is waited for by the device: all workers have come to it.
    await this.#options.group.joined().catch(() => {}); // told by the round
    return over;
  }

  async join({ sends }: { readonly sends: boolean }, options: CollectiveOptions): Promise<void> {
    if (this.#passes > 0) this.#usual = this.#passes;
    this.#passes = 0;
    if (!this.#round) {
      const round = this.#join({ tells: sends, expected: [] }, options);
      round.note(this.#segments);
      round.scheduler.readyAll();
    }
    await this.#round!.agreed;
  }
  current(segment: ArenaSegment): boolean {
    return this.#round !== undefined && !this.#round.failed && this.#round.writes.get(segment) === stateOf(segment);
  }
  async take(valid: (segment: ArenaSegment) => boolean): Promise<EarlySums> {
    const { agreed, scheduler } = this.#round!;
    this.#round = undefined;
    const agreement = await agreed;
    if (!agreement.begun) return nothingEarly;
    // All is queued; from here on the device computes behind it.
    await scheduler.done;
    await this.#options.group.joined();
    for (const { arena, index } of agreement.travels) this.#options.placement.of(arena)!.mean!.written(index);
    const { shardedOverDevices } = this.#options.placement;
    const whole = shardedOverDevices ? this.#travellers.filter(({ bucket }) => isWhole(bucket, agreement)) : [];
    return earlySums(
      agreement.travels,
      valid,
      whole.flatMap(({ bucket }) => bucket.segments),
    );
  }
  /** Whatever is waited for is waited for by the device. */
  async arrival(): Promise<void> {}
  async arrived(): Promise<void> {}
  async leave(): Promise<void> {
    if (this.#round) await leaveRound(this.#round);
  }

  get #travellers(): readonly Traveller[] {
    return this.#options.placement.arenas
      .flatMap((placed) => placed.buckets.map((bucket) => ({ placed, bucket })))
      .map((each, number) => ({ ...each, number }));
  }
  get #segments(): readonly ArenaSegment[] {
    return this.#options.placement.arenas.flatMap(({ arena }) => arena.segments);
  }

  #join({ tells, expected }: { readonly tells: boolean; readonly expected: readonly ExpectedGradient[] }, options: CollectiveOptions = {}): Round {
    const { beside, placement } = this.#options;
    const coming = new Set(expected.map(({ segment }) => segment));
    // What the host has of them counts no more: it must not go up behind the run.
    for (const { arena, index } of coming) arena.device!.grads.written(index);
    const has = new Set(this.#segments.filter((s) => s.hasGrad || coming.has(s)));
    // Memory is taken, and cleared, in front of the first moment; nowhere for what is frozen.
    const arenas = placement.arenas.filter(({ arena }) => arena.segments.some((segment) => has.has(segment) || segment.parameter.requiresGrad));
    for (const { arena, mean } of arenas) for (const memory of [arena.device!.grads, mean!]) memory.range(0, memory.length);
    const calls = { ...options, purpose: "gradients on their way during backward" };
    const agreed = agree(beside, placement.arenas, { tells, has, coming, treatment: this.#treatment }, calls);
    this.#round = new Round(this.#travellers, { has, agreed }, (traveller, agreement, round) => this.#send(traveller, agreement, round, calls));
    return this.#round;
  }
  async #send({ placed, bucket, number }: Traveller, agreement: Agreement, round: Round, options: CollectiveOptions): Promise<void> {
    const segments = bucket.segments.filter((s) => agreement.travels.has(s));
    if (!agreement.begun || segments.length === 0) return;
    const { group, placement } = this.#options;
    const whole = isWhole(bucket, agreement);
    const absent = (whole ? bucket.segments : segments).filter((s) => !round.has.has(s));
    const sums = whole ? sumOfBucket(placed, bucket, group, { parted: placement.shardedOverDevices }) : segments.map((s) => sumOfSegment(placed, s));
    const after = async (): Promise<number | undefined> => {
      await this.#writing;
      return round.noted.has(number) ? number : undefined;
    };
    await group.onDevice([...zerosOf(placed, absent), ...sums], { ...options, after, joins: false });
  }
}

/** Nothing of it was added up before: it travels in one piece, with zeros for what nobody has. */
const isWhole = ({ segments }: Bucket, { any, travels }: Agreement): boolean =>
  segments.some((s) => travels.has(s)) && segments.every((s) => travels.has(s) || !any.get(s.arena)![s.index]);
