// Scaled dot-product attention and the padding mask that goes with it.
import type { Tensor } from "../tensor/index.js";
import { dropout, softmax } from "./functional.js";

/** The most negative float32: what transformers adds to the scores of masked positions. */
export const maskedScore = -3.4028234663852886e38;

/**
 * What is added to attention scores so that padding gets no weight: 0 where the mask is 1, the most negative float32 where it is 0.
 *
 * @param mask [B, S], 1 for tokens, 0 for padding
 * @returns [B, 1, 1, S] float32
 * @example
 * const weights = attentionWeights(q, k, { mask: additiveMask(attention_mask), scale: 1 / Math.sqrt(64) });
 */
export function additiveMask(mask: Tensor): Tensor<number, "float32"> {
  return mask.to("float32").mul(-1).add(1).mul(maskedScore).unsqueeze(1).unsqueeze(1);
}

export interface AttentionOptions {
  /** Added to the scores; broadcasts to [B, heads, Sq, Sk]. */
  readonly mask?: Tensor | undefined;
  /** Factor of the scores; 1 / sqrt(size of a head) unless told. */
  readonly scale: number;
}

/**
 * softmax(scale * q k^T + mask): how much each query takes of each key.
 *
 * @param q [B, heads, Sq, d]
 * @param k [B, heads, Sk, d]
 * @returns [B, heads, Sq, Sk]
 * @example
 * const context = attentionWeights(q, k, { scale: 1 / Math.sqrt(64) }).matmul(v);
 */
export function attentionWeights(q: Tensor, k: Tensor, options: AttentionOptions): Tensor {
  const scores = q.matmul(k, { transposeB: true, alpha: options.scale });
  return softmax(options.mask ? scores.add(options.mask) : scores, -1);
}

/**
 * Attention of https://arxiv.org/abs/1706.03762: softmax(q k^T / sqrt(d) + mask) v, with dropout on the weights.
 *
 * @param q [B, heads, Sq, d]
 * @param k [B, heads, Sk, d]
 * @param v [B, heads, Sk, d]
 * @param options.dropoutP probability of dropout on the weights; give 0 outside training
 * @returns [B, heads, Sq, d]
 * @example
 * const context = scaledDotProductAttention(q, k, v, { mask: additiveMask(attention_mask), dropoutP: this.training ? 0.1 : 0 });
 */
export function scaledDotProductAttention(
  q: Tensor,
  k: Tensor,
  v: Tensor,
  options: { readonly mask?: Tensor; readonly scale?: number; readonly dropoutP?: number } = {},
): Tensor {
  const scale = options.scale ?? 1 / Math.sqrt(Number(q.size(-1)));
  return dropout(attentionWeights(q, k, { mask: options.mask, scale }), { p: options.dropoutP ?? 0 }).matmul(v);
}
