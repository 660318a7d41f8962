// What a tokenizer puts around sequences: special tokens, type ids and trimmed offsets, read from the post_processor of tokenizer.json.
import { AccelerateError } from "../errors.js";
import type { Component } from "./tokenizer-json.js";

export type LayoutPiece =
  | { readonly kind: "special"; readonly ids: readonly number[]; readonly tokens: readonly string[]; readonly type: number }
  | { readonly kind: "sequence"; readonly index: 0 | 1; readonly type: number };
export type Layout = readonly LayoutPiece[];
export interface PostProcessor {
  readonly single: Layout;
  readonly pair: Layout;
  /** Byte-level tokenizers: spaces at the ends of tokens are no part of them. */
  readonly trim: { readonly addPrefixSpace: boolean } | undefined;
}

const sequence = (index: 0 | 1, type: number): LayoutPiece => ({ kind: "sequence", index, type });
const plain: PostProcessor = { single: [sequence(0, 0)], pair: [sequence(0, 0), sequence(1, 1)], trim: undefined };

type Named = readonly [token: string, id: number];
const areIds = (ids: readonly unknown[]): boolean => Array.isArray(ids) && ids.every((id) => Number.isInteger(id));
const special = ([token, id]: Named, type: number): LayoutPiece => {
  if (!areIds([id])) throw new Error(`special token ${token} has no id`);
  return { kind: "special", ids: [id], tokens: [token], type };
};

interface TemplatePiece {
  readonly SpecialToken?: { readonly id: string; readonly type_id: number };
  readonly Sequence?: { readonly id: "A" | "B"; readonly type_id: number };
}
type TemplateTokens = Readonly<Record<string, { readonly ids: readonly number[]; readonly tokens: readonly string[] }>>;

/** @param sequences The texts that there are: A, and B in a pair. */
function template(pieces: readonly TemplatePiece[], tokens: TemplateTokens, sequences: "A" | "AB"): Layout {
  return pieces.map((piece): LayoutPiece => {
    if (piece.Sequence) {
      const at = ["A", "B"].indexOf(piece.Sequence.id);
      if (at !== 0 && (at !== 1 || sequences === "A"))
        throw new Error(`there is no sequence ${JSON.stringify(piece.Sequence.id)} in a template of ${sequences}`);
      return sequence(at as 0 | 1, piece.Sequence.type_id);
    }
    const { id, type_id: type } = piece.SpecialToken!;
    const { ids, tokens: names } = tokens[id]!;
    if (!areIds(ids) || !Array.isArray(names)) throw new Error(`special token ${id} has no ids`);
    return { kind: "special", ids, tokens: names, type };
  });
}

const trimOf = (component: Component, fallback: boolean): PostProcessor["trim"] =>
  (component.trim_offsets ?? fallback) ? { addPrefixSpace: component.add_prefix_space !== false } : undefined;

const readers: Readonly<Record<string, (component: Component) => PostProcessor>> = {
  TemplateProcessing: (c) => ({
    single: template(c.single as TemplatePiece[], c.special_tokens as TemplateTokens, "A"),
    pair: template(c.pair as TemplatePiece[], c.special_tokens as TemplateTokens, "AB"),
    trim: undefined,
  }),
  BertProcessing: (c) => {
    const [cls, sep] = [c.cls as Named, c.sep as Named];
    const single = [special(cls, 0), sequence(0, 0), special(sep, 0)];
    return { single, pair: [...single, sequence(1, 1), special(sep, 1)], trim: undefined };
  },
  RobertaProcessing: (c) => {
    const [cls, sep] = [c.cls as Named, c.sep as Named];
    const single = [special(cls, 0), sequence(0, 0), special(sep, 0)];
    return { single, pair: [...single, special(sep, 0), sequence(1, 0), special(sep, 0)], trim: trimOf(c, true) };
  },
  ByteLevel: (c) => ({ ...plain, trim: trimOf(c, true) }),
  Sequence: (c) =>
    (c.processors as Component[]).map(postProcessorOf).reduce(
      (all, next) => ({
        single: next.single === plain.single ? all.single : next.single,
        pair: next.pair === plain.pair ? all.pair : next.pair,
        trim: next.trim ?? all.trim,
      }),
      plain,
    ),
};

/** @throws AccelerateError ERR_TOKENIZER_FILE for what is none. */
export function postProcessorOf(component: Component | null | undefined): PostProcessor {
  if (!component) return plain;
  const reader = Object.hasOwn(readers, component.type ?? "") ? readers[component.type!] : undefined;
  try {
    if (reader) return reader(component);
  } catch (error) {
    throw new AccelerateError("ERR_TOKENIZER_FILE", `tokenizer.json: its post_processor ${component.type} is not whole: ${(error as Error).message}`, {
      cause: error,
    });
  }
  throw new AccelerateError("ERR_TOKENIZER_FILE", `tokenizer.json: there is no post_processor ${component.type}`, {
    hint: `known are ${Object.keys(readers).join(", ")}`,
  });
}

/** Special tokens that a layout adds. */
export const addedBy = (layout: Layout): number => layout.reduce((n, piece) => n + (piece.kind === "special" ? piece.ids.length : 0), 0);
