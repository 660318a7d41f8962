// The configuration of a RoBERTa: BERT's keys with transformers' defaults of RobertaConfig.
import { z } from "zod";
import { bertKeys, type BertLikeConfig, checkHeads, checkPadding } from "../bert/config.js";
import { ConfigError, validateConfig } from "../loading/config.js";
import { labelsOf } from "../loading/labels.js";
import { count, padTokenId, tokenIds } from "../shared/config-parts.js";

const schema = z.looseObject({
  ...bertKeys,
  model_type: z.literal("roberta").default("roberta"),
  vocab_size: count.default(50265),
  pad_token_id: padTokenId.default(1),
  bos_token_id: tokenIds.default(0),
  eos_token_id: tokenIds.default(2),
});

/** What the program gives: any keys of config.json, the rest are defaults. */
export type RobertaConfigOptions = Partial<Omit<z.input<typeof schema>, "model_type">> & { readonly [key: string]: unknown };

export interface RobertaConfig extends BertLikeConfig {
  readonly model_type: "roberta";
  /** Positions are counted from the one behind it. */
  readonly pad_token_id: number;
}

/**
 * A checked RoBERTa configuration from some of its keys. `max_position_embeddings` counts the padding's positions too: 514 for 512 tokens.
 *
 * @throws ConfigError ERR_CONFIG naming each key that is wrong
 * @example
 * const config = robertaConfig({ vocab_size: 8000, hidden_size: 128, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 512, max_position_embeddings: 130 });
 */
export function robertaConfig(options: RobertaConfigOptions = {}, where = "RobertaConfig", numLabels?: number): RobertaConfig {
  const config = validateConfig(schema, options, where);
  checkHeads(where, ["hidden_size", config.hidden_size], ["num_attention_heads", config.num_attention_heads]);
  checkPadding(where, config);
  const { pad_token_id: pad } = config;
  if (pad === null) throw new ConfigError(`${where}: pad_token_id is null, but positions are counted from it`);
  if (config.max_position_embeddings < pad + 2)
    throw new ConfigError(`${where}: max_position_embeddings ${config.max_position_embeddings} leave none for tokens, which begin at ${pad + 1}`);
  return { ...config, pad_token_id: pad, ...labelsOf(config, numLabels) };
}
