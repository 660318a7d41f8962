// Collators: the default one, and the one that pads.
import assert from "node:assert/strict";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { DataCollatorWithPadding, Dataset, defaultCollate } from "../../src/data/index.js";
import { type Tensor, tensor } from "../../src/tensor/index.js";

const told = async (t: Tensor) => [t.dtype, t.shape, await t.toArray()];
const tokenizer = { padTokenId: 9, modelMaxLength: 8 };

test("numbers, lists, texts, booleans and tensors gain a batch dimension", async () => {
  const batch = await defaultCollate([
    { n: 1, f: 0.5, s: "a", l: [1, 2], b: true, t: tensor([1, 2]), deep: { m: [[1], [2]] } },
    { n: 2, f: 2, s: "b", l: [3, 4], b: false, t: tensor([3, 4]), deep: { m: [[3], [4]] } },
  ]);
  assert.deepEqual(await told(batch.n), ["int64", [2], [1, 2]]);
  assert.deepEqual(await told(batch.f), ["float32", [2], [0.5, 2]]);
  assert.deepEqual(batch.s, ["a", "b"]);
  assert.deepEqual(await told(batch.l), [
    "int64",
    [2, 2],
    [
      [1, 2],
      [3, 4],
    ],
  ]);
  assert.deepEqual(await told(batch.b), ["int64", [2], [1, 0]]);
  assert.deepEqual(await told(batch.t), [
    "float32",
    [2, 2],
    [
      [1, 2],
      [3, 4],
    ],
  ]);
  assert.deepEqual(await told(batch.deep.m), [
    "int64",
    [2, 2, 1],
    [
      [[1], [2]],
      [[3], [4]],
    ],
  ]);
});

test("tuples are collated place by place", async () => {
  const rows: [[number[], number], number][] = [
    [[[1, 2], 5], 0],
    [[[3, 4], 6], 1],
  ];
  const [[tokens, length], label] = await defaultCollate(rows);
  assert.deepEqual(await told(tokens), [
    "int64",
    [2, 2],
    [
      [1, 2],
      [3, 4],
    ],
  ]);
  assert.deepEqual(await told(length), ["int64", [2], [5, 6]]);
  assert.deepEqual(await told(label), ["int64", [2], [0, 1]]);
});

test("rows that do not fit together are named by key", async () => {
  await assert.rejects(defaultCollate([{ x: [1] }, { x: [1, 2] }]), { code: "ERR_COLLATE", message: /x: row 1 has shape \[2\], row 0 \[1\]/ });
  await assert.rejects(defaultCollate<object>([{ x: 1 }, {}]), { code: "ERR_COLLATE", message: /no "x"/ });
  await assert.rejects(defaultCollate([{ x: null }]), { code: "ERR_COLLATE", message: /null/ });
  await assert.rejects(defaultCollate<{ x: number | string }>([{ x: "a" }, { x: 1 }]), { code: "ERR_COLLATE" });
});

test("padding goes to the longest row with the tokenizer's id, types and mask with zeros", async () => {
  const collate = new DataCollatorWithPadding(tokenizer);
  const batch = collate([
    { input_ids: [1, 2, 3], token_type_ids: [0, 0, 1], attention_mask: [1, 1, 1], label: 1 },
    { input_ids: [4], token_type_ids: [0], attention_mask: [1], label: 0 },
  ]);
  assert.deepEqual(Object.keys(batch), ["input_ids", "token_type_ids", "attention_mask", "labels"]);
  assert.deepEqual(await told(batch.input_ids), [
    "int64",
    [2, 3],
    [
      [1, 2, 3],
      [4, 9, 9],
    ],
  ]);
  assert.deepEqual(await told(batch.token_type_ids), [
    "int64",
    [2, 3],
    [
      [0, 0, 1],
      [0, 0, 0],
    ],
  ]);
  assert.deepEqual(await told(batch.attention_mask), [
    "int64",
    [2, 3],
    [
      [1, 1, 1],
      [1, 0, 0],
    ],
  ]);
  assert.deepEqual(await told(batch.labels), ["int64", [2], [1, 0]]);
});

