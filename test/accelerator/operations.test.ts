// Workers that do not do the same, and what is said of it.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";
import { promised } from "../support/timing.js";

const program = (name: string): URL => new URL(`./programs/${name}.js`, import.meta.url);
const workers = (n: number): string[] => ["--num-processes", String(n)];

describe("workers that do not do the same", () => {
  const tellable: readonly (readonly [kind: string, message: RegExp])[] = [
    ["shape", /the parameters differ between workers: number 3 is second\.weight float32 \[2, 4\] on rank 0 and second\.weight float32 \[3, 4\] on rank 1/],
    ["order", /the objects given to prepare differ between workers: number 1 is a model Two on rank 0 and an optimizer AdamW/],
    ["loader", /a loader of 3 batches of 1 on rank 0 and a loader of 2 batches of 2 on rank 1/],
    ["data", /a loader of 3 batches of 1 on rank 0 and a loader of 2 batches of 1 on rank 1/],
    ["groups", /first\.weight in group 0 on rank 0 and second\.weight in group 0 on rank 1/],
    ["rate", /group 0 with \{ lr: 0\.1, .* on rank 0 and group 0 with \{ lr: 0\.2, .* on rank 1/],
    ["options", /an Accelerator with \{ gradientAccumulationSteps: 1, .* on rank 0 and .*gradientAccumulationSteps: 2/],
    ["lazy", /the parameters that are new in the model differ between workers: number 1 is nothing on rank 0 and late\.weight float32 \[2, 2\] on rank 1/],
  ];
  const ends: typeof tellable = [
    ["away", /worker 0 of 2 could not go on without worker 1.*\n.*rank 1 has ended, or closed its Accelerator, without the call that rank 0 waits in/],
    ["early", /worker 1 of 2 failed first: RangeError/],
    ["step", /the ranks have taken different paths/],
  ];
  for (const [kind, message] of [...ends, tellable[0]!]) {
    it(`and the job ends: ${kind}`, async () => {
      const { code, stderr, ms } = await launch({ options: workers(2), script: program("differ"), args: [kind] });
      assert.notEqual(code, 0);
      assert.match(stderr, message);
      promised(ms, 15_000);
    });
  }
  it(`are told in what they differ, each of them, and can go on: ${tellable.map(([kind]) => kind).join(", ")}`, async () => {
    const { code, stderr } = await launch({ options: workers(2), script: program("differ"), args: [tellable.map(([kind]) => kind).join()] });
    assert.equal(code, 0, stderr);
    for (const [kind, message] of tellable)
      for (const rank of [0, 1]) assert.match(stderr.match(new RegExp(`^\\[${rank}\\] ${kind}: .*$`, "m"))?.[0] ?? stderr, message);
  });
  it("and train without an Accelerator are warned, once each", async () => {
    const { code, stderr } = await launch({ options: workers(2), script: program("alone") });
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/trains without an Accelerator/g)?.length, 2);
  });
  it("and end before they ever meet the others are named", async () => {
    const { code, stderr, ms } = await launch({ options: workers(2), script: program("absent") });
    assert.notEqual(code, 0);
    assert.match(stderr, /rank 1 has ended, or closed its Accelerator, without the call that rank 0 waits in/);
    promised(ms, 15_000);
  });
  it("and prepare no model are warned, once each", async () => {
    const { code, stderr } = await launch({ options: workers(2), script: program("unprepared") });
    assert.equal(code, 0, stderr);
    assert.equal(stderr.match(/backward before a model was prepared: each of the 2 workers trains a model of its own/g)?.length, 2);
  });
});

it("saveModel writes weights and config once, for all to read", async () => {
  const folder = await mkdtemp(join(tmpdir(), "save-model-"));
  try {
    const { code, stderr } = await launch({ options: workers(2), script: program("save"), args: [folder] });
    assert.equal(code, 0, stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
