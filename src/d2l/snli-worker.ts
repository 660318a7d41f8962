// The thread of SNLIBERTDataset's preprocessing: one vocabulary for all of its tasks.
import { threadData } from "../threads/thread-data.js";
import { type EncodedRows, type EncodeOptions, encodePairs } from "./snli-rows.js";
import { Vocab } from "./vocab.js";

export interface WorkerData {
  readonly tokens: readonly string[];
  readonly options: EncodeOptions;
}
export interface EncodeTask {
  readonly premises: readonly string[];
  readonly hypotheses: readonly string[];
}

const { tokens, options } = threadData<WorkerData>();
const vocab = Vocab.of(tokens);

export const encode = ({ premises, hypotheses }: EncodeTask): EncodedRows => encodePairs(premises, hypotheses, vocab, options);
