// Runs the compiled tests on every Node from 20 on (`node --test` takes no patterns there): npm test, npm run test:slow.
//   node dist/test/run.js [--slow] [--alone] [part of a path ...]
// --alone: one file at a time.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../src/package-root.js";

const compiled = dirname(fileURLToPath(import.meta.url));
const sources = join(packageRoot(import.meta.url), "test");
const slow = process.argv.includes("--slow");
const alone = process.argv.includes("--alone");
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

// The sources are listed, not the compiled files: a test that was deleted may still lie in the output folder.
const files = readdirSync(sources, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(slow ? ".slow.test.ts" : ".test.ts") && (slow || !entry.name.endsWith(".slow.test.ts")))
  .map((entry) => relative(sources, join(entry.parentPath, entry.name)))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (files.length === 0) {
  console.error(`no ${slow ? "slow " : ""}test file${wanted.length ? ` with ${wanted.join(" or ")} in its path` : ""}`);
  process.exit(slow && wanted.length === 0 ? 0 : 1);
}
/** Rooms whose tests start no processes: as many files at once as there are cores. */
const together = new Set([
  ..."autograd d2l data graph hub kernels metrics models nn onnx optim package progress register safetensors tensor text torch-file".split(" "),
]);
// The others start workers and wait for them, in files that share nothing: two at once.
const concurrencyOf = (file: string): number => {
  const room = file.split(sep)[0]!;
  return alone ? 1 : together.has(room) ? availableParallelism() : 2;
};

const cache = mkdtempSync(join(tmpdir(), "accelerate-ts-cache-"));
process.on("exit", () => rmSync(cache, { recursive: true, force: true }));
const others = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(HF_|HUGGING)/.test(name)));

function run(part: readonly string[], concurrency: number): Promise<number> {
  const compiledFiles = part.map((file) => join(compiled, file.replace(/\.ts$/, ".js")));
  const child = spawn(process.execPath, ["--test", "--test-reporter=spec", "--enable-source-maps", `--test-concurrency=${concurrency}`, ...compiledFiles], {
    stdio: "inherit",
    // No settings of the user's own (accelerate-ts config, caches, tokens) reach what is under test, nothing of it stays, and no test asks the real hub.
    env: { ...others, ACCELERATE_TS_HOME: join(compiled, "no-home"), HF_HOME: cache, HF_ENDPOINT: "http://127.0.0.1:9" },
  });
  return new Promise((resolve) => child.on("exit", (code, signal) => resolve(code ?? (signal ? 1 : 0))));
}

// Files of the most at once first; files of one concurrency are one run.
const concurrencies = [...new Set(files.map(concurrencyOf))].sort((a, b) => b - a);
for (const concurrency of concurrencies) {
  const part = files.filter((file) => concurrencyOf(file) === concurrency);
  process.exitCode = Math.max(Number(process.exitCode ?? 0), await run(part, concurrency));
}
