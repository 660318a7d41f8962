// Accumulation under real launches: windows, weights, noSync, loops inside loops; and the same global batches for any number of workers.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";

const program = (name: string): URL => new URL(`./programs/${name}.js`, import.meta.url);
const run = async (workers: number, name: string, args: readonly string[] = []) => {
  const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script: program(name), args });
  assert.equal(code, 0, stdout + stderr);
  return { stdout, stderr };
};

describe("windows, weights, noSync, loops inside loops", () => {
  for (const workers of [1, 2, 3]) {
    it(`on ${workers} worker${workers > 1 ? "s" : ""}`, async () => {
      const { stdout, stderr } = await run(workers, "accumulation");
      assert.match(stdout, /ok/);
      assert.equal(stderr.match(/a step was skipped: the weights of all its micro-batches, on all workers, are 0/g)?.length, 1, stderr);
    });
  }
});

describe("with ignoreDuplicates a global batch trains the same for any number of workers", () => {
  const weights = async (workers: number, kind: string): Promise<number[]> => {
    const { stdout } = await run(workers, "invariance", [kind]);
    return JSON.parse(stdout.slice(stdout.indexOf("{"))).weights as number[];
  };
  for (const kind of ["split", "accumulate", "clip"]) {
    it(kind, async () => {
      const one = await weights(1, kind);
      for (const workers of [2, 3]) {
        const many = await weights(workers, kind);
        for (const [i, w] of one.entries()) assert.ok(Math.abs(w - many[i]!) <= 1e-6, `${workers} workers: ${many} instead of ${one}`);
      }
    });
  }
});
