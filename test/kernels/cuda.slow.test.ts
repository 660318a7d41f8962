// CUDA's kernels on the host under sanitizers and with other seeds; and the object that nvcc makes of them, where there is an nvcc.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { buildDriver, check, checks } from "./cuda-driver.js";

describe("CUDA's kernels on the host with sanitizers", () => {
  let driver = "";
  before(async () => {
    driver = await buildDriver("address,undefined");
  });
  for (const [name, cases, sentence] of checks) test(sentence, () => check(driver, name, 1000, Math.ceil(cases / 3)));
});

test("nvcc compiles them for every architecture", async (t) => {
  const { findNvcc, nvccHint } = (await import(join(packageRoot(), "src/native/build-cuda.mjs"))) as {
    findNvcc(): { path: string } | undefined;
    nvccHint: string;
  };
  const nvcc = findNvcc();
  if (nvcc === undefined) return t.skip(nvccHint);
  execFileSync(process.execPath, [join(packageRoot(), "src/native/build.mjs"), "--quiet", `--cuda=${nvcc.path}`], { stdio: "inherit" });
  const object = readFileSync(join(packageRoot(), "build", "accelerate_ts_cuda.so"));
  assert.ok(object.includes("accelerate_ts_cuda_kernels"));
});
