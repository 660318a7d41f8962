// The same trainings as with Python's Accelerate on 1 to 4 processes, number by number.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { launch } from "../support/launch.js";
import type { GoldenFile, GoldenResult } from "./golden-training.js";

const tolerance = 1e-6;
const file = join(packageRoot(), "test", "golden", "accelerate-training.json");
const program = new URL("./programs/golden.js", import.meta.url);
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "golden-"));
});
after(() => rm(folder, { recursive: true, force: true }));

function close(actual: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(actual.length, expected.length, `${what}: ${actual.length} numbers, Python has ${expected.length}`);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i]! - value) <= tolerance * Math.max(1, Math.abs(value)), `${what}[${i}] is ${actual[i]}, Python has ${value}`);
}

describe("trainings of Python's Accelerate", () => {
  for (const world of [1, 2, 3, 4])
    it(`come out the same to ${tolerance} on ${world} ${world === 1 ? "process" : "processes"}: SGD, AdamW, filled up, accumulated, clipped, split, scheduled, its training check, its accumulation example`, async () => {
      const golden = JSON.parse(await readFile(file, "utf8")) as GoldenFile;
      const out = join(folder, `${world}.json`);
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(world)], script: program, args: [file, out] });
      assert.equal(code, 0, stdout + stderr);
      const result = JSON.parse(await readFile(out, "utf8")) as GoldenResult;
      const expected = golden.worlds[world]!;
      for (const [i, { name }] of golden.cases.entries()) {
        const [ours, theirs] = [result.cases[i]!, expected.cases[i]!];
        for (const [rank, losses] of theirs.losses.entries()) close(ours.losses[rank]!, losses, `${name}: losses of rank ${rank}`);
        close(ours.norms, theirs.norms, `${name}: norms`);
        close(ours.lrs, theirs.lrs, `${name}: learning rates`);
        for (const [key, values] of Object.entries(theirs.parameters)) close(ours.parameters[key]!, values, `${name}: ${key}`);
      }
      close([result.regression.a, result.regression.b], [expected.regression.a, expected.regression.b], "training check: a and b");
      close([result.accumulation], [expected.accumulation], "accumulation example: weight");
    });
});
