// From parameters to flat ranges: neighbours in an arena that are updated alike become one range, so a kernel runs over memory and not over parameters.
import type { ArenaPart, ArenaSegment, ParameterArena } from "../tensor/index.js";

/** A segment and the number of the row of constants that updates it. */
export interface RowedSegment {
  readonly segment: ArenaSegment;
  readonly row: number;
  /** Whether the gap behind the segment, which is zero, stays zero under the update, so that the range may run over it. */
  readonly crossesGaps: boolean;
  /** Which workers of this host have a gradient of it: bit r for local rank r. */
  readonly contributors: number;
}

/** Segments begin at multiples of this many elements. */
const alignment = 16;
const alignUp = (n: number): number => Math.ceil(n / alignment) * alignment;

/** Quadruples (offset, length, row, contributors) for the kernels, in the order of memory; of what lies in these parts of it. */
export function mergedRanges(segments: readonly RowedSegment[], parts: readonly ArenaPart[] = everything): Float64Array {
  const sorted = [...segments].sort((a, b) => a.segment.offset - b.segment.offset);
  const out: number[] = [];
  for (const part of parts) addRanges(sorted, part, out);
  return Float64Array.from(out);
}
function addRanges(sorted: readonly RowedSegment[], { begin, end }: ArenaPart, out: number[]): void {
  let last: RowedSegment | undefined;
  for (const next of sorted) {
    const offset = Math.max(begin, next.segment.offset);
    const until = Math.min(end, next.segment.offset + next.segment.length);
    if (offset >= until) continue;
    const joins = last && last.row === next.row && last.contributors === next.contributors && last.crossesGaps;
    if (joins && offset === alignUp(last!.segment.offset + last!.segment.length)) out[out.length - 3] = until - out[out.length - 4]!;
    else out.push(offset, until - offset, next.row, next.contributors);
    last = next;
  }
}
/** The whole arena. */
const everything: readonly ArenaPart[] = [{ begin: 0, end: Number.POSITIVE_INFINITY }];

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
