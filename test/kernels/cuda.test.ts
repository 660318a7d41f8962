// CUDA's kernels, compiled for the host (a fiber for each of CUDA's threads), against the CPU's over random sizes; and that nvcc compiles them where it is.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { buildDriver, check, checks } from "./cuda-driver.js";

describe("CUDA's kernels on the host", () => {
  let driver = "";
  before(async () => {
    driver = await buildDriver();
  });

  for (const [name, cases, sentence] of checks) test(sentence, () => check(driver, name, 1, cases));

  test("every check of the program is run", () => {
    const known = execFileSync(driver, { encoding: "utf8" }).trim().split("\n");
    assert.deepEqual(checks.map(([name]) => name).sort(), known.sort());
  });
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
