// Vocab and tokens: the book's numbers, order and forms.
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { getTokensAndSegments, tokenize, Vocab } from "../../src/d2l/index.js";
import { inFolder } from "./support.js";

test("tokens are numbered by code points, unknown and reserved ones among them", () => {
  const vocab = new Vocab(tokenize(["the cat the dog", "the 鳥 cat"]), { minFreq: 2, reservedTokens: ["<pad>", "<mask>"] });
  assert.deepEqual(vocab.idxToToken, ["<mask>", "<pad>", "<unk>", "cat", "the"]);
  assert.equal(vocab.length, 5);
  assert.equal(vocab.unk, 2);
  assert.deepEqual(vocab.tokenFreqs, [
    ["the", 3],
    ["cat", 2],
    ["dog", 1],
    ["鳥", 1],
  ]);
  assert.deepEqual(new Vocab(["\u{1f600}", "\uff01", "a"]).idxToToken, ["<unk>", "a", "\uff01", "\u{1f600}"]);
});

test("numbers come in the form of the tokens, and back", () => {
  const vocab = Vocab.of(["<unk>", "a", "b"]);
  const one: number = vocab.get("b");
  const some: number[] = vocab.get(["b", "?"]);
  const nested: number[][] = vocab.get([["a"], []]);
  assert.deepEqual([one, some, nested], [2, [2, 0], [[1], []]]);
  assert.deepEqual(vocab.toTokens([2, 0]), ["b", "<unk>"]);
  assert.equal(vocab.toTokens(1), "a");
  assert.throws(() => vocab.toTokens([3]), { code: "ERR_TOKEN_RANGE", message: /0\.\.2/ });
  assert.throws(() => Vocab.of(["a"]).get("b"), { code: "ERR_TOKEN", message: /<unk>/ });
  assert.equal(Vocab.of(["<unk>", "constructor"]).get("toString"), 0);
  assert.equal(inspect(vocab), "Vocab(3 tokens)");
});

test("a vocabulary is read from a JSON list, and nothing else", () =>
  inFolder(async (folder) => {
    const file = join(folder, "vocab.json");
    await writeFile(file, '["<unk>", "<pad>", "a"]');
    assert.deepEqual((await Vocab.read(file)).get(["a", "<pad>"]), [2, 1]);
    await assert.rejects(Vocab.read(join(folder, "none.json")), { code: "ERR_D2L_VOCAB", message: /ENOENT/ });
    for (const text of ['{"a": 1}', '["a", 1]', "[", "null"]) {
      await writeFile(file, text);
      await assert.rejects(Vocab.read(file), { code: "ERR_D2L_VOCAB" });
    }
  }));

test("lines are split where Python splits them", () => {
  assert.deepEqual(tokenize(["  a\tman\u00a0\u3000sleeps \x1c.", "", "\ufeffb"]), [["a", "man", "sleeps", "."], [], ["\ufeffb"]]);
  assert.deepEqual(tokenize(["ab \u{1f600}"], "char"), [["a", "b", " ", "\u{1f600}"]]);
  assert.throws(() => tokenize(["a"], "line" as "word"), { code: "ERR_ARGUMENT" });
});

test("a pair has two segments, one sequence has one", () => {
  assert.deepEqual(getTokensAndSegments(["a", "b"], ["c"]), { tokens: ["<cls>", "a", "b", "<sep>", "c", "<sep>"], segments: [0, 0, 0, 0, 1, 1] });
  assert.deepEqual(getTokensAndSegments(["a"]), { tokens: ["<cls>", "a", "<sep>"], segments: [0, 0, 0] });
});
