// ArrowWriter: what goes in comes out, in batches, whole or not at all.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { tableFromIPC } from "apache-arrow";
import { fc } from "../support/properties.js";
import { ArrowWriter, openArrow } from "../../src/data/arrow/index.js";
import { chunkedData, plainFeature } from "../../src/data/columns/column-data.js";
import { ClassLabel, type Feature, type Features, featureText, structFeature } from "../../src/data/columns/features.js";
import { Table, wholeColumn } from "../../src/data/columns/table.js";
import { type AnyRow, featuresOf, golden, goldenFolder, rowsOf, tableOfRows, temporaryFolder } from "./arrow-support.js";

const folder = temporaryFolder("arrow-write-");
let count = 0;
const fresh = (): string => join(folder, `${count++}.arrow`);

async function written(tables: readonly Table[], features: Features, options: { batchRows?: number } = {}): Promise<string> {
  const file = fresh();
  await using writer = await ArrowWriter.create(file, features, options);
  for (const table of tables) await writer.write(table);
  assert.equal(
    await writer.close(),
    tables.reduce((rows, { length }) => rows + length, 0),
  );
  return file;
}

const word = fc.string({ unit: "binary", maxLength: 8 });
const float32 = fc.float({ noNaN: true });
const integer = (min: number, max: number) => fc.integer({ min, max });
/** Features with values of theirs. */
const scalars: readonly (readonly [Feature, fc.Arbitrary<unknown>])[] = [
  ["string", word],
  ["large_string", word],
  ["int64", fc.maxSafeInteger()],
  ["int32", integer(-(2 ** 31), 2 ** 31 - 1)],
  ["int16", integer(-(2 ** 15), 2 ** 15 - 1)],
  ["int8", integer(-128, 127)],
  ["uint64", fc.nat(Number.MAX_SAFE_INTEGER)],
  ["uint32", fc.nat(2 ** 32 - 1)],
  ["uint16", fc.nat(2 ** 16 - 1)],
  ["uint8", fc.nat(255)],
  ["float64", fc.double()],
  ["float32", float32],
  ["float16", integer(-2048, 2048).map((i) => i / 8)],
  ["bool", fc.boolean()],
  ["json", fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown)],
  ["binary", fc.uint8Array({ maxLength: 6 })],
  ["fixed_size_binary[3]", fc.uint8Array({ minLength: 3, maxLength: 3 })],
  ["date32", integer(-50_000, 50_000).map((days) => new Date(days * 86_400_000))],
  ["timestamp[ms]", fc.date({ noInvalidDate: true })],
  ["timestamp[us, tz=UTC]", fc.date({ noInvalidDate: true, min: new Date("1800-01-01"), max: new Date("2200-01-01") })],
  ["timestamp[ns]", fc.date({ noInvalidDate: true, min: new Date("1800-01-01"), max: new Date("2200-01-01") })],
  ["time32[s]", fc.constantFrom("00:00:00", "23:59:59")],
  ["time64[ns]", fc.constantFrom("00:00:00.000000001", "23:59:59", "12:30:00.250000")],
  ["duration[ns]", fc.maxSafeInteger()],
  ["decimal128(12, 3)", integer(-(10 ** 9), 10 ** 9).map((i) => (i / 8).toFixed(3))],
  ["decimal256(50, 0)", fc.bigInt({ min: -(10n ** 49n), max: 10n ** 49n }).map(String)],
  ["null", fc.constant(null)],
  [new ClassLabel(["no", "yes"]), integer(-1, 1)],
];
type Typed = readonly [Feature, fc.Arbitrary<unknown>];
const optional = (values: fc.Arbitrary<unknown>) => fc.option(values, { freq: 4 });
const typed: fc.Memo<Typed> = fc.memo((depth): fc.Arbitrary<Typed> => {
  const scalar = fc.constantFrom(...scalars);
  if (depth <= 1) return scalar;
  const list = typed(depth - 1).map(([sequence, values]): Typed => [{ sequence }, fc.array(optional(values), { maxLength: 4 })]);
  const large = typed(depth - 1).map(([sequence, values]): Typed => [{ sequence, large: true }, fc.array(optional(values), { maxLength: 4 })]);
  const pair = typed(depth - 1).map(([sequence, values]): Typed => [{ sequence, length: 2 }, fc.array(optional(values), { minLength: 2, maxLength: 2 })]);
  const struct = fc.array(fc.tuple(fc.constantFrom("a", "b", "sequence", "é"), typed(depth - 1)), { maxLength: 3 }).map((fields): Typed => {
    const kept = new Map(fields);
    const values = Object.fromEntries([...kept].map(([name, [, value]]) => [name, optional(value)]));
    return [structFeature(Object.fromEntries([...kept].map(([name, [feature]]) => [name, feature]))), fc.record(values, { noNullPrototype: true })];
  });
  return fc.oneof({ weight: 3, arbitrary: scalar }, list, large, pair, struct);
});
/** Features of some columns, and rows of them. */
const data = fc
  .array(typed(3), { minLength: 1, maxLength: 3 })
  .chain((columns) =>
    fc.tuple(
      fc.constant(Object.fromEntries(columns.map(([feature], i) => [`c${i}`, feature])) as Features),
      fc.array(fc.record(Object.fromEntries(columns.map(([, values], i) => [`c${i}`, optional(values)])), { noNullPrototype: true }), { maxLength: 12 }),
    ),
  );

