// Builds the doubles of CUDA's libraries with the system's compiler against the real headers, and lays them out so that ONNX Runtime's real CUDA provider finds them.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { packageRoot } from "../../src/package-root.js";
import { libraryPath } from "../../src/runtime/library.js";

const exec = promisify(execFile);
const sources = join(packageRoot(import.meta.url), "test", "doubles");

/** What test/doubles/provision.mjs has fetched. */
export interface CudaFiles {
  /** Folder of cuda_runtime_api.h. */
  readonly include: string;
  /** Folder of libcudart.so.13. */
  readonly lib: string;
  readonly nvcc: string | undefined;
  readonly ncclInclude: string;
  readonly ncclLibrary: string;
  /** Folder of libonnxruntime_providers_cuda.so. */
  readonly provider: string;
}

/** The files that ACCELERATE_TS_TEST_CUDA names, or why there are none. */
export function cudaFiles(): CudaFiles | string {
  const folder = process.env.ACCELERATE_TS_TEST_CUDA;
  if (!folder) return "ACCELERATE_TS_TEST_CUDA names no folder (node test/doubles/provision.mjs FOLDER fills one)";
  if (process.platform !== "linux" || process.arch !== "x64") return `the CUDA provider is for linux-x64, this is ${process.platform}-${process.arch}`;
  const nvcc = join(folder, "cuda", "bin", "nvcc");
  const found: CudaFiles = {
    include: join(folder, "cuda", "include"),
    lib: join(folder, "cuda", "lib"),
    nvcc: existsSync(nvcc) ? nvcc : undefined,
    ncclInclude: join(folder, "nccl", "include"),
    ncclLibrary: join(folder, "nccl", "lib", "libnccl.so.2"),
    provider: join(folder, "onnxruntime"),
  };
  const wanted = [join(found.include, "cuda_runtime_api.h"), join(found.ncclInclude, "nccl.h"), join(found.provider, "libonnxruntime_providers_cuda.so")];
  const missing = wanted.filter((file) => !existsSync(file));
  return missing.length === 0 ? found : `ACCELERATE_TS_TEST_CUDA has no ${missing.join(", no ")}`;
}

/** Why tests on the doubles are skipped; false: they run. */
export const skipWithoutCuda: string | false = ((found) => (typeof found === "string" ? found : false))(cudaFiles());

/** Folders of a built double: both go into the environment of a process that is to have GPUs. */
export interface Doubles {
  readonly libraries: string;
  readonly onnxruntime: string;
}

const sourcesOf = (folder: string): readonly string[] =>
  readdirSync(join(sources, folder))
    .filter((file) => file.endsWith(".cc"))
    .sort()
    .map((file) => `${folder}/${file}`);
const libraries: readonly { readonly name: string; readonly from: readonly string[]; readonly version?: string }[] = [
  { name: "libcudart.so.13", from: sourcesOf("cuda"), version: "libcudart.so.13" },
  { name: "libcublas.so.13", from: ["cuda/libraries/blas.cc"], version: "libcublas.so.13" },
  { name: "libcublasLt.so.13", from: ["cuda/libraries/blas_lt.cc"], version: "libcublasLt.so.13" },
  { name: "libcurand.so.10", from: ["cuda/libraries/rand.cc"], version: "libcurand.so.10" },
  { name: "libcudnn.so.9", from: ["cuda/libraries/dnn.cc"] },
  { name: "libcuda.so.1", from: ["cuda/libraries/driver.cc"] },
  { name: "libnccl.so.2", from: sourcesOf("nccl") },
];

const compiler = process.env.CXX ?? "c++";

async function compile(source: string, object: string, files: CudaFiles): Promise<void> {
  const flags = ["-std=c++17", "-O1", "-g1", "-fPIC", "-Wall", "-Wextra", "-Werror", "-isystem", files.include, "-isystem", files.ncclInclude];
  await exec(compiler, [...flags, "-c", source, "-o", object]);
}

