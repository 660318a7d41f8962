// Schedules over workers under real launches: their pace, and what is said of a schedule that does not fit the run.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";

const program = (name: string): URL => new URL(`./programs/${name}.js`, import.meta.url);

describe("schedules follow their optimizer", () => {
  for (const workers of [1, 2, 3]) {
    it(`on ${workers} worker${workers > 1 ? "s" : ""}`, async () => {
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script: program("schedulers") });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
  }
});

it("a schedule made for the batches of all workers is told of once, by the main process, with the plan", async () => {
  const { code, stderr } = await launch({ options: ["--num-processes", "2"], script: program("plan") });
  assert.equal(code, 0, stderr);
  assert.equal(stderr.match(/plan: 2 optimizer steps per epoch \(2 workers, 2 micro-batches each\); the schedule's 14 steps are 7 epochs/g)?.length, 1, stderr);
  assert.equal(stderr.match(/made for 14 steps, and 2 epochs had 4 optimizer steps.*batches of all workers/g)?.length, 1, stderr);
});
