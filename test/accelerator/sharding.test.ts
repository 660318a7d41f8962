// Which rows each worker gets and which of them count, under real launches of 1 to 4 workers.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

describe("prepared loaders give out the dataset's rows, and gatherForMetrics brings them back in their order", () => {
  for (const n of [1, 2, 3, 4]) {
    it(`on ${n} worker${n > 1 ? "s" : ""}, by every rule and from every kind of loader`, async () => {
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(n)], script: new URL("./programs/sharding.js", import.meta.url) });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
  }
});

describe("with ignoreDuplicates a global batch trains the same", () => {
  for (const n of [1, 2, 3, 4]) {
    it(`on ${n} worker${n > 1 ? "s" : ""}`, async () => {
      const { code, stdout, stderr } = await launch({
        options: ["--num-processes", String(n)],
        script: new URL("./programs/sharding-training.js", import.meta.url),
      });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
  }
  it("on 2 + 1 workers of two hosts", { skip: glooMissing() }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "sharding-"));
    try {
      const script = new URL("./programs/sharding-training.js", import.meta.url);
      for (const { code, stdout, stderr } of await launchOnTwoHosts({ workers: [2, 1], folder, hosts: undefined, script }))
        assert.equal(code, 0, stdout + stderr);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
