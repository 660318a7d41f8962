// Seeds of workers: the same on all, or one of their own.
import { configuredWorker } from "../config.js";
import type { CollectiveOptions, ProcessGroup } from "../distributed/index.js";
import { defaultGenerator, type Generator } from "../tensor/index.js";

export interface SeedOptions {
  /** Adds the worker's rank: every worker draws numbers of its own, also for initial weights; default false. */
  readonly deviceSpecific?: boolean;
}

/**
 * Seeds the default generator, which initial weights, the orders of loaders and dropout come from. Weights and orders are the same on every worker, dropout is each worker's own.
 *
 * @example
 * setSeed(42);
 * const layer = new Linear(3, 4); // the same weights in every run, on every worker
 */
export function setSeed(seed: number, { deviceSpecific = false }: SeedOptions = {}): void {
  const rank = configuredWorker()?.rank ?? 0;
  defaultGenerator().setSeed(deviceSpecific ? seed + rank : seed, { rank });
}

/** Takes rank 0's place in the generator's numbers; dropout stays each worker's own. */
export async function followGenerator(group: ProcessGroup, generator: Generator, options: CollectiveOptions): Promise<void> {
  const own = generator.state;
  const first = await group.broadcastObject(own, 0, options);
  generator.state = { ...first, rank: own.rank };
}
