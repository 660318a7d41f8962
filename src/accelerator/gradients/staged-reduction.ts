// Gradients on devices that do not reach each other: they come down into the memory that the workers of a host share, are added up there as on the CPU, and the mean goes up.
import { type ArenaSegment, type GradientMemory, graphsOf } from "../../tensor/index.js";
import type { PlacedArena } from "./placed-arena.js";
import { Reduction } from "./reduction.js";

/** Arenas on the host are those of `Reduction`. On a device every worker updates all parameters, its own copy. */
export class StagedReduction extends Reduction {
  override async offer(): Promise<void> {
    for (const { arena } of this.placement.arenas) {
      if (!arena.device) continue;
      await graphsOf(arena.device.context).settled;
      await arena.device.grads.bringDown(arena.segments.filter((s) => s.hasGrad).map((s) => s.index));
    }
  }
  override async deliver(segments: readonly ArenaSegment[]): Promise<void> {
    for (const { arena, mean } of this.placement.arenas) {
      if (!mean) continue;
      const own = segments.filter((s) => s.arena === arena).map((s) => s.index);
      for (const index of own) mean.hostWritten(index);
      await mean.bringUp(own);
    }
  }
  override delivered(placed: PlacedArena, segments: readonly ArenaSegment[]): GradientMemory {
    return placed.mean ?? super.delivered(placed, segments);
  }
}
