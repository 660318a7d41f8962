// Pieces in which gradients travel: fixed when parameters are placed, the same on every worker, in the order in which a backward comes to them.
import type { ArenaPart, ArenaSegment } from "../../tensor/index.js";

/** Neighbours in an arena. */
export interface Bucket extends ArenaPart {
  /** Its number in the arena, in the order of exchange. */
  readonly index: number;
  readonly segments: readonly ArenaSegment[];
}

/** Of the first one: it is there early, and nobody waits long for it. */
const firstBytes = 1e6;
const alignment = 16;
const endOf = ({ offset, length }: ArenaSegment): number => Math.ceil((offset + length) / alignment) * alignment;

/**
 * Buckets cover the arena. The backward comes to the last layers first, so the order is that of memory, reversed. None holds both frozen parameters and others; a parameter that is larger than
 * `capBytes` is a bucket of its own.
 */
export function bucketsOfArena(segments: readonly ArenaSegment[], { capBytes }: { readonly capBytes: number }): Bucket[] {
  const buckets: Bucket[] = [];
  let open: ArenaSegment[] = [];
  const close = (): void => {
    if (open.length > 0) buckets.push({ index: buckets.length, begin: open.at(-1)!.offset, end: endOf(open[0]!), segments: open.reverse() });
    open = [];
  };
  for (const segment of segments.toReversed()) {
    const bytes = ((open.length > 0 ? endOf(open[0]!) : endOf(segment)) - segment.offset) * Float32Array.BYTES_PER_ELEMENT;
    const most = buckets.length === 0 ? Math.min(firstBytes, capBytes) : capBytes;
    if (open.length > 0 && (bytes > most || open[0]!.parameter.requiresGrad !== segment.parameter.requiresGrad)) close();
    open.push(segment);
  }
  close();
  return buckets;
}
