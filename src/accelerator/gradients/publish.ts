// How the parameters that a worker has updated reach the others of its host.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import { kernelsOf, mergedRanges, type RowedSegment } from "../../optim/index.js";
import { Engine } from "../../runtime/index.js";
import type { ArenaSegment, CollectedGradients } from "../../tensor/index.js";
import type { Placement } from "./placement.js";

/** A segment of which nothing needs to be known but its place. */
export const rowed = (segment: ArenaSegment): RowedSegment => ({ segment, row: 0, crossesGaps: true, contributors: 1 });

/** A collective: owners have finished before anybody reads a new value or writes a gradient. Where every worker has parameters of its own, new ones are copied from those of their owner. */
export async function publish({ local }: World, { arenas }: Placement, view: CollectedGradients, options: CollectiveOptions): Promise<void> {
  const kernels = kernelsOf(Engine.default());
  for (const { arena, published } of arenas) {
    const ranges = published && mergedRanges(arena.segments.filter((s) => view.has(s)).map(rowed), view.share(arena));
    if (ranges && ranges.length > 0) await kernels.sum(published, { arrays: [arena.values], factor: 1 }, ranges);
  }
  await local.barrier(options);
  for (const { arena, published } of arenas) {
    if (!published) continue;
    const { begin, end } = view.share(arena);
    const segments = arena.segments.filter((s) => view.has(s)).map(rowed);
    for (const part of [
      { begin: 0, end: begin },
      { begin: end, end: arena.values.length },
    ]) {
      const ranges = mergedRanges(segments, part);
      if (ranges.length > 0) await kernels.sum(arena.values, { arrays: [published], factor: 1 }, ranges);
    }
  }
}
