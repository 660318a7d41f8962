// Pieces in which gradients travel: fixed when parameters are placed, the same on every worker, in the order in which a backward comes to them.
import type { ArenaPart, ArenaSegment } from "../../tensor/index.js";

/** Neighbours in an arena. */
export interface Bucket extends ArenaPart {
  /** Its number in the arena, in the order of exchange. */
  readonly index: number;
  readonly segments: readonly ArenaSegment[];
}

/** Of the first one, that exchange may begin early, and of the last one, which is ready when the backward ends and has nothing to hide behind. */
const outerBytes = 1e6;
const alignment = 16;
const endOf = ({ offset, length }: ArenaSegment): number => Math.ceil((offset + length) / alignment) * alignment;

const bytesOf = ({ length }: ArenaSegment): number => length * Float32Array.BYTES_PER_ELEMENT;

/** With which segment the last bucket begins: it holds no more than `most`, beside larger ones that lie at its end, as tables do: no cap makes those less. */
function lastBegins(reversed: readonly ArenaSegment[], most: number): number {
  let i = reversed.length;
  while (i > 0 && bytesOf(reversed[i - 1]!) > most) i--;
  let bytes = 0;
  while (i > 0 && bytes + bytesOf(reversed[i - 1]!) <= most) bytes += bytesOf(reversed[--i]!);
  return i;
}

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
  const reversed = segments.toReversed();
  const outer = Math.min(outerBytes, capBytes);
  const last = lastBegins(reversed, outer);
  for (const [i, segment] of reversed.entries()) {
    const bytes = ((open.length > 0 ? endOf(open[0]!) : endOf(segment)) - segment.offset) * Float32Array.BYTES_PER_ELEMENT;
    const most = buckets.length === 0 ? outer : capBytes;
    if (open.length > 0 && (i === last || bytes > most || open[0]!.parameter.requiresGrad !== segment.parameter.requiresGrad)) close();
    open.push(segment);
  }
  close();
  return buckets;
}
