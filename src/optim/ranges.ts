// From parameters to flat ranges: neighbours in an arena that are updated alike become one range, so a kernel runs over memory and not over parameters.
import type { ArenaSegment, ParameterArena } from "../tensor/index.js";

/** A segment and the number of the row of constants that updates it. */
export interface RowedSegment {
  readonly segment: ArenaSegment;
  readonly row: number;
  /** Whether the gap behind the segment, which is zero, stays zero under the update, so that the range may run over it. */
  readonly crossesGaps: boolean;
}

/** Segments begin at multiples of this many elements. */
const alignment = 16;
const alignUp = (n: number): number => Math.ceil(n / alignment) * alignment;

/** Triples (offset, length, row) for the kernels, in the order of memory. */
export function mergedRanges(segments: readonly RowedSegment[]): Float64Array {
  const sorted = [...segments].sort((a, b) => a.segment.offset - b.segment.offset);
  const out: number[] = [];
  let last: RowedSegment | undefined;
  for (const next of sorted) {
    const { offset, length } = next.segment;
    if (last && last.row === next.row && last.crossesGaps && offset === alignUp(last.segment.offset + last.segment.length)) {
      out[out.length - 2] = offset + length - out[out.length - 3]!;
    } else out.push(offset, length, next.row);
    last = next;
  }
  return Float64Array.from(out);
}

/** Gathers what belongs to one arena, arenas in the order in which they were met. */
export function byArena<T extends { readonly segment: ArenaSegment }>(items: Iterable<T>): Map<ParameterArena, T[]> {
  const arenas = new Map<ParameterArena, T[]>();
  for (const item of items) {
    const list = arenas.get(item.segment.arena);
    if (list) list.push(item);
    else arenas.set(item.segment.arena, [item]);
  }
  return arenas;
}
