// freeMemory: memory of prepared models goes back to the system, and what the program keeps can be prepared again.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";

const program = new URL("./programs/free-memory.js", import.meta.url);

describe("freeMemory", () => {
  for (const [workers, how] of [
    [1, "shared"],
    [2, "shared"],
    [2, "own"],
  ] as const)
    it(`${workers} workers, ${how} parameters`, async () => {
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script: program, args: ["768", how] });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
});
