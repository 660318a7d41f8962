// How the parameters that a worker has updated reach the others.
import type { CollectiveOptions, World } from "../../distributed/index.js";
import { kernelsOf, mergedRanges, type RowedSegment } from "../../optim/index.js";
import { Engine } from "../../runtime/index.js";
import type { ArenaPart, ArenaSegment, CollectedGradients } from "../../tensor/index.js";
import { gatherParts } from "./host-parts.js";
import type { PlacedArena } from "./placed-arena.js";
import type { Placement } from "./placement.js";

/** A segment of which nothing needs to be known but its place. */
export const rowed = (segment: ArenaSegment): RowedSegment => ({ segment, row: 0, crossesGaps: true, contributors: 1 });

/** What lies between these parts. */
function others(parts: readonly ArenaPart[], length: number): ArenaPart[] {
  const begins = [0, ...parts.map(({ end }) => end)];
  const ends = [...parts.map(({ begin }) => begin), length];
  return begins.map((begin, i) => ({ begin, end: ends[i]! })).filter(({ begin, end }) => begin < end);
}

/**
 * A collective: owners have finished before anybody reads a new value or writes a gradient. Where every worker has parameters of its own, new ones are copied from those of their owner; where hosts
 * have updated a part each, the parts are exchanged. A worker that has updated everything itself takes nothing.
 */
export async function publish(
  { local, cross }: World,
  { arenas, sharding, shardedOverHosts }: Placement,
  view: CollectedGradients,
  options: CollectiveOptions,
): Promise<void> {
  const kernels = kernelsOf(Engine.default());
  const copies = sharding !== "none";
  const copy = async ({ arena, published }: PlacedArena, into: Float32Array, from: Float32Array, parts: readonly ArenaPart[]): Promise<void> => {
    const ranges = published && copies ? mergedRanges(arena.segments.filter((s) => view.has(s)).map(rowed), parts) : [];
    if (ranges.length > 0) await kernels.sum(into, { arrays: [from], factor: 1 }, ranges as Float64Array);
  };
  for (const placed of arenas) if (placed.published) await copy(placed, placed.published, placed.arena.values, view.share(placed.arena).parts);
  await local.barrier(options);
  if (shardedOverHosts) {
    for (const { arena, published, buckets } of cross ? arenas : [])
      for (const bucket of buckets) if (bucket.segments.some((s) => view.has(s))) await gatherParts(cross!, published ?? arena.values, bucket, options);
    await local.barrier(options);
  }
  for (const placed of arenas) {
    const { arena, published } = placed;
    if (published) await copy(placed, arena.values, published, others(view.share(arena).parts, arena.length));
  }
}
