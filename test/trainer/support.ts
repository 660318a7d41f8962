// A tiny model and tiny data for tests of the Trainer.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { Dataset, setSeed, type Tensor, tensor } from "accelerate-ts";
import { BertForSequenceClassification, GPT2LMHeadModel } from "accelerate-ts/models";
import { TrainingArguments, type TrainingArgumentsOptions } from "accelerate-ts/trainer";

export type TinyRow = { readonly input_ids: number[]; readonly attention_mask: number[]; readonly label: number };

const sizes = { vocab_size: 64, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 32 };

/** A BERT of 16 numbers per token that classifies into `labels`; the same weights for the same seed, no dropout unless asked for. */
export function tinyBert({ seed = 0, labels = 2, dropout = 0 } = {}): BertForSequenceClassification {
  setSeed(seed);
  return new BertForSequenceClassification({ ...sizes, num_labels: labels, hidden_dropout_prob: dropout, attention_probs_dropout_prob: dropout });
}
/** A GPT-2 of the same size. */
export function tinyGpt2({ seed = 0 } = {}): GPT2LMHeadModel {
  setSeed(seed);
  return new GPT2LMHeadModel({ vocab_size: 64, n_embd: 16, n_layer: 1, n_head: 2, n_positions: 32, embd_pdrop: 0, resid_pdrop: 0, attn_pdrop: 0 });
}

/** Rows of 3 to 12 tokens; the label says whether there is a token below 4. The same rows for the same seed. */
export function tinyRows(count: number, seed = 1): TinyRow[] {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    return (state >> 8) % below;
  };
  return Array.from({ length: count }, () => {
    const input_ids = Array.from({ length: 3 + next(10) }, () => 1 + next(63));
    return { input_ids, attention_mask: input_ids.map(() => 1), label: Number(input_ids.some((id) => id < 4)) };
  });
}
export const tinyDataset = (count: number, seed = 1): Dataset<TinyRow> => Dataset.fromRows(tinyRows(count, seed));

/** Pads to the longest row; 0 is padding. */
export function tinyCollate(rows: readonly TinyRow[]): { input_ids: Tensor<2>; attention_mask: Tensor<2>; labels: Tensor<1> } {
  const width = Math.max(...rows.map((row) => row.input_ids.length));
  const padded = (key: "input_ids" | "attention_mask") =>
    tensor(
      rows.map((row) => [...row[key], ...Array<number>(width - row[key].length).fill(0)]),
      { dtype: "int64" },
    ) as Tensor<2>;
  const labels = tensor(
    rows.map((row) => row.label),
    { dtype: "int64" },
  ) as Tensor<1>;
  return { input_ids: padded("input_ids"), attention_mask: padded("attention_mask"), labels };
}
/** The same for a causal language model: its labels are its tokens, padding is no target. */
export function spokenCollate(rows: readonly TinyRow[]): { input_ids: Tensor<2>; attention_mask: Tensor<2>; labels: Tensor<2> } {
  const { input_ids, attention_mask } = tinyCollate(rows);
  const width = input_ids.shape[1]!;
  const labels = tensor(
    rows.map((row) => [...row.input_ids, ...Array<number>(width - row.input_ids.length).fill(-100)]),
    { dtype: "int64" },
  ) as Tensor<2>;
  return { input_ids, attention_mask, labels };
}

/** A folder that is gone after the tests of the file. */
export function temporaryFolder(name = "trainer"): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`));
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Arguments of a quiet run that saves nothing: no bar, no trackers. */
export const quietArguments = (outputDir: string, options: TrainingArgumentsOptions = {}): TrainingArguments =>
  new TrainingArguments(outputDir, { disableTqdm: true, reportTo: "none", saveStrategy: "no", perDeviceTrainBatchSize: 4, learningRate: 1e-3, ...options });
