// Gradients that travel between hosts while their backward still runs: bucket by bucket, over groups of their own.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import { mergedRanges } from "../../optim/index.js";
import { Engine } from "../../runtime/index.js";
import type { ArenaSegment, ExpectedGradient, GradientBuckets, GradientSources, ParameterArena, RunTaps } from "../../tensor/index.js";
import { type DdpOptions, HostSums } from "../comm-hooks/index.js";
import type { Bucket } from "./buckets.js";
import { BucketScheduler } from "./bucket-scheduler.js";
import { type EarlyGradients, type EarlySums, earlySums, leaveRound, nothingEarly } from "./early.js";
import type { PlacedArena } from "./placed-arena.js";
import type { Placement } from "./placement.js";
import { rowed } from "./publish.js";
import { partedBuckets } from "./reduction.js";
import { ranksOf, shareOf } from "./shares.js";
import type { Treatment } from "./treatment.js";

export interface EarlyOptions {
  /** Groups that nobody else uses: their calls come in the order of buckets, whatever the program does meanwhile. */
  readonly lanes: World;
  readonly placement: Placement;
  readonly ddp: DdpOptions | undefined;
}

declare module "../../native/binding.js" {
  interface NativeBinding {
    /** `sum` of the optimizer kernels on a thread beside that of the runs. */
    sumBeside(out: Float32Array, sources: GradientSources, ranges: Float64Array): Promise<void>;
  }
}

/** What a worker says of a gradient when it joins a round: it has one, or will have; as rows, which travel by other ways; it was written, or will be, since gradients were collected. */
const [present, rows, fresh] = [1, 2, 4];

/** A bucket among those of all arenas. */
interface Traveller {
  readonly placed: PlacedArena;
  readonly bucket: Bucket;
}

/** What all have agreed on. */
interface Agreed {
  /** Somebody's backward tells of its gradients. Else nothing travels. */
  readonly begun: boolean;
  /** By arena and segment: bit r says that local rank r has one; and whether anybody has. */
  readonly contributors: ReadonlyMap<ParameterArena, readonly number[]>;
  readonly any: ReadonlyMap<ParameterArena, readonly boolean[]>;
  readonly travels: ReadonlySet<ArenaSegment>;
}

/** One taking part in by every worker between two collections: from the backward on that tells of its gradients, else when gradients are collected. */
class Round {
  readonly scheduler: BucketScheduler;
  readonly agreed: Promise<Agreed>;
  /** How often each gradient was written when the round took it; what was written since counts anew. */
  writes: ReadonlyMap<ArenaSegment, number> = new Map();
  failed = false;

  constructor(travellers: readonly Traveller[], agreed: Promise<Agreed>, send: (traveller: Traveller, agreed: Agreed) => Promise<void>) {
    this.agreed = agreed;
    this.agreed.catch(() => {}); // every bucket tells
    this.scheduler = new BucketScheduler(travellers.length, async (i) => send(travellers[i]!, await agreed));
  }
  /** From now on another write makes a gradient another one. */
  note(placement: Placement): void {
    this.writes = new Map(placement.arenas.flatMap(({ arena }) => arena.segments.map((s) => [s, stateOf(s)] as const)));
  }
}
const stateOf = ({ hasGrad, writes }: ArenaSegment): number => (hasGrad ? writes + 1 : 0);

/**
 * Every worker takes part in each round once: with the backward whose buckets it is told of, or at the latest when it collects gradients, with what it has by then. So rounds are as many on all workers, and
 * nobody waits for a bucket that never comes. What a round has summed up counts if on all workers nothing was written since.
 */
export class EarlyExchange implements EarlyGradients, GradientBuckets {
  static #made = 0;
  readonly #number = EarlyExchange.#made++;
  readonly #lanes: World;
  readonly #placement: Placement;
  readonly #sums: HostSums;
  #treatment: Treatment | undefined;
  /** What was taken, and may still be on its way. */
  #flight: BucketScheduler | undefined;
  #round: Round | undefined;
  /** Backward passes that tell, since gradients were collected the last time, and between the two times before. */
  #passes = 0;
  #usual = 1;
  /** Buckets that were told of by a backward that went on, since the start. */
  told = 0;
  /** The last step of this worker's sums, and of its host's. */
  #local: Promise<void> = Promise.resolve();
  #cross: Promise<void> = Promise.resolve();

