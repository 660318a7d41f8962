// Workers with a GPU each, on doubles of CUDA and NCCL: gradients are added up and handed out by NCCL, each worker keeps the state of its part.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { buildDoubles, skipWithoutCuda } from "../doubles/build.js";
import { launch } from "../support/launch.js";

describe("workers with a GPU each", { skip: skipWithoutCuda }, () => {
  for (const workers of [3])
    it(`${workers}: means, new values and states are what the numbers say`, async () => {
      const options = ["--num-processes", String(workers), "--device", "cuda"];
      const { libraries, onnxruntime } = await buildDoubles();
      const { code, stdout, stderr } = await launch({
        options,
        script: new URL("./programs/device-nccl.js", import.meta.url),
        env: { ACCELERATE_TS_ONNXRUNTIME: onnxruntime, LD_LIBRARY_PATH: libraries },
      });
      assert.equal(code, 0, stdout + stderr);
      for (let rank = 0; rank < workers; rank++) assert.match(stdout, new RegExp(`nccl ${rank} of ${workers}`));
    });
  it("checkpoints, windows, limits, reads, uneven branches and late parameters go their way", async () => {
    const { libraries, onnxruntime } = await buildDoubles();
    const folder = await mkdtemp(join(tmpdir(), "device-nccl-"));
    try {
      const { code, stdout, stderr } = await launch({
        options: ["--num-processes", "2", "--device", "cuda"],
        script: new URL("./programs/device.js", import.meta.url),
        args: [folder],
        env: { ACCELERATE_TS_ONNXRUNTIME: onnxruntime, LD_LIBRARY_PATH: libraries },
      });
      assert.equal(code, 0, stderr);
      assert.equal(stdout.split("\n").filter((line) => line.includes("device {")).length, 6);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