const texts = (features: Features): string[] => Object.values(features).map((feature) => featureText(feature));

describe("ArrowWriter", () => {
  it("writes what reads back as the same rows, whatever the types, nulls and batches are", async () => {
    await fc.assert(
      fc.asyncProperty(data, integer(1, 5), async ([features, rows], batchRows) => {
        const table = tableOfRows(features, rows as AnyRow[]);
        const opened = await openArrow([await written([table], features, { batchRows })]);
        assert.deepEqual(texts(featuresOf(opened)), texts(features));
        assert.deepEqual(rowsOf(opened), rowsOf(table));
        // Once more: now the values come out of a file, in another order, and in parts.
        const order = Uint32Array.from(rows, (_, i) => rows.length - 1 - i);
        const parts = [opened.select(order), opened];
        const again = await openArrow([await written(parts, features, { batchRows: batchRows + 2 })]);
        assert.deepEqual(rowsOf(again), [...rowsOf(table).reverse(), ...rowsOf(table)]);
      }),
      { numRuns: 120 },
    );
  });
  it("copies a file of Python's value for value, what is finer than JS values too", async () => {
    const original = await openArrow([join(goldenFolder, "types.arrow")]);
    const file = await written([original], featuresOf(original), { batchRows: 4 });
    const copy = await openArrow([file]);
    assert.deepEqual(rowsOf(copy), golden().rows);
    const raw = async (path: string) => (await import("../../src/data/arrow/reader.js")).rawArrowReader((await openArrow([path])).view("ts_us").data as never);
    const [first, second] = [await raw(join(goldenFolder, "types.arrow")), await raw(file)];
    assert.equal(first(1), second(1));
    assert.equal(Number(first(1)) % 1000, 457);
  });
  it("writes what apache-arrow reads", async () => {
    const features: Features = { text: "string", ids: { sequence: "int32" }, label: new ClassLabel(["a", "b"]), x: "float64" };
    const rows = Array.from({ length: 25 }, (_, i) => ({ text: i % 7 ? `row ${i}` : null, ids: [i, i + 1], label: i % 2, x: i / 2 }));
    const { readFileSync } = await import("node:fs");
    const table = tableFromIPC(readFileSync(await written([tableOfRows(features, rows)], features, { batchRows: 10 })));
    assert.equal(table.batches.length, 3);
    assert.equal(String(table.schema.fields.map(({ type }) => type)), "Utf8,List<Int32>,Int64,Float64");
    const read = table.toArray().map((row) => row.toJSON() as { text: unknown; ids: { toArray(): Int32Array }; label: bigint; x: number });
    assert.deepEqual(
      read.map(({ text, ids, label, x }) => ({ text, ids: [...ids.toArray()], label: Number(label), x })),
      rows,
    );
  });
  it("puts rows of several tables into batches of the given size", async () => {
    const features: Features = { n: "int64" };
    const table = tableOfRows(
      features,
      Array.from({ length: 7 }, (_, n) => ({ n })),
    );
    const opened = await openArrow([await written([table, table, table], features, { batchRows: 5 })]);
    const { data: column } = opened.view("n");
    assert.ok(column.kind === "arrow");
    assert.deepEqual([...column.column.index.rows.starts], [0, 5, 10, 15, 20, 21]);
    assert.deepEqual(opened.columns.get("n")?.feature, "int64");
  });
  it("takes columns in chunks, some of which hold nothing", async () => {
    const numbers = tableOfRows({ n: "int64" }, [{ n: 1 }, { n: 2 }]).view("n").data;
    const nothing = tableOfRows({ n: "null" }, [{ n: null }]).view("n").data;
    const column = chunkedData([numbers, nothing, numbers]);
    assert.equal(plainFeature(column), "int64");
    const file = await written([new Table(new Map([["n", wholeColumn(column)]]), 5)], { n: "int64" });
    assert.deepEqual(
      rowsOf(await openArrow([file])),
      [1, 2, null, 1, 2].map((n) => ({ n })),
    );
  });
  it("converts a column of another type, and refuses values that do not fit", async () => {
    const table = tableOfRows({ n: "int64" }, [{ n: 1 }, { n: 300 }]);
    assert.deepEqual(rowsOf(await openArrow([await written([table], { n: "int16" })])), [{ n: 1 }, { n: 300 }]);
    await assert.rejects(written([table], { n: "int8" }), { code: "ERR_COLUMN_VALUE", message: /row 1, column n: 300 is outside int8/ });
    await assert.rejects(written([table], { m: "int8" }), { code: "ERR_COLUMN_NOT_FOUND" });
  });
  it("makes a file without rows", async () => {
    const opened = await openArrow([await written([], { text: "string", n: { sequence: "int8" } })]);
    assert.equal(opened.length, 0);
    assert.deepEqual(featuresOf(opened), { text: "string", n: { sequence: "int8" } });
  });
  it("keeps -0, NaN and the infinities", async () => {
    const rows = [-0, Number.NaN, Infinity, -Infinity, 5e-324].map((x) => ({ x, y: Math.fround(x), z: x === 5e-324 ? 0 : x }));
    const features: Features = { x: "float64", y: "float32", z: "float16" };
    assert.deepEqual(rowsOf(await openArrow([await written([tableOfRows(features, rows)], features)])), rows);
  });
});

