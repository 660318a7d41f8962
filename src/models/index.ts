// Pretrained models and their files: `accelerate-ts/models`.
export * from "../text/index.js";
export { AutoConfig } from "./auto/config.js";
export { AutoModel, AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoModelForTokenClassification } from "./auto/models.js";
export type { AutoClass } from "./auto/table.js";
export { type BertConfig, type BertConfigOptions, bertConfig } from "./bert/config.js";
export { BertForMaskedLM } from "./bert/for-masked-lm.js";
export { BertForSequenceClassification } from "./bert/for-sequence-classification.js";
export { BertForTokenClassification } from "./bert/for-token-classification.js";
export { BertModel } from "./bert/model.js";
export { type DistilBertConfig, type DistilBertConfigOptions, distilBertConfig } from "./distilbert/config.js";
export { DistilBertForMaskedLM } from "./distilbert/for-masked-lm.js";
export { DistilBertForSequenceClassification } from "./distilbert/for-sequence-classification.js";
export { DistilBertForTokenClassification } from "./distilbert/for-token-classification.js";
export { DistilBertModel } from "./distilbert/model.js";
export { type Gpt2Config, type Gpt2ConfigOptions, gpt2Config } from "./gpt2/config.js";
export { GPT2ForSequenceClassification } from "./gpt2/for-sequence-classification.js";
export { GPT2LMHeadModel } from "./gpt2/lm-head.js";
export { GPT2Model } from "./gpt2/model.js";
export { Checkpoint, type CheckpointTensor } from "./loading/checkpoint.js";
export { ConfigError, type PretrainedConfig, type ProblemType, type RawConfig, type TaskConfig } from "./loading/config.js";
export type { ConfigOptions, FromPretrainedOptions } from "./loading/from-pretrained.js";
export type { Labels, TaskOptions } from "./loading/labels.js";
export { type RobertaConfig, type RobertaConfigOptions, robertaConfig } from "./roberta/config.js";
export { RobertaForMaskedLM } from "./roberta/for-masked-lm.js";
export { RobertaForSequenceClassification } from "./roberta/for-sequence-classification.js";
export { RobertaForTokenClassification } from "./roberta/for-token-classification.js";
export { RobertaModel } from "./roberta/model.js";
export { type CountOptions, type PreTrainedModel, PreTrainedModelBase } from "./shared/pretrained-model.js";
export type { ResizeOptions } from "./shared/resize-embeddings.js";
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
  BaseModelOutput,
  EncoderInputs,
  EncoderOutput,
  Fits,
  InnerStates,
  LanguageModelInputs,
  LanguageModelOutput,
  LossOf,
  ModelOutput,
  SequenceClassifierBatch,
  SequenceClassifierInputs,
  SequenceClassifierOutput,
  TokenClassifierInputs,
  TokenClassifierOutput,
} from "./shared/types.js";
