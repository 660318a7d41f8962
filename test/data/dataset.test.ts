// Dataset and DatasetDict: rows, views, columns, printing.
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { fc } from "../support/properties.js";
import { ClassLabel, Dataset, datasetDict } from "../../src/data/index.js";

const rows = [
  { text: "a", label: 0, ids: [1, 2, 3] },
  { text: "päß 💡", label: 1, ids: [] },
  { text: "", label: 1, ids: [-4] },
];
const dataset = Dataset.fromRows(rows);

test("rows come back as they went in, from either end", () => {
  assert.deepEqual([...dataset], rows);
  assert.deepEqual(dataset.at(0), rows[0]);
  assert.deepEqual(dataset.at(-1), rows[2]);
  assert.equal(dataset.length, 3);
  for (const index of [3, -4, 0.5]) assert.throws(() => dataset.at(index), { code: "ERR_ROW_INDEX" });
});

test("a dataset prints as Python's does", () => {
  assert.equal(inspect(dataset), "Dataset({\n    features: ['text', 'label', 'ids'],\n    num_rows: 3\n})");
  const dict = datasetDict([
    ["train", dataset],
    ["test", dataset.slice(0, 1)],
  ]);
  assert.equal(
    inspect(dict),
    `DatasetDict({
    train: Dataset({
        features: ['text', 'label', 'ids'],
        num_rows: 3
    })
    test: Dataset({
        features: ['text', 'label', 'ids'],
        num_rows: 1
    })
})`,
  );
  assert.equal(inspect(Dataset.fromColumns({ "it's": [1] })), `Dataset({\n    features: ["it's"],\n    num_rows: 1\n})`);
});

test("features print as Python's do", () => {
  const typed = Dataset.fromRows([{ s: "x", y: "yes", ids: [1], f: 0.5, b: true }], {
    features: { s: "string", y: new ClassLabel(["no", "yes"]), ids: { sequence: "int32" }, f: "float32", b: "bool" },
  });
  assert.equal(
    inspect(typed.features),
    "{'s': Value('string'), 'y': ClassLabel(names=['no', 'yes']), 'ids': List(Value('int32')), 'f': Value('float32'), 'b': Value('bool')}",
  );
  assert.deepEqual(typed.at(0), { s: "x", y: 1, ids: [1], f: 0.5, b: true });
});

test("slice counts as Array's does", () => {
  const numbers = Dataset.fromColumns({ n: Array.from({ length: 10 }, (_, i) => i) });
  fc.assert(
    fc.property(fc.option(fc.integer({ min: -15, max: 15 }), { nil: undefined }), fc.option(fc.integer({ min: -15, max: 15 }), { nil: undefined }), (a, b) => {
      assert.deepEqual(numbers.slice(a, b).column("n"), numbers.column("n").slice(a, b));
    }),
  );
});

test("views of views see the right rows", () => {
  const numbers = Dataset.fromColumns({ n: Array.from({ length: 20 }, (_, i) => i), s: Array.from({ length: 20 }, (_, i) => `#${i}`) });
  const view = numbers.select([5, 4, 3, -1]).slice(1).select([2, 0]);
  assert.deepEqual(
    [...view],
    [
      { n: 19, s: "#19" },
      { n: 4, s: "#4" },
    ],
  );
  assert.deepEqual(view.toColumns(), { n: [19, 4], s: ["#19", "#4"] });
  assert.throws(() => numbers.select([20]), { code: "ERR_ROW_INDEX" });
});

test("shuffle gives the order of Python's shuffle", () => {
  const numbers = Dataset.fromColumns({ n: Array.from({ length: 10 }, (_, i) => i) });
  assert.deepEqual(numbers.shuffle({ seed: 42 }).column("n"), [5, 6, 0, 7, 3, 2, 4, 9, 1, 8]);
});

test("trainTestSplit parts the rows as Python's", () => {
  const numbers = Dataset.fromColumns({ n: Array.from({ length: 10 }, (_, i) => i) });
  const { train, test: held } = numbers.trainTestSplit({ testSize: 0.25, seed: 42 });
  assert.deepEqual(held.column("n"), [5, 6, 0]);
  assert.deepEqual(train.column("n"), [7, 3, 2, 4, 9, 1, 8]);
  assert.equal(numbers.trainTestSplit({ testSize: 4 }).test.length, 4);
  for (const testSize of [0, -1, 10, 2.5]) assert.throws(() => numbers.trainTestSplit({ testSize }), { code: "ERR_TEST_SIZE" });
});

