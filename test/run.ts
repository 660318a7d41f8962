// Runs the compiled tests on every Node from 20 on (`node --test` takes no patterns there): npm test, npm run test:slow.
//   node dist/test/run.js [--slow] [--alone | --at-once=N] [part of a path ...]
// --at-once=N: so many files; default: one more than there are cores, since most files wait most of the time. --alone: one file at a time.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { dirname, join, relative, sep } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";
import { fileURLToPath } from "node:url";
import { packageRoot } from "../src/package-root.js";

const compiled = dirname(fileURLToPath(import.meta.url));
const sources = join(packageRoot(import.meta.url), "test");
const slow = process.argv.includes("--slow");
const atOnce = process.argv.find((argument) => argument.startsWith("--at-once="))?.slice("--at-once=".length);
const concurrency = process.argv.includes("--alone") ? 1 : Number(atOnce ?? availableParallelism() + 1);
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
/** Rooms whose tests start no processes: they compute. */
const computing = new Set([
  ..."autograd d2l data graph hub kernels metrics models nn onnx optim package progress register safetensors tensor text torch-file".split(" "),
]);
/** Files that take longest: they begin first, so that the end of a run is no single one of them. Those that are missing here cost time, no more. */
const longest = [
  "accelerator/resume",
  "chaos/chaos",
  "chaos/each-fault",
  "trainer/search",
  "accelerator/hosts",
  "accelerator/programs",
  "launcher/failure",
  "trainer/checkpoints-workers",
  "trainer/golden",
  "accelerator/free-memory",
  "accelerator/accumulation",
  "accelerator/batch-size",
  "accelerator/sparse-hosts",
  "accelerator/zero",
  "accelerator/overlap",
  "accelerator/operations",
  "device/machine-training",
  "distributed/shm-conformance",
  "launcher/hosts",
].map((name) => join(...name.split("/")));

/** Files that launch workers and wait for them, the longest first, and among them those that compute, so that there is something to do at all times. */
function inOrder(all: readonly string[]): string[] {
  const isLong = (file: string): boolean => longest.some((name) => file.startsWith(`${name}.`));
  const rank = (file: string): number => longest.findIndex((name) => file.startsWith(`${name}.`));
  const long = all.filter(isLong).sort((a, b) => rank(a) - rank(b));
  const rest = all.filter((file) => !isLong(file));
  const [light, heavy] = [rest.filter((file) => computing.has(file.split(sep)[0]!)), rest.filter((file) => !computing.has(file.split(sep)[0]!))];
  // Where in its own list a file is: 0 to 1.
  const place = new Map([light, [...long, ...heavy]].flatMap((list) => list.map((file, i) => [file, i / list.length] as const)));
  return [...place.keys()].sort((a, b) => place.get(a)! - place.get(b)!);
}

const cache = mkdtempSync(join(tmpdir(), "accelerate-ts-cache-"));
process.on("exit", () => rmSync(cache, { recursive: true, force: true }));
// No settings of the user's own (accelerate-ts config, caches, tokens) reach what is under test, nothing of it stays, and no test asks the real hub.
for (const name of Object.keys(process.env)) if (/^(HF_|HUGGING)/.test(name)) delete process.env[name];
Object.assign(process.env, { ACCELERATE_TS_HOME: join(compiled, "no-home"), HF_HOME: cache, HF_ENDPOINT: "http://127.0.0.1:9" });
// Test files inherit it.
process.execArgv.push("--enable-source-maps");

const tests = run({ files: inOrder(files).map((file) => join(compiled, file.replace(/\.ts$/, ".js"))), concurrency });
tests.on("test:fail", (failed) => {
  if (!failed.todo) process.exitCode = 1;
});
tests.compose(new spec()).pipe(process.stdout);
