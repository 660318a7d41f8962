// Gradients of embeddings as rows and as whole tables with every optimizer and option on three workers of one host.
import assert from "node:assert/strict";
import { it } from "node:test";
import { launch } from "../support/launch.js";

it("gradients of embeddings as rows train as whole tables do, bit for bit, on 3 workers", async () => {
  const { code, stdout, stderr } = await launch({ options: ["--num-processes", "3"], script: new URL("./programs/sparse.js", import.meta.url) });
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /same \d+ with 3/);
});
