// Tokenizers: forms of calls, padding, truncation, files, threads; equal ids with Python.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { inspect } from "node:util";
import { Dataset, loadDataset } from "../../src/data/index.js";
import { AutoTokenizer } from "../../src/text/index.js";
import { folderOf, needs, root, shared } from "../data/files.js";

const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "##s", "on", "a", "mat", ",", ".", "caf", "##e", "中", "un", "##able"];
const uncased = (t: Parameters<typeof folderOf>[0], files: Record<string, string> = {}) => folderOf(t, { "vocab.txt": `${vocab.join("\n")}\n`, ...files });

test("one text, two, several, and pairs have the keys that models read", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  assert.deepEqual(await tokenizer("The cats sat."), {
    input_ids: [2, 5, 6, 8, 7, 13, 3],
    token_type_ids: [0, 0, 0, 0, 0, 0, 0],
    attention_mask: [1, 1, 1, 1, 1, 1, 1],
  });
  assert.deepEqual(await tokenizer("cat", "mat"), { input_ids: [2, 6, 3, 11, 3], token_type_ids: [0, 0, 0, 1, 1], attention_mask: [1, 1, 1, 1, 1] });
  const lists = await tokenizer(["cat", "the cat"]);
  assert.deepEqual(lists.input_ids, [
    [2, 6, 3],
    [2, 5, 6, 3],
  ]);
  assert.equal(lists.length, 2);
  assert.deepEqual(lists.at(-1), { input_ids: [2, 5, 6, 3], token_type_ids: [0, 0, 0, 0], attention_mask: [1, 1, 1, 1] });
  assert.deepEqual(Object.keys(lists), ["input_ids", "token_type_ids", "attention_mask"]);
  assert.deepEqual((await tokenizer(["cat"], ["mat"])).token_type_ids, [[0, 0, 0, 1, 1]]);
});

test("options of fromPretrained that there are not are refused by name", async (t) => {
  const python = { do_lower_case: false } as object;
  const folder = await uncased(t);
  await assert.rejects(AutoTokenizer.fromPretrained(folder, python), { code: "ERR_OPTIONS", message: /write doLowerCase/ });
});

test("a tokenizer in a function of map gives its columns, of a row and of many", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  const texts = Dataset.fromColumns({ text: ["the cat", "a mat sat"] });
  const rows = await texts.map((row) => tokenizer(row.text, { truncation: true }));
  const many = await texts.map((columns) => tokenizer(columns.text, { truncation: true }), { batched: true });
  assert.deepEqual(rows.columnNames, ["text", "input_ids", "token_type_ids", "attention_mask"]);
  assert.deepEqual(rows.toRows(), many.toRows());
  assert.deepEqual(rows.at(0).input_ids, [2, 5, 6, 3]);
  const parts = await texts.map((row) => tokenizer(row.text, { maxLength: 4, truncation: true, returnOverflowingTokens: true }));
  assert.equal(parts.at(1).input_ids.length, 2);
});

test("padding and truncation make tensors of one width", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  const batch = await tokenizer(["cat", "the cat sat on a mat"], { padding: true, truncation: true, maxLength: 5, returnTensors: true });
  assert.deepEqual(await batch.input_ids.toArray(), [
    [2, 6, 3, 0, 0],
    [2, 5, 6, 7, 3],
  ]);
  assert.deepEqual(await batch.attention_mask.toArray(), [
    [1, 1, 1, 0, 0],
    [1, 1, 1, 1, 1],
  ]);
  assert.deepEqual([batch.input_ids.dtype, batch.input_ids.shape, batch.length], ["int64", [2, 5], 2]);
  assert.deepEqual(await batch.at(1).input_ids.toArray(), [2, 5, 6, 7, 3]);
  assert.deepEqual((await tokenizer("cat", { padding: "max_length", maxLength: 6 })).attention_mask, [1, 1, 1, 0, 0, 0]);
  await assert.rejects(tokenizer(["cat", "the cat"], { returnTensors: true }), { code: "ERR_RAGGED", message: /padding: true/ });
  await assert.rejects(tokenizer("cat", { maxLength: 1 }), { code: "ERR_TOKENIZE_OPTIONS" });
  assert.deepEqual((await tokenizer("cat", { truncation: false, maxLength: 1 })).attention_mask, [1, 1, 1]);
  await assert.rejects(tokenizer("cat", { truncation: "only_second" }), { code: "ERR_TOKENIZE_OPTIONS" });
  await assert.rejects(tokenizer(["cat", null as unknown as string]), { code: "ERR_TEXT_INPUT", message: /text 1 is null/ });
  await assert.rejects(tokenizer(["cat"], ["a", "b"]), { code: "ERR_TEXT_INPUT" });
});

