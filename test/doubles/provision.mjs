#!/usr/bin/env node
// Fetches by pip what the tests of CUDA need on a machine without a GPU: ONNX Runtime's CUDA provider of the pinned version, the headers and library of CUDA's runtime, nvcc, NCCL.
//   node test/doubles/provision.mjs FOLDER        then: ACCELERATE_TS_TEST_CUDA=FOLDER npm test
// FOLDER gets cuda/ (include, lib, bin), nccl/ (include, lib), onnxruntime/ (the provider) and versions.json. What is there already is kept.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");
const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
/** The bridge between library and provider is made for one version. */
const provider = `onnxruntime-gpu==${dependencies["onnxruntime-node"]}`;
const cuda = ["nvidia-cuda-runtime", "nvidia-cuda-nvcc", "nvidia-cuda-crt", "nvidia-nvvm", "nvidia-cuda-cccl"];
const nccl = ["nvidia-nccl-cu13"];

const python = process.env.PYTHON ?? "python3";
const run = (args) => execFileSync(python, args, { stdio: ["ignore", "inherit", "inherit"], timeout: 900_000 });

/** Wheels are archives: unpacked without being installed, whatever Python this is. */
const unpack = "import sys, zipfile, glob\nfor wheel in sorted(glob.glob(sys.argv[1] + '/*.whl')): zipfile.ZipFile(wheel).extractall(sys.argv[2])";

function fetch(wheels, into) {
  mkdirSync(wheels, { recursive: true });
  // Any recent Python's wheel of the provider will do: only the libraries in it are used.
  const where = [
    "--only-binary=:all:",
    "--no-deps",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_27_x86_64",
    "--platform",
    "manylinux_2_17_x86_64",
    "--platform",
    "manylinux2014_x86_64",
  ];
  const download = (packages, more = []) => run(["-m", "pip", "download", "-q", "--disable-pip-version-check", ...where, ...more, "-d", wheels, ...packages]);
  download([...cuda, ...nccl]);
  download([provider], ["--python-version", "3.12"]);
  run(["-c", unpack, wheels, into]);
}

/** Version by package, from the wheels' names. */
const versionsOf = (wheels) =>
  Object.fromEntries(
    readdirSync(wheels)
      .filter((name) => name.endsWith(".whl"))
      .map((name) => [name.split("-")[0].replaceAll("_", "-"), name.split("-")[1]]),
  );

function main(folder) {
  if (!folder) throw new Error("usage: node test/doubles/provision.mjs FOLDER");
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`the CUDA provider is for linux-x64, this is ${process.platform}-${process.arch}`);
  const target = resolve(folder);
  const stamp = join(target, "versions.json");
  if (existsSync(stamp) && JSON.parse(readFileSync(stamp, "utf8"))["onnxruntime-gpu"] === dependencies["onnxruntime-node"])
    return console.log(`${target} is up to date`);
  mkdirSync(dirname(target), { recursive: true });
  const part = mkdtempSync(`${target}-part-`);
  try {
    const wheels = join(part, "wheels");
    const unpacked = join(part, "unpacked");
    fetch(wheels, unpacked);
    const whole = join(part, "whole");
    mkdirSync(whole);
    const major = readdirSync(join(unpacked, "nvidia")).find((name) => /^cu\d+$/.test(name));
    if (!major) throw new Error(`the wheels hold no folder nvidia/cu13: ${readdirSync(join(unpacked, "nvidia")).join(", ")}`);
    renameSync(join(unpacked, "nvidia", major), join(whole, "cuda"));
    renameSync(join(unpacked, "nvidia", "nccl"), join(whole, "nccl"));
    renameSync(join(unpacked, "onnxruntime", "capi"), join(whole, "onnxruntime"));
    for (const name of readdirSync(join(whole, "onnxruntime")))
      if (!name.startsWith("libonnxruntime_providers_") || name.includes("tensorrt")) rmSync(join(whole, "onnxruntime", name), { recursive: true });
    // Archives keep no modes.
    execFileSync("chmod", ["-R", "a+rX,u+w", whole]);
    execFileSync("find", [join(whole, "cuda", "bin"), join(whole, "cuda", "nvvm", "bin"), "-type", "f", "-exec", "chmod", "a+x", "{}", "+"]);
    writeFileSync(join(whole, "versions.json"), `${JSON.stringify(versionsOf(wheels), null, 2)}\n`);
    rmSync(target, { recursive: true, force: true });
    renameSync(whole, target);
    console.log(`${target}: ${readFileSync(stamp, "utf8").trim()}`);
  } finally {
    rmSync(part, { recursive: true, force: true });
  }
}

try {
  main(process.argv[2]);
} catch (error) {
  console.error(`provision: ${error.message}`);
  process.exitCode = 1;
}
