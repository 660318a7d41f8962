// Workers that train on devices of their own: what they learn is what one worker learns on the CPU.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { launch } from "../support/launch.js";

const script = new URL("./programs/device.js", import.meta.url);
const swiftShader = "/usr/lib/chromium/vk_swiftshader_icd.json";
const driver = process.env.VK_ICD_FILENAMES || (existsSync(swiftShader) ? swiftShader : undefined);
const skip = driver ? false : "there is no SwiftShader (apt-get install chromium libvulkan1), and VK_ICD_FILENAMES names no driver";

/** Of the programs' output, by way. */
function seenIn(stdout: string): ReadonlyMap<string, readonly number[]> {
  const lines = stdout.split("\n").filter((line) => line.includes("device {"));
  return new Map(lines.map((line) => JSON.parse(line.slice(line.indexOf("{")))).map(({ name, numbers }) => [name, numbers]));
}
const apart = (a: readonly number[], b: readonly number[]): number =>
  a.length === b.length ? a.reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!) || 0), 0) : Number.POSITIVE_INFINITY;

describe("two workers on WebGPU", { skip }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "device-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it("learn what workers on the CPU learn, also one from the batches of both, and hold the same bits", async () => {
    const device = { ACCELERATE_TS_DEVICE: "webgpu", VK_ICD_FILENAMES: driver! };
    const run = (workers: number, on: string, env = {}) => {
      const options = ["--num-processes", String(workers), ...(on === "cpu" ? ["--cpu"] : ["--device", on])];
      return launch({ options, script, args: [join(folder, `${on}-${workers}`)], env });
    };
    const there = await run(2, "webgpu", device);
    const [two, one] = [await run(2, "cpu"), await run(1, "cpu")];
    for (const { code, stdout, stderr } of [there, two, one]) assert.equal(code, 0, stdout + stderr);
    const seen = seenIn(there.stdout);
    assert.equal(seen.size, 6);
    for (const [name, numbers] of seen) {
      const others = [two, ...(name === "uneven" ? [] : [one])];
      for (const { stdout } of others) {
        const distance = apart(numbers, seenIn(stdout).get(name)!);
        assert.ok(distance <= 1e-4, `${name}: ${distance}`);
      }
    }
  });
});