test("each truncation of a pair cuts the side it names", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  const cut = async (truncation: "longest_first" | "only_first" | "only_second") =>
    (await tokenizer("the cat sat", "a mat", { truncation, maxLength: 7 })).input_ids;
  assert.deepEqual(await cut("only_first"), [2, 5, 6, 3, 10, 11, 3]);
  assert.deepEqual(await cut("only_second"), [2, 5, 6, 7, 3, 10, 3]);
  assert.deepEqual(await cut("longest_first"), [2, 5, 6, 3, 10, 11, 3]);
  await assert.rejects(tokenizer("cat", "the cat sat on a mat", { truncation: "only_first", maxLength: 5 }), { code: "ERR_TOKENIZE" });
});

test("ids and tokens translate both ways", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  const { input_ids } = await tokenizer("Cats sat, unable 中Café");
  assert.deepEqual(tokenizer.convertIdsToTokens(input_ids), ["[CLS]", "cat", "##s", "sat", ",", "un", "##able", "中", "caf", "##e", "[SEP]"]);
  assert.deepEqual(tokenizer.convertTokensToIds(["cat", "dog"]), [6, 1]);
  assert.deepEqual(await tokenizer.tokenize("cats"), ["cat", "##s"]);
  assert.equal(await tokenizer.decode(input_ids, { skipSpecialTokens: true }), "cats sat, unable 中 cafe");
  assert.deepEqual(await tokenizer.batchDecode([[6], [11]]), ["cat", "mat"]);
  const { vocabSize, padTokenId, unkTokenId, clsTokenId, sepTokenId, maskTokenId, modelMaxLength } = tokenizer;
  assert.deepEqual(
    { vocabSize, padTokenId, unkTokenId, clsTokenId, sepTokenId, maskTokenId, modelMaxLength },
    { vocabSize: 19, padTokenId: 0, unkTokenId: 1, clsTokenId: 2, sepTokenId: 3, maskTokenId: 4, modelMaxLength: 512 },
  );
  assert.equal(inspect(tokenizer), "PreTrainedTokenizer(vocabSize=19, modelMaxLength=512, padTokenId=0)");
});

test("the configuration decides on lowercase, and without one the vocabulary", async (t) => {
  const ids = async (folder: string) => (await (await AutoTokenizer.fromPretrained(folder))("The cat")).input_ids;
  assert.deepEqual(await ids(await uncased(t)), [2, 5, 6, 3]);
  assert.deepEqual(await ids(await uncased(t, { "tokenizer_config.json": '{ "do_lower_case": false, "model_max_length": 16 }' })), [2, 1, 6, 3]);
  assert.deepEqual(await ids(await folderOf(t, { "vocab.txt": [...vocab, "The"].join("\r\n") })), [2, 19, 6, 3]);
  const folder = await uncased(t);
  await (await AutoTokenizer.fromPretrained(folder)).savePretrained(folder);
  const { writeFile } = await import("node:fs/promises");
  await writeFile(join(folder, "tokenizer_config.json"), '{ "do_lower_case": false }');
  assert.deepEqual(await ids(folder), [2, 1, 6, 3]);
});

