// tokenizer.json as far as this library looks into it, and the tokens that are added to one.

/** A token found in texts as a whole, before the model sees them. */
export interface AddedTokenJson {
  readonly id: number;
  readonly content: string;
  readonly single_word?: boolean;
  readonly lstrip?: boolean;
  readonly rstrip?: boolean;
  readonly normalized?: boolean;
  readonly special?: boolean;
}
export interface Component {
  readonly type?: string;
  readonly [key: string]: unknown;
}
export interface TokenizerJson {
  readonly model: { readonly type?: string; readonly vocab?: unknown; readonly unk_token?: string | null; readonly [key: string]: unknown };
  readonly normalizer?: Component | null;
  readonly pre_tokenizer?: Component | null;
  readonly post_processor?: Component | null;
  readonly added_tokens?: readonly AddedTokenJson[];
  readonly [key: string]: unknown;
}

const isId = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;

/** What is wrong with a parsed tokenizer.json, as far as this library looks into it; undefined when nothing is. */
export function faultOf(json: Readonly<Record<string, unknown>>): string | undefined {
  const { model, added_tokens: added } = json;
  if (typeof model !== "object" || model === null) return "holds no model";
  const { vocab } = model as { readonly vocab?: unknown };
  if (Array.isArray(vocab) ? !vocab.every((entry) => typeof (Array.isArray(entry) ? entry[0] : entry) === "string") : !isVocabulary(vocab ?? {}))
    return "has a vocabulary that is none of tokens and ids";
  if (!mergesFit(model as Readonly<Record<string, unknown>>)) return "has merges whose second part lacks the continuing_subword_prefix";
  if (added !== undefined && added !== null && !(Array.isArray(added) && added.every((token) => isId(token?.id) && typeof token.content === "string")))
    return "has added_tokens that are no tokens with ids";
  for (const name of ["normalizer", "pre_tokenizer", "post_processor"])
    if (!["object", "undefined"].includes(typeof json[name]) || Array.isArray(json[name])) return `has a ${name} that is no object`;
  return undefined;
}
/** The library ends the process over a second part that is shorter than the prefix. */
function mergesFit({ merges, continuing_subword_prefix: prefix }: Readonly<Record<string, unknown>>): boolean {
  if (typeof prefix !== "string" || prefix === "" || !Array.isArray(merges)) return true;
  return merges.every((merge: unknown) => String((typeof merge === "string" ? merge.split(" ") : (merge as unknown[]))?.[1] ?? "").startsWith(prefix));
}
/** Ids by token. */
export const isVocabulary = (value: unknown): value is Readonly<Record<string, number>> =>
  typeof value === "object" && value !== null && Object.values(value).every(isId);

/** Ids of the model's own tokens. Unigram models list them as pairs of token and score. */
export function modelVocabulary(json: TokenizerJson): ReadonlyMap<string, number> {
  const { vocab } = json.model;
  if (Array.isArray(vocab)) return new Map(vocab.map((entry: unknown, id) => [String(Array.isArray(entry) ? entry[0] : entry), id]));
  const ids = (vocab ?? {}) as Readonly<Record<string, number>>;
  const out = new Map<string, number>();
  // Without Object.entries: vocabularies are large.
  for (const token in ids) out.set(token, ids[token]!);
  return out;
}

/** A token to be added; a text stands for one with the flags that Python's add_tokens or add_special_tokens gives it. */
export type NewToken = Omit<AddedTokenJson, "id">;

/**
 * The description with more added tokens. One that the model knows keeps its id, others get the next ids.
 * @returns also how many were not added before
 */
export function withAddedTokens(json: TokenizerJson, tokens: readonly NewToken[]): { readonly json: TokenizerJson; readonly added: number } {
  const vocab = modelVocabulary(json);
  const list = [...(json.added_tokens ?? [])];
  const size = vocab.size;
  let next = list.reduce((most, { id }) => Math.max(most, id + 1), size);
  let added = 0;
  for (const token of tokens) {
    const at = list.findIndex(({ content }) => content === token.content);
    // Special once, special always; what was added as it is keeps its flags.
    if (at >= 0) {
      if (token.special && !list[at]!.special) list[at] = { ...list[at]!, special: true, normalized: token.normalized ?? false };
      continue;
    }
    if (token.content === "") continue;
    const known = vocab.get(token.content);
    list.push({
      single_word: false,
      lstrip: false,
      rstrip: false,
      ...token,
      normalized: token.normalized ?? !token.special,
      special: token.special ?? false,
      id: known ?? next,
    });
    if (known === undefined) next++;
    added++;
  }
  list.sort((a, b) => a.id - b.id);
  return { json: { ...json, added_tokens: list }, added };
}
