// Attention of the book: masked softmax over valid lengths, and several heads side by side.
import { Dropout, Linear, Module, softmax } from "../nn/index.js";
import { ArgumentError, ShapeError } from "../errors.js";
import { arange, type Tensor } from "../tensor/index.js";

/** What the scores of positions that do not count are set to. */
const maskedScore = -1e6;

/**
 * softmax over the last dim of which only the first positions count: the others are set to -1e6 before, so a row without any valid position weighs all alike.
 *
 * @param scores [B, heads, queries, keys]
 * @param validLens [B], or [B, queries]; without it everything counts
 * @example
 * const weights = maskedSoftmax(scores, tensor([3, 5], { dtype: "int64" }));
 */
export function maskedSoftmax(scores: Tensor, validLens?: Tensor): Tensor {
  if (!validLens) return softmax(scores, -1);
  if (validLens.rank !== 1 && validLens.rank !== 2)
    throw new ShapeError(`maskedSoftmax: valid lengths are [batch] or [batch, queries], not of rank ${validLens.rank}`);
  let lengths = validLens.unsqueeze(-1);
  while (lengths.rank < scores.rank) lengths = lengths.unsqueeze(1);
  const outside = arange(scores.size(-1)).ge(lengths.to("int64"));
  return softmax(scores.maskedFill(outside, maskedScore), -1);
}

/**
 * Attention in several heads, with the names of the book's parameters: W_q, W_k, W_v, W_o.
 *
 * @example
 * const attention = new MultiHeadAttention(100, 5, 0.5);
 * attention(queries, keys, values, tensor([3, 2], { dtype: "int64" })).shape; // [2, 4, 100]
 */
export class MultiHeadAttention extends Module {
  readonly numHeads: number;
  readonly numHiddens: number;
  readonly W_q: Linear;
  readonly W_k: Linear;
  readonly W_v: Linear;
  readonly W_o: Linear;
  readonly dropout: Dropout;

  constructor(numHiddens: number, numHeads: number, dropout: number, options: { readonly bias?: boolean } = {}) {
    super();
    if (!Number.isSafeInteger(numHeads) || numHeads < 1 || numHiddens % numHeads !== 0)
      throw new ArgumentError(`MultiHeadAttention: ${numHiddens} hidden units cannot be split into ${numHeads} heads`, {
        hint: "numHiddens is a multiple of numHeads",
      });
    const bias = options.bias ?? false;
    this.numHeads = numHeads;
    this.numHiddens = numHiddens;
    this.W_q = new Linear(numHiddens, numHiddens, { bias });
    this.W_k = new Linear(numHiddens, numHiddens, { bias });
    this.W_v = new Linear(numHiddens, numHiddens, { bias });
    this.W_o = new Linear(numHiddens, numHiddens, { bias });
    this.dropout = new Dropout(dropout);
  }

  /** queries [B, Sq, H], keys and values [B, Sk, H], validLens [B] or [B, Sq]: [B, Sq, H]. */
  forward(queries: Tensor, keys: Tensor, values: Tensor, validLens?: Tensor): Tensor {
    const scale = 1 / Math.sqrt(this.numHiddens / this.numHeads);
    const scores = this.#split(this.W_q(queries)).matmul(this.#split(this.W_k(keys)), { transposeB: true, alpha: scale });
    const heads = this.dropout(maskedSoftmax(scores, validLens)).matmul(this.#split(this.W_v(values)));
    return this.W_o(heads.permute(0, 2, 1, 3).reshape([queries.size(0), queries.size(1), this.numHiddens]));
  }

  /** [B, S, H] to [B, heads, S, H / heads]. */
  #split(x: Tensor): Tensor {
    return x.reshape([x.size(0), x.size(1), this.numHeads, this.numHiddens / this.numHeads]).permute(0, 2, 1, 3);
  }
}
