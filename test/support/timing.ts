// Time in tests: what they wait for, and how long the product promises that things take.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";

/** Long enough for any machine: who waits so long waits for nothing. */
export const PATIENCE_MS = 60_000;

/** Set by bench/promised-times.ts, which has the machine to itself. */
const measured = process.env.ACCELERATE_TS_TEST_TIMES === "1";

/**
 * A duration that the product promises. What it takes in a run of all tests depends on the machine and on what else that does, so it is required by
 * `node dist/bench/promised-times.js` alone; a test that calls this also asserts what does not depend on load: the reason, the words, the order.
 */
export function promised(taken: number, most: number, unit = "ms"): void {
  if (measured) assert.ok(taken <= most, `${taken.toFixed(1)} ${unit}, ${most} are promised`);
}

/** Measures until it is as promised, a few times at most; once where nobody measures. */
export async function promisedBest(most: number, tries: number, measure: () => Promise<number> | number): Promise<void> {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < (measured ? tries : 1) && best > most; i++) best = Math.min(best, await measure());
  promised(best, most);
}

/** Looks again until it is true; false after the deadline. */
export async function becomes(condition: () => boolean, ms = PATIENCE_MS): Promise<boolean> {
  const end = performance.now() + ms;
  while (performance.now() < end) {
    if (condition()) return true;
    await sleep(10);
  }
  return condition();
}
