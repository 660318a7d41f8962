// Adds the gradients of all workers up: each its own part of the arenas, then over the hosts.
import type { CollectiveOptions, World } from "../distributed/index.js";
import { kernelsOf, mergedRanges, type RowedSegment } from "../optim/index.js";
import { Engine } from "../runtime/index.js";
import type { ParameterArena } from "../tensor/index.js";
import type { Presence } from "./collected.js";
import type { HostSums } from "./comm-hooks/index.js";
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

  /** Whether gradients of an arena lie in its reduced one. */
  has(arena: ParameterArena, { any }: Presence): boolean {
    const { reduced } = this.#treatment;
    const has = any.get(arena);
    return reduced.size > 0 && arena.segments.some((s, i) => has?.[i] === true && reduced.has(s));
  }

  /** A collective over several hosts. Adds up what is not yet: this worker's part into the reduced arenas, and over the hosts. */
  async reduce(collected: Collected, options: CollectiveOptions): Promise<void> {
    const { local, hosts } = this.#world;
    const { arenas } = this.#placement;
    const missing = new Map(arenas.map(({ arena }) => [arena, this.#missing(arena, collected)]));
    if ([...missing.values()].every((list) => list.length === 0)) return;
    for (const { arena, peers, reduced } of arenas) {
      const ranges = mergedRanges(missing.get(arena)!, collected.shares.get(arena));
      if (ranges.length > 0) await kernelsOf(Engine.default()).sum(reduced, { arrays: peers, factor: collected.factor }, ranges);
    }
    if (hosts > 1) {
      await local.barrier(options);
      const parts = arenas.map(({ arena, reduced }, i) => ({ arena: i, data: reduced, segments: missing.get(arena)!.map(({ segment }) => segment) }));
      await this.#overHosts.reduce(parts, options);
      await local.barrier(options);
    }
    for (const list of missing.values()) for (const { segment } of list) this.#treatment.reduced.add(segment);
  }

  #missing(arena: ParameterArena, { any, contributors }: Presence): RowedSegment[] {
    const own = arena.segments.filter((s) => any.get(arena)![s.index] === true && !this.#treatment.reduced.has(s));
    return own.map((s) => ({ ...rowed(s), contributors: contributors.get(arena)![s.index]! }));
  }
}
