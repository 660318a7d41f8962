// The tokenizer that users have: a function that carries the methods and properties of a core; AutoTokenizer and its like make one from files.
import { inspect } from "node:util";
import type { PreTrainedTokenizer } from "./pretrained-tokenizer.js";
import { specialNames } from "./special-tokens.js";
import { camel, TokenizerCore } from "./tokenizer-core.js";
import { readTokenizer, type TokenizerOptions, type TokenizerSpec } from "./tokenizer-files.js";

/** A callable over a core: every method and property of the core is the function's own. */
export function tokenizerOf(spec: TokenizerSpec): PreTrainedTokenizer {
  const core = new TokenizerCore(spec);
  const call = (...args: Parameters<TokenizerCore["call"]>) => core.call(...args);
  const properties: PropertyDescriptorMap = {};
  for (const [key, { value, get }] of Object.entries(Object.getOwnPropertyDescriptors(TokenizerCore.prototype))) {
    if (!["constructor", "call", "special", "setSpecial", "specialId"].includes(key))
      properties[key] = get ? { get: () => get.call(core) } : { value: (value as (...args: unknown[]) => unknown).bind(core) };
  }
  for (const key of ["paddingSide", "truncationSide", "modelMaxLength"] as const) {
    properties[key] = {
      get: () => core[key],
      set: (value: never) => {
        core[key] = value;
      },
    };
  }
  for (const name of specialNames) {
    properties[camel(name)] = { get: () => core.special(name), set: (token: string | undefined) => core.setSpecial(name, token) };
    properties[`${camel(name)}Id`] = { get: () => core.specialId(name) };
  }
  properties[inspect.custom as unknown as string] = { value: () => core[inspect.custom]() };
  return Object.defineProperties(call, properties) as unknown as PreTrainedTokenizer;
}

export interface PretrainedLoader {
  fromPretrained(checkpoint: string, options?: TokenizerOptions): Promise<PreTrainedTokenizer>;
}
const loaderOf = (className?: string): PretrainedLoader => ({
  fromPretrained: async (checkpoint, options = {}) => tokenizerOf(await readTokenizer(checkpoint, options, className)),
});

/**
 * Loads a tokenizer: from a folder with tokenizer.json, vocab.txt, or vocab.json and merges.txt (and tokenizer_config.json, special_tokens_map.json), from
 * one of these files, or by an id of the hub. For a vocab.txt without configuration the vocabulary decides whether texts are lowercased: cased ones hold
 * words with capitals. Options take the place of what tokenizer_config.json says.
 *
 * @throws ArgumentError ERR_TOKENIZER_NOT_FOUND, TokenizerFileError ERR_TOKENIZER_FILE, HubError
 * @example
 * const tokenizer = await AutoTokenizer.fromPretrained("bert-base-uncased");
 * tokenizer.convertIdsToTokens((await tokenizer("hello")).input_ids); // ["[CLS]", "hello", "[SEP]"]
 */
export const AutoTokenizer: PretrainedLoader = loaderOf();

/** As AutoTokenizer, for files that do not say what they are: BERT's rules, whatever config.json says. */
export const BertTokenizer: PretrainedLoader = loaderOf("BertTokenizer");
/** As BertTokenizer; the model reads no token_type_ids. */
export const DistilBertTokenizer: PretrainedLoader = loaderOf("DistilBertTokenizer");
export const GPT2Tokenizer: PretrainedLoader = loaderOf("GPT2Tokenizer");
export const RobertaTokenizer: PretrainedLoader = loaderOf("RobertaTokenizer");
