// trainWordPiece: the vocabulary it learns, the same every time.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { bertNormalizer, bertPreTokenizer } from "tokenizers";
import { AutoTokenizer, type PreTrainedTokenizer, trainWordPiece } from "../../src/text/index.js";
import { cutWords } from "../../src/text/train.js";
import { folderOf } from "../data/files.js";

const texts = ["the cat sat on the mat", "the cats sat, the mats lay", "a bat and the rat", "unbelievable! believable?"];
const words = (tokenizer: PreTrainedTokenizer) => tokenizer.convertIdsToTokens(Array.from({ length: tokenizer.vocabSize }, (_, i) => i));

test("special tokens come first, then characters, then the most frequent merges", async () => {
  const tokenizer = await trainWordPiece(texts, { vocabSize: 60 });
  const list = words(tokenizer);
  assert.deepEqual(list.slice(0, 8), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "!", ",", "?"]);
  assert.equal(new Set(list).size, list.length);
  assert.ok(list.includes("the") && list.includes("##at"));
  assert.deepEqual(await tokenizer.tokenize("The the"), ["the", "the"]);
  assert.equal(tokenizer.padTokenId, 0);
});

test("the order of the texts changes nothing, and a smaller vocabulary is the start of a larger one", async () => {
  const large = words(await trainWordPiece(texts, { vocabSize: 70, minFrequency: 1 }));
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray(texts, { minLength: texts.length }), fc.integer({ min: 55, max: 70 }), async (shuffled, vocabSize) => {
      const list = words(await trainWordPiece(shuffled, { vocabSize, minFrequency: 1 }));
      assert.deepEqual(list, large.slice(0, vocabSize));
    }),
    { numRuns: 20 },
  );
});

test("merges stop at the least frequency, and a size that does not hold the characters is refused", async () => {
  const often = words(await trainWordPiece(texts, { vocabSize: 500, minFrequency: 5 }));
  const all = words(await trainWordPiece(texts, { vocabSize: 500, minFrequency: 1 }));
  assert.ok(often.length < all.length && all.length < 500);
  assert.ok(all.includes("unbelievable"));
  await assert.rejects(trainWordPiece(texts, { vocabSize: 20 }), { code: "ERR_VOCAB_SIZE" });
});

test("a cased vocabulary keeps capitals, also after saving", async (t) => {
  const tokenizer = await trainWordPiece(["The The THE the Café"], { vocabSize: 40, lowercase: false, minFrequency: 1, modelMaxLength: 32 });
  const folder = join(await folderOf(t, {}), "saved");
  await tokenizer.savePretrained(folder);
  const again = await AutoTokenizer.fromPretrained(folder);
  assert.equal(again.modelMaxLength, 32);
  for (const text of ["The the THE", "Café"]) assert.deepEqual(await again(text), await tokenizer(text));
  assert.ok((await again.tokenize("Café")).join("").includes("é"));
});

test("only as many characters as allowed are kept", async () => {
  const tokenizer = await trainWordPiece(["aaaa bbb cc d"], { vocabSize: 30, limitAlphabet: 2, minFrequency: 1 });
  const list = words(tokenizer);
  assert.ok(list.includes("a") && list.includes("b") && !list.includes("c"));
  assert.deepEqual(await tokenizer.tokenize("cc"), ["[UNK]"]);
});

test("words are cut where tokenizers cuts them", () => {
  const [normalizer, splitter] = [bertNormalizer(), bertPreTokenizer()];
  const check = (text: string) => {
    const normalized = normalizer.normalizeString(text);
    assert.deepEqual(
      cutWords(normalized),
      splitter.preTokenizeString(normalized).map(([word]) => word),
    );
  };
  check("Don't — «stop»… 中文,한국어 a\u00a0b\u3000c $5+3=8 _x_ ¡hola! 😀👍🏽");
  fc.assert(
    fc.property(
      fc.string({
        unit: fc.oneof(fc.string({ unit: "grapheme-ascii", minLength: 1, maxLength: 1 }), fc.constantFrom("é", "ß", "中", "„", "…", "€", "\t", "\u00a0")),
      }),
      check,
    ),
  );
});

test("what is no text and what is no size is refused by name", async () => {
  await assert.rejects(trainWordPiece(["a", null as never], { vocabSize: 50 }), { code: "ERR_TEXT_INPUT", message: /text 1 is null/ });
  await assert.rejects(trainWordPiece("free money", { vocabSize: 50 }), { code: "ERR_TEXT_INPUT", message: /one text/ });
  await assert.rejects(trainWordPiece(["a"], { vocabSize: Number.NaN }), { code: "ERR_VOCAB_SIZE" });
});
