// Which tensor of a file is which parameter of a model.

/** Old names of a layer norm's parameters, as in the first BERT checkpoints. */
const renamed: readonly (readonly [old: string, now: string])[] = [
  ["LayerNorm.gamma", "LayerNorm.weight"],
  ["LayerNorm.beta", "LayerNorm.bias"],
];
/** Tensors that are in files but are no weights of their own: buffers, and the decoder that is tied to the embeddings. */
const known = [
  /(^|\.)embeddings\.(position_ids|token_type_ids)$/,
  /(^|\.)h\.\d+\.(attn|crossattention)\.(masked_)?bias$/,
  /^cls\.predictions\.decoder\.(weight|bias)$/,
  /^lm_head\.decoder\.(weight|bias)$/,
];

const modernName = (name: string): string => renamed.reduce((n, [old, now]) => (n.endsWith(old) ? n.slice(0, -old.length) + now : n), name);

export interface NameMatch {
  /** Parameter to tensor of the file. */
  readonly sources: ReadonlyMap<string, string>;
  /** Parameters that no tensor fits, and tensors that fit no parameter, both sorted. */
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/** A parameter: the name it is saved under first, then others that it has because it is tied. */
export type ParameterNames = readonly [name: string, ...others: string[]];

/**
 * Matches names. A file may have the base model's prefix (`bert.`) where the model has none, and the other way round; it may have a tied parameter under any of its names.
 *
 * @example
 * matchNames([["pooler.dense.weight"]], ["bert.pooler.dense.weight"], "bert").missing; // []
 */
export function matchNames(parameters: readonly ParameterNames[], tensors: readonly string[], prefix: string): NameMatch {
  /** Every name of a parameter to the one it is saved under. */
  const saved = new Map(parameters.flatMap((names) => names.map((name) => [name, names[0]] as const)));
  const sources = new Map<string, string>();
  const unexpected: string[] = [];
  const head = `${prefix}.`;
  // Exact names first, so that a file with both spellings, or both names of a tied parameter, gives the one that we would write.
  const rank = (tensor: string): number => (saved.get(tensor) === tensor ? 0 : saved.has(tensor) ? 1 : 2);
  for (const tensor of [...tensors].sort((a, b) => rank(a) - rank(b))) {
    const name = modernName(tensor);
    const spellings = [name, head + name, name.startsWith(head) ? name.slice(head.length) : name];
    const target = saved.get(spellings.find((spelling) => saved.has(spelling)) ?? "");
    if (target !== undefined && !sources.has(target)) sources.set(target, tensor);
    else if (target === undefined && !known.some((pattern) => pattern.test(name))) unexpected.push(tensor);
  }
  const missing = parameters.map(([name]) => name).filter((name) => !sources.has(name));
  return { sources, missing: missing.sort(), unexpected: unexpected.sort() };
}
