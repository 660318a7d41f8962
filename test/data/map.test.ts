// map: closures here, library mappers and module exports on threads, and what is refused.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { Dataset, datasetDict } from "../../src/data/index.js";
import { folderOf } from "./files.js";

const texts = Dataset.fromColumns({ text: Array.from({ length: 25 }, (_, i) => `text ${i}`), n: Array.from({ length: 25 }, (_, i) => i) });

/** Functions as a user's module exports them. */
const lib = `
export interface In { readonly text: string; readonly n: number }
export const upper = (row: In, index: number) => ({ up: row.text.toUpperCase(), index });
export const lengths = async (c: { text: string[] }, indices: number[]) => ({ length: c.text.map((t) => t.length), at: indices });
export function fail(row: In) {
  if (row.n === 7) throw new RangeError("no seven");
  return { ok: true };
}
`;

test("a closure of rows adds columns at the end and replaces those that exist, in their place", async () => {
  const mapped = await texts.map((row, index) => ({ twice: row.n * 2, text: index }));
  assert.deepEqual(mapped.columnNames, ["text", "n", "twice"]);
  assert.deepEqual(mapped.at(3), { text: 3, n: 3, twice: 6 });
  assert.equal(texts.at(3).text, "text 3");
});

test("asynchronous closures and views keep the order of rows", async () => {
  const mapped = await texts
    .shuffle({ seed: 1 })
    .slice(2, 9)
    .map(
      async (row) => {
        await new Promise((resolve) => setTimeout(resolve, row.n % 3));
        return { same: row.n };
      },
      { batchSize: 3 },
    );
  assert.deepEqual(mapped.column("same"), mapped.column("n"));
});

test("a closure of columns gets batches with their row numbers", async () => {
  const sizes: number[] = [];
  const mapped = await texts.map(
    (columns, indices) => {
      sizes.push(indices.length);
      return { length: columns.text.map((text) => text.length), at: indices };
    },
    { batched: true, batchSize: 10 },
  );
  assert.deepEqual(sizes, [10, 10, 5]);
  assert.deepEqual(mapped.column("at"), mapped.column("n"));
});

test("a batched function may change the number of rows when it replaces every column", async () => {
  const mapped = await texts.map((c) => ({ text: c.text.flatMap((t) => [t, t]), n: c.n.flatMap((n) => [n, n]) }), { batched: true });
  assert.equal(mapped.length, 50);
  await assert.rejects(
    texts.map((c) => ({ text: c.text.slice(1) }), { batched: true }),
    { code: "ERR_MAP_RESULT", message: /n would stay/ },
  );
});

test("results that are no columns are refused", async () => {
  await assert.rejects(texts.map((() => 5) as never), { code: "ERR_MAP_RESULT", message: /returned 5 for row 0/ });
  await assert.rejects(texts.map(((row: { n: number }) => (row.n === 3 ? undefined : { a: 1 })) as never), {
    code: "ERR_MAP_RESULT",
    message: /returned nothing for row 3/,
  });
  await assert.rejects(
    texts.map((row) => ({ x: (row.n ? "a" : 1) as number })),
    { code: "ERR_MAP_RESULT", message: /column x of row 1: a string in a column of int64/ },
  );
  await assert.rejects(texts.map((() => ({ x: 5 })) as never, { batched: true }), { code: "ERR_MAP_RESULT", message: /a list per column/ });
  await assert.rejects(
    texts.map(() => ({ a: 1 }), { batchSize: 0 }),
    { code: "ERR_MAP_OPTIONS" },
  );
  await assert.rejects(
    texts.map(() => {
      throw new TypeError("mine");
    }),
    (error: Error & { code?: string }) => {
      assert.equal(error.code, "ERR_MAP_FAILED");
      assert.equal(error.message, "map: row 0: TypeError: mine");
      return error.cause instanceof TypeError;
    },
  );
});

test("whole numbers in one batch and fractions in another make one float64 column", async () => {
  const mapped = await texts.map((row) => ({ x: row.n < 10 ? row.n : row.n + 0.5, l: row.n < 10 ? [] : [row.n], s: row.n < 10 ? null : "s" }), {
    batchSize: 5,
  });
  assert.match(inspect(mapped.features), /'x': Value\('float64'\), 'l': List\(Value\('int64'\)\), 's': Value\('string'\)/);
  assert.deepEqual(
    [mapped.at(9), mapped.at(10)],
    [
      { text: "text 9", n: 9, x: 9, l: [], s: null },
      { text: "text 10", n: 10, x: 10.5, l: [10], s: "s" },
    ],
  );
});