describe("An ArrowWriter's file", () => {
  const features: Features = { n: "int64" };
  const table = tableOfRows(features, [{ n: 1 }]);
  it("is not there before it is closed, and nothing stays of it when it is not", async () => {
    const place = join(folder, "atomic");
    {
      await using writer = await ArrowWriter.create(join(place, "x.arrow"), features);
      await writer.write(table);
      assert.ok(!readdirSync(place).includes("x.arrow"));
    }
    assert.deepEqual(readdirSync(place), []);
    {
      await using writer = await ArrowWriter.create(join(place, "x.arrow"), features);
      await writer.close();
      await assert.rejects(writer.write(table), { code: "ERR_WRITER_CLOSED" });
    }
    assert.deepEqual(readdirSync(place), ["x.arrow"]);
  });
  it("takes the place of no folder, device or pipe", async () => {
    await assert.rejects(ArrowWriter.create(folder, features), { code: "ERR_DATA_WRITE", message: /is no file/ });
    assert.ok(existsSync(folder));
  });
  it("is given up when the signal says so", async () => {
    const place = join(folder, "aborted");
    const abort = new AbortController();
    {
      await using writer = await ArrowWriter.create(join(place, "x.arrow"), features, { signal: abort.signal });
      abort.abort();
      await assert.rejects(writer.write(table), { name: "AbortError" });
      await assert.rejects(writer.close(), { name: "AbortError" });
    }
    assert.deepEqual(readdirSync(place), []);
  });
  it("that the system does not take is told with the file's name and what to do", async () => {
    const blocked = join(folder, "blocked");
    writeFileSync(blocked, "");
    await assert.rejects(ArrowWriter.create(join(blocked, "x.arrow"), features), {
      code: "ERR_DATA_WRITE",
      message: /x\.arrow cannot be written \((ENOTDIR|EEXIST)\)/,
    });
  });
  it("that grows beyond what may be written is told, and does not stay", () => {
    const place = join(folder, "full");
    mkdirSync(place);
    const code = `
      const { ArrowWriter } = await import(${JSON.stringify(new URL("../../src/data/arrow/index.js", import.meta.url).href)});
      const { RowWriter } = await import(${JSON.stringify(new URL("../../src/data/columns/row-writer.js", import.meta.url).href)});
      const rows = new RowWriter({ n: "int64" });
      for (let n = 0; n < 20000; n++) rows.push({ n });
      const writer = await ArrowWriter.create(${JSON.stringify(join(place, "x.arrow"))}, { n: "int64" });
      try { await writer.write(rows.finish()); } catch (error) { console.log(error.code, error.message); }
      await writer[Symbol.asyncDispose]();`;
    const said = execFileSync("bash", ["-c", 'trap "" XFSZ; ulimit -f 40; exec "$0" --input-type=module -e "$1"', process.execPath, code], {
      encoding: "utf8",
    });
    assert.match(said, /ERR_DATA_WRITE .*x\.arrow cannot be written \(EFBIG\)/);
    assert.deepEqual(readdirSync(place), []);
  });
});
