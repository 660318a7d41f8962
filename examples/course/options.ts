// The command line that the programs of the course share, and the pairs of sentences that they learn from.
import { parseArgs } from "node:util";
import { type DatasetDict, datasetDict, loadDataset } from "accelerate-ts/data";
import { numberOptions } from "../number-options.js";

export interface CourseOptions {
  /** A folder or the hub's name of a BERT. */
  readonly checkpoint: string;
  /** A folder with train and validation files (JSON lines, CSV, Parquet); GLUE MRPC from the hub without it. */
  readonly data: string | undefined;
  /** Rows that are taken of each split. */
  readonly limit: number;
  readonly epochs: number;
  /** Rows per step of one worker: two workers with 8 learn from the same 16 rows per step as one with 16. */
  readonly batchSize: number;
  readonly lr: number;
  readonly seed: number;
  readonly maxLength: number;
  /** Where the model goes. */
  readonly out: string;
}
export interface Pair {
  readonly sentence1: string;
  readonly sentence2: string;
  readonly label: number;
  readonly idx: number;
}

/** Reads the command line; `defaults` are those that differ between programs. Ends the program with exit code 2 and a message when it makes no sense. */
export function courseOptions(defaults: { readonly out: string } = { out: "mrpc-model" }): CourseOptions {
  const { values, positionals } = parseArgs({
    options: {
      data: { type: "string" },
      limit: { type: "string", default: String(Number.MAX_SAFE_INTEGER) },
      epochs: { type: "string", default: "3" },
      batch: { type: "string", default: "8" },
      lr: { type: "string", default: "5e-5" },
      seed: { type: "string", default: "42" },
      "max-length": { type: "string", default: "128" },
      out: { type: "string", default: defaults.out },
    },
    allowPositionals: true,
  });
  const { batch, "max-length": maxLength, ...numbers } = numberOptions(values, ["limit", "epochs", "batch", "lr", "seed", "max-length"]);
  return { checkpoint: positionals[0] ?? "bert-base-uncased", data: values.data, ...numbers, batchSize: batch, maxLength, out: values.out };
}

/** GLUE MRPC, or a folder of files with its columns. */
export async function loadPairs({ data, limit }: CourseOptions): Promise<DatasetDict<Pair, "train" | "validation">> {
  const raw =
    data === undefined
      ? await loadDataset("glue", "mrpc")
      : await loadDataset(data, { features: { sentence1: "string", sentence2: "string", label: "int64", idx: "int32" } });
  return datasetDict<Pair, "train" | "validation">([
    ["train", raw.get("train").slice(0, limit)],
    ["validation", raw.get("validation").slice(0, limit)],
  ]);
}
