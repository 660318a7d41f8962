// joinUnevenInputs: workers whose batches end at different times train on, and what cannot be joined in is an error on all.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";
import { promised } from "../support/timing.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

const program = new URL("./programs/join.js", import.meta.url);
const noGloo = glooMissing();
const run = (workers: number, settings: object) => launch({ options: ["--num-processes", String(workers)], script: program, args: [JSON.stringify(settings)] });

describe("joinUnevenInputs", () => {
  for (const [workers, settings] of [
    [1, {}],
    [2, {}],
    [3, { shareParameters: false }],
  ] as const)
    it(`trains on what there is: ${workers} workers${"shareParameters" in settings ? ", parameters of their own" : ""}`, async () => {
      const { code, stdout, stderr } = await run(workers, settings);
      assert.equal(code, 0, stdout + stderr);
      assert.match(stdout, /ok/);
    });
  it("over two hosts", { skip: noGloo }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "join-"));
    try {
      for (const { code, stdout, stderr } of await launchOnTwoHosts({ workers: [1, 2], folder, script: program, args: ["{}"] }))
        assert.equal(code, 0, stdout + stderr);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  const faults = [
    ["gather", /rank 0 calls gather at .*join\.ts:\d+.*, which rank 1 cannot join in: it has no batches left/],
    ["throw", /RangeError: row that cannot be read/],
    ["differ", /rank 0 makes a step, rank 1 clips a norm/],
    ["localSgd", /localSgd inside joinUnevenInputs/],
  ] as const;
  for (const [fault, message] of faults)
    it(`${fault}: an error on all workers, no wait`, async () => {
      const { code, stderr, ms } = await run(2, { fault });
      assert.notEqual(code, 0);
      assert.match(stderr, message);
      promised(ms, 30_000);
    });
});
