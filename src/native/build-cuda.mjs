// Compiles the kernels for NVIDIA's GPUs into build/accelerate_ts_cuda.so where there is an nvcc: node src/native/build.mjs --cuda[=path of nvcc]. Nothing else needs it: without, devices run the same work as ONNX's own ops.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join, relative } from "node:path";

/** Machine code for these, and PTX of the last one that nvcc knows, which drivers compile for later GPUs. */
const architectures = [80, 90, 100];

export const nvccHint =
  "no nvcc found (PATH, CUDA_HOME, pip's packages): pip install nvidia-cuda-nvcc nvidia-cuda-crt nvidia-nvvm nvidia-cuda-runtime nvidia-cuda-cccl, then: npx accelerate-ts build-native --cuda";

const ask = (program, args) => {
  try {
    return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
};

/** Where pip puts packages of the Pythons that are there. */
function sitePackages() {
  const lib = process.env.VIRTUAL_ENV && join(process.env.VIRTUAL_ENV, "lib");
  const own = lib && existsSync(lib) ? readdirSync(lib).map((name) => join(lib, name, "site-packages")) : [];
  const program = "import site, sysconfig; print(sysconfig.get_path('purelib')); print(site.getusersitepackages())";
  return [...own, ...(ask("python3", ["-c", program]) ?? "").split("\n").filter(Boolean)];
}

/** nvcc as named, or the first one that is found. */
export function findNvcc(named = process.env.ACCELERATE_TS_NVCC) {
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    ...[process.env.CUDA_HOME, process.env.CUDA_PATH, "/usr/local/cuda"].filter(Boolean).map((folder) => join(folder, "bin")),
    ...sitePackages().flatMap((folder) =>
      existsSync(join(folder, "nvidia")) ? readdirSync(join(folder, "nvidia")).map((name) => join(folder, "nvidia", name, "bin")) : [],
    ),
  ];
  const candidates = named ? [named] : folders.map((folder) => join(folder, "nvcc"));
  for (const path of candidates) {
    const version = existsSync(path) ? ask(path, ["--version"])?.match(/release (\S+?),/)?.[1] : undefined;
    if (version !== undefined) return { path, version };
  }
  return undefined;
}

/** The library of CUDA's runtime that belongs to an nvcc: the object names it, and finds the one that the process has opened. */
function runtimeOf(nvcc) {
  const top = join(dirname(nvcc), "..");
  const names = ["lib", "lib64", join("targets", `${process.arch === "arm64" ? "sbsa" : "x86_64"}-linux`, "lib")];
  for (const folder of names.map((name) => join(top, name)).filter((path) => existsSync(path))) {
    const file = readdirSync(folder).find((name) => /^libcudart\.so\.\d+$/.test(name));
    if (file) return join(folder, file);
  }
  return undefined;
}

function flagsOf({ path }) {
  const known = (ask(path, ["--list-gpu-code"]) ?? "").match(/\d+/g)?.map(Number) ?? [];
  const built = architectures.filter((architecture) => known.length === 0 || known.includes(architecture));
  const last = built.at(-1);
  return [
    "-std=c++17",
    "-O3",
    // Products and sums are fused where the source says so, and nowhere else: the host's build has the same bits.
    "--fmad=false",
    "--threads",
    "2",
    "-cudart",
    "none",
    "-Xcompiler",
    "-fPIC,-fvisibility=hidden",
    ...built.flatMap((n) => ["-gencode", `arch=compute_${n},code=sm_${n}`]),
    "-gencode",
    `arch=compute_${last},code=compute_${last}`,
    `-DACCELERATE_TS_ARCHITECTURES="${[...built.map((n) => `sm_${n}`), `compute_${last}`].join(" ")}"`,
  ];
}

/** Builds the object unless it is up to date. Returns its path, or undefined where there is no nvcc. `closure` gives a source and all that it includes; `compile` runs a compiler. */
export async function buildCuda({ here, outputFolder, closure, compile, force, report, nvcc: named }) {
  const nvcc = findNvcc(named);
  if (nvcc === undefined) {
    report(named ? `accelerate-ts: ${named} is no nvcc` : `accelerate-ts: without kernels for GPUs: ${nvccHint}`);
    return undefined;
  }
  const source = join(here, "cuda", "kernels", "kernels.cu");
  const runtime = runtimeOf(nvcc.path);
  const flags = [...flagsOf(nvcc), ...(runtime ? ["-Xlinker", runtime] : ["-lcudart"])];
  const files = [...closure(source)].map(([path, text]) => [relative(here, path), text]);
  const digest = createHash("sha256")
    .update(JSON.stringify([nvcc, flags, files]))
    .digest("hex");
  const target = join(outputFolder, "accelerate_ts_cuda.so");
  const stamp = `${target}.sha256`;
  const name = relative(process.cwd(), target);
  if (!force && existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === digest) {
    report(`accelerate-ts: ${name} is up to date`);
    return target;
  }
  mkdirSync(outputFolder, { recursive: true });
  const folder = mkdtempSync(join(outputFolder, "tmp-"));
  try {
    const started = performance.now();
    const made = join(folder, "cuda.so");
    await compile({ program: nvcc.path, args: [] }, ["-shared", ...flags, source, "-o", made]);
    rmSync(stamp, { force: true });
    renameSync(made, target);
    writeFileSync(stamp, digest);
    report(`accelerate-ts: built ${name} with nvcc ${nvcc.version} in ${((performance.now() - started) / 1000).toFixed(1)} s`);
    return target;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
