// Programs that assert what an Accelerator does for any number of workers, under real launches of 1 to 4: all programs of one number in one launch.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { launch } from "../support/launch.js";

const several = new URL("./programs/several.js", import.meta.url);

/** By program: what it shows, and on how many workers it runs. */
const programs: Readonly<Record<string, readonly [what: string, most: number]>> = {
  operations: ["what an Accelerator offers without a model", 4],
  gradients: ["gradients: reading, clipping, several optimizers, parameters that come later, state", 3],
  interplay: ["several optimizers, evaluations and probes in between, state from before, calls in flight", 3],
  "sharding-training": ["with ignoreDuplicates a global batch trains the same", 4],
  accumulation: ["windows, noSync, loops inside loops", 3],
  weights: ["weights of micro-batches: tokens, zeros, steps where nothing counts", 3],
  scaler: ["loss scaling: an overflow anywhere skips the step everywhere", 3],
  schedulers: ["schedules follow their optimizer", 3],
  debug: ["debug mode tells every worker in what their calls differ", 3],
  // The last one: it hears warnings itself.
  sharding: ["prepared loaders give out the dataset's rows, and gatherForMetrics brings them back in their order", 4],
};

for (const workers of [1, 2, 3, 4]) {
  describe(`on ${workers} worker${workers > 1 ? "s" : ""}`, () => {
    const names = Object.keys(programs).filter((name) => workers <= programs[name]![1]);
    let all: Awaited<ReturnType<typeof launch>>;
    before(async () => {
      all = await launch({ options: ["--num-processes", String(workers)], script: several, args: names });
    });
    /** What the main process wrote from the begin of a program to that of the next one. */
    const outputOf = (name: string): string => {
      const [, text] = all.stdout.replaceAll(/^\[\d+\] /gm, "").split(`program ${name}\n`);
      return text?.split(/^program /m)[0] ?? "";
    };
    for (const name of names)
      it(programs[name]![0], () => {
        assert.equal(outputOf(name).match(/^ok$/gm)?.length, 1, all.stdout + all.stderr);
      });
    it("and all end well", () => {
      assert.equal(all.code, 0, all.stdout + all.stderr);
      // weights and scaler have one each.
      if (workers <= programs.weights![1])
        assert.equal(all.stderr.match(/a step was skipped: the weights of all its micro-batches, on all workers, are 0/g)?.length, 2, all.stderr);
    });
  });
}

describe("what an Accelerator offers without a model", () => {
  it("on 3 workers in debug mode, which finds nothing to say of what is right", async () => {
    const { code, stdout, stderr } = await launch({ options: ["--num-processes", "3", "--debug"], script: several, args: ["operations"] });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /ok/);
  });
  it("in a process of its own", async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(new URL("./programs/operations.js", import.meta.url))]);
    assert.match(stdout, /ok/);
  });
});
