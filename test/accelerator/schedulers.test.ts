// What is said of a schedule that does not fit the run; their pace is in programs.test.ts.
import assert from "node:assert/strict";
import { it } from "node:test";
import { launch } from "../support/launch.js";

const program = (name: string): URL => new URL(`./programs/${name}.js`, import.meta.url);

it("a schedule made for the batches of all workers is told of once, by the main process, with the plan", async () => {
  const { code, stderr } = await launch({ options: ["--num-processes", "2"], script: program("plan") });
  assert.equal(code, 0, stderr);
  assert.equal(stderr.match(/plan: 2 optimizer steps per epoch \(2 workers, 2 micro-batches each\); the schedule's 14 steps are 7 epochs/g)?.length, 1, stderr);
  assert.equal(stderr.match(/made for 14 steps, and 2 epochs had 4 optimizer steps.*batches of all workers/g)?.length, 1, stderr);
});
