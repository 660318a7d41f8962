// LocalSGD: workers train copies that are averaged, like a simulation of all of them and like Accelerate's; afterwards they train together again.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

const program = new URL("./programs/local-sgd.js", import.meta.url);
const golden = join(packageRoot(import.meta.url), "test", "golden", "accelerate-local-sgd.json");
const noGloo = glooMissing();
const run = (workers: number, settings: object) => launch({ options: ["--num-processes", String(workers)], script: program, args: [JSON.stringify(settings)] });

describe("LocalSGD", () => {
  it("trains as a simulation of all workers does, and as Accelerate's", async () => {
    const { code, stdout, stderr } = await run(2, { golden });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /ok/);
  });
  it("on 3 workers with parameters of their own", async () => {
    const { code, stdout, stderr } = await run(3, { shareParameters: false });
    assert.equal(code, 0, stdout + stderr);
  });
  it("on one worker does nothing", async () => {
    const { code, stdout, stderr } = await run(1, {});
    assert.equal(code, 0, stdout + stderr);
  });
  it("over two hosts", { skip: noGloo }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "local-sgd-"));
    try {
      for (const { code, stdout, stderr } of await launchOnTwoHosts({ workers: [2, 1], folder, script: program, args: ["{}"] }))
        assert.equal(code, 0, stdout + stderr);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  it("says which worker makes other steps, or ends before the others", async () => {
    const steps = await run(2, { astray: "steps" });
    assert.notEqual(steps.code, 0);
    assert.match(steps.stderr, /ERR_LOCAL_SGD|localSgd: rank 0/);
    const end = await run(2, { astray: "end" });
    assert.notEqual(end.code, 0);
    assert.match(end.stderr, /localSgd: rank 0 averages after 4 steps, rank 1 ends after 3 steps/);
  });
});
