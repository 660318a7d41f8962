// Columns of every kind: what writers take and refuse, what features print, and how columns become one.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { chunkedData, type ColumnData, plainFeature } from "../../src/data/columns/column-data.js";
import { concatColumns, InferringWriter } from "../../src/data/columns/column-infer.js";
import { writerFor } from "../../src/data/columns/column-writer.js";
import { ClassLabel, checkFeatures, type Feature, type Features, featureText, printable, structFeature } from "../../src/data/columns/features.js";
import { featureFromJson, featureToJson } from "../../src/data/columns/hf-features.js";
import { decimalText, unscaledDecimal } from "../../src/data/columns/other-writers.js";
import { pythonJson } from "../../src/data/columns/python-json.js";
import { valueReader } from "../../src/data/columns/value-reader.js";
import { pythonString } from "../../src/data/columns/print.js";
import { ArrowWriter, openArrow } from "../../src/data/arrow/index.js";
import { wholeColumn, Table } from "../../src/data/columns/table.js";

const column = (feature: Feature, values: readonly unknown[]): ColumnData => {
  const writer = writerFor(feature);
  for (const value of values) writer.push(value);
  return writer.finish();
};
const valuesOf = (data: ColumnData): unknown[] => {
  const read = valueReader(data);
  return Array.from({ length: data.length }, (_, i) => read(i));
};
const inferred = (values: readonly unknown[]): ColumnData => {
  const writer = new InferringWriter();
  for (const value of values) writer.push(value);
  return writer.finish();
};

