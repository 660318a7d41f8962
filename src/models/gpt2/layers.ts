// The layers of GPT-2; field names are those of transformers' state dict.
import { maskedScore } from "../../nn/attention.js";
import { attentionWeights, Dropout, LayerNorm, Module } from "../../nn/index.js";
import { arange, type Tensor } from "../../tensor/index.js";
import { type ActivationName, activations } from "../shared/activations.js";
import { Conv1D, mergeHeads, splitHeads } from "../shared/layers.js";
import type { Gpt2Config } from "./config.js";

/**
 * What is added to the scores, [S, S] or [B, 1, S, S]: 0 where a token may look, the most negative float32 at what comes after it and at padding. Both in one step, for two such
 * numbers would sum to -infinity.
 */
export function causalMask(ids: Tensor, mask?: Tensor): Tensor {
  const places = arange(ids.size(1));
  const causal: Tensor = places.unsqueeze(-1).ge(places);
  const allowed = mask ? causal.logicalAnd(mask.to("bool").unsqueeze(1).unsqueeze(1)) : causal;
  return allowed.to("float32").mul(-1).add(1).mul(maskedScore);
}

/** Maps back into the residual path begin smaller, by the number of such maps, two in each layer. */
const residualScale = (config: Gpt2Config): number => 1 / Math.sqrt(2 * Math.max(1, config.n_layer));

interface Attended {
  /** [B, S, H]. */
  readonly context: Tensor;
  /** [B, heads, S, S], before dropout. */
  readonly weights: Tensor;
}

export class GPT2Attention extends Module {
  readonly heads: number;
  readonly headSize: number;
  readonly scaling: number;
  readonly c_attn: Conv1D;
  readonly c_proj: Conv1D;
  readonly attn_dropout: Dropout;
  readonly resid_dropout: Dropout;

  constructor(config: Gpt2Config, layer: number) {
    super();
    this.heads = config.n_head;
    this.headSize = config.n_embd / config.n_head;
    this.scaling = (config.scale_attn_weights ? 1 / Math.sqrt(this.headSize) : 1) / (config.scale_attn_by_inverse_layer_idx ? layer + 1 : 1);
    this.c_attn = new Conv1D(3 * config.n_embd, config.n_embd);
    this.c_proj = new Conv1D(config.n_embd, config.n_embd, residualScale(config));
    this.attn_dropout = new Dropout(config.attn_pdrop);
    this.resid_dropout = new Dropout(config.resid_pdrop);
  }

  /** x [B, S, H]; one map gives queries, keys and values side by side. */
  forward(x: Tensor, mask: Tensor): Attended {
    const size = this.heads * this.headSize;
    const all = this.c_attn(x);
    const [q, k, v] = [0, 1, 2].map((i) => splitHeads(all.narrow(2, i * size, size), this.heads, this.headSize)) as [Tensor, Tensor, Tensor];
    const weights = attentionWeights(q, k, { mask, scale: this.scaling });
    const context = mergeHeads(this.attn_dropout(weights).matmul(v), x, size);
    return { context: this.resid_dropout(this.c_proj(context)), weights };
  }
}

/** dropout(c_proj(act(c_fc(x)))). */
export class GPT2MLP extends Module {
  readonly c_fc: Conv1D;
  readonly c_proj: Conv1D;
  readonly act: ActivationName;
  readonly dropout: Dropout;

  constructor(config: Gpt2Config) {
    super();
    const inner = config.n_inner ?? 4 * config.n_embd;
    this.c_fc = new Conv1D(inner, config.n_embd);
    this.c_proj = new Conv1D(config.n_embd, inner, residualScale(config));
    this.act = config.activation_function;
    this.dropout = new Dropout(config.resid_pdrop);
  }

  forward(x: Tensor): Tensor {
    return this.dropout(this.c_proj(activations[this.act](this.c_fc(x))));
  }
}

/** Norms come before attention and feed-forward, not after. */
export class GPT2Block extends Module {
  readonly ln_1: LayerNorm;
  readonly attn: GPT2Attention;
  readonly ln_2: LayerNorm;
  readonly mlp: GPT2MLP;

  constructor(config: Gpt2Config, layer: number) {
    super();
    this.ln_1 = new LayerNorm(config.n_embd, { epsilon: config.layer_norm_epsilon });
    this.attn = new GPT2Attention(config, layer);
    this.ln_2 = new LayerNorm(config.n_embd, { epsilon: config.layer_norm_epsilon });
    this.mlp = new GPT2MLP(config);
  }

  forward(x: Tensor, mask: Tensor): { readonly hidden: Tensor; readonly weights: Tensor } {
    const { context, weights } = this.attn(this.ln_1(x), mask);
    const attended = context.add(x);
    return { hidden: attended.add(this.mlp(this.ln_2(attended))), weights };
  }
}
