// Ranges of rows, several at work at once, taken in their order.
import { ArgumentError } from "../../errors.js";

/**
 * Starts up to `parallel` of `count` works and takes what they give one after the other: memory stays bounded, order is kept, the first failure by order is thrown.
 *
 * @throws the signal's reason when it is aborted, also while a work does not end.
 */
export async function inOrder<T>(
  count: number,
  parallel: number,
  start: (k: number) => Promise<T>,
  take: (value: T, k: number) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  const running: Promise<T>[] = [];
  let next = 0;
  const begin = () => {
    while (running.length < parallel && next < count) {
      const work = start(next++);
      work.catch(() => {}); // told of when its turn comes
      running.push(work);
    }
  };
  signal?.throwIfAborted();
  let aborted = () => {};
  const stop = new Promise<never>((_, reject) => {
    aborted = () => reject(signal!.reason as Error);
  });
  stop.catch(() => {});
  signal?.addEventListener("abort", aborted, { once: true });
  try {
    begin();
    for (let k = 0; k < count; k++) {
      const value = await (signal ? Promise.race([running[0]!, stop]) : running[0]!);
      running.shift();
      signal?.throwIfAborted();
      begin();
      await take(value, k);
    }
  } finally {
    signal?.removeEventListener("abort", aborted);
  }
}

/** Rows per task: batchSize, or all rows for null and -1. @throws ArgumentError ERR_MAP_OPTIONS */
export function batchRows(verb: string, batchSize: number | null | undefined, rows: number): number {
  if (batchSize === undefined) return 1000;
  if (batchSize === null || batchSize === -1) return Math.max(1, rows);
  if (Number.isInteger(batchSize) && batchSize > 0) return batchSize;
  throw new ArgumentError(`${verb}: batchSize is ${String(batchSize)}`, {
    code: "ERR_MAP_OPTIONS",
    hint: "give a whole number of at least 1, or null for all rows at once",
  });
}
