// Which part of an arena a worker adds up and updates.
import type { ParameterArena } from "../../tensor/index.js";

export const ranksOf = (size: number): number[] => Array.from({ length: size }, (_, rank) => rank);

/** Elements of a cache line: shares begin on one, so that no two workers write to the same. */
const line = 16;

/**
 * Equal parts, counted over the segments that have a gradient: frozen ones cost nobody anything. From `begin` to `end` in elements of the arena.
 * The parts of all workers cover the arena without gaps. `whole`: they are cut between parameters only, as equal as that goes.
 */
export function shareOf(
  { segments, values }: Pick<ParameterArena, "values" | "segments">,
  has: readonly boolean[],
  { rank, size, whole = false }: { readonly rank: number; readonly size: number; readonly whole?: boolean },
): { readonly begin: number; readonly end: number } {
  const active = segments.filter((_, i) => has[i]);
  const total = active.reduce((sum, s) => sum + s.length, 0);
  /** Where the first `count` elements with a gradient end. */
  const place = (count: number): number => {
    let left = count;
    for (const { offset, length } of active) {
      if (left <= length && whole) return left <= length / 2 ? offset : Math.min(values.length, offset + Math.ceil(length / line) * line);
      if (left <= length) return Math.min(values.length, offset + Math.ceil(left / line) * line);
      left -= length;
    }
    return values.length;
  };
  return {
    begin: rank === 0 ? 0 : place(Math.round((total * rank) / size)),
    end: rank === size - 1 ? values.length : place(Math.round((total * (rank + 1)) / size)),
  };
}
