// Our own BERT encoder gives what the library gives, for any text: ids, tokens, offsets, words; into rows and into columns.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { Tokenizer } from "tokenizers";
import { FastSequence } from "../../src/text/sequence.js";
import { bertTokens } from "../../src/text/tokenizer-class.js";
import { BertEncoder } from "../../src/text/wordpiece/bert-encoder.js";
import { bertRules } from "../../src/text/wordpiece/eligible.js";
import { IdSink } from "../../src/text/wordpiece/id-sink.js";
import { WordCache } from "../../src/text/wordpiece/word-cache.js";
import { wordPieceJson } from "../../src/text/wordpiece-json.js";

const letters = [..."abcdefghijklmnopqrstuvwxyzABCDE0123456789.,!?'\"-()[]{}@#$%&*/:;<>=+_~^`|\\ßéÉüÜñøł中文日本がか한국어ไทยعاﬁſẞ"];
const vocab = new Map(
  [...Object.values(bertTokens), ...new Set(letters), ...new Set(letters.map((c) => `##${c}`)), "the", "un", "##able", "##believ", "cafe", "hello"].map(
    (token, id) => [token, id],
  ),
);
const jsonOf = (lowercase: boolean, stripAccents: boolean | null, chineseChars = true) =>
  wordPieceJson(vocab, { lowercase, stripAccents, chineseChars, tokens: bertTokens }, "test");

/** One code point of any plane, the odd ones often. */
const anyCharacter = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...letters, " ", " ") },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 0x10ffff }).map((c) => String.fromCodePoint(c)) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 0xff }).map((c) => String.fromCodePoint(c)) },
  { weight: 1, arbitrary: fc.integer({ min: 0x300, max: 0x36f }).map((c) => String.fromCodePoint(c)) },
  { weight: 1, arbitrary: fc.integer({ min: 0xac00, max: 0xd7a3 }).map((c) => String.fromCodePoint(c)) },
  { weight: 1, arbitrary: fc.integer({ min: 0x2000, max: 0x206f }).map((c) => String.fromCodePoint(c)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "\u0000",
      "\ufffd",
      "\ud800",
      "\udc00",
      "\u0301",
      "\u302e",
      "\u{1d165}",
      "\u0345",
      "İ",
      "Σ",
      "ς",
      "😀",
      "👍🏽",
      "\u200b",
      "\u3000",
      "\u2028",
      "\u00ad",
      "\u0085",
      "≠",
      "가",
      "각",
      "ǅ",
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom("[CLS]", "[SEP]", "[MASK]", "[PAD", "[UNK]", "[mask]", "the", "unbelievable", "x".repeat(100), "y".repeat(101)) },
);
const anyText = fc.array(anyCharacter, { maxLength: 24 }).map((parts) => parts.join(""));

for (const [name, json] of [
  ["uncased", jsonOf(true, null)],
  ["cased", jsonOf(false, null)],
  ["cased without accents and without gaps around ideographs", jsonOf(false, true, false)],
  ["uncased with accents", jsonOf(true, false)],
] as const) {
  test(`${name}: ids, tokens, offsets and words of any text are the library's`, async () => {
    const library = Tokenizer.fromString(JSON.stringify({ ...json, post_processor: null }));
    const encoder = new BertEncoder(bertRules(json)!);
    const tokens = [...vocab.keys()];
    let done = 0;
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        const expected = await library.encode(text, null, { addSpecialTokens: false });
        for (const _ of ["learned", "known"]) {
          const bytes = Buffer.from(text);
          const sink = new IdSink(1);
          // Marks whose order the library alone knows.
          if (!encoder.encode(bytes, 0, bytes.length, sink)) return assert.match(text.normalize("NFD"), /\p{M}/u);
          done++;
          const ids = [...sink.array.subarray(0, sink.length)];
          assert.deepEqual(ids, expected.getIds());
          const sequence = new FastSequence(Int32Array.from(ids), text, encoder, (id) => tokens[id]!);
          const all = <T>(read: (i: number) => T): T[] => ids.map((_, i) => read(i));
          assert.deepEqual(
            all((i) => sequence.token(i)),
            expected.getTokens(),
          );
          assert.deepEqual(
            all((i) => sequence.span(i)),
            expected.getOffsets(),
          );
          assert.deepEqual(
            all((i) => sequence.word(i)),
            expected.getWordIds(),
          );
        }
      }),
      { numRuns: 1500 },
    );
    assert.ok(done > 2500, `only ${done} texts went the fast way`);
  });
}

test("a cache that is full starts anew, and words that hash alike are told apart", () => {
  const cache = new WordCache(50);
  const bytes = Buffer.from(Array.from({ length: 200 }, (_, i) => `w${i}`.padEnd(5)).join(""));
  for (let i = 0; i < 200; i++) {
    cache.add(bytes, i * 5, i * 5 + 5, 7, Int32Array.of(i, i + 1), 0, 1 + (i % 2));
    const entry = cache.find(bytes, i * 5, i * 5 + 5, 7);
    assert.equal(cache.countAt(entry), 1 + (i % 2));
    assert.equal(i % 2 ? cache.ids[cache.valueAt(entry) + 1] : cache.valueAt(entry), i % 2 ? i + 1 : i);
  }
  assert.equal(cache.find(bytes, 0, 5, 7), -1);
  assert.notEqual(cache.find(bytes, 995, 1000, 7), -1);
});
