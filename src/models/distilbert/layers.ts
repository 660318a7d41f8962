// The layers of DistilBERT; field names are those of transformers' state dict.
import { type Checkpoint, attentionWeights, Dropout, Embedding, init, LayerNorm, type Linear, Module } from "../../nn/index.js";
import { arange, type Tensor } from "../../tensor/index.js";
import { type ActivationName, activations } from "../shared/activations.js";
import type { OwnInit } from "../shared/init-weights.js";
import { mergeHeads, splitHeads, unset } from "../shared/layers.js";
import type { EncoderInputs } from "../shared/types.js";
import type { DistilBertConfig } from "./config.js";

const normEpsilon = 1e-12;

/** Words and positions become vectors: [B, S] to [B, S, dim]. There are no sentence numbers. */
export class DistilBertEmbeddings extends Module implements OwnInit {
  readonly word_embeddings: Embedding;
  readonly position_embeddings: Embedding;
  readonly LayerNorm: LayerNorm;
  readonly dropout: Dropout;
  readonly sinusoidal: boolean;

  constructor(config: DistilBertConfig) {
    super();
    this.word_embeddings = new Embedding(config.vocab_size, config.dim, { paddingIdx: config.pad_token_id ?? undefined, weightInit: init.zeros });
    this.position_embeddings = new Embedding(config.max_position_embeddings, config.dim, { weightInit: init.zeros });
    this.LayerNorm = new LayerNorm(config.dim, { epsilon: normEpsilon });
    this.dropout = new Dropout(config.dropout);
    this.sinusoidal = config.sinusoidal_pos_embds;
  }

  /** `sinusoidal_pos_embds`: sin and cos of the position over 10000^(2i / dim), side by side. */
  initOwn(wanted: (field: string) => boolean): void {
    const { weight } = this.position_embeddings;
    if (!this.sinusoidal || !wanted("position_embeddings.weight")) return;
    const [, dim] = weight.shape as [number, number];
    const values = weight.values();
    for (let i = 0; i < values.length; i++) {
      const angle = Math.floor(i / dim) / 10000 ** ((2 * Math.floor((i % dim) / 2)) / dim);
      values[i] = i % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
    weight.changed();
  }

  forward({ input_ids: ids, position_ids: positions }: EncoderInputs): Tensor {
    const places = this.position_embeddings(positions ?? arange(ids.size(1)));
    return this.dropout(this.LayerNorm(this.word_embeddings(ids).add(places)));
  }
}

interface Attended {
  /** [B, S, dim]. */
  readonly context: Tensor;
  /** [B, heads, S, S], before dropout. */
  readonly weights: Tensor;
}

/** softmax(Q K^T / sqrt(d) + mask) V in every head, and a map of what comes out. */
export class DistilBertSelfAttention extends Module {
  readonly heads: number;
  readonly headSize: number;
  readonly q_lin: Linear;
  readonly k_lin: Linear;
  readonly v_lin: Linear;
  readonly out_lin: Linear;
  readonly dropout: Dropout;

  constructor(config: DistilBertConfig) {
    super();
    this.heads = config.n_heads;
    this.headSize = config.dim / config.n_heads;
    this.q_lin = unset(config.dim, config.dim);
    this.k_lin = unset(config.dim, config.dim);
    this.v_lin = unset(config.dim, config.dim);
    this.out_lin = unset(config.dim, config.dim);
    this.dropout = new Dropout(config.attention_dropout);
  }

  /** x [B, S, dim]; mask is added to the scores: [B, 1, 1, S]. */
  forward(x: Tensor, mask?: Tensor): Attended {
    const [q, k, v] = [this.q_lin, this.k_lin, this.v_lin].map((map) => splitHeads(map(x), this.heads, this.headSize)) as [Tensor, Tensor, Tensor];
    const weights = attentionWeights(q, k, { mask, scale: 1 / Math.sqrt(this.headSize) });
    return { context: this.out_lin(mergeHeads(this.dropout(weights).matmul(v), x, this.heads * this.headSize)), weights };
  }
}

/** dropout(lin2(act(lin1(x)))). */
export class DistilBertFeedForward extends Module {
  readonly lin1: Linear;
  readonly lin2: Linear;
  readonly dropout: Dropout;
  readonly act: ActivationName;

  constructor(config: DistilBertConfig) {
    super();
    this.lin1 = unset(config.dim, config.hidden_dim);
    this.lin2 = unset(config.hidden_dim, config.dim);
    this.dropout = new Dropout(config.dropout);
    this.act = config.activation;
  }

  forward(x: Tensor): Tensor {
    return this.dropout(this.lin2(activations[this.act](this.lin1(x))));
  }
}

export class DistilBertLayer extends Module {
  readonly attention: DistilBertSelfAttention;
  readonly sa_layer_norm: LayerNorm;
  readonly ffn: DistilBertFeedForward;
  readonly output_layer_norm: LayerNorm;

  constructor(config: DistilBertConfig) {
    super();
    this.attention = new DistilBertSelfAttention(config);
    this.sa_layer_norm = new LayerNorm(config.dim, { epsilon: normEpsilon });
    this.ffn = new DistilBertFeedForward(config);
    this.output_layer_norm = new LayerNorm(config.dim, { epsilon: normEpsilon });
  }

  forward(x: Tensor, mask?: Tensor): { readonly hidden: Tensor; readonly weights: Tensor } {
    const { context, weights } = this.attention(x, mask);
    const attended = this.sa_layer_norm(context.add(x));
    return { hidden: this.output_layer_norm(this.ffn(attended).add(attended)), weights };
  }
}

/** The layers one after the other; what comes out of each, and its attention. */
export class DistilBertTransformer extends Module {
  readonly layer: readonly DistilBertLayer[];
  /** Set by gradientCheckpointingEnable. */
  checkpoint: Checkpoint | undefined = undefined;

  constructor(config: DistilBertConfig) {
    super();
    this.layer = Array.from({ length: config.n_layers }, () => new DistilBertLayer(config));
  }

  forward(x: Tensor, mask?: Tensor): { readonly last: Tensor; readonly hidden: readonly Tensor[]; readonly attentions: readonly Tensor[] } {
    const hidden = [x];
    const attentions: Tensor[] = [];
    for (const layer of this.layer) {
      const last = hidden.at(-1)!;
      const output = layer(this.checkpoint ? this.checkpoint(last) : last, mask);
      hidden.push(output.hidden);
      attentions.push(output.weights);
    }
    return { last: hidden.at(-1)!, hidden, attentions };
  }
}
