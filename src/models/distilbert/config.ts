// The configuration of a DistilBERT: keys, defaults and other names of keys as in transformers' DistilBertConfig.
import { z } from "zod";
import { checkHeads, checkPadding } from "../bert/config.js";
import { type PretrainedConfig, type TaskConfig, validateConfig } from "../loading/config.js";
import { type Labels, labelsOf } from "../loading/labels.js";
import { type ActivationName, activationNames } from "../shared/activations.js";
import { count, layers, padTokenId, probability, standardDeviation, taskKeys } from "../shared/config-parts.js";
import { ownNames, withAliases } from "../shared/key-aliases.js";

const schema = z.looseObject({
  model_type: z.literal("distilbert").default("distilbert"),
  vocab_size: count.default(30522),
  max_position_embeddings: count.default(512),
  sinusoidal_pos_embds: z.boolean().default(false),
  n_layers: layers.default(6),
  n_heads: count.default(12),
  dim: count.default(768),
  hidden_dim: count.default(3072),
  dropout: probability.default(0.1),
  attention_dropout: probability.default(0.1),
  activation: z.enum(activationNames).default("gelu"),
  initializer_range: standardDeviation,
  seq_classif_dropout: probability.default(0.2),
  pad_token_id: padTokenId.default(0),
  ...taskKeys,
});

/** What the program gives: any keys of config.json, the rest are defaults of distilbert-base-uncased. */
export type DistilBertConfigOptions = Partial<Omit<z.input<typeof schema>, "model_type">> & { readonly [key: string]: unknown };

export interface DistilBertConfig extends PretrainedConfig, Labels, TaskConfig {
  readonly model_type: "distilbert";
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly sinusoidal_pos_embds: boolean;
  readonly n_layers: number;
  readonly n_heads: number;
  readonly dim: number;
  readonly hidden_dim: number;
  readonly dropout: number;
  readonly attention_dropout: number;
  readonly activation: ActivationName;
  readonly initializer_range: number;
  readonly seq_classif_dropout: number;
  readonly pad_token_id: number | null;
  readonly num_labels: number;
  /** `dim`. */
  readonly hidden_size: number;
}

/**
 * A checked DistilBERT configuration from some of its keys; `hidden_size`, `num_attention_heads` and `num_hidden_layers` are other names of `dim`, `n_heads` and `n_layers`.
 *
 * @throws ConfigError ERR_CONFIG naming each key that is wrong
 * @example
 * const config = distilBertConfig({ vocab_size: 8000, dim: 128, n_layers: 2, n_heads: 2, hidden_dim: 512 });
 */
export function distilBertConfig(options: DistilBertConfigOptions = {}, where = "DistilBertConfig", numLabels?: number): DistilBertConfig {
  const config = validateConfig(schema, ownNames("distilbert", options), where);
  checkHeads(where, ["dim", config.dim], ["n_heads", config.n_heads]);
  checkPadding(where, config);
  return { ...withAliases("distilbert", config), hidden_size: config.dim, ...labelsOf(config, numLabels) };
}
