// Optimizers over several workers: all hold the same bits, and N workers with batches of B train as one with batches of N * B.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { TrainResult, TrainSettings } from "../accelerator/programs/train.js";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

let folder: string;
let runs = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "optimizers-"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function train(workers: number, settings: Omit<TrainSettings, "out" | "batch" | "steps">): Promise<TrainResult> {
  const out = join(folder, `${++runs}.json`);
  const full: TrainSettings = { steps: 8, batch: 12 / workers / (settings.accumulation ?? 1), ...settings, out };
  const script = new URL("../accelerator/programs/train.js", import.meta.url);
  const { code, stderr, stdout } = await launch({ options: ["--num-processes", String(workers)], script, args: [JSON.stringify(full)] });
  assert.equal(code, 0, stdout + stderr);
  return JSON.parse(await readFile(out, "utf8")) as TrainResult;
}
const largest = (a: readonly number[], b: readonly number[]): number => a.reduce((worst, v, i) => Math.max(worst, Math.abs(v - b[i]!)), 0);

function assertSame(one: TrainResult, many: TrainResult): void {
  assert.ok(many.alike, "all workers hold the same bits after every step");
  assert.ok(largest(one.losses, many.losses) <= 2e-6, `losses differ by ${largest(one.losses, many.losses)}`);
  for (const [name, values] of Object.entries(one.parameters)) {
    // In exact arithmetic the gradient of a key's bias is zero: what rounding leaves is blown up.
    if (/attention\.self\.key\.bias$/.test(name)) continue;
    const apart = largest(values, many.parameters[name]!);
    assert.ok(apart <= 2e-6, `${name} differs by ${apart}`);
  }
}

describe("several workers", () => {
  const clipped = { optimizer: "adafactor", clip: 0.5 } as const;
  let single: Promise<TrainResult> | undefined;
  const alone = (): Promise<TrainResult> => (single ??= train(1, clipped));

  it("update whole parameters each with Adafactor, whose means go over all of one", async () => {
    assertSame(await alone(), await train(3, clipped));
  });
  it("do so with clipping, accumulation, groups and a frozen part, whether they share parameters or not", async () => {
    const settings = { optimizer: "adafactor", clip: 0.5, groups: true, frozen: true } as const;
    const one = await train(1, settings);
    const two = await train(2, { ...settings, accumulation: 2 });
    assertSame(one, two);
    const own = await train(2, { ...settings, accumulation: 2, shareParameters: false });
    assert.equal(own.hash, two.hash);
  });
  it("do so on two hosts of 2 and 1 workers", { skip: glooMissing() }, async () => {
    const settings: TrainSettings = { ...clipped, steps: 8, batch: 4, out: join(folder, "hosts.json") };
    const script = new URL("../accelerator/programs/train.js", import.meta.url);
    for (const { code, stderr } of await launchOnTwoHosts({ workers: [2, 1], folder, script, args: [JSON.stringify(settings)] })) assert.equal(code, 0, stderr);
    assertSame(await alone(), JSON.parse(await readFile(settings.out, "utf8")) as TrainResult);
  });
  it("train the same with RMSprop and Lion", async () => {
    assertSame(await train(1, { optimizer: "rmsprop" }), await train(2, { optimizer: "rmsprop" }));
    // Where a direction is nearly zero rounding decides on its sign.
    assert.ok((await train(2, { optimizer: "lion" })).alike);
  });
});
