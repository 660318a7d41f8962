// What an Accelerator offers around training.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { padInputTensors, type Tensor, tensor, zeros } from "../../src/index.js";
import { launch } from "../support/launch.js";

describe("seeds, files and errors of the main process", () => {
  for (const n of [1, 3])
    it(`on ${n} worker${n > 1 ? "s" : ""}`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "surface-"));
      try {
        const { code, stdout, stderr } = await launch({
          options: ["--num-processes", String(n)],
          script: new URL("./programs/surface.js", import.meta.url),
          args: [folder],
        });
        assert.equal(code, 0, stdout + stderr);
        assert.match(stdout, /ok/);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
});

describe("padInputTensors", () => {
  it("makes rows a multiple of the processes, as Accelerate does", () => {
    const cases = [
      [1, 2, 2],
      [3, 2, 4],
      [4, 3, 6],
      [3, 4, 4],
      [4, 6, 6],
      [1, 6, 6],
      [2, 6, 6],
      [61, 6, 66],
      [6, 3, 6],
    ] as const;
    for (const [rows, processes, padded] of cases) assert.deepEqual(padInputTensors(zeros([rows, 4, 4]), processes).shape, [padded, 4, 4]);
  });
  it("keeps structure, dtype and rows; what is added is zero", async () => {
    const given = { ids: tensor([1, 2, 3], { dtype: "int64" }), list: [tensor([[0.5]])] };
    const padded = padInputTensors(given, 2) as { ids: Tensor; list: [Tensor] };
    assert.deepEqual([padded.ids.dtype, await padded.ids.toArray(), await padded.list[0].toArray()], ["int64", [1, 2, 3, 0], [[0.5], [0]]]);
    assert.throws(() => padInputTensors(tensor(1), 2), /the value is a scalar/);
    assert.throws(() => padInputTensors(tensor([1]), 0), /0 processes/);
  });
});
