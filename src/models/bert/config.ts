// The configuration of a BERT: keys, defaults and limits as in transformers' BertConfig.
import { z } from "zod";
import { ConfigError, type PretrainedConfig, type TaskConfig, validateConfig } from "../loading/config.js";
import { type Labels, labelsOf } from "../loading/labels.js";
import { type ActivationName, activationNames } from "../shared/activations.js";
import { count, layers, padTokenId, probability, standardDeviation, taskKeys } from "../shared/config-parts.js";

/** Keys of the architectures that are BERT's, whatever they are called; defaults are bert-base-uncased's. */
export const bertKeys = {
  vocab_size: count.default(30522),
  hidden_size: count.default(768),
  num_hidden_layers: layers.default(12),
  num_attention_heads: count.default(12),
  intermediate_size: count.default(3072),
  hidden_act: z.enum(activationNames).default("gelu"),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  max_position_embeddings: count.default(512),
  type_vocab_size: count.default(2),
  initializer_range: standardDeviation,
  layer_norm_eps: z.number().nonnegative().default(1e-12),
  pad_token_id: padTokenId.default(0),
  position_embedding_type: z.literal("absolute").optional(),
  classifier_dropout: probability.nullable().default(null),
  is_decoder: z.literal(false).optional(),
  ...taskKeys,
};
const schema = z.looseObject({ model_type: z.literal("bert").default("bert"), ...bertKeys });

/** What the program gives: any keys of config.json, the rest are defaults of bert-base-uncased. */
export type BertConfigOptions = Partial<Omit<z.input<typeof schema>, "model_type">> & { readonly [key: string]: unknown };

/** What BERT's layers need to know. */
export interface BertLikeConfig extends PretrainedConfig, Labels, TaskConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly hidden_act: ActivationName;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly initializer_range: number;
  readonly layer_norm_eps: number;
  readonly pad_token_id: number | null;
  readonly classifier_dropout: number | null;
  readonly num_labels: number;
}
export interface BertConfig extends BertLikeConfig {
  readonly model_type: "bert";
}

/** @throws ConfigError unless every head gets as many channels */
export function checkHeads(where: string, [size, channels]: readonly [string, number], [count, heads]: readonly [string, number]): void {
  if (channels % heads !== 0) throw new ConfigError(`${where}: ${size} ${channels} is no multiple of ${count} ${heads}`);
}

/** @throws ConfigError unless the padding is a word of the table */
export function checkPadding(
  where: string,
  { pad_token_id: pad, vocab_size: size }: { readonly pad_token_id: number | null; readonly vocab_size: number },
): void {
  if (pad !== null && pad >= size) throw new ConfigError(`${where}: pad_token_id ${pad} is none of the ${size} words`);
}

/**
 * A checked BERT configuration from some of its keys.
 *
 * @throws ConfigError ERR_CONFIG naming each key that is wrong
 * @example
 * const config = bertConfig({ vocab_size: 8000, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 512 });
 */
export function bertConfig(options: BertConfigOptions = {}, where = "BertConfig", numLabels?: number): BertConfig {
  const config = validateConfig(schema, options, where);
  checkHeads(where, ["hidden_size", config.hidden_size], ["num_attention_heads", config.num_attention_heads]);
  checkPadding(where, config);
  return { ...config, ...labelsOf(config, numLabels) };
}
