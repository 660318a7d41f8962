// Adds the gradients of all workers up: each its own part of the arenas, then over the hosts.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import { kernelsOf, mergedRanges, type RowedSegment } from "../../optim/index.js";
import { Engine } from "../../runtime/index.js";
import {
  type ArenaSegment,
  type CollectedGradients,
  fillRows,
  type GradientMemory,
  type GradientSources,
  type ParameterArena,
  type SourceRows,
  type TablePlace,
  tablesOf,
} from "../../tensor/index.js";
import type { Presence } from "./collected.js";
import type { HostPart, HostSums } from "../comm-hooks/index.js";
import type { Bucket } from "./buckets.js";
import type { EarlySums } from "./early.js";
import type { PlacedArena } from "./placed-arena.js";
import type { Placement } from "./placement.js";
import { gatherParts } from "./host-parts.js";
import { publish, rowed } from "./publish.js";
import type { Treatment } from "./treatment.js";

/** What the workers know of each other's gradients. */
export interface Collected extends Presence {
  /** What the sum of all gradients is multiplied by: 1 / (weights * scale); 0 where nothing weighs anything. */
  readonly factor: number;
}

/** What differs between ways to bring gradients together: where they lie, who adds them up, how new parameters come to everybody. */
export interface GradientSums {
  /** What is added up are sums, not yet multiplied by anything. */
  readonly raw: boolean;
  /** Arenas whose means hold some of these gradients. An update takes all gradients of an arena from one place. */
  arenasOf(segments: readonly ArenaSegment[]): ReadonlySet<ParameterArena>;
  /** Whether an update must not add these gradients up by itself: some are reduced, or are means of something else. */
  needed(segments: readonly ArenaSegment[], collected: Collected): boolean;
  /** Before others are told which gradients there are: they lie where the others read them. */
  offer(): Promise<void>;
  /** A collective. Adds up what is not yet of these gradients; each worker its part. */
  reduce(segments: readonly ArenaSegment[], collected: Collected, options: CollectiveOptions): Promise<void>;
  /** A collective: brings the parts that others have of these sums to all. */
  complete(segments: readonly ArenaSegment[], options: CollectiveOptions): Promise<void>;
  /** Before an update: the sums lie where it reads them. */
  deliver(segments: readonly ArenaSegment[]): Promise<void>;
  /** The sums as norms and limits take them. */
  means(placed: PlacedArena, segments: readonly ArenaSegment[]): GradientMemory;
  /** The same as updates take them. */
  delivered(placed: PlacedArena, segments: readonly ArenaSegment[]): GradientMemory;
  /** The sum of a gradient, complete. */
  numbers(placed: PlacedArena, segment: ArenaSegment): Float32Array;
  /** Takes in what was added up before it was asked for. */
  take(sums: EarlySums): void;
  /** A collective: everybody gets what its owner has updated. */
  publish(view: CollectedGradients, options: CollectiveOptions): Promise<void>;
}

/** In memory that the workers of a host share, and over the hosts. */
export class Reduction implements GradientSums {
  readonly #world: World;
  protected readonly placement: Placement;
  readonly #treatment: Treatment;
  readonly #overHosts: HostSums;
  /** Tables whose mean holds rows only. */
  readonly #tables = new WeakSet<ArenaSegment>();
  /** Of these each host has the sums of its part. */
  readonly #parted = new Set<ArenaSegment>();

  constructor(world: World, placement: Placement, { treatment, overHosts }: { readonly treatment: Treatment; readonly overHosts: HostSums }) {
    this.#world = world;
    this.placement = placement;
    this.#treatment = treatment;
    this.#overHosts = overHosts;
  }

  /** What is added up are sums, not yet multiplied by anything: between hosts they may be on their way before anybody knows by what. Hooks take means. */
  get raw(): boolean {
    return this.#world.hosts > 1 && this.#overHosts.hook === undefined;
  }

