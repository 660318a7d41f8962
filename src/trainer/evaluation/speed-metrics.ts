// How long a run took, and what was done per second.
import type { Metrics } from "../options.js";

export interface SpeedCounts {
  readonly numSamples?: number | undefined;
  readonly numSteps?: number | undefined;
  readonly numTokens?: number | undefined;
}

const rounded = (value: number, digits: number): number => Math.round(value * 10 ** digits) / 10 ** digits;

/** `<split>_runtime` in seconds, 4 digits, and what was done per second, 3 digits. `startTime` as of performance.now(). */
export function speedMetrics(split: string, startTime: number, { numSamples, numSteps, numTokens }: SpeedCounts = {}): Metrics {
  const runtime = (performance.now() - startTime) / 1000;
  const metrics: Metrics = { [`${split}_runtime`]: rounded(runtime, 4) };
  if (runtime === 0) return metrics;
  const counts = { samples: numSamples, steps: numSteps, tokens: numTokens };
  for (const [what, count] of Object.entries(counts)) if (count !== undefined) metrics[`${split}_${what}_per_second`] = rounded(count / runtime, 3);
  return metrics;
}
