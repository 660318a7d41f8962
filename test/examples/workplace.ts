// A user's folder for the examples: a tiny checkpoint, data with MRPC's columns, and a node_modules that leads to this package.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
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
  await mkdir(join(folder, "glue", "mrpc"), { recursive: true });
  for (const place of [folder, join(folder, "glue", "mrpc")]) {
    await writeFile(join(place, "train.jsonl"), rows(0, 30).join("\n"));
    await writeFile(join(place, "validation.jsonl"), rows(100, 10).join("\n"));
  }
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

/** The users' program of the design, and what keeps a test that it is just that from running where the design is not beside this checkout. */
export function programOf(name: string): { readonly text: string; readonly design: string; readonly skip: string | false } {
  const design = join(root, "..", "shared", "design", "programs", name);
  return {
    text: readFileSync(join(root, "test", "examples", "programs", name), "utf8"),
    design,
    skip: existsSync(design) ? false : "the design's programs are not beside this checkout",
  };
}
/** The same but for the line breaks of this repository's formatter. */
export function assertAsWritten({ text, design }: { readonly text: string; readonly design: string }): void {
  const bare = (program: string) => program.replaceAll(/[\s,;]+/g, "");
  assert.equal(bare(text), bare(readFileSync(design, "utf8")));
}

/** Runs a body in such a folder, which goes afterwards: train.jsonl (30 rows), validation.jsonl (10 rows), both also in glue/mrpc/, pairs.jsonl (140 rows), checkpoint/. */
export async function inWorkplace(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = await makeWorkplace();
  try {
    await body(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
