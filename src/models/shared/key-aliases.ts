// Other names of keys in the configs of architectures that have names of their own: transformers' attribute_map.

/** Common name to the architecture's own, by model_type. */
const aliases: { readonly [modelType: string]: Readonly<Record<string, string>> } = {
  distilbert: { hidden_size: "dim", num_attention_heads: "n_heads", num_hidden_layers: "n_layers" },
  gpt2: { hidden_size: "n_embd", max_position_embeddings: "n_positions", num_attention_heads: "n_head", num_hidden_layers: "n_layer" },
};
const aliasesOf = (modelType: string): Readonly<Record<string, string>> => (Object.hasOwn(aliases, modelType) ? aliases[modelType]! : {});

/** Common names are replaced by the architecture's own, which win where both are given. */
export function ownNames(modelType: string, raw: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const config: Record<string, unknown> = { ...raw };
  for (const [alias, own] of Object.entries(aliasesOf(modelType))) {
    if (config[own] === undefined && config[alias] !== undefined) config[own] = config[alias];
    delete config[alias];
  }
  return config;
}

/** The common names are there as well. */
export function withAliases<C extends Readonly<Record<string, unknown>>>(modelType: string, config: C): C {
  return { ...config, ...Object.fromEntries(Object.entries(aliasesOf(modelType)).map(([alias, own]) => [alias, config[own]])) };
}
