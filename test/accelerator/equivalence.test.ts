// N workers with batches of B train as one worker with batches of N * B, and all hold the same bits after every step.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch } from "../support/launch.js";
import type { TrainResult, TrainSettings } from "./programs/train.js";

const program = new URL("./programs/train.js", import.meta.url);
const rowsPerStep = 12;
let folder: string;
let runs = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "equivalence-"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function train(
  workers: number,
  settings: Omit<TrainSettings, "out" | "batch" | "steps"> & { readonly steps?: number; readonly batch?: number },
): Promise<TrainResult> {
  const out = join(folder, `${++runs}.json`);
  const accumulation = settings.accumulation ?? 1;
  const full: TrainSettings = { steps: 20, batch: rowsPerStep / workers / accumulation, ...settings, out };
  const { code, stderr, stdout } = await launch({ options: ["--num-processes", String(workers)], script: program, args: [JSON.stringify(full)] });
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(await readFile(out, "utf8")) as TrainResult;
}

const largest = (a: readonly number[], b: readonly number[]): number => a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]!)), 0);

/** In exact arithmetic the gradient of a key's bias is zero; what rounding leaves is blown up by Adam. */
const zeroGradient = /attention\.self\.key\.bias$/;

function assertSame(one: TrainResult, many: TrainResult, options: { readonly adam: boolean }): void {
  assert.ok(many.alike, "all workers hold the same bits after every step");
  assert.equal(many.losses.length, one.losses.length);
  assert.ok(largest(one.losses, many.losses) <= 1e-6, `losses differ by ${largest(one.losses, many.losses)}`);
  assert.ok(largest(one.norms, many.norms) <= 1e-5, `norms differ by ${largest(one.norms, many.norms)}`);
  for (const [name, values] of Object.entries(one.parameters)) {
    if (options.adam && zeroGradient.test(name)) continue;
    const apart = largest(values, many.parameters[name]!);
    assert.ok(apart <= 1e-6, `${name} differs by ${apart}`);
  }
}

describe("N workers with batch B equal one with batch N * B", () => {
  for (const optimizer of ["sgd", "adamw"] as const) {
    it(`${optimizer}, 2, 3 and 4 workers, 20 steps`, async () => {
      const one = await train(1, { optimizer });
      for (const workers of [2, 3, 4]) assertSame(one, await train(workers, { optimizer }), { adam: optimizer === "adamw" });
    });
    it(`${optimizer} with accumulation, clipping, groups and a frozen part`, async () => {
      const settings = { optimizer, clip: 0.5, groups: true, frozen: true };
      const one = await train(1, settings);
      assertSame(one, await train(2, { ...settings, accumulation: 3 }), { adam: optimizer === "adamw" });
      assertSame(one, await train(1, { ...settings, accumulation: 2 }), { adam: optimizer === "adamw" });
    });
  }

  it("shared and private parameters give the same bits", async () => {
    const settings = { optimizer: "adamw", clip: 0.5, steps: 6 } as const;
    const shared = await train(2, settings);
    const own = await train(2, { ...settings, shareParameters: false });
    assert.ok(shared.alike && own.alike);
    assert.equal(own.hash, shared.hash);
  });

  it("workers that run different parts of a model agree, and what no worker uses stays as it is", async () => {
    const settings = { model: "branches", optimizer: "adamw", steps: 8, batch: 4 } as const;
    const two = await train(2, settings);
    const three = await train(3, { ...settings, clip: 0.1 });
    for (const { alike } of [two, three]) assert.ok(alike);
    const one = await train(1, { ...settings, steps: 1 });
    assert.deepEqual(two.parameters["unused.weight"], one.parameters["unused.weight"]);
    assert.notDeepEqual(two.parameters["right.weight"], one.parameters["right.weight"]);
  });

  it("a last window that is short, and a last round that is filled up", async () => {
    const { alike, losses } = await train(2, { accumulation: 2, rows: 31, batch: 3, steps: 1 });
    // 31 rows are 11 batches of 3, 6 for each worker: 3 windows of 2.
    assert.ok(alike);
    assert.equal(losses.length, 3);
  });
});