test("a saved tokenizer is the same when it is loaded from tokenizer.json or from vocab.txt", async (t) => {
  const source = await uncased(t, { "tokenizer_config.json": '{ "do_lower_case": false, "model_max_length": 16, "mine": [1] }' });
  const tokenizer = await AutoTokenizer.fromPretrained(source);
  const folder = join(source, "saved");
  await tokenizer.savePretrained(folder);
  assert.deepEqual((await readdir(folder)).sort(), ["special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"]);
  assert.equal(await readFile(join(folder, "vocab.txt"), "utf8"), `${vocab.join("\n")}\n`);
  const config = JSON.parse(await readFile(join(folder, "tokenizer_config.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([config.tokenizer_class, config.do_lower_case, config.model_max_length, config.mine], ["BertTokenizer", false, 16, [1]]);
  for (const path of [folder, join(folder, "vocab.txt"), join(folder, "tokenizer.json")]) {
    const again = await AutoTokenizer.fromPretrained(path);
    assert.deepEqual(await again("the Cat sat, unable"), await tokenizer("the Cat sat, unable"), path);
    assert.equal(again.modelMaxLength, 16);
  }
});

test("missing and broken files say which and what to do", async (t) => {
  const load = (path: string) => AutoTokenizer.fromPretrained(path);
  await assert.rejects(load("./no such folder"), { code: "ERR_HUB_NAME", message: /give the path of a folder/ });
  await assert.rejects(load(await folderOf(t, {})), { code: "ERR_TOKENIZER_NOT_FOUND", message: /neither tokenizer\.json nor vocab\.txt/ });
  await assert.rejects(load(await folderOf(t, { "tokenizer.json": "{" })), { code: "ERR_TOKENIZER_FILE", message: /tokenizer\.json: / });
  await assert.rejects(load(await folderOf(t, { "tokenizer.json": "{}" })), { code: "ERR_TOKENIZER_FILE", message: /holds no model/ });
  await assert.rejects(load(await folderOf(t, { "vocab.txt": "a\nb\n" })), { code: "ERR_VOCAB", message: /has no \[PAD\]/ });
  const broken = async (json: object) => load(await folderOf(t, { "tokenizer.json": JSON.stringify({ model: { type: "BPE", vocab: {} }, ...json }) }));
  await assert.rejects(broken({ model: { vocab: { a: "b" } } }), { code: "ERR_TOKENIZER_FILE", message: /vocabulary/ });
  await assert.rejects(broken({ added_tokens: [{ id: 1 }] }), { code: "ERR_TOKENIZER_FILE", message: /added_tokens/ });
  await assert.rejects(broken({ normalizer: "x" }), { code: "ERR_TOKENIZER_FILE", message: /normalizer/ });
  await assert.rejects(broken({ post_processor: { type: "Other" } }), { code: "ERR_TOKENIZER_FILE", message: /no post_processor Other/ });
  await assert.rejects(load(await folderOf(t, { "vocab.json": '{ "a": [] }', "merges.txt": "" })), { code: "ERR_TOKENIZER_FILE", message: /vocab\.json/ });
  await assert.rejects(load(await folderOf(t, { "vocab.json": "{}" })), { code: "ERR_TOKENIZER_NOT_FOUND", message: /merges\.txt/ });
  const odd = await load(await folderOf(t, { "tokenizer.json": '{ "model": { "type": "Nothing" } }' }).then((folder) => folder))
    .then((x) => x("a"))
    .catch((e: unknown) => e as { code: string });
  assert.equal((odd as { code: string }).code, "ERR_TOKENIZER_FILE");
});

test("a mapper tokenizes columns, here and on threads, to the same narrow columns", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  const data = Dataset.fromColumns({ a: ["the cat", "a mat sat on", "cat", ""], b: ["sat", "on", "the mat", "a"] });
  const mapper = tokenizer.mapper("a", "b", { truncation: true, maxLength: 6 });
  assert.deepEqual(mapper.reads, ["a", "b"]);
  const here = await data.map(mapper, { batched: true });
  assert.equal(
    inspect(here.features),
    "{'a': Value('string'), 'b': Value('string'), 'input_ids': List(Value('int32')), 'token_type_ids': List(Value('int8')), 'attention_mask': List(Value('int8'))}",
  );
  for (const [i, row] of [...here].entries()) {
    const { a, b, ...encoded } = row;
    assert.deepEqual(encoded, await tokenizer(a, b, { truncation: true, maxLength: 6 }), `row ${i}`);
  }
  const threads = await data.map(mapper, { numProc: 2, batchSize: 1 });
  assert.deepEqual([...threads], [...here]);
  await assert.rejects(data.removeColumns("b").map(mapper as never), { code: "ERR_COLUMN_NOT_FOUND", message: /"b".*columns are a/ });
  const holes = Dataset.fromRows<{ a: string | null }>([{ a: "cat" }, { a: null }]);
  await assert.rejects(holes.map(tokenizer.mapper("a") as never), { code: "ERR_TEXT_INPUT", message: /column a holds null in row 1/ });
  await assert.rejects(holes.map(tokenizer.mapper("a") as never, { numProc: 1, batchSize: 1 }), { code: "ERR_TEXT_INPUT", message: /row 1/ });
  assert.deepEqual((await data.slice(0, 0).map(mapper)).columnNames, ["a", "b", "input_ids", "token_type_ids", "attention_mask"]);
  const fixed = await data.map(tokenizer.mapper("a", { padding: "max_length", maxLength: 5 }));
  assert.ok(fixed.column("input_ids").every((ids) => ids.length >= 5));
});

test("a small vocabulary gives Python's ids over awkward texts", async (t) => {
  // Made by test/golden/make/tokenizer_texts.py with transformers.
  const golden = JSON.parse(await readFile(join(root, "test/golden/text-tokenizer.json"), "utf8")) as {
    vocab: string[];
    cases: { lower: boolean; text: string; pair: string; single: number[]; both: number[]; types: number[]; cut: number[] }[];
  };
  for (const lower of [true, false]) {
    const folder = await folderOf(t, { "vocab.txt": golden.vocab.join("\n"), "tokenizer_config.json": JSON.stringify({ do_lower_case: lower }) });
    const tokenizer = await AutoTokenizer.fromPretrained(folder);
    for (const { text, pair, single, both, types, cut } of golden.cases.filter((c) => c.lower === lower)) {
      assert.deepEqual((await tokenizer(text)).input_ids, single, text);
      // As lists: an empty second text of a single text is none.
      const encoded = await tokenizer([text], [pair]);
      assert.deepEqual([encoded.input_ids, encoded.token_type_ids], [[both], [types]], text);
      assert.deepEqual((await tokenizer([text], [pair], { truncation: true, maxLength: 9 })).input_ids, [cut], text);
    }
  }
});

test("bert-base-uncased gives the course's ids", needs("data/vocab/bert-base-uncased.txt"), async () => {
  const tokenizer = await AutoTokenizer.fromPretrained(join(shared, "data/vocab/bert-base-uncased.txt"));
  const batch = await tokenizer(["I've been waiting for a HuggingFace course my whole life.", "This course is amazing!"], {
    padding: true,
    truncation: true,
    returnTensors: true,
  });
  assert.deepEqual(await batch.input_ids.toArray(), [
    [101, 1045, 1005, 2310, 2042, 3403, 2005, 1037, 17662, 12172, 2607, 2026, 2878, 2166, 1012, 102],
    [101, 2023, 2607, 2003, 6429, 999, 102, 0, 0, 0, 0, 0, 0, 0, 0, 0],
  ]);
  const pair = await tokenizer("This is the first sentence", "This is the second one.");
  assert.deepEqual(pair.input_ids, [101, 2023, 2003, 1996, 2034, 6251, 102, 2023, 2003, 1996, 2117, 2028, 1012, 102]);
  assert.deepEqual(pair.token_type_ids, [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
});

test("MRPC has the token lengths of the course", needs("data/mrpc/train.jsonl"), async () => {
  const tokenizer = await AutoTokenizer.fromPretrained(join(shared, "data/vocab/bert-base-uncased.txt"));
  const raw = await loadDataset("json", {
    dataFiles: join(shared, "data/mrpc/train.jsonl"),
    split: "train",
    features: { sentence1: "string", sentence2: "string" },
  });
  const encoded = await raw.slice(0, 8).map(tokenizer.mapper("sentence1", "sentence2", { truncation: true }), { numProc: 2, batchSize: 3 });
  assert.deepEqual(
    encoded.column("input_ids").map((ids) => ids.length),
    [50, 59, 47, 67, 59, 50, 62, 32],
  );
});

test("multilingual cased keeps case and whole Hangul", needs("data/vocab/bert-base-multilingual-cased.txt"), async () => {
  const tokenizer = await AutoTokenizer.fromPretrained(join(shared, "data/vocab/bert-base-multilingual-cased.txt"));
  const text = "For Carl.칼 세이건으로 시작해서 칼 세이건으로 끝난다.";
  assert.equal((await tokenizer.tokenize(text)).join(" "), "For Carl . 칼 세 ##이 ##건 ##으로 시 ##작 ##해서 칼 세 ##이 ##건 ##으로 끝 ##난 ##다 .");
  assert.deepEqual(
    (await tokenizer(text)).input_ids,
    [101, 11399, 12225, 119, 9788, 9435, 10739, 71439, 11467, 9485, 38709, 70146, 9788, 9435, 10739, 71439, 11467, 8977, 33305, 11903, 119, 102],
  );
  assert.deepEqual((await tokenizer("how boring!")).input_ids, [101, 14796, 27728, 10230, 106, 102]);
});

test("maxLength truncates when it is given alone; beside padding it waits for truncation, as in transformers", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  const tokens = async (options: object) => (await tokenizer("the cat sat", options)).input_ids.length;
  assert.equal(await tokens({ maxLength: 4 }), 4);
  assert.equal(await tokens({ maxLength: 4, padding: false }), 4);
  assert.equal(await tokens({ maxLength: 4, padding: true }), 5);
  assert.equal(await tokens({ maxLength: 4, padding: "max_length" }), 5);
  assert.equal(await tokens({ maxLength: 4, padding: true, truncation: true }), 4);
});

test("what is no text and what is no padding is refused by name", async (t) => {
  const tokenizer = await AutoTokenizer.fromPretrained(await uncased(t));
  for (const bad of [null, undefined, 5, {}]) await assert.rejects(tokenizer(bad as never), { code: "ERR_TEXT_INPUT" }, String(bad));
  await assert.rejects(tokenizer("cat", { max_length: 3 } as never), { code: "ERR_TOKENIZE_OPTIONS", message: /no option max_length.*maxLength/s });
  assert.throws(() => tokenizer.mapper("text", { max_length: 3 } as never), { code: "ERR_TOKENIZE_OPTIONS" });
  await assert.rejects(tokenizer("cat", { padding: "longst" as never }), { code: "ERR_TOKENIZE_OPTIONS", message: /"longst"/ });
});
