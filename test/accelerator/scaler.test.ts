// Loss scaling under real launches: an overflow anywhere skips the step everywhere.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";

describe("loss scaling", () => {
  for (const workers of [1, 2, 3]) {
    it(`on ${workers} worker${workers > 1 ? "s" : ""}`, async () => {
      const script = new URL("./programs/scaler.js", import.meta.url);
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
  }
});
