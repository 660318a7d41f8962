// Compiles the checks of CUDA's kernels (test/kernels/cuda) for the host and runs them: once per state of the sources, kept in build/.
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { arch } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageRoot } from "../../src/package-root.js";

const run = promisify(execFile);
const root = packageRoot();

/** Files of test/kernels/cuda, the longest first, and the CPU's kernels that they compare with. */
interface Parts {
  readonly checks: readonly string[];
  readonly cpu: readonly string[];
  readonly optimize: string;
}
/** All kernels; and attention alone, which takes barriers, shuffles, masks and shared memory, compiled without the optimizer: the fibers are no faster with it. */
const parts = {
  all: {
    checks: ["kernels", "rows", "layer_norm", "tables", "attention", "updates", "driver"],
    cpu: ["dropout", "layer_norm", "gelu", "softmax", "attention", "embedding_grad", "max_pool", "optimizer", "norm"],
    optimize: "-O1",
  },
  attention: { checks: ["attention_kernels", "attention", "driver"], cpu: ["attention", "dropout"], optimize: "-O0" },
} satisfies Record<string, Parts>;
const folders = ["src/native/cuda/kernels", "src/native/kernels", "test/kernels/cuda"];

function compiler(): string {
  for (const name of process.env.CXX ? [process.env.CXX] : ["c++", "g++", "clang++"]) {
    try {
      execFileSync(name, ["--version"], { stdio: "ignore" });
      return name;
    } catch {
      // the next one
    }
  }
  throw new Error("no C++ compiler: the addon cannot have been built either");
}

/** The path of the compiled checks. */
export async function buildDriver(of: keyof typeof parts, sanitize: "none" | "address,undefined" = "none"): Promise<string> {
  const { checks: checkFiles, cpu, optimize }: Parts = parts[of];
  const cxx = compiler();
  const flags = [
    "-std=c++17",
    optimize,
    "-ffp-contract=off",
    "-fno-math-errno",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-DACCELERATE_PORTABLE_ONLY",
  ];
  // The CPU's kernels need the instruction for fused multiplication and addition, to have the same bits.
  if (arch() === "x64" || arch() === "arm64") flags.push("-march=native");
  if (sanitize !== "none") flags.push("-g", `-fsanitize=${sanitize}`, "-fno-sanitize-recover=all");
  const hash = createHash("sha256").update(JSON.stringify([cxx, flags, checkFiles]));
  for (const folder of folders) {
    for (const name of readdirSync(join(root, folder)).sort()) {
      if (/\.(h|cc|cpp)$/.test(name)) hash.update(name).update(readFileSync(join(root, folder, name)));
    }
  }
  const target = join(root, "build", `cuda-host-${of}-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(target)) return target;
  mkdirSync(join(root, "build"), { recursive: true });
  const folder = mkdtempSync(join(root, "build", "tmp-"));
  try {
    const sources = [
      ...checkFiles.map((name) => join(root, "test/kernels/cuda", `${name}.cpp`)),
      ...cpu.map((name) => join(root, "src/native/kernels", `${name}.cc`)),
    ];
    const objects = sources.map((_, i) => join(folder, `${i}.o`));
    const queue = sources.map((source, i) => [source, objects[i]!] as const);
    const worker = async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await run(cxx, [...flags, "-c", next[0], "-o", next[1]]);
    };
    await Promise.all([worker(), worker()]);
    await run(cxx, [...flags, ...objects, "-o", join(folder, "driver")]);
    renameSync(join(folder, "driver"), target);
    for (const name of readdirSync(join(root, "build"))) {
      // Of earlier sources, with or without sanitizers: made again when they are needed.
      if (name.startsWith(`cuda-host-${of}-`) && join(root, "build", name) !== target && sanitize === "none")
        rmSync(join(root, "build", name), { force: true });
    }
    return target;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Random cases of one check; what differs is in the error's text, with the arguments that show it again. */
export async function check(driver: string, name: string, seed: number, cases: number): Promise<void> {
  try {
    await run(driver, [name, String(seed), String(cases)], { timeout: 300_000, env: { ...process.env, UBSAN_OPTIONS: "print_stacktrace=1" } });
  } catch (cause) {
    const { stdout, stderr } = cause as { stdout?: string; stderr?: string };
    throw new Error(`${driver} ${name} ${seed} ${cases}: ${stdout ?? ""}${(stderr ?? "").slice(0, 4000)}`, { cause });
  }
}

/** What is checked, with as many cases as take half a second or so. */
export const checks: readonly (readonly [name: string, cases: number, sentence: string])[] = [
  ["dropout", 60, "dropout draws the CPU's masks, bit for bit, from any place of rows"],
  ["layer-norm", 60, "bias, dropout, residual and layer normalization are the CPU's, with x and another y in a narrow type, too"],
  ["layer-norm-grad", 25, "the gradient of layer normalization is the CPU's, its sums over rows, too, and of a sum of gradients in two types"],
  ["gelu", 60, "GELU and its gradient are the CPU's, by erf and by tanh"],
  ["softmax", 60, "softmax takes masks that broadcast, and rows that are masked in whole"],
  ["cross-entropy", 25, "cross entropy ignores rows and smooths labels as the CPU's; what is no class is NaN"],
  ["embedding-grad", 12, "gradients of tables are the CPU's, whichever rows come how often; indices outside are not followed"],
  ["max-pool-grad", 100, "gradients of pools go where the CPU's go"],
  ["attention", 15, "attention and its gradient are the CPU's for heads up to 128, with masks, causal, with dropout's bits, and with biases of its inputs"],
  ["update", 60, "steps of optimizers have the bits of the CPU's, over many ranges"],
  ["norm", 15, "norms are the CPU's to the last digits of a double, and count what is not finite"],
  ["clip", 20, "scaling, clamping and adding have the CPU's bits"],
  ["casts", 40, "many arrays are cast at once, wherever they lie, each number as by itself"],
  ["copy", 40, "copies take any number of bytes from any place"],
  ["numbers", 40, "float16 and bfloat16 are rounded to the nearest, ties to even"],
];
