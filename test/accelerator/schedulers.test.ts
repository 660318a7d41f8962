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
