// Checks of what needs no model: ranks, tensors and objects between workers, turns and flags.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fromData, tensor } from "../../src/tensor/index.js";
import type { Check } from "./check.js";

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
/** Accelerate's own figures: 1 .. P plus P times the rank. */
const figures = (rank: number, world: number): number[] => range(world).map((i) => i + 1 + world * rank);

const ranks: Check = {
  name: "ranks",
  run: async ({ accelerator, world, ranks, expect }) => {
    const { processIndex, localProcessIndex, numProcesses, isMainProcess } = accelerator;
    const all = await accelerator.gatherObject([{ processIndex, numProcesses, isMainProcess, pid: process.pid }]);
    expect.equal(
      "ranks",
      all.map((w) => w.processIndex),
      ranks,
    );
    expect.equal(
      "number of workers, as each sees it",
      all.map((w) => w.numProcesses),
      ranks.map(() => world),
    );
    expect.equal(
      "main processes",
      all.map((w) => w.isMainProcess),
      ranks.map((r) => r === 0),
    );
    expect.equal("this worker's rank on its machine is below the number of workers", localProcessIndex < world, true);
  },
};

const gather: Check = {
  name: "gather",
  run: async ({ accelerator, rank, world, ranks, expect }) => {
    const all = await accelerator.gather(tensor(figures(rank, world)));
    expect.equal(
      "1 .. P of every worker",
      await all.toArray(),
      range(world * world).map((i) => i + 1),
    );
    const ragged = await accelerator.gather({ rows: tensor(range(rank + 1).map(() => rank)), one: tensor(rank, { dtype: "int64" }) });
    expect.equal(
      "rows of different number",
      await ragged.rows.toArray(),
      ranks.flatMap((r) => range(r + 1).map(() => r)),
    );
    expect.equal("one number of each", await ragged.one.toArray(), ranks);
  },
};

const reduce: Check = {
  name: "reduce",
  run: async ({ accelerator, rank, world, ranks, expect }) => {
    const own = tensor(figures(rank, world));
    const columns = range(world).map((i) => ranks.map((r) => figures(r, world)[i]!));
    expect.equal("sum", await (await accelerator.reduce(own, "sum")).toArray(), columns.map(sum));
    expect.equal(
      "max",
      await (await accelerator.reduce(own, "max")).toArray(),
      columns.map((c) => Math.max(...c)),
    );
    expect.close(
      "mean",
      (await (await accelerator.reduce(own, "mean")).toArray()) as number[],
      columns.map((c) => sum(c) / world),
    );
    expect.equal("none", await (await accelerator.reduce(own, "none")).toArray(), figures(rank, world));
    expect.equal("what was given", await own.toArray(), figures(rank, world));
    // Longer than any buffer between workers, and of odd length.
    const long = await accelerator.reduce(fromData(new Float32Array(1_000_003).fill(rank + 1), [1_000_003]), "sum");
    const total = sum(ranks.map((r) => r + 1));
    expect.equal("places of a long sum that are wrong", (await long.data()).filter((v) => v !== total).length, 0);
  },
};

const objects: Check = {
  name: "objects",
  run: async ({ accelerator, rank, world, ranks, expect }) => {
    const lists = await accelerator.gatherObject(range(rank).map((i) => `${rank}.${i}`));
    expect.equal(
      "lists of different length",
      lists,
      ranks.flatMap((r) => range(r).map((i) => `${r}.${i}`)),
    );
    const from = world - 1;
    const told = await accelerator.broadcastObject(rank === from ? { from, map: new Map([["a", 1n]]), numbers: Float32Array.of(0.5) } : undefined, from);
    expect.equal("an object of the last worker", told, { from, map: new Map([["a", 1n]]), numbers: Float32Array.of(0.5) });
  },
};

const padding: Check = {
  name: "padding",
  run: async ({ accelerator, rank, world, expect }) => {
    const padded = await accelerator.padAcrossProcesses(tensor(range(rank + 1)), { padIndex: -1 });
    expect.equal(
      "filled up at the end",
      await padded.toArray(),
      range(world).map((i) => (i <= rank ? i : -1)),
    );
  },
};

const splitting: Check = {
  name: "splitting",
  run: async ({ accelerator, rank, world, expect }) => {
    const [q, r] = [Math.floor(17 / world), 17 % world];
    const begin = rank * q + Math.min(rank, r);
    const part = range(q + Number(rank < r)).map((i) => begin + i);
    await accelerator.splitBetweenProcesses(range(17), (items) => expect.equal("part of 17", items, part));
  },
};

const SLEEP = 50;
const mainFirst: Check = {
  name: "main process first",
  run: async ({ accelerator, folder, expect }) => {
    const marker = join(folder, "main-was-here");
    await accelerator.localMainProcessFirst(async () => {
      if (!accelerator.isLocalMainProcess) return expect.equal("the main process was there before", existsSync(marker), true);
      await new Promise((done) => setTimeout(done, SLEEP));
      writeFileSync(marker, "");
    });
  },
};
const trigger: Check = {
  name: "trigger",
  run: async ({ accelerator, rank, world, expect }) => {
    expect.equal("before it is set", await accelerator.checkTrigger(), false);
    if (rank === world - 1) accelerator.setTrigger();
    expect.equal("set by the last worker", await accelerator.checkTrigger(), true);
    expect.equal("after it was seen", await accelerator.checkTrigger(), false);
  },
};

export const collectiveChecks: readonly Check[] = [ranks, gather, reduce, objects, padding, splitting, mainFirst, trigger];