test("columns are removed and renamed without changing the dataset they came from", () => {
  assert.deepEqual(dataset.removeColumns("ids").columnNames, ["text", "label"]);
  assert.deepEqual(dataset.removeColumns(["ids", "text"]).columnNames, ["label"]);
  assert.deepEqual(dataset.renameColumn("label", "labels").at(0), { text: "a", labels: 0, ids: [1, 2, 3] });
  assert.deepEqual(dataset.columnNames, ["text", "label", "ids"]);
  assert.throws(() => dataset.removeColumns("txt" as "text"), { code: "ERR_COLUMN_NOT_FOUND", message: /columns are text, label, ids/ });
  assert.throws(() => dataset.renameColumn("label", "ids"), { code: "ERR_COLUMN_EXISTS" });
});

test("filter keeps the rows for which the test holds", async () => {
  assert.deepEqual((await dataset.filter((row, i) => row.label === 1 && i > 1)).column("text"), [""]);
});

test("any rows of one structure survive the columns", () => {
  const row = fc.record({
    i: fc.maxSafeInteger(),
    f: fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((x) => (Number.isInteger(x) ? x + 0.5 : x)),
    b: fc.boolean(),
    s: fc.option(fc.string({ unit: "grapheme" }), { nil: null }),
    l: fc.array(fc.array(fc.integer())),
    o: fc.record({ a: fc.string(), b: fc.integer() }),
  });
  fc.assert(
    fc.property(fc.array(row, { minLength: 1, maxLength: 20 }), (list) => {
      const back = [...Dataset.fromRows<Record<string, never>>(list as never)];
      assert.deepEqual(JSON.parse(JSON.stringify(back)), JSON.parse(JSON.stringify(list)));
    }),
  );
});

test("integers become float64 when a fraction comes, and mixed types are refused by row and column", () => {
  const mixed = Dataset.fromRows([{ x: 1 }, { x: null }, { x: 2.5 }]);
  assert.deepEqual(mixed.column("x"), [1, null, 2.5]);
  assert.equal(inspect(mixed.features), "{'x': Value('float64')}");
  assert.throws(() => Dataset.fromRows<{ x: number | string }>([{ x: 1 }, { x: "one" }]), {
    code: "ERR_COLUMN_VALUE",
    message: /row 1, column x: a string in a column of int64/,
  });
  assert.throws(() => Dataset.fromRows([{ x: 300 }], { features: { x: "int8" } }), { code: "ERR_COLUMN_VALUE", message: /300 is outside int8/ });
  assert.throws(() => Dataset.fromRows([{ x: 2 ** 60 }]), { code: "ERR_COLUMN_VALUE", message: /beyond 2\^53/ });
  assert.throws(() => Dataset.fromColumns<{ a: number; b: number }>({ a: [1], b: [1, 2] }), { code: "ERR_COLUMN_LENGTH" });
  assert.throws(() => Dataset.fromRows([], { features: { x: "int17" as "int8" } }), { code: "ERR_FEATURES" });
});

test("class labels translate both ways", () => {
  const label = new ClassLabel(["neg", "pos"]);
  assert.equal(label.int2str(1), "pos");
  assert.equal(label.str2int("neg"), 0);
  assert.throws(() => label.str2int("neutral"), { code: "ERR_CLASS_LABEL" });
  assert.throws(() => label.int2str(2), { code: "ERR_CLASS_LABEL" });
  assert.throws(() => new ClassLabel(["a", "a"]), { code: "ERR_CLASS_LABEL" });
  assert.throws(() => Dataset.fromRows([{ y: 2 }], { features: { y: label } }), { code: "ERR_COLUMN_VALUE" });
});

test("a split cannot take a method's name, and an unknown one is named", () => {
  assert.throws(() => datasetDict([["map", dataset]]), { code: "ERR_SPLIT_NAME" });
  assert.throws(() => datasetDict([["train", dataset]]).get("test" as "train"), { code: "ERR_SPLIT_NOT_FOUND", message: /splits are train/ });
});

test("an async test of filter is waited for", async () => {
  assert.deepEqual((await Dataset.fromRows([{ a: 1 }, { a: 2 }, { a: 3 }]).filter(async (row) => row.a !== 2)).column("a"), [1, 3]);
});

test("a row that is no object is named", () => {
  for (const row of [null, 5, undefined]) assert.throws(() => Dataset.fromRows([{ a: 1 }, row as never]), { code: "ERR_COLUMN_VALUE", message: /row 1 is/ });
});
