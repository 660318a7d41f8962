// The course's program runs as users write it: a .ts file through the register hook, on local files, from any folder.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { BertForSequenceClassification, bertConfig, trainWordPiece } from "accelerate-ts/models";
import { packageRoot } from "../../src/package-root.js";

const root = packageRoot(import.meta.url);
const words = ["the", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree", "fast", "slowly", "home"];
const sentence = (i: number) => Array.from({ length: 5 + (i % 4) }, (_, k) => words[(i * (k + 3) + k * k) % words.length]).join(" ");

/** A folder with a tiny checkpoint, data of the same columns as MRPC's, and a node_modules that leads to this package. */
async function workplace(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "course-"));
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) =>
      JSON.stringify({ sentence1: sentence(from + i), sentence2: sentence(i % 2 ? from + i : from + i + 7), label: i % 2, idx: i }),
    );
  await writeFile(join(folder, "train.jsonl"), rows(0, 30).join("\n"));
  await writeFile(join(folder, "validation.jsonl"), rows(100, 10).join("\n"));
  await writeFile(join(folder, "package.json"), '{ "type": "module" }');
  await mkdir(join(folder, "node_modules"));
  await symlink(root, join(folder, "node_modules", "accelerate-ts"));
  const tokenizer = await trainWordPiece(
    Array.from({ length: 100 }, (_, i) => sentence(i)),
    { vocabSize: 120 },
  );
  const sizes = {
    vocab_size: tokenizer.vocabSize,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 64,
  };
  await new BertForSequenceClassification(bertConfig(sizes)).savePretrained(join(folder, "checkpoint"));
  await tokenizer.savePretrained(join(folder, "checkpoint"));
  return folder;
}

function run(folder: string, args: readonly string[]): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ["--import", "accelerate-ts/register", ...args], { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  const text = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    text.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    text.stderr += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...text }));
  });
}

async function check(program: string): Promise<void> {
  const folder = await workplace();
  try {
    await writeFile(join(folder, "course-plain.ts"), program);
    const { code, stdout, stderr } = await run(folder, ["course-plain.ts", "checkpoint"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /sentence1/, "the dataset is printed");
    for (const epoch of [1, 2, 3]) assert.match(stdout, new RegExp(`^${epoch} \\{ accuracy: [\\d.]+, f1: [\\d.]+ \\}$`, "m"));
    for (const file of ["config.json", "model.safetensors", "tokenizer.json"]) assert.ok(existsSync(join(folder, "mrpc-model", file)), `${file} was saved`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test("the plain loop of the course trains, evaluates and saves", () =>
  check(readFileSync(join(root, "test", "examples", "programs", "course-plain.ts"), "utf8")));

const design = join(root, "..", "shared", "design", "programs", "course-plain.ts");
test("the users' program of the design runs as written but for the hub id", {
  skip: existsSync(design) ? false : "the design's programs are not beside this checkout",
}, () => {
  const text = readFileSync(design, "utf8");
  const local = text.replace('loadDataset("glue", "mrpc")', 'loadDataset("json", { dataFiles: { train: "train.jsonl", validation: "validation.jsonl" } })');
  assert.notEqual(local, text, "the program loads glue/mrpc");
  return check(local);
});
