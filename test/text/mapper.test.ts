// tokenizer.mapper: columns straight from our own encoder are those of calls, for any texts and options; and those that only rows can give.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { plainFeature, valueReader } from "../../src/data/columns/column-data.js";
import { TextWriter } from "../../src/data/columns/column-writer.js";
import { Dataset } from "../../src/data/index.js";
import { AutoTokenizer, type TokenizeOptions } from "../../src/text/index.js";
import { type TokenizeJobOptions, tokenizeJob } from "../../src/text/tokenize-job.js";
import { folderOf } from "../data/files.js";

const vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "##s", "a", "mat", ",", "."];
type Context = Parameters<typeof folderOf>[0];
const load = async (t: Context, config: object = {}) =>
  AutoTokenizer.fromPretrained(
    await folderOf(t, { "vocab.txt": vocab.join("\n"), "tokenizer_config.json": JSON.stringify({ do_lower_case: true, model_max_length: 16, ...config }) }),
  );

const anyText = fc.array(fc.constantFrom("the", "Cats", "a mat", "mat", ",", ".", "dog", "[MASK]", "é"), { maxLength: 12 }).map((parts) => parts.join(" "));
const anyOptions: fc.Arbitrary<TokenizeOptions> = fc.record(
  {
    padding: fc.constantFrom(true, false, "max_length" as const),
    paddingSide: fc.constantFrom("left" as const, "right" as const),
    truncation: fc.constantFrom(true, false),
    truncationSide: fc.constantFrom("left" as const, "right" as const),
    maxLength: fc.integer({ min: 3, max: 24 }),
    addSpecialTokens: fc.boolean(),
    returnTokenTypeIds: fc.boolean(),
    returnAttentionMask: fc.boolean(),
    returnSpecialTokensMask: fc.boolean(),
    returnOffsetsMapping: fc.constantFrom(false, true),
    returnLength: fc.constantFrom(false, true),
  },
  { requiredKeys: [] },
);

test("columns of a mapper are those of a call, whatever the options", async (t) => {
  const tokenizer = await load(t);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(anyText, anyText), { minLength: 1, maxLength: 6 }), fc.boolean(), anyOptions, async (rows, pairs, options) => {
      const [a, b] = [rows.map(([first]) => first), rows.map(([, second]) => second)];
      const data = Dataset.fromColumns({ a, b });
      const mapper = pairs ? tokenizer.mapper("a", "b", options) : tokenizer.mapper("a", options);
      const mapped = (await data.map(mapper as never, { batched: true })) as unknown as Dataset<{ a: string; b: string }>;
      const { a: _, b: __, ...columns } = mapped.toColumns() as Record<string, unknown>;
      const expected = pairs ? await tokenizer(a, b, { ...options, verbose: false }) : await tokenizer(a, { ...options, verbose: false });
      assert.deepEqual(columns, { ...expected });
    }),
    { numRuns: 150 },
  );
});

test("a text that only the library can do changes nothing for the rows beside it", async (t) => {
  const tokenizer = await load(t);
  const texts = ["the cat", "a\u{1d165}\u0301 mat", "cats"];
  const mapped = await Dataset.fromColumns({ a: texts }).map(tokenizer.mapper("a", { padding: true }), { batched: true });
  assert.deepEqual(mapped.column("input_ids"), (await tokenizer(texts, { padding: true })).input_ids);
});

test("overflow, offsets and masks come as columns of their own", async (t) => {
  const tokenizer = await load(t, { tokenizer_class: "DistilBertTokenizer" });
  const columns = { question: ["a cat", "the"], context: ["the cats, a mat.", "a mat"] };
  const options = {
    truncation: "only_second",
    maxLength: 8,
    stride: 1,
    returnOverflowingTokens: true,
    returnOffsetsMapping: true,
    returnLength: true,
    returnSpecialTokensMask: true,
  } as const;
  const { descriptor } = tokenizer.mapper("question", "context", options);
  const text = (values: readonly string[]) => {
    const writer = new TextWriter("string");
    for (const value of values) writer.push(value);
    return writer.finish();
  };
  const table = { length: 2, columns: Object.entries(columns).map(([name, values]) => ({ name, data: text(values) })) };
  const made = await tokenizeJob(descriptor.options as TokenizeJobOptions)(table, 0, 2);
  const values = Object.entries(made).map(([name, data]) => [name, Array.from({ length: data.length }, (_, i) => valueReader(data)(i))]);
  assert.deepEqual(Object.fromEntries(values), { ...(await tokenizer(columns.question, columns.context, options)) });
  assert.deepEqual(Object.values(made).map(plainFeature), [
    { sequence: "int32" },
    { sequence: "int8" },
    { sequence: "int8" },
    { sequence: { sequence: "int32" } },
    "int32",
    "int64",
  ]);
});

test("a tokenizer that is not BERT's maps, too, and without a padding token says so at once", async (t) => {
  const tokens = ["<|endoftext|>", ..."acehmst", "Ġ", "th", "the", "Ġc"];
  const folder = await folderOf(t, {
    "vocab.json": JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id]))),
    "merges.txt": "#version: 0.2\nt h\nth e\nĠ c\n",
  });
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const mapped = await Dataset.fromColumns({ a: ["the cat", "", "the"] }).map(tokenizer.mapper("a"), { batched: true });
  assert.deepEqual(mapped.column("input_ids"), (await tokenizer(["the cat", "", "the"])).input_ids);
  assert.throws(() => tokenizer.mapper("a", { padding: true }), { code: "ERR_PAD_TOKEN" });
});
