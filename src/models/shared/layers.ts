// Layers that several architectures are made of, and what one does to heads.
import { type Embedding, init, Linear, Module, Parameter } from "../../nn/index.js";
import type { Tensor } from "../../tensor/index.js";
import type { TaskConfig } from "../loading/config.js";

/** A linear map whose first values come later: from a checkpoint, or from `initWeights`. */
export const unset = (inFeatures: number, outFeatures: number, options: { readonly bias?: boolean } = {}): Linear =>
  new Linear(inFeatures, outFeatures, { ...options, weightInit: init.zeros, biasInit: init.zeros });

/**
 * The map from hidden states to words: by the table of the words itself, unless the config says otherwise.
 *
 * @param bias its bias where that has another name too; true for one of its own
 */
export function decoderOf(config: TaskConfig & { readonly vocab_size: number }, words: Embedding, bias: Parameter<1> | boolean): Linear {
  const size = words.weight.shape[1]!;
  if (config.tie_word_embeddings === false) return unset(size, config.vocab_size, { bias: bias !== false });
  return new Linear(size, config.vocab_size, { weight: words.weight, bias, biasInit: init.zeros });
}

/** [B, S, H] to [B, heads, S, d]. */
export const splitHeads = (x: Tensor, heads: number, headSize: number): Tensor => x.reshape([x.size(0), x.size(1), heads, headSize]).permute(0, 2, 1, 3);
/** [B, heads, S, d] to [B, S, H]; `like` has the batch's sizes. */
export const mergeHeads = (x: Tensor, like: Tensor, size: number): Tensor => x.permute(0, 2, 1, 3).reshape([like.size(0), like.size(1), size]);

/** GPT-2's linear map: x W + b, the weight being [in, out]. */
export class Conv1D extends Module {
  readonly nx: number;
  readonly nf: number;
  /** First values are N(0, (std * scale)^2). */
  readonly scale: number;
  readonly weight: Parameter<2>;
  readonly bias: Parameter<1>;

  constructor(outFeatures: number, inFeatures: number, scale: number = 1) {
    super();
    this.nf = outFeatures;
    this.nx = inFeatures;
    this.scale = scale;
    this.weight = new Parameter(init.zeros([inFeatures, outFeatures]) as Tensor<2, "float32">);
    this.bias = new Parameter(init.zeros([outFeatures]) as Tensor<1, "float32">);
  }

  override extraRepr(): string {
    return `nf=${this.nf}, nx=${this.nx}`;
  }

  forward(x: Tensor): Tensor {
    return x.matmul(this.weight).add(this.bias);
  }
}
