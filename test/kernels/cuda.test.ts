// CUDA's attention, compiled for the host, against the CPU's over random sizes (all kernels: cuda.slow.test.ts); and how an nvcc is found.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { buildDriver, check } from "./cuda-driver.js";

test("CUDA's attention on the host is the CPU's: a fiber for each thread, masks, causal, dropout's bits and biases", async () => {
  await check(await buildDriver("attention"), "attention", 1, 10);
});

describe("building them", () => {
  const build = (options: string) =>
    execFileSync(
      process.execPath,
      [
        "--input-type=module",
        "-e",
        `import { findNvcc, nvccHint } from ${JSON.stringify(join(packageRoot(), "src/native/build-cuda.mjs"))}; console.log(JSON.stringify({ found: findNvcc(${options}) ?? null, nvccHint }));`,
      ],
      { encoding: "utf8", env: { ...process.env, PATH: "", CUDA_HOME: "", CUDA_PATH: "", VIRTUAL_ENV: "", ACCELERATE_TS_NVCC: "" } },
    );

  test("what is named and is no nvcc is not taken for one", () => {
    const { found, nvccHint } = JSON.parse(build('"/bin/true"')) as { found: unknown; nvccHint: string };
    assert.equal(found, null);
    assert.match(nvccHint, /pip install nvidia-cuda-nvcc .* then: npx accelerate-ts build-native --cuda$/);
  });
});