  constructor({ lanes, placement, ddp }: EarlyOptions) {
    this.#lanes = lanes;
    this.#placement = placement;
    this.#sums = new HostSums(lanes.cross, ddp);
  }

  /** Once, before anything travels. */
  connect(treatment: Treatment): void {
    this.#treatment = treatment;
  }

  /** Bytes that this worker has given to early sums. */
  get bytes(): number {
    return this.#sums.bytes;
  }

  get version(): string {
    return `${this.#number}.${this.#placement.arenas.length}`;
  }
  of(parameter: { segment(): ArenaSegment | undefined }): number | undefined {
    const segment = parameter.segment();
    let before = 0;
    for (const { arena, buckets } of this.#placement.arenas) {
      if (segment?.arena === arena) return before + buckets.findIndex(({ segments }) => segments.includes(segment));
      before += buckets.length;
    }
    return undefined;
  }

  /**
   * Listens to a backward. `syncs`: its gradients are to be brought together. It tells of its buckets if it is the last one before the next step: as many as there were before the last one. A round that is
   * under way ends first: what is being sent must not be written.
   */
  taps({ syncs }: { readonly syncs: boolean }): RunTaps {
    let round: Round | undefined;
    let ended = false;
    return {
      buckets: this,
      before: async () => {
        if (syncs) this.#passes++;
        await this.#round?.scheduler.done;
        return syncs && !this.#round && this.#passes === this.#usual;
      },
      begin: (expected) => {
        round = this.#join({ tells: true, expected });
      },
      ready: (bucket) => {
        if (round && !ended) this.told++;
        round?.scheduler.ready(bucket);
      },
      end: (done) => {
        if (!round) return;
        ended = true;
        round.failed = !done;
        round.note(this.#placement);
        round.scheduler.readyAll();
      },
    };
  }

  /** A collective, before gradients are collected. `sends`: a worker whose backward did not tell of its gradients sends them now; else they stay until somebody asks for them. */
  async join({ sends }: { readonly sends: boolean }, options: CollectiveOptions): Promise<void> {
    if (this.#passes > 0) this.#usual = this.#passes;
    this.#passes = 0;
    if (!this.#round) {
      const round = this.#join({ tells: sends, expected: [] }, options);
      round.note(this.#placement);
      round.scheduler.readyAll();
    }
    await this.#round!.agreed;
  }
  /** Whether what this worker gave is still what it has. */
  current(segment: ArenaSegment): boolean {
    return this.#round !== undefined && !this.#round.failed && this.#round.writes.get(segment) === stateOf(segment);
  }
  /** The round's sums of these gradients, which are current on all workers. The next round may begin. */
  async take(valid: (segment: ArenaSegment) => boolean): Promise<EarlySums> {
    const { agreed: agreeing, scheduler } = this.#round!;
    this.#flight = scheduler;
    this.#round = undefined;
    const agreed = await agreeing;
    if (!agreed.begun) return nothingEarly;
    const parted = this.#placement.arenas.flatMap((placed) => this.#parted(placed, agreed).flatMap((bucket) => bucket.segments));
    return earlySums(agreed.travels, valid, parted);
  }

  /** The bucket, in the order of all, has been summed up as far as this worker is concerned. */
  arrival(bucket: number): Promise<void> {
    return this.#flight?.arrival(bucket) ?? Promise.resolve();
  }
  /** A collective of this host: all that was sent has arrived, for all its workers. */
  async arrived(options: CollectiveOptions): Promise<void> {
    await this.#flight?.done;
    if (this.#lanes.local.size > 1) await this.#lanes.local.barrier(options);
  }
  async leave(): Promise<void> {
    if (this.#round) await leaveRound(this.#round);
  }

  #join({ tells, expected }: { readonly tells: boolean; readonly expected: readonly ExpectedGradient[] }, options: CollectiveOptions = {}): Round {
    const own = this.#said(tells, expected);
    const calls = { ...options, purpose: "gradients on their way during backward" };
    const travellers = this.#placement.arenas.flatMap((placed) => placed.buckets.map((bucket) => ({ placed, bucket })));
    const round = new Round(travellers, this.#agree(own, calls), (traveller, agreed) => this.#send(traveller, agreed, calls));
    this.#round = round;
    return round;
  }
  #said(tells: boolean, expected: readonly ExpectedGradient[]): Uint8Array {
    const coming = new Map(expected.map(({ segment, asRows }) => [segment, asRows]));
    const bytes = this.#placement.arenas.flatMap(({ arena }) =>
      arena.segments.map((s) => {
        const asRows = coming.get(s) ?? (s.hasGrad && s.rows?.whole === false);
        const has = (s.hasGrad || coming.has(s) ? present : 0) | (asRows || (s.hasGrad && s.rows?.whole === false) ? rows : 0);
        // What was collected may have been limited since: it must not be added up anew.
        return has | (coming.has(s) || s.writes !== (this.#treatment?.seen(arena)[s.index] ?? 0) ? fresh : 0);
      }),
    );
    return Uint8Array.of(Number(tells), ...bytes);
  }
  async #agree(own: Uint8Array, options: CollectiveOptions): Promise<Agreed> {
    const { group } = this.#lanes;
    const all = new Uint8Array(own.length * group.size);
    await group.allGather({ dtype: "uint8", data: own }, { dtype: "uint8", data: all }, options);
    const ranks = ranksOf(group.size);
    const { arenas, localRanks } = this.#placement;
    const contributors = new Map<ParameterArena, readonly number[]>();
    const any = new Map<ParameterArena, readonly boolean[]>();
    const travels = new Set<ArenaSegment>();
    let at = 1;
    for (const { arena } of arenas) {
      const says = (rank: number, s: ArenaSegment, bit: number): boolean => (all[rank * own.length + at + s.index]! & bit) !== 0;
      contributors.set(
        arena,
        arena.segments.map((s) => localRanks.reduce((sum, rank, r) => sum + Number(says(rank, s, present)) * 2 ** r, 0)),
      );
      const has = arena.segments.map((s) => ranks.some((rank) => says(rank, s, present)));
      any.set(arena, has);
      const goes = (s: ArenaSegment): boolean => has[s.index]! && ranks.some((rank) => says(rank, s, fresh)) && !ranks.some((rank) => says(rank, s, rows));
      for (const s of arena.segments) if (goes(s)) travels.add(s);
      at += arena.segments.length;
    }
    return { begun: ranks.some((rank) => all[rank * own.length] !== 0), contributors, any, travels };
  }

  /** Nothing is waited for here but what belongs to the bucket; the next one's sums are made while this one is between the hosts. */
  async #send({ placed, bucket }: Traveller, agreed: Agreed, options: CollectiveOptions): Promise<void> {
    const segments = bucket.segments.filter((s) => agreed.travels.has(s));
    if (!agreed.begun || segments.length === 0) return;
    this.#local = this.#local.then(() => this.#sumHere({ placed, bucket }, segments, agreed, options));
    const here = this.#local;
    this.#cross = Promise.all([this.#cross, here]).then(() => this.#sumOver({ placed, bucket }, segments, agreed, options));
    await this.#cross;
  }
  /** The sums of this host, raw: by what they are multiplied is known later. */
  async #sumHere({ placed, bucket }: Traveller, segments: readonly ArenaSegment[], { contributors, any }: Agreed, options: CollectiveOptions): Promise<void> {
    const { arena, peers, reduced } = placed;
    const { local } = this.#lanes;
    const own = segments.map((segment) => ({ ...rowed(segment), contributors: contributors.get(arena)![segment.index]! }));
    const share = shareOf(arena, any.get(arena)!, { rank: local.rank, size: local.size, within: bucket });
    const ranges = mergedRanges(own, [share]);
    if (local.size > 1) await local.barrier(options);
    if (ranges.length > 0) await Engine.default().native.sumBeside(reduced, { arrays: peers, factor: 1 }, ranges);
    if (local.size > 1) await local.barrier(options);
  }
  async #sumOver({ placed, bucket }: Traveller, segments: readonly ArenaSegment[], agreed: Agreed, options: CollectiveOptions): Promise<void> {
    const { reduced, rows } = placed;
    const parted = this.#parted(placed, agreed).includes(bucket) ? [bucket] : [];
    if (parted.length > 0 && this.#lanes.cross) for (const s of bucket.segments) if (!agreed.travels.has(s)) reduced.fill(0, s.offset, s.offset + s.length);
    await this.#sums.reduce([{ arena: 0, data: reduced, segments, tables: [], bits: rows.reduced, told: rows.told, parted }], options);
  }
  #parted(placed: PlacedArena, { travels, any }: Agreed): Bucket[] {
    return this.#placement.shardedOverHosts ? partedBuckets(placed, travels, any.get(placed.arena)!) : [];
  }
}
