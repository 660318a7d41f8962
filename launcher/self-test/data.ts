// Checks of loaders: which rows each worker gets, and that none is lost or counted twice.
import { DataLoader } from "../../src/data/index.js";
import type { Accelerator } from "../../src/accelerator/index.js";
import type { Tensor } from "../../src/tensor/index.js";
import type { Check } from "./check.js";

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const BATCH = 3;

/** What one worker sees of an epoch, and what all see of it together. */
async function epoch(accelerator: Accelerator, loader: AsyncIterable<Tensor<1>>): Promise<{ readonly own: number[][]; readonly all: number[] }> {
  const own: number[][] = [];
  const all: number[] = [];
  for await (const batch of loader) {
    own.push(await batch.toArray());
    all.push(...(await (await accelerator.gatherForMetrics(batch)).toArray()));
  }
  return { own, all };
}

const sharding: Check = {
  name: "sharding",
  run: async ({ accelerator, rank, world, expect }) => {
    // Two rounds, a batch, and a short one: more rows than a round has, so that filling up begins at the first row.
    const rows = 2 * BATCH * world + BATCH + 2;
    const loader = new DataLoader(range(rows), { batchSize: BATCH });
    await accelerator.prepare(loader);
    const { own, all } = await epoch(accelerator, loader);
    const rounds = Math.ceil(Math.ceil(rows / BATCH) / world);
    const expected = range(rounds).map((round) => range(BATCH).map((i) => ((round * world + rank) * BATCH + i) % rows));
    // One worker alone gets the short batch as it is.
    if (world === 1) expected[rounds - 1] = expected.at(-1)!.slice(0, rows % BATCH || BATCH);
    expect.equal("batches of this worker", own, expected);
    expect.equal("batches that were promised", loader.length, rounds);
    expect.equal("rows of all workers, without what was filled in", all, range(rows));
  },
};

const shuffling: Check = {
  name: "shuffling",
  run: async ({ accelerator, rank, world, expect }) => {
    const rows = 8 * world + 1;
    const loader = new DataLoader(range(rows), { batchSize: 2, shuffle: true, seed: 11 + rank });
    await accelerator.prepare(loader);
    const orders = [(await epoch(accelerator, loader)).all, (await epoch(accelerator, loader)).all] as const;
    for (const order of orders)
      expect.equal(
        "rows of an epoch",
        [...order].sort((a, b) => a - b),
        range(rows),
      );
    expect.equal("two epochs have one order", orders[0].join() === orders[1].join(), false);
    expect.equal("the order of the first epoch, on all workers", new Set(await accelerator.gatherObject([orders[0].join()])).size, 1);
  },
};

export const dataChecks: readonly Check[] = [sharding, shuffling];
