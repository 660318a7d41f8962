// CUDA's kernels, compiled for the host (a fiber for each of CUDA's threads), against the CPU's over random sizes; again under sanitizers with other seeds; and the object that nvcc makes of them, where there is an nvcc.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { buildDriver, check, checks } from "./cuda-driver.js";

describe("CUDA's kernels on the host", () => {
  let driver = "";
  before(async () => {
    driver = await buildDriver("all");
  });
  for (const [name, cases, sentence] of checks) test(sentence, () => check(driver, name, 1, cases));

  test("every check of the program is run", () => {
    const known = execFileSync(driver, { encoding: "utf8" }).trim().split("\n");
    assert.deepEqual(checks.map(([name]) => name).sort(), known.sort());
  });
});

describe("CUDA's kernels on the host with sanitizers", () => {
  let driver = "";
  before(async () => {
    driver = await buildDriver("all", "address,undefined");
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
