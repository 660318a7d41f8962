// The layers of BERT: attention, feed-forward, one after the other; and the pooler on top.
import { type Checkpoint, type Linear, Module } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import { type ActivationName, activations } from "../shared/activations.js";
import { unset } from "../shared/layers.js";
import { BertAttention, BertResidual } from "./attention.js";
import type { BertLikeConfig } from "./config.js";

/** The wide half of the feed-forward block: [B, S, H] to [B, S, intermediate_size]. */
export class BertIntermediate extends Module {
  readonly dense: Linear;
  readonly act: ActivationName;

  constructor(config: BertLikeConfig) {
    super();
    this.dense = unset(config.hidden_size, config.intermediate_size);
    this.act = config.hidden_act;
  }

  forward(x: Tensor): Tensor {
    return activations[this.act](this.dense(x));
  }
}

interface LayerOutput {
  readonly hidden: Tensor;
  readonly weights: Tensor;
}

export class BertLayer extends Module {
  readonly attention: BertAttention;
  readonly intermediate: BertIntermediate;
  readonly output: BertResidual;

  constructor(config: BertLikeConfig) {
    super();
    this.attention = new BertAttention(config);
    this.intermediate = new BertIntermediate(config);
    this.output = new BertResidual(config, config.intermediate_size);
  }

  forward(x: Tensor, mask?: Tensor): LayerOutput {
    const { context, weights } = this.attention(x, mask);
    return { hidden: this.output(this.intermediate(context), context), weights };
  }
}

interface EncoderStates {
  /** Output of the last layer, [B, S, H]. */
  readonly last: Tensor;
  /** The input and the output of every layer. */
  readonly hidden: readonly Tensor[];
  /** Attention weights of every layer. */
  readonly attentions: readonly Tensor[];
}

export class BertEncoder extends Module {
  readonly layer: readonly BertLayer[];
  /** Set by gradientCheckpointingEnable. */
  checkpoint: Checkpoint | undefined = undefined;

  constructor(config: BertLikeConfig) {
    super();
    this.layer = Array.from({ length: config.num_hidden_layers }, () => new BertLayer(config));
  }

  forward(x: Tensor, mask?: Tensor): EncoderStates {
    const hidden = [x];
    const attentions: Tensor[] = [];
    let last = x;
    for (const layer of this.layer) {
      const output = layer(this.checkpoint ? this.checkpoint(last) : last, mask);
      last = output.hidden;
      hidden.push(last);
      attentions.push(output.weights);
    }
    return { last, hidden, attentions };
  }
}

/** tanh(dense(first token)): [B, S, H] to [B, H]. */
export class BertPooler extends Module {
  readonly dense: Linear;

  constructor(config: BertLikeConfig) {
    super();
    this.dense = unset(config.hidden_size, config.hidden_size);
  }

  forward(hidden: Tensor): Tensor {
    return this.dense(hidden.at(":", 0)).tanh();
  }
}
