// The configuration of a BERT: keys, defaults and limits as in transformers' BertConfig.
import { z } from "zod";
import { ConfigError, type Labels, labelsOf, type ProblemType, type PretrainedConfig, validateConfig } from "../loading/config.js";

const count = z.int().positive();
const probability = z.number().min(0).max(1);

/** Activations between the two feed-forward layers, by the names used in configs. */
export const hiddenActs = ["gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "tanh"] as const;
export type HiddenAct = (typeof hiddenActs)[number];

const schema = z.looseObject({
  model_type: z.literal("bert").default("bert"),
  vocab_size: count.default(30522),
  hidden_size: count.default(768),
  num_hidden_layers: z.int().nonnegative().default(12),
  num_attention_heads: count.default(12),
  intermediate_size: count.default(3072),
  hidden_act: z.enum(hiddenActs).default("gelu"),
  hidden_dropout_prob: probability.default(0.1),
  attention_probs_dropout_prob: probability.default(0.1),
  max_position_embeddings: count.default(512),
  type_vocab_size: count.default(2),
  initializer_range: z.number().nonnegative().default(0.02),
  layer_norm_eps: z.number().nonnegative().default(1e-12),
  pad_token_id: z.int().nonnegative().nullable().default(0),
  position_embedding_type: z.literal("absolute").optional(),
  classifier_dropout: probability.nullable().default(null),
  problem_type: z.enum(["regression", "single_label_classification", "multi_label_classification"]).nullish(),
  is_decoder: z.literal(false).optional(),
  id2label: z.record(z.string(), z.string()).nullish(),
  label2id: z.record(z.string(), z.int()).nullish(),
  num_labels: count.optional(),
  output_hidden_states: z.boolean().optional(),
  output_attentions: z.boolean().optional(),
});

/** What the program gives: any keys of config.json, the rest are defaults of bert-base-uncased. */
export type BertConfigOptions = Partial<Omit<z.input<typeof schema>, "model_type">> & { readonly [key: string]: unknown };

export interface BertConfig extends PretrainedConfig, Labels {
  readonly model_type: "bert";
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly hidden_act: HiddenAct;
  readonly hidden_dropout_prob: number;
  readonly attention_probs_dropout_prob: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly initializer_range: number;
  readonly layer_norm_eps: number;
  readonly pad_token_id: number | null;
  readonly classifier_dropout: number | null;
  readonly problem_type?: ProblemType | null | undefined;
  readonly num_labels: number;
  readonly output_hidden_states?: boolean | undefined;
  readonly output_attentions?: boolean | undefined;
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
  if (config.hidden_size % config.num_attention_heads !== 0) {
    throw new ConfigError(`${where}: hidden_size ${config.hidden_size} is no multiple of num_attention_heads ${config.num_attention_heads}`);
  }
  return { ...config, ...labelsOf(config, numLabels) };
}
