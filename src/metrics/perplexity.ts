// Perplexity: how many tokens a language model hesitates between, from its logits or its losses.
import { type Tensor, Tensor as TensorClass } from "../tensor/index.js";
import { refused, sum } from "./inputs.js";

export interface PerplexityArgs {
  /** [texts, tokens, vocabulary] */
  readonly logits: Tensor;
  /** Ids [texts, tokens]; those of padding are `ignoreIndex`. */
  readonly labels: Tensor;
  /** Logits of a place are of the token behind it, as causal models have it; default true. */
  readonly shift?: boolean;
  /** Labels that do not count; default -100. */
  readonly ignoreIndex?: number;
}

/** The mean loss of each text; NaN for one of which no token counts. @throws ArgumentError ERR_METRIC_INPUT */
export async function textLosses({ logits, labels, shift = true, ignoreIndex = -100 }: PerplexityArgs): Promise<number[]> {
  for (const [name, x, rank] of [
    ["logits", logits, 3],
    ["labels", labels, 2],
  ] as const)
    if (!(x instanceof TensorClass) || x.shape.length !== rank)
      throw refused(
        `perplexity: ${name} are ${x instanceof TensorClass ? `a tensor [${x.shape}]` : typeof x}`,
        "give logits [texts, tokens, vocabulary] and labels [texts, tokens]",
      );
  const [texts, tokens, vocabulary] = logits.shape as readonly [number, number, number];
  if (labels.shape[0] !== texts || labels.shape[1] !== tokens)
    throw refused(`perplexity: logits [${logits.shape}] and labels [${labels.shape}]`, "give one label for each token; they are shifted here");
  if (logits.dtype !== "float32" && logits.dtype !== "float64") throw refused(`perplexity: logits are ${logits.dtype}`, 'give logits.to("float32")');
  const values = (await logits.data()) as Float32Array;
  const ids = await labels.data();
  const behind = shift ? 1 : 0;
  return Array.from({ length: texts }, (_, text) => {
    const losses: number[] = [];
    for (let k = 0; k + behind < tokens; k++) {
      const id = Number(ids[text * tokens + k + behind]);
      if (id === ignoreIndex) continue;
      if (!(id >= 0 && id < vocabulary))
        throw refused(`perplexity: label ${id} of a vocabulary of ${vocabulary}`, `ids are 0 to ${vocabulary - 1}; padding is ${ignoreIndex}`);
      const at = (text * tokens + k) * vocabulary;
      losses.push(negativeLogLikelihood(values.subarray(at, at + vocabulary), id));
    }
    return sum(losses) / losses.length;
  });
}
function negativeLogLikelihood(logits: Float32Array, id: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const v of logits) if (v > most) most = v;
  let total = 0;
  for (const v of logits) total += Math.exp(v - most);
  return Math.log(total) + most - logits[id]!;
}

/** What `evaluate`'s perplexity gives for the mean losses of texts. */
export function perplexityOfTexts(losses: readonly number[]): { perplexities: number[]; mean_perplexity: number } {
  const perplexities = losses.map(Math.exp);
  return { perplexities, mean_perplexity: sum(perplexities) / perplexities.length };
}

/**
 * The perplexity of each text, exp of the mean loss of its tokens, and their mean, as `evaluate` has them. Python's metric runs a model by itself; here the model's logits are given.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * const { logits } = model(batch);
 * await perplexity({ logits, labels: batch.labels }); // { perplexities: [21.3, 38.2], mean_perplexity: 29.75 }
 */
export async function perplexity(args: PerplexityArgs): Promise<{ perplexities: number[]; mean_perplexity: number }> {
  return perplexityOfTexts(await textLosses(args));
}

/**
 * The perplexity of a whole set from mean losses of its batches: exp of their mean, weighted by how many tokens each was the mean of.
 *
 * @throws ArgumentError ERR_METRIC_INPUT
 * @example
 * perplexityOfLosses({ losses: [3.2, 3.0], tokens: [512, 256] }); // { perplexity: 22.95... }
 */
export function perplexityOfLosses({ losses, tokens }: { readonly losses: readonly number[]; readonly tokens?: readonly number[] }): { perplexity: number } {
  if (losses.length === 0) throw refused("nothing to score", "give losses");
  if (tokens && tokens.length !== losses.length) throw refused(`${tokens.length} numbers of tokens for ${losses.length} losses`, "give one for each loss");
  const weights = tokens ?? losses.map(() => 1);
  return { perplexity: Math.exp(sum(losses.map((loss, i) => loss * weights[i]!)) / sum(weights)) };
}
