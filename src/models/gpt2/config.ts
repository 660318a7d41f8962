// The configuration of a GPT-2: keys, defaults and other names of keys as in transformers' GPT2Config.
import { z } from "zod";
import { checkHeads } from "../bert/config.js";
import { type PretrainedConfig, type TaskConfig, validateConfig } from "../loading/config.js";
import { type Labels, labelsOf } from "../loading/labels.js";
import { type ActivationName, activationNames } from "../shared/activations.js";
import { count, layers, padTokenId, probability, standardDeviation, taskKeys, tokenIds } from "../shared/config-parts.js";
import { ownNames, withAliases } from "../shared/key-aliases.js";

const schema = z.looseObject({
  model_type: z.literal("gpt2").default("gpt2"),
  vocab_size: count.default(50257),
  n_positions: count.default(1024),
  n_embd: count.default(768),
  n_layer: layers.default(12),
  n_head: count.default(12),
  n_inner: count.nullable().default(null),
  activation_function: z.enum(activationNames).default("gelu_new"),
  resid_pdrop: probability.default(0.1),
  embd_pdrop: probability.default(0.1),
  attn_pdrop: probability.default(0.1),
  layer_norm_epsilon: z.number().nonnegative().default(1e-5),
  initializer_range: standardDeviation,
  scale_attn_weights: z.boolean().default(true),
  scale_attn_by_inverse_layer_idx: z.boolean().default(false),
  bos_token_id: tokenIds.default(50256),
  eos_token_id: tokenIds.default(50256),
  pad_token_id: padTokenId.default(null),
  add_cross_attention: z.literal(false).optional(),
  ...taskKeys,
});

/** What the program gives: any keys of config.json, the rest are defaults of gpt2. */
export type Gpt2ConfigOptions = Partial<Omit<z.input<typeof schema>, "model_type">> & { readonly [key: string]: unknown };

export interface Gpt2Config extends PretrainedConfig, Labels, TaskConfig {
  readonly model_type: "gpt2";
  readonly vocab_size: number;
  readonly n_positions: number;
  readonly n_embd: number;
  readonly n_layer: number;
  readonly n_head: number;
  /** Width of the feed-forward block; 4 n_embd when it is null. */
  readonly n_inner: number | null;
  readonly activation_function: ActivationName;
  readonly resid_pdrop: number;
  readonly embd_pdrop: number;
  readonly attn_pdrop: number;
  readonly layer_norm_epsilon: number;
  readonly initializer_range: number;
  readonly scale_attn_weights: boolean;
  readonly scale_attn_by_inverse_layer_idx: boolean;
  readonly pad_token_id: number | null;
  readonly num_labels: number;
  /** `n_embd`. */
  readonly hidden_size: number;
  /** `n_positions`. */
  readonly max_position_embeddings: number;
}

/**
 * A checked GPT-2 configuration from some of its keys; `hidden_size`, `num_attention_heads`, `num_hidden_layers` and `max_position_embeddings` are other names of `n_embd`,
 * `n_head`, `n_layer` and `n_positions`.
 *
 * @throws ConfigError ERR_CONFIG naming each key that is wrong
 * @example
 * const config = gpt2Config({ vocab_size: 8000, n_embd: 128, n_layer: 2, n_head: 2, n_positions: 128 });
 */
export function gpt2Config(options: Gpt2ConfigOptions = {}, where = "GPT2Config", numLabels?: number): Gpt2Config {
  const config = validateConfig(schema, ownNames("gpt2", options), where);
  checkHeads(where, ["n_embd", config.n_embd], ["n_head", config.n_head]);
  return { ...withAliases("gpt2", config), hidden_size: config.n_embd, max_position_embeddings: config.n_positions, ...labelsOf(config, numLabels) };
}
