// What a tokenizer does besides calls: padding of rows, warnings, offsets in UTF-16, threads, classes, added tokens, saving for Python.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { AutoTokenizer, BertTokenizer, DistilBertTokenizer, GPT2Tokenizer, RobertaTokenizer } from "../../src/text/index.js";
import { folderOf, needs, shared } from "../data/files.js";

const words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "on", "a", "mat", ",", ".", "caf", "##e", "中"];
type Context = Parameters<typeof folderOf>[0];
const bertFiles = (config: object = {}) => ({
  "vocab.txt": `${words.join("\n")}\n`,
  "tokenizer_config.json": JSON.stringify({ do_lower_case: true, ...config }),
});
const bert = async (t: Context, config: object = {}) => AutoTokenizer.fromPretrained(await folderOf(t, bertFiles(config)));
const letters = [..."abcdehmnost"];
const byteLevel = (special: readonly string[]) => {
  const tokens = [...special, ...letters, "Ġ", "th", "the", "Ġc", "Ġthe"];
  return {
    "vocab.json": JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id]))),
    "merges.txt": "#version: 0.2\nt h\nth e\nĠ c\nĠ the\n",
  };
};
const robertaTokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"];

test("rows that were tokenized before are padded, as rows or as columns", async (t) => {
  const tokenizer = await bert(t);
  const rows = [await tokenizer("the cat"), await tokenizer("a")];
  const padded = tokenizer.pad(rows);
  assert.deepEqual(
    { ...padded },
    {
      input_ids: [
        [2, 5, 6, 3],
        [2, 10, 3, 0],
      ],
      token_type_ids: [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
      attention_mask: [
        [1, 1, 1, 1],
        [1, 1, 1, 0],
      ],
    },
  );
  const columns = { input_ids: [[5], [6, 7, 8]], labels: [1, 0] };
  const tensors = tokenizer.pad(columns, { padToMultipleOf: 4, paddingSide: "left", returnTensors: true });
  assert.deepEqual(await tensors.input_ids.toArray(), [
    [0, 0, 0, 5],
    [0, 6, 7, 8],
  ]);
  assert.deepEqual(await tensors.attention_mask.toArray(), [
    [0, 0, 0, 1],
    [0, 1, 1, 1],
  ]);
  assert.deepEqual(await tensors.labels.toArray(), [1, 0]);
  assert.deepEqual(tokenizer.pad(columns, { padding: "max_length", maxLength: 2, returnAttentionMask: false }).input_ids, [
    [5, 0],
    [6, 7, 8],
  ]);
  assert.throws(() => tokenizer.pad({ ids: [[1]] } as never), { code: "ERR_TEXT_INPUT", message: /pad was given ids/ });
});

test("a text longer than the model's input is told once for a tokenizer, and not when it is cut", async (t) => {
  const told: string[] = [];
  t.mock.method(console, "warn", (text: string) => told.push(text));
  const tokenizer = await bert(t, { model_max_length: 4 });
  await tokenizer("the cat sat on", { truncation: true });
  await tokenizer("the cat sat on", { maxLength: 5 });
  await tokenizer("the cat sat on", { verbose: false });
  assert.deepEqual(told, []);
  await tokenizer(["the", "the cat sat on"]);
  await tokenizer("the cat sat on a mat");
  assert.deepEqual(told, [
    "Token indices sequence length is longer than the specified maximum sequence length for this model (6 > 4). Running this sequence through the model will result in indexing errors",
  ]);
});

test("offsets count code points, or UTF-16 units for slice", async (t) => {
  const tokenizer = await bert(t);
  const text = "😀 the cats 中";
  const slices = (offsets: readonly (readonly [number, number])[], parts: { slice(a: number, b: number): Iterable<string> }) =>
    offsets.map(([start, end]) => [...parts.slice(start, end)].join(""));
  const expected = ["", "😀", "the", "cat", "s", "中", ""];
  const points = await tokenizer(text, { returnOffsetsMapping: true });
  assert.deepEqual(slices(points.offset_mapping, [...text]), expected);
  const units = await tokenizer(text, { returnOffsetsMapping: true, offsetUnit: "utf16" });
  assert.deepEqual(slices(units.offset_mapping, text), expected);
  assert.deepEqual([units.charToToken(3), points.charToToken(2)], [2, 2]);
  assert.deepEqual(units.tokenToChars(5), { start: 12, end: 13 });
});

test("forms of calls: pairs in a list, textPair, an empty second text, words", async (t) => {
  const tokenizer = await bert(t);
  assert.deepEqual(
    (
      await tokenizer([
        ["the", "cat"],
        ["a", ""],
      ])
    ).input_ids,
    [
      [2, 5, 3, 6, 3],
      [2, 10, 3, 3],
    ],
  );
  assert.deepEqual((await tokenizer("the", { textPair: "cat" })).token_type_ids, [0, 0, 0, 1, 1]);
  assert.deepEqual((await tokenizer("the", "")).input_ids, [2, 5, 3]);
  const split = await tokenizer(["the", "cats"], { isSplitIntoWords: true });
  assert.deepEqual(
    [split.input_ids, split.wordIds()],
    [
      [2, 5, 6, 8, 3],
      [null, 0, 1, 1, null],
    ],
  );
  assert.deepEqual((await tokenizer([["the"], ["a", "mat"]], [["cat"], ["sat"]], { isSplitIntoWords: true })).input_ids, [
    [2, 5, 3, 6, 3],
    [2, 10, 11, 3, 7, 3],
  ]);
  assert.deepEqual(await tokenizer.encode("the", "cat", { addSpecialTokens: false }), [5, 6]);
  assert.deepEqual((await tokenizer("the", { returnTensors: true })).input_ids.shape, [1, 3]);
  const none = await tokenizer([]);
  assert.deepEqual([{ ...none }, none.length], [{ input_ids: [], token_type_ids: [], attention_mask: [] }, 0]);
  await assert.rejects(tokenizer(["the"], "cat" as never), { code: "ERR_TEXT_INPUT" });
  await assert.rejects(tokenizer("the", ["cat"] as never), { code: "ERR_TEXT_INPUT" });
  await assert.rejects(tokenizer("the", { isSplitIntoWords: true } as never), { code: "ERR_TEXT_INPUT" });
  await assert.rejects(tokenizer([["the", 1]] as never), { code: "ERR_TEXT_INPUT" });
  assert.throws(() => split.tokens(3), { code: "ERR_ROW_INDEX" });
});

test("threads give a big call's rows in their order, and an abort ends it", async (t) => {
  const tokenizer = await bert(t);
  // U+1D165 is a mark whose order only the library knows.
  const texts = Array.from({ length: 9000 }, (_, i) => `${"the cats ".repeat(i % 5)}a${i % 1000 === 7 ? "\u{1d165}\u0301" : ""} mat`);
  const one = await tokenizer(texts, { padding: true, numProc: 1 });
  const two = await tokenizer(texts, { padding: true, numProc: 2 });
  assert.deepEqual(two, one);
  assert.deepEqual(two.wordIds(4), one.wordIds(4));
  assert.deepEqual(two.tokens(7), one.tokens(7));
  const controller = new AbortController();
  const pending = tokenizer(texts, { numProc: 2, signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(pending, { message: "enough" });
  await assert.rejects(tokenizer(texts, { signal: controller.signal }), { message: "enough" });
  await assert.rejects(tokenizer("a", { numProc: 0 }), { code: "ERR_TOKENIZE_OPTIONS" });
});

test("a class names the rules of files that do not say them", async (t) => {
  const folder = await folderOf(t, { ...byteLevel(robertaTokens), "tokenizer_config.json": "{}" });
  const roberta = await AutoTokenizer.fromPretrained(folder);
  assert.deepEqual(await roberta("the the"), { input_ids: [0, 18, 20, 2], attention_mask: [1, 1, 1, 1] });
  assert.deepEqual((await RobertaTokenizer.fromPretrained(folder))("the").constructor, Promise);
  assert.deepEqual((await (await GPT2Tokenizer.fromPretrained(folder))("the")).input_ids, [18]);
  assert.deepEqual((await (await RobertaTokenizer.fromPretrained(folder, { addPrefixSpace: true }))("the")).input_ids, [0, 20, 2]);
  const gpt2 = await AutoTokenizer.fromPretrained(
    await folderOf(t, { ...byteLevel(["<|endoftext|>"]), "config.json": '{ "model_type": "gpt2", "n_positions": 32 }' }),
  );
  assert.deepEqual([gpt2.padToken, gpt2.padTokenId, gpt2.eosTokenId, gpt2.modelMaxLength], [undefined, undefined, 0, 32]);
  await assert.rejects(gpt2(["the", "c"], { padding: true }), { code: "ERR_PAD_TOKEN", message: /does not have a padding token/ });
  gpt2.padToken = gpt2.eosToken;
  assert.deepEqual((await gpt2(["the", "the the"], { padding: true })).input_ids, [
    [14, 0],
    [14, 16],
  ]);
  const words = await folderOf(t, { "vocab.txt": bertFiles()["vocab.txt"], "config.json": '{ "model_type": "distilbert", "max_position_embeddings": 9 }' });
  const distil = await AutoTokenizer.fromPretrained(words);
  assert.deepEqual(
    [Object.keys(await distil("the")), distil.modelMaxLength, distil.modelInputNames],
    [["input_ids", "attention_mask"], 9, ["input_ids", "attention_mask"]],
  );
  assert.deepEqual(Object.keys(await (await BertTokenizer.fromPretrained(words))("the")), ["input_ids", "token_type_ids", "attention_mask"]);
  assert.deepEqual((await DistilBertTokenizer.fromPretrained(words, { modelMaxLength: 4 })).modelMaxLength, 4);
});

test("added tokens are kept whole, special ones are skipped, and both are masked", async (t) => {
  const tokenizer = await bert(t);
  assert.equal(tokenizer.addTokens({ content: "café", normalized: false }), 1);
  assert.equal(tokenizer.addSpecialTokens({ bosToken: "<b>", extraSpecialTokens: ["<who>"] }), 2);
  assert.deepEqual([tokenizer.length, tokenizer.vocabSize, tokenizer.bosTokenId], [20, 17, 18]);
  const { input_ids: ids } = await tokenizer("<b>the café <who>");
  assert.deepEqual(ids, [2, 18, 5, 17, 19, 3]);
  assert.equal(await tokenizer.decode(ids, { skipSpecialTokens: true }), "the café");
  assert.equal(await tokenizer.decode(BigInt64Array.from(ids, BigInt), { skipSpecialTokens: true }), "the café");
  for (const odd of [-100, 1.5, Number.NaN])
    await assert.rejects(tokenizer.batchDecode([ids, [0, odd]]), { code: "ERR_TOKEN_ID", message: /id 1 of a row is/ });
  await assert.rejects(tokenizer.decode("the" as unknown as number[]), { code: "ERR_TOKEN_ID", message: /no list of ids/ });
  assert.throws(() => tokenizer.addTokens(5 as unknown as string), { code: "ERR_SPECIAL_TOKEN", message: /a token to add is number/ });
  assert.deepEqual(tokenizer.convertIdsToTokens(ids, { skipSpecialTokens: true }), ["the", "café"]);
  assert.deepEqual(tokenizer.getSpecialTokensMask(ids, undefined, { alreadyHasSpecialTokens: true }), [1, 1, 0, 0, 1, 1]);
  assert.deepEqual(tokenizer.getSpecialTokensMask([5], [6, 7]), [1, 0, 1, 0, 0, 1]);
  assert.equal(tokenizer.convertTokensToString(["the", "cat", "##s"]), "the cats");
  assert.deepEqual([tokenizer.convertTokensToIds("cat"), tokenizer.convertIdsToTokens(6)], [6, "cat"]);
  assert.throws(() => tokenizer.addSpecialTokens({ nose: "x" } as never), { code: "ERR_SPECIAL_TOKEN" });
});

test("bert-base-uncased makes the whole of MRPC 103 tokens wide", needs("data/mrpc/train.jsonl"), async () => {
  const { readFile } = await import("node:fs/promises");
  const rows = (await readFile(join(shared, "data/mrpc/train.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { sentence1: string; sentence2: string });
  const tokenizer = await AutoTokenizer.fromPretrained(join(shared, "data/vocab/bert-base-uncased.txt"));
  const batch = await tokenizer(
    rows.map(({ sentence1 }) => sentence1),
    rows.map(({ sentence2 }) => sentence2),
    { padding: true, truncation: true },
  );
  assert.equal(batch.length, 3668);
  assert.ok(batch.input_ids.every((ids) => ids.length === 103));
  assert.deepEqual(batch.tokens(0).slice(0, 5), ["[CLS]", "am", "##ro", "##zi", "accused"]);
});

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
test("Python's AutoTokenizer loads what is saved, to the same ids", {
  skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with transformers",
}, async (t) => {
  const texts = ["the Cats sat <who> on", "中 café the", "<mask> the c", ""];
  const cases = [
    bertFiles(),
    bertFiles({ do_lower_case: false, tokenizer_class: "DistilBertTokenizer" }),
    { ...byteLevel(robertaTokens), "tokenizer_config.json": JSON.stringify({ add_prefix_space: true, mask_token: { content: "<mask>", lstrip: true } }) },
    { ...byteLevel(["<|endoftext|>"]), "config.json": '{ "model_type": "gpt2", "n_positions": 32 }' },
  ];
  for (const files of cases) {
    const folder = await folderOf(t, files);
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    tokenizer.addTokens(["sat"]);
    tokenizer.addSpecialTokens({ extraSpecialTokens: ["<who>"], padToken: tokenizer.padToken ?? "<fill>" });
    tokenizer.paddingSide = "left";
    const saved = join(folder, "saved");
    await tokenizer.savePretrained(saved);
    const batch = { ...(await tokenizer(texts, texts.toReversed(), { padding: true })) };
    assert.deepEqual({ ...(await (await AutoTokenizer.fromPretrained(saved))(texts, texts.toReversed(), { padding: true })) }, batch);
    const script =
      "import json, sys\nfrom transformers import AutoTokenizer\nt = AutoTokenizer.from_pretrained(sys.argv[1])\nx = json.loads(sys.argv[2])\n" +
      "print(json.dumps(dict(batch=dict(t(x, x[::-1], padding=True)), length=len(t), special=t.all_special_tokens, limit=t.model_max_length)))";
    const { stdout } = await promisify(execFile)(python!, ["-c", script, saved, JSON.stringify(texts)]);
    const expected = {
      batch,
      length: tokenizer.length,
      special: tokenizer.allSpecialTokens,
      limit: Number.isFinite(tokenizer.modelMaxLength) ? tokenizer.modelMaxLength : 1e30,
    };
    assert.deepEqual(JSON.parse(stdout), expected, (await readdir(saved)).join(" "));
  }
});
