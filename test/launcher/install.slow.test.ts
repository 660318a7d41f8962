// accelerate-ts install cuda with the real wheel, downloaded by pip.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { neededLibraries } from "../../launcher/gpu/elf.js";
import type { CudaInstall } from "../../launcher/install/cuda.js";
import { libraryPath } from "../../src/runtime/library.js";
import { folderOf } from "../data/files.js";
import { cli } from "./settings-place.js";

const cuda = "libonnxruntime_providers_cuda.so";
const linux = process.platform === "linux" && process.arch === "x64";
// Who has no network for it says so by having fetched nothing else either.
const skip = !linux
  ? "the provider is for Linux on x64"
  : !process.env.ACCELERATE_TS_TEST_CUDA && "ACCELERATE_TS_TEST_CUDA names no folder: nothing is downloaded here";

test("the wheel of the pinned version is downloaded, installed, kept and removed", { skip }, async (t) => {
  const folder = await folderOf(t, {});
  symlinkSync(libraryPath(), join(folder, "libonnxruntime.so.1"));
  const call = (...flags: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, "install", "cuda", "--into", folder, "--json", ...flags], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as CudaInstall;
  };
  const { outcome, files } = call();
  assert.deepEqual([outcome, files.length], ["installed", 2]);
  assert.ok(statSync(join(folder, cuda)).size > 1e8);
  assert.ok(neededLibraries(join(folder, cuda))?.some((name) => /^libcudart\.so\.\d+$/.test(name)));
  assert.equal(call().outcome, "kept");
  assert.equal(call("--uninstall").outcome, "uninstalled");
  assert.deepEqual(readdirSync(folder), ["libonnxruntime.so.1"]);
});
