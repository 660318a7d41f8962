// Gradients of embeddings travel as rows: the numbers are those of whole tables, bit for bit, on any number of workers and hosts.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

const script = new URL("./programs/sparse.js", import.meta.url);

describe("gradients of embeddings as rows train as whole tables do, bit for bit", () => {
  for (const [workers, what, names] of [
    [1, "with all optimizers, clipping, accumulation, reads and workers without a gradient", []],
    // All of them on three: sparse.slow.test.ts, and over two hosts below.
    [3, "some of which have no gradient, or parameters of their own", ["AdamW, clipped, accumulated", "SGD, left out", "Lion, own parameters"]],
  ] as const)
    it(`on ${workers} worker${workers === 1 ? "" : "s"}, ${what}`, async () => {
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script, args: names });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, new RegExp(`same ${names.length || "\\d+"} with ${workers}`));
    });
  it("on two hosts, which send rows to each other", { skip: glooMissing() }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "sparse-"));
    try {
      const ends = await launchOnTwoHosts({ workers: [2, 1], folder, script });
      for (const { code, stdout, stderr } of ends) assert.equal(code, 0, stdout + stderr);
      const { stdout } = ends[0];
      assert.match(stdout, /same \d+ with 3/);
      const [, dense, sparse] = stdout.match(/bytes (\d+) (\d+)/)!.map(Number);
      assert.ok(sparse! < 0.6 * dense!, `${sparse} bytes of rows, ${dense} of tables`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
