// N workers with batches of B train as one worker with batches of N * B, and all hold the same bits after every step.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch } from "../support/launch.js";
import type { TrainResult, TrainSettings } from "./programs/train.js";

const program = new URL("./programs/trainings.js", import.meta.url);
const rowsPerStep = 12;
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "equivalence-"));
});
after(() => rm(folder, { recursive: true, force: true }));

type Settings = Omit<TrainSettings, "out" | "batch" | "steps"> & { readonly steps?: number; readonly batch?: number };
const planned = new Map<number, Settings[]>();
const launched = new Map<number, Promise<TrainResult[]>>();

/** All trainings of so many workers are one launch. */
async function launchAll(workers: number): Promise<TrainResult[]> {
  const all = planned.get(workers)!.map((settings, i): TrainSettings => {
    const accumulation = settings.accumulation ?? 1;
    return { steps: 20, batch: rowsPerStep / workers / accumulation, ...settings, out: join(folder, `${workers}-${i}.json`) };
  });
  const { code, stderr, stdout } = await launch({ options: ["--num-processes", String(workers)], script: program, args: [JSON.stringify(all)] });
  assert.equal(code, 0, stdout + stderr);
  return Promise.all(all.map(async ({ out }) => JSON.parse(await readFile(out, "utf8")) as TrainResult));
}

/** To be called before the tests run; what it returns gives the result. */
function train(workers: number, settings: Settings): () => Promise<TrainResult> {
  const list = planned.get(workers) ?? [];
  planned.set(workers, list);
  const index = list.push(settings) - 1;
  return async () => {
    if (!launched.has(workers)) launched.set(workers, launchAll(workers));
    return (await launched.get(workers)!)[index]!;
  };
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
    const adam = optimizer === "adamw";
    const alone = train(1, { optimizer });
    const shared = [2, 3, 4].map((workers) => train(workers, { optimizer }));
    it(`${optimizer}, 2, 3 and 4 workers, 20 steps`, async () => {
      for (const many of shared) assertSame(await alone(), await many(), { adam });
    });
    const settings = { optimizer, clip: 0.5, groups: true, frozen: true };
    const [whole, two, parts] = [train(1, settings), train(2, { ...settings, accumulation: 3 }), train(1, { ...settings, accumulation: 2 })];
    it(`${optimizer} with accumulation, clipping, groups and a frozen part`, async () => {
      assertSame(await whole(), await two(), { adam });
      assertSame(await whole(), await parts(), { adam });
    });
  }

  const few = { optimizer: "adamw", clip: 0.5, steps: 6 } as const;
  const [shared, own] = [train(2, few), train(2, { ...few, shareParameters: false })];
  it("shared and private parameters give the same bits", async () => {
    const [one, other] = [await shared(), await own()];
    assert.ok(one.alike && other.alike);
    assert.equal(other.hash, one.hash);
  });

  const branches = { model: "branches", optimizer: "adamw", steps: 8, batch: 4 } as const;
  const [ofTwo, ofThree, ofOne] = [train(2, branches), train(3, { ...branches, clip: 0.1 }), train(1, { ...branches, steps: 1 })];
  it("workers that run different parts of a model agree, and what no worker uses stays as it is", async () => {
    const [two, three, one] = [await ofTwo(), await ofThree(), await ofOne()];
    for (const { alike } of [two, three]) assert.ok(alike);
    assert.deepEqual(two.parameters["unused.weight"], one.parameters["unused.weight"]);
    assert.notDeepEqual(two.parameters["right.weight"], one.parameters["right.weight"]);
  });

  const short = train(2, { accumulation: 2, rows: 31, batch: 3, steps: 1 });
  it("a last window that is short, and a last round that is filled up", async () => {
    const { alike, losses } = await short();
    // 31 rows are 11 batches of 3, 6 for each worker: 3 windows of 2.
    assert.ok(alike);
    assert.equal(losses.length, 3);
  });
});
