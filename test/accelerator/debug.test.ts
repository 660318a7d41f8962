// Debug mode: what the workers are about to do is compared before each call of the user's.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";

const program = (name: string): URL => new URL(`./programs/${name}.js`, import.meta.url);

describe("debug mode", () => {
  for (const variable of ["ACCELERATE_TS_DEBUG_MODE", "ACCELERATE_DEBUG_MODE"])
    it(`is on by ${variable}, and finds nothing to say of a program that is right`, async () => {
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", "2"], script: program("calls"), env: { [variable]: "true" } });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /debug mode: the shapes differ/);
    });
  it("is off unless it is asked for", async () => {
    const { code, stdout, stderr } = await launch({ options: ["--num-processes", "2"], script: program("calls") });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /the shapes differ between workers: \[1, 5\] on rank 0, \[1, 2, 5\] on rank 1/);
  });
});