test("a closure with numProc is refused, because it cannot travel", async () => {
  await assert.rejects(texts.map((() => ({ a: 1 })) as never, { numProc: 2 } as never), { code: "ERR_CLOSURE_TRAVEL", message: /tokenizer\.mapper/ });
});

test("exports of TypeScript modules run on threads, over rows and over columns", async (t) => {
  const folder = await folderOf(t, { "lib.ts": lib });
  const filename = join(folder, "lib.ts");
  const dict = datasetDict([
    ["train", texts.shuffle({ seed: 3 })],
    ["test", texts.slice(0, 4)],
  ]);
  const rows = await dict.map<{ up: string; index: number }>({ filename, name: "upper" }, { numProc: 2, batchSize: 4 });
  assert.deepEqual(
    rows.train.column("up"),
    rows.train.column("text").map((text) => text.toUpperCase()),
  );
  assert.deepEqual(rows.test.at(3), { text: "text 3", n: 3, up: "TEXT 3", index: 3 });
  const batched = await texts.map<{ length: number; at: number }>(
    { filename: pathToFileURL(filename), name: "lengths" },
    { numProc: 2, batched: true, batchSize: 7 },
  );
  assert.deepEqual(batched.column("at"), texts.column("n"));
});

test("an error on a thread tells rows, cause and the line in the user's file", async (t) => {
  const folder = await folderOf(t, { "lib.ts": lib });
  const filename = join(folder, "lib.ts");
  const error = (await texts.map({ filename, name: "fail" }, { numProc: 2, batchSize: 5 }).catch((e: unknown) => e)) as Error & { code: string; cause: Error };
  assert.equal(error.code, "ERR_MAP_FAILED");
  assert.match(error.message, /map: row 7: RangeError: no seven/);
  assert.match(error.cause.stack ?? "", /lib\.ts:6:/);
  await assert.rejects(texts.map({ filename, name: "uper" }, { numProc: 2 }), { code: "ERR_MODULE_EXPORT", message: /its functions are fail, lengths, upper/ });
});

test("an aborted map stops", async () => {
  const controller = new AbortController();
  const mapping = texts.map(
    (row) => {
      if (row.n === 3) controller.abort();
      return { a: 1 };
    },
    { batchSize: 2, signal: controller.signal },
  );
  await assert.rejects(mapping, { name: "AbortError" });
});

test("a program that maps on threads ends by itself, also without awaiting the end of the pool", async (t) => {
  const index = new URL("../../src/data/index.js", import.meta.url).href;
  const folder = await folderOf(t, {
    "lib.mjs": "export const add = (row) => ({ m: row.n + 1 });",
    "main.mjs": `import { Dataset } from ${JSON.stringify(index)};
      const d = await Dataset.fromColumns({ n: [1, 2, 3] }).map({ filename: new URL("./lib.mjs", import.meta.url), name: "add" }, { numProc: 2, batchSize: 1 });
      console.log(JSON.stringify(d.column("m")));`,
  });
  const { stdout, status, stderr } = spawnSync(process.execPath, [join(folder, "main.mjs")], { encoding: "utf8", timeout: 120_000 });
  assert.deepEqual({ stdout, status, stderr }, { stdout: "[2,3,4]\n", status: 0, stderr: "" });
});

test("a column named like a method of objects is null where the function left it out", async () => {
  const mapped = await Dataset.fromRows([{ a: 1 }, { a: 2 }]).map((row) => (row.a === 1 ? { toString: "x" } : {}) as { toString: never });
  assert.deepEqual(mapped.column("toString"), ["x", null]);
});

test("a thread that ends in the user's function is named with its rows", async (t) => {
  const folder = await folderOf(t, { "lib.mjs": "export const leave = () => process.exit(3);" });
  await assert.rejects(texts.map({ filename: join(folder, "lib.mjs"), name: "leave" }, { numProc: 2, batchSize: 10 }), {
    code: "ERR_MAP_FAILED",
    message: /thread of rows \d+ to \d+ ended.*code: 3/,
  });
});

test("a map on threads that is aborted throws the signal's reason, as one in this process", async (t) => {
  const folder = await folderOf(t, { "lib.mjs": "export const slow = async () => { await new Promise((r) => setTimeout(r, 60_000)); return {}; };" });
  const reason = new Error("enough");
  const abort = new AbortController();
  setTimeout(() => abort.abort(reason), 50);
  await assert.rejects(texts.map({ filename: join(folder, "lib.mjs"), name: "slow" }, { numProc: 2, signal: abort.signal }), (error) => error === reason);
});
