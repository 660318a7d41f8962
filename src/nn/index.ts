// Layers, functional forms, losses and initial values: `accelerate-ts/nn`.
export { Parameter, updateBuffer } from "../tensor/index.js";
export { Dropout, GELU, ReLU, Tanh } from "./activations.js";
export { additiveMask, type AttentionOptions, attentionWeights, scaledDotProductAttention } from "./attention.js";
export { BatchNorm1d, BatchNorm2d, type BatchNormOptions } from "./batch-norm.js";
export { Checkpoint, checkpoint } from "./checkpoint.js";
export { Sequential } from "./containers.js";
export { Conv1d, Conv2d, ConvTranspose2d, type ConvOptions, type ConvTransposeOptions } from "./conv.js";
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
export { type BufferOptions, type Layer, Module, ModuleBase } from "./module.js";
export { ELU, Flatten, Hardsigmoid, Hardswish, Identity, LeakyReLU, LogSoftmax, Mish, Sigmoid, SiLU, Softmax, Softplus } from "./more-activations.js";
export { type ChannelNormOptions, GroupNorm, InstanceNorm2d, RMSNorm, type RMSNormOptions } from "./norms.js";
export { AdaptiveAvgPool2d, AvgPool2d, type AvgPoolOptions, MaxPool2d, type MaxPoolOptions, type PoolOptions } from "./pool.js";
export { interpolate, type InterpolateOptions, PixelShuffle, Upsample } from "./upsample.js";
export type { PerDim } from "./windows.js";
