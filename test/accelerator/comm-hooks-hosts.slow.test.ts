// Communication hooks between hosts: gradients close to the plain ones for every kind, the same bits on all workers, fewer bytes. On one host nothing is sent.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

interface Report {
  readonly bytes: Readonly<Record<string, number>>;
  readonly worst: Readonly<Record<string, number>>;
}
const program = new URL("./programs/comm-hooks.js", import.meta.url);
const noGloo = glooMissing();

describe("communication hooks", () => {
  it("between two hosts", { skip: noGloo }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "comm-hooks-"));
    try {
      const ends = await launchOnTwoHosts({ workers: [2, 1], folder, script: program });
      for (const { code, stdout, stderr } of ends) assert.equal(code, 0, stdout + stderr);
      const lines = ends[0].stdout.split("\n").filter((line) => line.includes('"bytes"'));
      const reports = lines.map((line) => JSON.parse(line.slice(line.indexOf("{"))) as Report);
      const { bytes } = reports.find((report) => report.bytes.no! > 0)!;
      const ratio = (label: string) => bytes[label]! / bytes.no!;
      assert.ok(Math.abs(ratio("fp16") - 0.5) < 0.01, `${ratio("fp16")}`);
      assert.ok(Math.abs(ratio("bf16") - 0.5) < 0.01);
      assert.ok(Math.abs(ratio("wrapper") - 0.5) < 0.01);
      assert.ok(Math.abs(ratio("custom") - 1) < 0.01);
      assert.ok(ratio("powerSgd 1") < 0.1, `${ratio("powerSgd 1")}`);
      assert.ok(ratio("powerSgd fp16") < 0.05, `${ratio("powerSgd fp16")}`);
      assert.ok(ratio("powerSgd 2") < 0.18);
      assert.ok(ratio("batchedPowerSgd") < 0.4, `${ratio("batchedPowerSgd")}`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  it("on one host gradients stay as they are", async () => {
    const { code, stdout, stderr } = await launch({ options: ["--num-processes", "2"], script: program });
    assert.equal(code, 0, stdout + stderr);
    const { bytes, worst } = JSON.parse(stdout.slice(stdout.indexOf('{"bytes"')).split("\n")[0]!) as Report;
    for (const label of Object.keys(bytes)) {
      assert.equal(bytes[label], 0);
      assert.ok(worst[label]! <= 1e-6, label);
    }
  });
});
