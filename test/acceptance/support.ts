// What the acceptance tests share: a tiny BERT with a real vocabulary, a hub that holds MRPC, and the tokenized pairs.
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setSeed } from "accelerate-ts";
import { BertForMaskedLM } from "accelerate-ts/models";
import { shared } from "../data/files.js";
import type { RepoFiles } from "../support/hub-server.js";

export const splits = ["train", "validation", "test"] as const;
export const parquetOf = (split: (typeof splits)[number]): string => join(shared, "data/mrpc", `${split}-00000-of-00001.parquet`);
export const vocabulary = (name: "bert-base-uncased" | "bert-base-multilingual-cased"): string => join(shared, "data/vocab", `${name}.txt`);

/** Config, weights of a pretraining head and vocabulary of a BERT that is small but reads real texts. */
export async function tinyBert(folder: string, name: Parameters<typeof vocabulary>[0]): Promise<string> {
  setSeed(1);
  const vocab = vocabulary(name);
  const vocabSize = readFileSync(vocab, "utf8").trimEnd().split("\n").length;
  const made = { vocab_size: vocabSize, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 16, hidden_dropout_prob: 0 };
  const path = join(folder, name);
  await mkdir(path, { recursive: true });
  await new BertForMaskedLM({ ...made, attention_probs_dropout_prob: 0 }).savePretrained(path);
  await copyFile(vocab, join(path, "vocab.txt"));
  await writeFile(join(path, "tokenizer_config.json"), JSON.stringify({ do_lower_case: name === "bert-base-uncased", model_max_length: 512 }));
  return path;
}

/** The repository nyu-mll/glue, as far as MRPC goes. */
export const glue = (): RepoFiles => ({
  "README.md": `---
configs:
- config_name: mrpc
  data_files:
${splits.map((split) => `  - split: ${split}\n    path: mrpc/${split}-*`).join("\n")}
---
`,
  ...Object.fromEntries(splits.map((split) => [`mrpc/${split}-00000-of-00001.parquet`, { lfs: readFileSync(parquetOf(split)) }])),
});

/** What a promise prints with console.log or console.warn. */
export async function printed<T>(name: "log" | "warn", body: () => Promise<T>): Promise<{ readonly value: T; readonly lines: string[] }> {
  const lines: string[] = [];
  const before = console[name];
  console[name] = (...values: unknown[]) => void lines.push(values.join(" "));
  try {
    return { value: await body(), lines };
  } finally {
    console[name] = before;
  }
}
