// Which of several pieces, one after the other, holds a row.

/** The chunk that holds a row: starts[k] <= row < starts[k + 1]. */
export function chunkOf(starts: Float64Array, row: number): number {
  let [low, high] = [0, starts.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if (starts[middle]! <= row) low = middle;
    else high = middle;
  }
  return low;
}
