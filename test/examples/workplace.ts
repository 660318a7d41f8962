// A user's folder for the examples: a tiny checkpoint, data with MRPC's columns, and a node_modules that leads to this package.
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BertForSequenceClassification, bertConfig, trainWordPiece } from "accelerate-ts/models";
import { packageRoot } from "../../src/package-root.js";

const root = packageRoot(import.meta.url);
const words = ["the", "cat", "dog", "sat", "ran", "on", "under", "mat", "tree", "fast", "slowly", "home"];
const sentence = (i: number) => Array.from({ length: 5 + (i % 4) }, (_, k) => words[(i * (k + 3) + k * k) % words.length]).join(" ");

async function makeWorkplace(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "course-"));
  const rows = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) =>
      JSON.stringify({ sentence1: sentence(from + i), sentence2: sentence(i % 2 ? from + i : from + i + 7), label: i % 2, idx: i }),
    );
  await writeFile(join(folder, "train.jsonl"), rows(0, 30).join("\n"));
  await writeFile(join(folder, "validation.jsonl"), rows(100, 10).join("\n"));
  await writeFile(join(folder, "pairs.jsonl"), rows(200, 140).join("\n"));
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

/** Runs a body in such a folder, which goes afterwards: train.jsonl (30 rows), validation.jsonl (10 rows), pairs.jsonl (140 rows), checkpoint/. */
export async function inWorkplace(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await makeWorkplace();
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
