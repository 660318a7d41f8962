// Accumulation under real launches: windows, weights, noSync, loops inside loops; and the same global batches for any number of workers.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

const program = (name: string): URL => new URL(`./programs/${name}.js`, import.meta.url);
const run = async (workers: number, name: string) => {
  const { code, stdout, stderr } = await launch({ options: ["--num-processes", String(workers)], script: program(name) });
  assert.equal(code, 0, stdout + stderr);
  return { stdout, stderr };
};

it("windows, weights, noSync, loops inside loops, over two hosts", { skip: glooMissing() }, async () => {
  const folder = await mkdtemp(join(tmpdir(), "accumulation-"));
  try {
    const ends = await launchOnTwoHosts({
      workers: [2, 2],
      folder,
      script: program("several"),
      args: ["accumulation", "weights", "scaler"],
      timeoutMs: 600_000,
    });
    for (const { code, stdout, stderr } of ends) assert.equal(code, 0, stdout + stderr);
    assert.equal(ends[0].stdout.match(/ok$/gm)?.length, 3, ends[0].stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

it("with ignoreDuplicates a global batch trains the same for any number of workers", async () => {
  const weights = async (workers: number): Promise<Record<string, number[]>> => {
    const { stdout } = await run(workers, "invariance");
    return JSON.parse(stdout.slice(stdout.indexOf("{"))) as Record<string, number[]>;
  };
  const one = await weights(1);
  for (const workers of [2, 3]) {
    const many = await weights(workers);
    for (const [way, expected] of Object.entries(one))
      for (const [i, w] of expected.entries())
        assert.ok(Math.abs(w - many[way]![i]!) <= 1e-6, `${way}, ${workers} workers: ${many[way]} instead of ${expected}`);
  }
});