/** Functions that the provider imports from a library and no double has: each says its name and ends the process. */
async function stubs(provider: string, objects: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const list = async (args: readonly string[]): Promise<string[]> =>
    (await exec("nm", [...args], { maxBuffer: 64 << 20 })).stdout.split("\n").map((line) => line.trim().split(/\s+/).at(-1)!);
  const defined = new Set(await list(["--defined-only", ...objects]));
  const missing = new Map<string, Set<string>>();
  for (const symbol of await list(["-D", "--undefined-only", provider])) {
    const [name, library = "libcuda.so.1"] = symbol.split(/@+/) as [string, string?];
    if (/^(cu[A-Z]|cuda|__cuda|cublas|curand)/.test(name) && !defined.has(name)) missing.set(library, (missing.get(library) ?? new Set()).add(name));
  }
  const body = (name: string): string => `int ${name}(void) { fprintf(stderr, "[double] ${name} is not doubled\\n"); abort(); }`;
  return new Map([...missing].map(([library, names]) => [library, ["#include <stdio.h>", "#include <stdlib.h>", ...[...names].map(body), ""].join("\n")]));
}

async function build(files: CudaFiles, folder: string): Promise<void> {
  const lib = join(folder, "lib");
  mkdirSync(lib);
  const objectOf = (source: string): string => join(folder, `${source.replaceAll("/", "-")}.o`);
  const queue = libraries.flatMap(({ from }) => from);
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) await compile(join(sources, next), objectOf(next), files);
  };
  await Promise.all([worker(), worker()]);
  const rest = await stubs(
    join(files.provider, "libonnxruntime_providers_cuda.so"),
    libraries.flatMap(({ from }) => from.map(objectOf)),
  );
  const core = join(lib, "libcudart.so.13");
  for (const { name, from, version } of libraries) {
    const map = join(folder, `${name}.map`);
    writeFileSync(map, `${version} { global: *; };\n`);
    const objects = from.map(objectOf);
    const missing = rest.get(name);
    if (missing !== undefined) {
      const stub = join(folder, `${name}.rest`);
      writeFileSync(`${stub}.c`, missing);
      await exec(compiler, ["-w", "-fPIC", "-x", "c", "-c", `${stub}.c`, "-o", `${stub}.o`]);
      objects.push(`${stub}.o`);
    }
    const others = name === "libcudart.so.13" ? [] : [core];
    const args = [
      "-shared",
      "-pthread",
      `-Wl,-soname,${name}`,
      "-Wl,-rpath,$ORIGIN",
      ...(version ? [`-Wl,--version-script=${map}`] : []),
      ...objects,
      "-Wl,--no-as-needed",
      ...others,
      "-ldl",
      "-lrt",
    ];
    await exec(compiler, [...args, "-o", join(lib, name)]);
  }
  const onnxruntime = join(folder, "onnxruntime");
  mkdirSync(onnxruntime);
  symlinkSync(libraryPath(), join(onnxruntime, basename(libraryPath())));
  for (const name of ["libonnxruntime_providers_cuda.so", "libonnxruntime_providers_shared.so"])
    symlinkSync(join(files.provider, name), join(onnxruntime, name));
}

/** The doubles, compiled once per state of their sources. */
export async function buildDoubles(): Promise<Doubles> {
  const files = cudaFiles();
  if (typeof files === "string") throw new Error(files);
  const hash = createHash("sha256").update(JSON.stringify([files, compiler, libraryPath(), libraries]));
  for (const name of (readdirSync(sources, { recursive: true }) as string[]).filter((file) => /\.(cc|h)$/.test(file)).sort())
    hash.update(name).update(readFileSync(join(sources, name)));
  const built = join(tmpdir(), `accelerate-ts-doubles-${process.getuid?.() ?? 0}`, hash.digest("hex").slice(0, 24));
  if (!existsSync(built)) {
    mkdirSync(dirname(built), { recursive: true });
    const part = mkdtempSync(`${built}-`);
    try {
      await build(files, part);
      renameSync(part, built);
    } catch (error) {
      // Somebody else was first: theirs is the same.
      rmSync(part, { recursive: true, force: true });
      if (!existsSync(built)) throw error;
    }
  }
  return { libraries: join(built, "lib"), onnxruntime: join(built, "onnxruntime") };
}