describe("A column", () => {
  it("gives back what it takes, of every type", () => {
    const day = new Date("2026-02-03");
    const cases: readonly (readonly [feature: Feature, values: readonly unknown[], wanted?: readonly unknown[]])[] = [
      ["uint16", [0, 65535, null]],
      ["float16", [0.5, -0]],
      ["large_string", ["a", null, "ü"]],
      ["binary", [Uint8Array.of(1, 2), null, new Uint8Array()]],
      ["fixed_size_binary[2]", [Uint8Array.of(1, 2), null]],
      ["timestamp[us]", [new Date(5), "2026-02-03", null], [new Date(5), day, null]],
      ["date32", [new Date("2026-02-03T13:00:00Z"), new Date(-1)], [day, new Date("1969-12-31")]],
      ["time32[s]", ["13:05", "00:00:59"], ["13:05:00", "00:00:59"]],
      ["time64[ns]", ["00:00:00.000000001", 2000], ["00:00:00.000000001", "00:00:00.000002"]],
      ["duration[ms]", [-5, 10n], [-5, 10]],
      ["decimal128(5, 2)", ["1.5", -3, "1e2", null], ["1.50", "-3.00", "100.00", null]],
      ["null", [null, undefined], [null, null]],
      [{ a: "int8", b: { c: "string" } }, [{ a: 1, b: { c: "x" } }, { a: 2 }, null], [{ a: 1, b: { c: "x" } }, { a: 2, b: null }, null]],
      [{ sequence: { x: "bool" } }, [[{ x: true }], [], null]],
      [{ sequence: "int8", length: 2 }, [[1, 2], null, [3, 4]]],
    ];
    for (const [feature, values, wanted = values] of cases) {
      const data = column(feature, values);
      assert.deepEqual(valuesOf(data), wanted, featureText(feature));
      assert.equal(featureText(plainFeature(data)), featureText(feature));
      assert.deepEqual(valuesOf(structuredClone(data)), wanted);
    }
  });
  it("refuses what does not fit, and says what it is", () => {
    const loop: Record<string, unknown> = {};
    loop.self = loop;
    const cases: readonly (readonly [Feature, unknown, RegExp])[] = [
      ["uint8", 256, /256 is outside uint8/],
      ["uint32", -1, /-1 is outside uint32/],
      ["date32", "yesterday", /'yesterday' is no date32/],
      ["time32[s]", "25:00", /no time32/],
      ["duration[s]", 1.5, /no duration/],
      ["decimal128(4, 2)", "123.45", /no decimal128/],
      ["decimal128(4, 2)", "1.234", /no decimal128/],
      ["binary", "text", /'text' is no binary/],
      ["fixed_size_binary[2]", Uint8Array.of(1), /1 bytes are no fixed_size_binary\[2\]/],
      ["null", 1, /1 in a column of null/],
      [{ a: "int8" }, [1], /is no object with a/],
      [{ a: "int8" }, { b: 1 }, /has a field "b".*fields are a/],
      [{ a: "int8" }, { a: 300 }, /field a: 300 is outside int8/],
      [{ sequence: "int8", length: 2 }, [1], /a list of 1 in a column of lists of 2/],
      [new ClassLabel(["a"]), 1, /1 is no class/],
      ["json", new Map([[1, 2]]), /Map\(1\).* cannot be written as JSON/],
      ["json", loop, /cannot be written as JSON \(/],
    ];
    for (const [feature, value, message] of cases) assert.throws(() => column(feature, [value]), { code: "ERR_COLUMN_VALUE", message });
  });
  it("of objects is a struct of all their fields", () => {
    const data = inferred([{ id: 1, answers: { text: ["a"], start: [0] } }, null, { id: 1.5, extra: true }]);
    assert.equal(
      featureText(plainFeature(data)),
      "{'id': Value('float64'), 'answers': {'text': List(Value('string')), 'start': List(Value('int64'))}, 'extra': Value('bool')}",
    );
    assert.deepEqual(valuesOf(data), [{ id: 1, answers: { text: ["a"], start: [0] }, extra: null }, null, { id: 1.5, answers: null, extra: true }]);
  });
  it("of objects is JSON where the values of a field differ, or the keys are data", () => {
    const mixed = inferred([{ a: 1 }, { a: "x", b: { c: 1 } }, { a: null }]);
    assert.equal(featureText(plainFeature(mixed)), "{'a': Json(decode=True), 'b': {'c': Value('int64')}}");
    assert.deepEqual(valuesOf(mixed), [
      { a: 1, b: null },
      { a: "x", b: { c: 1 } },
      { a: null, b: null },
    ]);
    const keyed = Array.from({ length: 300 }, (_, i) => (i === 5 ? null : { [`key ${i}`]: i }));
    assert.equal(plainFeature(inferred(keyed)), "json");
    assert.deepEqual(valuesOf(inferred(keyed)), keyed);
    assert.deepEqual(valuesOf(inferred([{}, null, {}])), [{}, null, {}]);
    assert.throws(() => inferred([{ a: 1 }, "x"]), /a string in a column of struct/);
  });
  it("of dates or bytes is recognized", () => {
    assert.equal(plainFeature(inferred([new Date(0)])), "timestamp[ms]");
    assert.equal(plainFeature(inferred([null, Buffer.from("x")])), "binary");
    assert.equal(featureText(plainFeature(inferred([Uint8Array.of(1, 2)]))), "List(Value('int64'))");
  });
});

describe("A table", () => {
  it("refuses a column that no row could show", () => {
    const data = column("int8", [1]);
    assert.throws(() => new Table(new Map([["__proto__", wholeColumn(data)]]), 1), { code: "ERR_COLUMN_NAME" });
    assert.equal(new Table(new Map([["constructor", wholeColumn(data)]]), 1).length, 1);
  });
});

describe("Columns as one", () => {
  const parts = (feature: Feature, ...values: readonly unknown[][]): ColumnData[] => values.map((part) => column(feature, part));
  it("are joined in memory, nulls included", () => {
    for (const [feature, ...values] of [
      ["string", ["a", null], ["b"]],
      ["binary", [Uint8Array.of(1)], [null]],
      ["date32", [new Date(0)], [null, new Date(86_400_000)]],
      [{ a: "int8", b: "string" }, [{ a: 1, b: "x" }], [null, { a: 2, b: null }]],
      [{ sequence: { sequence: "int8" } }, [[[1], []]], [null, [[2, 3]]]],
      ["null", [null], [null]],
    ] as const) {
      const joined = concatColumns(parts(feature as Feature, ...(values as unknown as unknown[][])));
      assert.notEqual(joined.kind, "chunked");
      assert.deepEqual(valuesOf(joined), values.flat(1));
    }
  });
  it("take the number type that holds all of them", () => {
    const type = (...features: Feature[]) => plainFeature(concatColumns(features.map((feature) => column(feature, [1]))));
    assert.equal(type("int8", "uint8"), "int16");
    assert.equal(type("uint8", "uint16"), "uint16");
    assert.equal(type("uint32", "int8"), "int64");
    assert.equal(type("int32", "float32"), "float64");
    assert.equal(type("int8", "float32"), "float32");
  });
  it("have the fields of all, and are JSON when one of them had to be", () => {
    const joined = concatColumns([inferred([{ a: 1 }]), inferred([{ b: "x" }, null])]);
    assert.deepEqual(valuesOf(joined), [{ a: 1, b: null }, { a: null, b: "x" }, null]);
    const json = concatColumns([inferred([{ a: 1 }]), inferred([{}]), inferred([{ a: { b: 1 } }])]);
    assert.equal(plainFeature(json), "json");
    assert.deepEqual(valuesOf(json), [{ a: 1 }, {}, { a: { b: 1 } }]);
  });
  it("stay chunks when one of them is", () => {
    const [a, b] = parts("int64", [1, 2], [3]);
    const chunks = chunkedData([a!, b!]);
    const joined = concatColumns([chunks, column("int64", [4]), column("null", [null])]);
    assert.equal(joined.kind, "chunked");
    assert.deepEqual(valuesOf(joined), [1, 2, 3, 4, null]);
    assert.equal(plainFeature(joined), "int64");
  });
  it("of memory and of files are of one type, whatever was null before", async () => {
    const folder = mkdtempSync(join(tmpdir(), "columns-"));
    const file = join(folder, "a.arrow");
    try {
      const ints = column("int32", [1, 2]);
      await using writer = await ArrowWriter.create(file, { a: "int32" });
      await writer.write(new Table(new Map([["a", wholeColumn(ints)]]), 2));
      await writer.close();
      const mapped = (await openArrow([file])).view("a").data;
      for (const nulls of [column("null", [null, null]), column("string", [null, null])]) {
        const joined = concatColumns([nulls, mapped, ints]);
        assert.equal(plainFeature(joined), "int32");
        assert.deepEqual(valuesOf(joined), [null, null, 1, 2, 1, 2]);
      }
      // Chunks would be written as int32, and 0.5 as 0.
      assert.throws(() => concatColumns([ints, column("float64", [0.5]), mapped]), { code: "ERR_COLUMN_VALUE" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
  it("of different types are refused", () => {
    assert.throws(() => concatColumns([column("string", ["a"]), column("int8", [1])]), /Value\('int8'\), another Value\('string'\)/);
    assert.throws(() => concatColumns([column({ a: "int8" }, [{ a: 1 }]), column({ a: "string" }, [{ a: "x" }])]), { code: "ERR_COLUMN_VALUE" });
  });
});

describe("Features", () => {
  const features: Features = {
    plain: "timestamp[us, tz=UTC]",
    list: { sequence: { sequence: "int8" } },
    fixed: { sequence: "float32", length: 3 },
    large: { sequence: "string", large: true },
    struct: { a: "int64", sequence: new ClassLabel(["it's"]) },
    only: structFeature({ sequence: "string" }),
    json: "json",
  };
  it("print as Python's do", () => {
    assert.equal(
      String(printable(features)),
      "{'plain': Value('timestamp[us, tz=UTC]'), 'list': List(List(Value('int8'))), 'fixed': List(Value('float32'), length=3), 'large': LargeList(Value('string')), " +
        "'struct': {'a': Value('int64'), 'sequence': ClassLabel(names=[\"it's\"])}, 'only': {'sequence': Value('string')}, 'json': Json(decode=True)}",
    );
  });
  it("go to Python's JSON and back", () => {
    for (const feature of Object.values(features)) assert.equal(featureText(featureFromJson(featureToJson(feature))), featureText(feature));
  });
  it("of older releases of Python's datasets are read", () => {
    const text = (json: unknown) => featureText(featureFromJson(json));
    assert.equal(text({ feature: { dtype: "int32", id: null, _type: "Value" }, length: -1, id: null, _type: "Sequence" }), "List(Value('int32'))");
    assert.equal(text({ feature: { text: { dtype: "string", _type: "Value" } }, length: -1, _type: "Sequence" }), "{'text': List(Value('string'))}");
    assert.equal(text({ num_classes: 2, names: ["a", "b"], names_file: null, id: null, _type: "ClassLabel" }), "ClassLabel(names=['a', 'b'])");
    assert.equal(text([{ dtype: "string", _type: "Value" }]), "List(Value('string'))");
  });
  it("that this library does not have are errors", () => {
    for (const json of [{ _type: "Image" }, { dtype: "int99", _type: "Value" }, 3, null, { a: 3 }])
      assert.throws(() => featureFromJson(json), { code: "ERR_FEATURES" });
    let deep: unknown = { dtype: "int8", _type: "Value" };
    for (let i = 0; i < 100_000; i++) deep = { feature: deep, _type: "List" };
    assert.throws(() => featureFromJson(deep), { code: "ERR_FEATURES" });
  });
  it("that are none are refused, with the column and the part", () => {
    const wrong: readonly (readonly [unknown, RegExp])[] = [
      ["int99", /column x is declared as 'int99'/],
      [{ a: { b: "nothing" } }, /in which 'nothing' is no feature/],
      [{ sequence: "int8", length: -1 }, /column x/],
      [["int8"], /column x/],
      [new Date(), /column x/],
    ];
    for (const [feature, message] of wrong) assert.throws(() => checkFeatures({ x: feature } as Features), { code: "ERR_FEATURES", message });
  });
});

describe("Numbers and texts of features", () => {
  it("of decimals are exact", () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n }), fc.integer({ min: -5, max: 12 }), (unscaled, scale) => {
        assert.equal(unscaledDecimal(decimalText(unscaled, scale), `decimal128(38, ${scale})`), unscaled);
      }),
    );
    assert.equal(decimalText(-5n, 2), "-0.05");
  });
  it("of half precision are rounded where they are kept, not only where they are written", () => {
    assert.deepEqual(valuesOf(column("float16", [0.1, 65519, 65520, 1e-9])), [0.0999755859375, 65504, Infinity, 0]);
  });
  it("are Python's repr", () => {
    const texts = ["it's", "a\\\n", "\u0000\u007f\u00a0", "\u200b\u2028\ud800", "é 😀", "\u{e0001}"];
    assert.deepEqual(texts.map(pythonString), [`"it's"`, "'a\\\\\\n'", "'\\x00\\x7f\\xa0'", "'\\u200b\\u2028\\ud800'", "'é 😀'", "'\\U000e0001'"]);
  });
  it("of times are the same wherever the program runs, and as exact as the type", () => {
    const zone = process.env.TZ;
    process.env.TZ = "America/New_York";
    try {
      const texts = ["2020-01-01 12:00:00", "2020-01-01T12:00:00.5Z", "2020-01-01T12:00+0530", "2020-01-01"];
      const iso = (values: readonly unknown[]) => values.map((value) => (value as Date).toISOString());
      const wanted = ["2020-01-01T12:00:00.000Z", "2020-01-01T12:00:00.500Z", "2020-01-01T06:30:00.000Z", "2020-01-01T00:00:00.000Z"];
      assert.deepEqual(iso(valuesOf(column("timestamp[ms]", texts))), wanted);
      assert.deepEqual(iso(valuesOf(column("timestamp[s]", [texts[1], new Date(-1)]))), [wanted[0], "1969-12-31T23:59:59.000Z"]);
      assert.equal((column("timestamp[us]", ["1970-01-01 00:00:00.123456"]) as { values: Float64Array }).values[0], 123.456);
    } finally {
      if (zone === undefined) delete process.env.TZ;
      else process.env.TZ = zone;
    }
  });
  it("in JSON are Python's", () => {
    assert.equal(pythonJson({ a: [1, "ü😀", null, true], b: {}, c: [] }), '{"a": [1, "\\u00fc\\ud83d\\ude00", null, true], "b": {}, "c": []}');
    assert.equal(pythonJson({ a: [1], b: {} }, 2), '{\n  "a": [\n    1\n  ],\n  "b": {}\n}');
  });
});