test("multiples, fixed widths and the left side are honoured; a missing mask is made", async () => {
  const rows = [{ input_ids: [1, 2, 3] }, { input_ids: [4] }];
  const widths = (options: object) => new DataCollatorWithPadding(tokenizer, options)(rows).input_ids.shape;
  assert.deepEqual(widths({ padToMultipleOf: 8 }), [2, 8]);
  assert.deepEqual(widths({ lengthBuckets: [64, 4, 16] }), [2, 4]);
  assert.deepEqual(widths({ lengthBuckets: [2] }), widths({}), "what no bucket holds is padded as without");
  assert.deepEqual(widths({ padding: "max_length", maxLength: 5 }), [2, 5]);
  assert.deepEqual(widths({ padding: "max_length" }), [2, 8]);
  const left = new DataCollatorWithPadding({ padTokenId: 0, paddingSide: "left" })(rows) as unknown as { input_ids: Tensor; attention_mask: Tensor };
  assert.deepEqual(await left.input_ids.toArray(), [
    [1, 2, 3],
    [0, 0, 4],
  ]);
  assert.deepEqual(await left.attention_mask.toArray(), [
    [1, 1, 1],
    [0, 0, 1],
  ]);
});

test("columns of a slice are collated like rows", async () => {
  const data = Dataset.fromRows([
    { input_ids: [1, 2], label: 1 },
    { input_ids: [3], label: 0 },
  ]);
  const batch = new DataCollatorWithPadding(tokenizer).ofColumns(data.slice(0, 2).toColumns());
  assert.deepEqual(await told(batch.input_ids), [
    "int64",
    [2, 2],
    [
      [1, 2],
      [3, 9],
    ],
  ]);
  assert.deepEqual(await told(batch.labels), ["int64", [2], [1, 0]]);
});

test("what cannot be padded is named with its column", () => {
  const collate = new DataCollatorWithPadding(tokenizer) as (rows: object[]) => unknown;
  assert.throws(() => collate([{ input_ids: [1], text: "x" }]), { code: "ERR_COLLATE", message: /text holds text.*removeColumns\("text"\)/ });
  assert.throws(
    () =>
      collate([
        { input_ids: [1], spans: [1] },
        { input_ids: [1], spans: [1, 2] },
      ]),
    { code: "ERR_COLLATE", message: /spans has 2 numbers in row 1, 1 expected/ },
  );
  assert.throws(() => collate([{ input_ids: [1], label: null }]), { code: "ERR_COLLATE" });
  assert.throws(() => collate([]), { code: "ERR_COLLATE" });
  assert.throws(() => new DataCollatorWithPadding({}, { padToMultipleOf: 0 }), { code: "ERR_COLLATE" });
  for (const options of [
    { lengthBuckets: [] },
    { lengthBuckets: [0.5] },
    { lengthBuckets: [8], padToMultipleOf: 8 },
    { lengthBuckets: [8], padding: false },
  ] as const)
    assert.throws(() => new DataCollatorWithPadding({}, options), { code: "ERR_COLLATE" });
});

test("int64 tensors hold any whole number exactly", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.maxSafeInteger(), { minLength: 1 }), async (values) => {
      assert.deepEqual(
        await (await defaultCollate(values)).toArray(),
        values.map((v) => v + 0),
      );
    }),
  );
});

test("what does not fit among numbers is called what it is", async () => {
  await assert.rejects(defaultCollate([{ y: 1 }, { y: null }]), { code: "ERR_COLLATE", message: /y: row 1 is null, row 0 a number/ });
  await assert.rejects(defaultCollate([{ y: 1 }, { y: "a" }]), { code: "ERR_COLLATE", message: /row 1 is a string/ });
  await assert.rejects(defaultCollate([{ y: [[1, 2], [3]] }]), { code: "ERR_COLLATE", message: /lists within row 0 differ in length/ });
  await assert.rejects(defaultCollate([{ y: [1, 2] }, { y: [3] }]), { code: "ERR_COLLATE", message: /row 1 has shape \[1\], row 0 \[2\]/ });
});

test("options of padding that are none are refused when the collator is made", () => {
  for (const options of [{ padding: "longst" }, { padding: "max_length", maxLength: 2.5 }, { maxLength: 0 }])
    assert.throws(() => new DataCollatorWithPadding({}, options as never), { code: "ERR_COLLATE" }, JSON.stringify(options));
});

test("a number among tensors is named", async () => {
  await assert.rejects(defaultCollate([{ x: tensor([1]) }, { x: 5 as never }]), { code: "ERR_COLLATE", message: /x: row 1 is no tensor/ });
});
