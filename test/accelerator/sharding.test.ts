// Which rows each worker gets and which of them count, over two hosts; programs.test.ts has the launches on one.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

it("with ignoreDuplicates a global batch trains the same on 2 + 1 workers of two hosts", { skip: glooMissing() }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "sharding-"));
  try {
    const script = new URL("./programs/sharding-training.js", import.meta.url);
    for (const { code, stdout, stderr } of await launchOnTwoHosts({ workers: [2, 1], folder, hosts: undefined, script }))
      assert.equal(code, 0, stdout + stderr);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
