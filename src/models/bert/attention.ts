// Multi-head self-attention of BERT and the residual block around it.
import { attentionWeights, Dropout, LayerNorm, type Linear, Module } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { mergeHeads, splitHeads, unset } from "../shared/layers.js";
import type { BertLikeConfig } from "./config.js";

interface Attended {
  /** [B, S, H]. */
  readonly context: Tensor;
  /** [B, heads, S, S], before dropout. */
  readonly weights: Tensor;
}

/** softmax(Q K^T / sqrt(d) + mask) V in every head. */
export class BertSelfAttention extends Module {
  readonly heads: number;
  readonly headSize: number;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly dropout: Dropout;

  constructor(config: BertLikeConfig) {
    super();
    this.heads = config.num_attention_heads;
    this.headSize = config.hidden_size / config.num_attention_heads;
    this.query = unset(config.hidden_size, config.hidden_size);
    this.key = unset(config.hidden_size, config.hidden_size);
    this.value = unset(config.hidden_size, config.hidden_size);
    this.dropout = new Dropout(config.attention_probs_dropout_prob);
  }

  /** x [B, S, H]; mask is added to the scores: [B, 1, 1, S]. */
  forward(x: Tensor, mask?: Tensor): Attended {
    const weights = attentionWeights(this.#split(this.query(x)), this.#split(this.key(x)), { mask, scale: 1 / Math.sqrt(this.headSize) });
    const heads = this.dropout(weights).matmul(this.#split(this.value(x)));
    return { context: mergeHeads(heads, x, this.heads * this.headSize), weights };
  }

  #split(x: Tensor): Tensor {
    return splitHeads(x, this.heads, this.headSize);
  }
}

/** LayerNorm(x + dropout(dense(y))): the end of both residual blocks of a layer. */
export class BertResidual extends Module {
  readonly dense: Linear;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;

  constructor(config: BertLikeConfig, inFeatures: number) {
    super();
    this.dense = unset(inFeatures, config.hidden_size);
    this.LayerNorm = new LayerNorm(config.hidden_size, { epsilon: config.layer_norm_eps });
    this.dropout = new Dropout(config.hidden_dropout_prob);
  }

  forward(y: Tensor, x: Tensor): Tensor {
    return this.LayerNorm(this.dropout(this.dense(y)).add(x));
  }
}

/** Self-attention with its residual connection; field names are those of transformers' state dict. */
export class BertAttention extends Module {
  readonly self: BertSelfAttention;
  readonly output: BertResidual;

  constructor(config: BertLikeConfig) {
    super();
    this.self = new BertSelfAttention(config);
    this.output = new BertResidual(config, config.hidden_size);
  }

  forward(x: Tensor, mask?: Tensor): Attended {
    const { context, weights } = this.self(x, mask);
    return { context: this.output(context, x), weights };
  }
}
