// Our CUDA kernels in training on the doubled GPU: ONNX Runtime's real provider runs them among its own, and what a step launches then.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { cudaFiles, skipWithoutCuda } from "../doubles/build.js";
import { type LogLine, part, runOnGpus, work } from "../doubles/machine.js";
import { nameOf, type Trial } from "./cuda-steps.js";

const files = cudaFiles();
const nvcc = typeof files === "string" ? undefined : files.nvcc;
const skip = skipWithoutCuda || (nvcc === undefined ? "ACCELERATE_TS_TEST_CUDA has no nvcc" : false);

describe("training with our kernels on a doubled GPU", { skip }, () => {
  // `batch`: its arrays, dropout's key among them.
  const trials: readonly (Trial & { readonly most: number; readonly batch: number })[] = [
    { model: "bert6x384", precision: "no", steps: 5, most: 245, batch: 3 },
    { model: "bert6x384 with dropout", precision: "no", steps: 5, most: 250, batch: 4 },
    { model: "bert6x384", precision: "bf16", steps: 5, most: 258, batch: 3 },
    { model: "gpt2", precision: "no", steps: 5, most: 74, batch: 1 },
    { model: "cnn", precision: "no", steps: 5, most: 88, batch: 2 },
    { model: "imported", precision: "no", steps: 5, most: 34, batch: 2 },
    { model: "bert with dropout", precision: "bf16", steps: 5, most: 110, batch: 4 },
  ];
  let lines: readonly LogLine[] = [];
  before(async () => {
    execFileSync(process.execPath, [join(packageRoot(), "src/native/build.mjs"), "--quiet", `--cuda=${nvcc}`], { stdio: "inherit" });
    const object = join(packageRoot(), "build", "accelerate_ts_cuda.so");
    const program = new URL("./cuda-steps.js", import.meta.url);
    const ran = await runOnGpus([program, JSON.stringify(trials)], { env: { ACCELERATE_TS_CUDA_KERNELS: object }, timeoutMs: 240_000 });
    assert.equal(ran.code, 0, ran.stderr);
    lines = [...ran.logs.values()].flat();
  });

  test("nothing is used that is not ordered or not there", () => {
    assert.deepEqual(
      lines.filter(({ violation }) => violation !== undefined),
      [],
    );
  });
  for (const trial of trials) {
    test(`${nameOf(trial)}: at most ${trial.most} launches, and nothing crosses but the batch and the norm`, (t) => {
      const step = part(lines, `${nameOf(trial)}, step 4`);
      const { up, down, allocations, pageable } = work(step);
      assert.deepEqual(
        { up, down, allocations, pageable },
        { up: trial.batch, down: 1, allocations: 0, pageable: 0 },
        "the batch goes up, the norm comes down",
      );
      const launched = step.flatMap(({ launch }) => launch ?? []);
      const ours = launched.filter((name) => name.includes("accelerate_ts"));
      t.diagnostic(`${launched.length} launches, ${ours.length} of them ours`);
      assert.ok(ours.length > 0);
      assert.ok(launched.length <= trial.most, `${launched.length} launches`);
    });
  }
});
