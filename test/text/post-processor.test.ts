// Special tokens and the offsets around them are ours: they give what the library gives, for every post-processor. (Truncation is held to Python's values in
// calls.test.ts: this release of the library loses the last part that overflows, and its early cut shares pairs otherwise.)
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { type JsEncoding, Tokenizer } from "tokenizers";
import { byteLevelJson } from "../../src/text/byte-level-json.js";
import type { Encoding } from "../../src/text/encoding.js";
import { Engine } from "../../src/text/engine.js";
import { type PlanDefaults, planOf } from "../../src/text/options.js";
import { bertTokens } from "../../src/text/tokenizer-class.js";
import { type Component, type TokenizerJson, withAddedTokens } from "../../src/text/tokenizer-json.js";
import { wordPieceJson } from "../../src/text/wordpiece-json.js";

const words = new Map([...Object.values(bertTokens), "the", "cat", "##s", "a", "mat", ",", "é"].map((token, id) => [token, id]));
const bert = wordPieceJson(words, { lowercase: true, stripAccents: false, chineseChars: true, tokens: bertTokens }, "test");
const vocab = Object.fromEntries(["<s>", "</s>", ...[..."acehmst,"], "Ġ", "Ċ", "Ã", "©", "th", "the", "Ġc", "Ġthe", "ĠĠ"].map((token, id) => [token, id]));
const byteLevel = (addPrefixSpace: boolean, roberta: boolean, trimOffsets = true) =>
  withAddedTokens(
    byteLevelJson(
      vocab,
      ["t h", "th e", "Ġ c", "Ġ the", "Ġ Ġ"],
      { addPrefixSpace, trimOffsets, roberta: roberta ? { sep_token: "</s>", cls_token: "<s>" } : undefined },
      (token) => vocab[token]!,
    ),
    [
      { content: "<s>", special: true },
      { content: "</s>", special: true, lstrip: true },
    ],
  ).json;
const around = (json: TokenizerJson, component: Component | null): TokenizerJson => ({ ...json, post_processor: component });
const template: Component = {
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: "<s>", type_id: 2 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [{ Sequence: { id: "B", type_id: 1 } }, { SpecialToken: { id: "</s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  special_tokens: { "<s>": { id: "<s>", ids: [0, 1], tokens: ["<s>", "</s>"] }, "</s>": { id: "</s>", ids: [1], tokens: ["</s>"] } },
};
const trim: Component = { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true };
const tokenizers: Readonly<Record<string, TokenizerJson>> = {
  "BERT's template": bert,
  BertProcessing: around(bert, { type: "BertProcessing", sep: ["[SEP]", words.get("[SEP]")!], cls: ["[CLS]", words.get("[CLS]")!] }),
  "no post-processor": around(bert, null),
  RobertaProcessing: byteLevel(false, true),
  "RobertaProcessing with a space before": byteLevel(true, true),
  "RobertaProcessing without trimming": byteLevel(false, true, false),
  "ByteLevel, trimming": around(byteLevel(true, false), trim),
  "ByteLevel, not trimming": around(byteLevel(true, false), { ...trim, trim_offsets: false }),
  "ByteLevel, then a template": around(byteLevel(false, false), { type: "Sequence", processors: [{ ...trim, add_prefix_space: false }, template] }),
};

const ours = (row: Encoding) => ({
  ids: row.ids(),
  types: row.typeIds(),
  mask: row.specialTokensMask(),
  tokens: row.tokens(),
  offsets: row.offsets(),
  words: row.wordIds(),
  sequences: row.sequenceIds(),
});
const theirs = (row: JsEncoding) => ({
  ids: row.getIds(),
  types: row.getTypeIds(),
  mask: row.getSpecialTokensMask(),
  tokens: row.getTokens(),
  offsets: row.getOffsets(),
  words: row.getWordIds(),
  sequences: row.getSequenceIds(),
});
const anyText = fc
  .array(fc.constantFrom("the", " the", "cat", " cats", "a", " mat", ",", " ", "  ", "\n", "é", "</s>", " </s>", "[SEP]"), { maxLength: 14 })
  .map((parts) => parts.join(""));

for (const [name, json] of Object.entries(tokenizers)) {
  test(`${name}: rows of texts and pairs`, async () => {
    const engine = new Engine(json);
    const { single, pair } = engine.postProcessor;
    const count = (layout: typeof single) => layout.reduce((n, piece) => n + (piece.kind === "special" ? piece.ids.length : 0), 0);
    const defaults: PlanDefaults = {
      modelMaxLength: Number.POSITIVE_INFINITY,
      modelInputNames: [],
      padTokenId: 0,
      padTokenTypeId: 0,
      paddingSide: "right",
      truncationSide: "right",
      added: [count(single), count(pair)],
    };
    const library = Tokenizer.fromString(JSON.stringify(json));
    await fc.assert(
      fc.asyncProperty(fc.tuple(anyText, fc.option(anyText, { nil: undefined })), fc.boolean(), async ([first, second], addSpecialTokens) => {
        const plan = planOf({ addSpecialTokens }, defaults, second !== undefined);
        const sequences = await engine.sequences(second === undefined ? [first] : [first, second]);
        const rows = engine.rows(sequences[0]!, sequences[1], plan);
        const expected = await library.encode(first, second, { addSpecialTokens });
        assert.deepEqual(rows.map(ours), [expected].map(theirs));
      }),
      { numRuns: 250 },
    );
  });
}

test("a post-processor that is not whole or not known is told with its name", () => {
  const fault = { code: "ERR_TOKENIZER_FILE" };
  assert.throws(() => new Engine(around(bert, { type: "Nothing" })), { ...fault, message: /no post_processor Nothing/ });
  assert.throws(() => new Engine(around(bert, { type: "TemplateProcessing" })), { ...fault, message: /TemplateProcessing is not whole/ });
  const of = (id: string) => [{ Sequence: { id, type_id: 0 } }];
  const template = { type: "TemplateProcessing", special_tokens: {} };
  assert.throws(() => new Engine(around(bert, { ...template, single: of("B"), pair: of("A") })), { ...fault, message: /no sequence "B" in a template of A/ });
  assert.throws(() => new Engine(around(bert, { ...template, single: of("A"), pair: of("C") })), { ...fault, message: /no sequence "C" in a template of AB/ });
});
