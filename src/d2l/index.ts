// The kit of the book d2l.ai: `accelerate-ts/d2l`.
export { accuracy, type Batches, evaluateAccuracy, evaluateAccuracyGpu, type EvaluateOptions, type Net } from "./accuracy.js";
export { Animator, type AnimatorOptions, type Screen } from "./animator.js";
export { maskedSoftmax, MultiHeadAttention } from "./attention.js";
export {
  AddNorm,
  BERTEncoder,
  BERTModel,
  type BertOptions,
  EncoderBlock,
  Hidden,
  MaskLM,
  NextSentencePred,
  PositionWiseFFN,
  TransformerEncoderBlock,
} from "./bert.js";
export { DATA_HUB, DATA_URL } from "./data-hub.js";
export { getDataLoaderWorkers, tryAllGpus, tryGpu } from "./devices.js";
export { download, downloadAll, downloadExtract, type DownloadOptions, type ExtractOptions } from "./download.js";
export { Accumulator, Timer } from "./measures.js";
export { loadPretrainedModel, type Pretrained, type PretrainedOptions } from "./pretrained.js";
export { readSnli, type SnliExamples } from "./snli.js";
export { SNLIBERTDataset, type SnliBertOptions, type SnliItem } from "./snli-bert-dataset.js";
export { loadDataSnli, type SnliBatch, SNLIDataset, type SnliDatasetOptions, type SnliLoaders, type SnliPair, truncatePad } from "./snli-dataset.js";
export { getTokensAndSegments, tokenize, type TokensAndSegments } from "./tokens.js";
export { type BatchOptions, type BatchSums, type Loss, trainBatchCh13, trainCh13, type TrainOptions, type TrainResult } from "./train.js";
export type { Truncation } from "./truncate.js";
export { type TokenIds, type Tokens, Vocab, type VocabOptions } from "./vocab.js";
