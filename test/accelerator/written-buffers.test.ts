// Buffers that forward writes into, on several workers and hosts: rank 0's count.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

const program = new URL("./programs/buffers.js", import.meta.url);
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "written-buffers-"));
});
after(() => rm(folder, { recursive: true, force: true }));

describe("running statistics on several workers", () => {
  for (const workers of [1, 3]) {
    it(`on ${workers}: all have rank 0's after each step, and these are saved`, async () => {
      const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script: program, args: [join(folder, String(workers))] });
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
  }
  it("over two hosts", { skip: glooMissing() }, async () => {
    const results = await launchOnTwoHosts({ workers: [1, 1], folder, script: program, args: [join(folder, "hosts")] });
    for (const { code, stdout, stderr } of results) assert.equal(code, 0, stdout + stderr);
  });
});
