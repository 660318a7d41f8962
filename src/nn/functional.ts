// Layers as functions of tensors: activations, linear maps, normalisation, dropout.
import { ArgumentError } from "../errors.js";
import { apply } from "../tensor/index.js";
import type { DType, Tensor } from "../tensor/index.js";

/**
 * exp(x) / sum(exp(x)) along a dim; the shape stays.
 *
 * @example
 * await softmax(tensor([[0, 0]]), -1).toArray(); // [[0.5, 0.5]]
 */
export function softmax<R extends number, D extends DType>(x: Tensor<R, D>, dim: number): Tensor<R, D> {
  return apply("softmax", [x], { dim }) as Tensor<R, D>;
}

/**
 * The logarithm of softmax, computed without its underflow.
 *
 * @example
 * await logSoftmax(tensor([0, 0]), -1).toArray(); // [-0.693, -0.693]
 */
export function logSoftmax<R extends number, D extends DType>(x: Tensor<R, D>, dim: number): Tensor<R, D> {
  return apply("logSoftmax", [x], { dim }) as Tensor<R, D>;
}

export interface GeluOptions {
  /** "none": x * Phi(x) with the error function, as BERT; "tanh": GPT-2's approximation. */
  readonly approximate?: "none" | "tanh";
}

/**
 * x * Phi(x), Phi the normal distribution function: https://arxiv.org/abs/1606.08415.
 *
 * @example
 * await gelu(tensor([-1, 0, 1])).toArray(); // [-0.159, 0, 0.841]
 */
export function gelu<R extends number, D extends DType>(x: Tensor<R, D>, options: GeluOptions = {}): Tensor<R, D> {
  return apply("gelu", [x], { approximate: options.approximate ?? "none" }) as Tensor<R, D>;
}

/**
 * max(x, 0).
 *
 * @example
 * await relu(tensor([-1, 2])).toArray(); // [0, 2]
 */
export function relu<R extends number, D extends DType>(x: Tensor<R, D>): Tensor<R, D> {
  return x.relu();
}

/** Probabilities are numbers from 0 to 1; the error names who was given another one. */
export function checkProbability(who: string, p: number): void {
  if (!(p >= 0 && p <= 1)) throw new ArgumentError(`${who}: a probability is a number from 0 to 1, not ${p}`);
}

export interface DropoutOptions {
  /** Probability of a zero; default 0.5. */
  readonly p?: number;
  /** false gives x itself; default true. */
  readonly training?: boolean;
}

/**
 * Zeroes entries with probability p and divides the others by 1 - p. Which ones depends on the seed, the step, the call and the
 * place (row, token, channel), not on threads or padding.
 *
 * @example
 * const y = dropout(x, { p: 0.1, training: this.training });
 */
export function dropout<R extends number, D extends DType>(x: Tensor<R, D>, options: DropoutOptions = {}): Tensor<R, D> {
  const p = options.p ?? 0.5;
  checkProbability("dropout", p);
  return p === 0 || options.training === false ? x : (apply("dropout", [x], { p }) as Tensor<R, D>);
}

/**
 * x W^T + b.
 *
 * @param x [..., in]
 * @param weight [out, in]
 * @param bias [out]
 * @returns [..., out]
 * @example
 * await linear(tensor([[1, 2]]), tensor([[3, 4]]), tensor([0.5])).toArray(); // [[11.5]]
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor): Tensor<number, "float32"> {
  return apply("linear", [x, weight, bias]) as Tensor<number, "float32">;
}

export interface EmbeddingOptions {
  /** A row that gets no gradient. */
  readonly paddingIdx?: number | undefined;
}

/**
 * Rows of a table.
 *
 * @param ids [...] int64
 * @param weight [rows, size]
 * @returns [..., size]
 * @example
 * const vectors = embedding(tensor([2, 0], { dtype: "int64" }), table, { paddingIdx: 0 });
 */
export function embedding(ids: Tensor, weight: Tensor, options: EmbeddingOptions = {}): Tensor<number, "float32"> {
  return apply("embedding", [weight, ids], options.paddingIdx === undefined ? {} : { paddingIdx: options.paddingIdx }) as Tensor<number, "float32">;
}

/** Numerical floor of layerNorm, added to the variance; torch's default. */
export const layerNormEpsilon = 1e-5;

/**
 * (x - mean) / sqrt(variance + epsilon) * weight + bias over the last dim: https://arxiv.org/abs/1607.06450.
 *
 * @param x [..., size]
 * @param weight [size]
 * @param bias [size]
 * @example
 * await layerNorm(tensor([[1, 3]]), tensor([1, 1]), tensor([0, 0])).toArray(); // [[-1, 1]], nearly
 */
export function layerNorm<R extends number, D extends DType>(
  x: Tensor<R, D>,
  weight: Tensor,
  bias?: Tensor,
  options: { readonly epsilon?: number } = {},
): Tensor<R, D> {
  return apply("layerNorm", [x, weight, bias], { epsilon: options.epsilon ?? layerNormEpsilon }) as Tensor<R, D>;
}

/**
 * x / sqrt(sum(x^2) + epsilon^2) along a dim: vectors of length one; a zero vector stays zero.
 *
 * @example
 * await l2Normalize(tensor([[3, 4]]), -1).toArray(); // [[0.6, 0.8]]
 */
export function l2Normalize<R extends number, D extends DType>(x: Tensor<R, D>, dim: number, options: { readonly epsilon?: number } = {}): Tensor<R, D> {
  const epsilon = options.epsilon ?? 1e-12;
  const squares: Tensor = x.mul(x as Tensor).sum(dim, { keepDim: true } as const);
  return x.div(squares.add(epsilon * epsilon).sqrt()) as Tensor<R, D>;
}