  /** Arenas whose reduced one holds some of these gradients. An update takes all gradients of an arena from one place. */
  arenasOf(segments: readonly ArenaSegment[]): ReadonlySet<ParameterArena> {
    const { reduced } = this.#treatment;
    return new Set(reduced.size === 0 ? [] : segments.filter((s) => reduced.has(s)).map((s) => s.arena));
  }
  /** Whether an update must not add these gradients up by itself: some are reduced, or are means of something else. */
  needed(segments: readonly ArenaSegment[], { factor }: Collected): boolean {
    return (
      this.#world.hosts > 1 || this.placement.sharding === "none" || segments.some((s) => this.#treatment.reduced.has(s) || this.#treatment.mean(s) !== factor)
    );
  }

  /** A collective over several hosts. Adds up what is not yet of these gradients: this worker's part into the reduced arenas, and over the hosts. */
  async reduce(segments: readonly ArenaSegment[], collected: Collected, options: CollectiveOptions): Promise<void> {
    const { local, hosts } = this.#world;
    const { arenas } = this.placement;
    const missing = new Map<ParameterArena, RowedSegment[]>(arenas.map(({ arena }) => [arena, []]));
    for (const s of segments) if (!this.#treatment.reduced.has(s)) missing.get(s.arena)?.push(this.#rowed(s, collected));
    if ([...missing.values()].every((list) => list.length === 0)) return;
    for (const placed of arenas) {
      const { arena, reduced } = placed;
      const own = missing.get(arena)!;
      const meanOf = (segment: ArenaSegment): number => (this.raw ? 1 : this.#treatment.mean(segment)!);
      for (const factor of new Set(own.map(({ segment }) => meanOf(segment)))) {
        const alike = own.filter(({ segment }) => meanOf(segment) === factor);
        const ranges = mergedRanges(alike, collected.shares.get(arena)!.sums);
        if (ranges.length > 0) await kernelsOf(Engine.default()).sum(reduced, sumOf(placed, alike, collected, factor), ranges);
      }
      for (const { segment, contributors } of own) this.#noteRows(placed, segment, collected.tables.get(arena)!.has(segment) ? contributors : undefined);
    }
    if (hosts > 1) {
      await local.barrier(options);
      const parts = arenas.map((placed, i): HostPart => {
        const { arena, reduced, rows } = placed;
        const own = missing.get(arena)!.map(({ segment }) => segment);
        const tables = own.filter((s) => this.#tables.has(s));
        return {
          arena: i,
          data: reduced,
          segments: own,
          tables,
          bits: rows.reduced,
          told: rows.told,
          parted: this.#partedBuckets(placed, own, tables, collected),
        };
      });
      await this.#overHosts.reduce(parts, options);
      await local.barrier(options);
      for (const { tables, bits, told } of parts) for (const { rows } of tables) copyRows(bits, told, rows!.place);
      for (const { segments, parted } of parts) {
        for (const s of segments) this.#parted.delete(s);
        for (const bucket of parted) for (const s of bucket.segments) this.#parted.add(s);
      }
    } else if (this.placement.sharding === "none") await local.barrier(options);
    for (const list of missing.values()) for (const { segment } of list) this.#treatment.reduced.add(segment);
  }

  /** A collective over several hosts: brings the parts that hosts have of these sums to all. */
  async complete(segments: readonly ArenaSegment[], options: CollectiveOptions): Promise<void> {
    const wanted = new Set(segments.filter((s) => this.#parted.has(s)));
    if (wanted.size === 0) return;
    const { local, cross } = this.#world;
    await local.barrier(options);
    for (const { reduced, buckets } of this.placement.arenas)
      for (const bucket of buckets) {
        if (!bucket.segments.some((s) => wanted.has(s))) continue;
        if (cross) await gatherParts(cross, reduced, bucket, options);
        for (const s of bucket.segments) this.#parted.delete(s);
      }
    await local.barrier(options);
  }

  #partedBuckets(placed: PlacedArena, own: readonly ArenaSegment[], tables: readonly ArenaSegment[], { any }: Presence): Bucket[] {
    if (!this.placement.shardedOverHosts || this.#overHosts.hook) return [];
    const wanted = new Set(own.filter((s) => !tables.includes(s)));
    const buckets = partedBuckets(placed, wanted, any.get(placed.arena)!);
    const { reduced } = placed;
    if (this.#world.cross) for (const { segments } of buckets) for (const s of segments) if (!wanted.has(s)) reduced.fill(0, s.offset, s.offset + s.length);
    return buckets;
  }
  /** Takes in what was added up before it was asked for. */
  take({ segments, parted }: EarlySums): void {
    for (const { arena, rows } of this.placement.arenas)
      for (const s of arena.segments) {
        if (!segments.has(s)) continue;
        this.#treatment.reduced.add(s);
        this.#tables.delete(s);
        if (s.rows) fillRows(rows.reduced, s.rows.place);
        if (parted.has(s)) this.#parted.add(s);
        else this.#parted.delete(s);
      }
  }

  async offer(): Promise<void> {}
  async deliver(_segments: readonly ArenaSegment[]): Promise<void> {}
  means(placed: PlacedArena, segments: readonly ArenaSegment[]): GradientMemory {
    const rows = this.#rowsOf(placed, segments);
    return rows ? { arrays: [placed.reduced], factor: 1, rows } : placed.reduced;
  }
  delivered(placed: PlacedArena, segments: readonly ArenaSegment[]): GradientMemory {
    return this.means(placed, segments);
  }
  numbers({ reduced }: PlacedArena, { offset, length }: ArenaSegment): Float32Array {
    return reduced.subarray(offset, offset + length);
  }
  publish(view: CollectedGradients, options: CollectiveOptions): Promise<void> {
    return publish(this.#world, this.placement, view, options);
  }

  /** What is known of the rows of means of these gradients; undefined: nothing. */
  #rowsOf({ arena, rows }: PlacedArena, segments: readonly ArenaSegment[]): SourceRows | undefined {
    const tables = segments.filter((s) => s.arena === arena && this.#tables.has(s));
    return tables.length > 0 ? { tables: tablesOf(tables), bits: [rows.reduced] } : undefined;
  }
  /** The rows of a mean are those of all who have a gradient. `contributors`: undefined where it may hold anything. */
  #noteRows({ rows: { peers, reduced } }: PlacedArena, segment: ArenaSegment, contributors: number | undefined): void {
    if (!segment.rows) return;
    const { place } = segment.rows;
    if (contributors === undefined) {
      fillRows(reduced, place);
      this.#tables.delete(segment);
      return;
    }
    reduced.fill(0, place.word, place.word + place.words);
    for (const [r, bits] of peers.entries())
      if (Math.floor(contributors / 2 ** r) % 2 === 1) for (let w = place.word; w < place.word + place.words; w++) reduced[w]! |= bits[w]!;
    this.#tables.add(segment);
  }

  #rowed(segment: ArenaSegment, { contributors }: Presence): RowedSegment {
    return { ...rowed(segment), contributors: contributors.get(segment.arena)![segment.index]! };
  }
}

/** Buckets of which each host needs its part alone: nothing in them was added up before, and what nobody has a gradient of may become zero. */
export function partedBuckets({ buckets }: PlacedArena, wanted: ReadonlySet<ArenaSegment>, any: readonly boolean[]): Bucket[] {
  return buckets.filter(({ segments }) => {
    const absent = segments.filter((s) => !wanted.has(s));
    return absent.length < segments.length && !absent.some((s) => any[s.index]);
  });
}

/** The sum of these gradients over the workers of the host; rows that nobody has any more are cleared. */
function sumOf({ arena, peers, rows }: PlacedArena, own: readonly RowedSegment[], { tables }: Presence, factor: number): GradientSources {
  const known = own.map(({ segment }) => segment).filter((s) => tables.get(arena)!.has(s));
  return { arrays: peers, factor, ...(known.length > 0 && { rows: { tables: tablesOf(known), bits: rows.peers, before: rows.reduced } }) };
}

const copyRows = (into: Uint32Array, from: Uint32Array, { word, words }: TablePlace): void => into.set(from.subarray(word, word + words), word);
