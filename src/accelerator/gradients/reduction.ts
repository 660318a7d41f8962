// Adds the gradients of all workers up: each its own part of the arenas, then over the hosts.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import { kernelsOf, mergedRanges, type RowedSegment } from "../../optim/index.js";
import { Engine } from "../../runtime/index.js";
import type { ArenaSegment, ParameterArena } from "../../tensor/index.js";
import type { Presence } from "./collected.js";
import type { HostSums } from "../comm-hooks/index.js";
import type { Placement } from "./placement.js";
import { rowed } from "./publish.js";
import type { Treatment } from "./treatment.js";

/** What the workers know of each other's gradients. */
export interface Collected extends Presence {
  /** What the sum of all gradients is multiplied by: 1 / (weights * scale); 0 where nothing weighs anything. */
  readonly factor: number;
}

export class Reduction {
  readonly #world: World;
  readonly #placement: Placement;
  readonly #treatment: Treatment;
  readonly #overHosts: HostSums;

  constructor(world: World, placement: Placement, { treatment, overHosts }: { readonly treatment: Treatment; readonly overHosts: HostSums }) {
    this.#world = world;
    this.#placement = placement;
    this.#treatment = treatment;
    this.#overHosts = overHosts;
  }

  /** Arenas whose reduced one holds some of these gradients. An update takes all gradients of an arena from one place. */
  arenasOf(segments: readonly ArenaSegment[]): ReadonlySet<ParameterArena> {
    const { reduced } = this.#treatment;
    return new Set(reduced.size === 0 ? [] : segments.filter((s) => reduced.has(s)).map((s) => s.arena));
  }
  /** Whether an update must not add these gradients up by itself: some are reduced, or are means of something else. */
  needed(segments: readonly ArenaSegment[], { factor }: Collected): boolean {
    return this.#world.hosts > 1 || segments.some((s) => this.#treatment.reduced.has(s) || this.#treatment.mean(s) !== factor);
  }

  /** A collective over several hosts. Adds up what is not yet of these gradients: this worker's part into the reduced arenas, and over the hosts. */
  async reduce(segments: readonly ArenaSegment[], collected: Collected, options: CollectiveOptions): Promise<void> {
    const { local, hosts } = this.#world;
    const { arenas } = this.#placement;
    const missing = new Map<ParameterArena, RowedSegment[]>(arenas.map(({ arena }) => [arena, []]));
    for (const s of segments) if (!this.#treatment.reduced.has(s)) missing.get(s.arena)?.push(this.#rowed(s, collected));
    if ([...missing.values()].every((list) => list.length === 0)) return;
    for (const { arena, peers, reduced } of arenas) {
      const own = missing.get(arena)!;
      for (const factor of new Set(own.map(({ segment }) => this.#treatment.mean(segment)!))) {
        const alike = own.filter(({ segment }) => this.#treatment.mean(segment) === factor);
        const ranges = mergedRanges(alike, collected.shares.get(arena));
        if (ranges.length > 0) await kernelsOf(Engine.default()).sum(reduced, { arrays: peers, factor }, ranges);
      }
    }
    if (hosts > 1) {
      await local.barrier(options);
      const parts = arenas.map(({ arena, reduced }, i) => ({ arena: i, data: reduced, segments: missing.get(arena)!.map(({ segment }) => segment) }));
      await this.#overHosts.reduce(parts, options);
      await local.barrier(options);
    }
    for (const list of missing.values()) for (const { segment } of list) this.#treatment.reduced.add(segment);
  }

  #rowed(segment: ArenaSegment, { contributors }: Presence): RowedSegment {
    return { ...rowed(segment), contributors: contributors.get(segment.arena)![segment.index]! };
  }
}
