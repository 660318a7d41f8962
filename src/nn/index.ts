// Layers, functional forms, losses and initial values: `accelerate-ts/nn`.
export { Parameter } from "../tensor/index.js";
export { Dropout, GELU, ReLU, Tanh } from "./activations.js";
export { additiveMask, type AttentionOptions, attentionWeights, scaledDotProductAttention } from "./attention.js";
export { Sequential } from "./containers.js";
export { Embedding, type EmbeddingLayerOptions } from "./embedding.js";
export {
  dropout,
  type DropoutOptions,
  embedding,
  type EmbeddingOptions,
  gelu,
  type GeluOptions,
  l2Normalize,
  layerNorm,
  linear,
  logSoftmax,
  relu,
  softmax,
} from "./functional.js";
export * as init from "./init.js";
export { LayerNorm, type LayerNormOptions } from "./layer-norm.js";
export { LazyLinear, Linear, type LinearOptions } from "./linear.js";
export { bceWithLogits, crossEntropy, type CrossEntropyOptions, type LossOptions, mseLoss, type Reduction } from "./losses.js";
export { type Layer, Module, ModuleBase } from "./module.js";
