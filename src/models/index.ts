// Pretrained models and their files: `accelerate-ts/models`.
export * from "../text/index.js";
export { AutoModel, AutoModelForSequenceClassification } from "./auto/models.js";
export { BertModel } from "./bert/model.js";
export { type BertConfig, type BertConfigOptions, bertConfig } from "./bert/config.js";
export { BertForSequenceClassification } from "./bert/for-sequence-classification.js";
export { Checkpoint } from "./loading/checkpoint.js";
export { ConfigError, type Labels, type PretrainedConfig, type ProblemType } from "./loading/config.js";
export type { FromPretrainedOptions } from "./loading/from-pretrained.js";
export { type PreTrainedModel, PreTrainedModelBase } from "./shared/pretrained-model.js";
export {
  loadSafetensors,
  type Merged,
  type MergeOptions,
  mergeShards,
  SafetensorsError,
  type SafetensorsErrorCode,
  SafetensorsFile,
  type SaveSafetensorsOptions,
  type SaveShardsOptions,
  saveSafetensors,
  saveShards,
} from "../safetensors/index.js";
export type {
  EncoderInputs,
  EncoderOutput,
  Fits,
  LossOf,
  ModelOutput,
  SequenceClassifierBatch,
  SequenceClassifierInputs,
  SequenceClassifierOutput,
} from "./shared/types.js";
