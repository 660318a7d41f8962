// accelerate-ts build-native: compiles the addon where the install could not (npm skips install scripts of dependencies, or there was no compiler).
import { spawn } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../../src/package-root.js";
import type { CliCommand } from "../command.js";

export const buildNative: CliCommand = {
  name: "build-native",
  summary: "compile the native addon with the system's C++17 compiler (CXX, else c++, g++, clang++); no network",
  options: [
    { flags: "--force", description: "compile even when nothing has changed" },
    { flags: "--debug", description: "with debug symbols, little optimization" },
    { flags: "--cuda [nvcc]", description: "the kernels for NVIDIA's GPUs, too: needs nvcc, found in PATH, CUDA_HOME or pip's packages unless it is named" },
    { flags: "--sanitize <kind>", description: "a second addon with a sanitizer, for ACCELERATE_TS_NATIVE", choices: ["address", "thread", "undefined"] },
  ],
  examples: [
    ["accelerate-ts build-native", "after an install without scripts"],
    ["CXX=clang++ accelerate-ts build-native --force", "with another compiler"],
  ],
  run: (options) => {
    const flags = ["force", "debug"].filter((name) => options[name]).map((name) => `--${name}`);
    if (options.cuda) flags.push(typeof options.cuda === "string" ? `--cuda=${options.cuda}` : "--cuda");
    if (options.sanitize) flags.push(`--sanitize=${options.sanitize}`);
    return new Promise((resolve, reject) => {
      const build = spawn(process.execPath, [join(packageRoot(), "src", "native", "build.mjs"), ...flags], { stdio: "inherit" });
      build.on("error", reject);
      build.on("close", (code) => resolve(code ?? 1));
    });
  },
};
