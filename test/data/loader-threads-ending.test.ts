// numWorkers: what ends badly or early. Errors with rows and cause, no hang, nothing that keeps the process.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AccelerateError, DataLoader, type DataLoaderOptions } from "../../src/index.js";
import { folderOf } from "./files.js";
import { Squares } from "./programs/loader-exports.js";
import { numbers } from "./ranks.js";

const filename = new URL("./programs/loader-exports.js", import.meta.url);

async function collected<B>(loader: AsyncIterable<B>): Promise<{ batches: B[]; error: AccelerateError | undefined }> {
  const batches: B[] = [];
  try {
    for await (const batch of loader) batches.push(batch);
  } catch (error) {
    assert.ok(error instanceof AccelerateError, String(error));
    return { batches, error };
  }
  return { batches, error: undefined };
}

test("what throws in a thread is thrown at its batch's turn, with its rows and the thread's stack; the loader goes on afterwards", async () => {
  await using loader = new DataLoader(new Squares(12, { row: 7, what: "throw" }), { batchSize: 2, numWorkers: 2 });
  for (let epoch = 0; epoch < 2; epoch++) {
    const { batches, error } = await collected(loader);
    assert.equal(batches.length, 3);
    assert.equal(error?.code, "ERR_LOADER_WORKER");
    assert.match(error.message, /batch of rows 6, 7: RangeError: row 7 is odd/);
    assert.match((error.cause as Error).stack!, /loader-exports/);
  }
});

test("a thread that ends itself is an error, and others take its place", async () => {
  await using loader = new DataLoader(new Squares(12, { row: 7, what: "exit" }), { batchSize: 2, numWorkers: 2 });
  for (let epoch = 0; epoch < 2; epoch++) {
    const { batches, error } = await collected(loader);
    assert.ok(batches.length <= 3);
    assert.equal(error?.code, "ERR_LOADER_WORKER");
    assert.match(error.message, /the thread that made the batch of rows .* ended: .*exited with code: 7/);
  }
});

test("threads that never answer are ended at the deadline", async () => {
  for (const data of [new Squares(8, { row: 3, what: "hang" }), new Squares(8)]) {
    const options: DataLoaderOptions = { batchSize: 2, numWorkers: 1, timeoutMs: 400 };
    await using loader = new DataLoader(data, { ...options, collateFn: { filename, name: "waiting" } });
    const { error } = await collected(loader);
    assert.equal(error?.code, "ERR_LOADER_TIMEOUT");
    assert.match(error.message, /no batch came from the threads in 400 ms; rows \d, \d were asked for/);
  }
});

test("a signal ends a loop that waits, with its reason", async () => {
  const controller = new AbortController();
  const never = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => {}) }) };
  const loaders = [
    new DataLoader(new Squares(8), { batchSize: 2, numWorkers: 1, collateFn: { filename, name: "waiting" }, signal: controller.signal }),
    new DataLoader(never, { signal: controller.signal }),
  ];
  const reason = new Error("enough");
  const ends = loaders.map((loader) =>
    assert.rejects(async () => {
      for await (const _ of loader) controller.abort(reason);
    }, reason),
  );
  setTimeout(() => controller.abort(reason), 100);
  await Promise.all(ends);
  for (const loader of loaders) await loader.close();
  await assert.rejects(new DataLoader([1], { signal: AbortSignal.abort(reason) })[Symbol.asyncIterator]().next(), reason);
});

test("a loader that is closed ends its loops and begins no other", async () => {
  for (const numWorkers of [0, 2]) {
    const loader = new DataLoader(new Squares(8), { batchSize: 2, numWorkers });
    await assert.rejects(
      async () => {
        for await (const _ of loader) await loader.close();
      },
      { code: "ERR_LOADER_CLOSED" },
    );
    await assert.rejects(loader[Symbol.asyncIterator]().next(), { code: "ERR_LOADER_CLOSED" });
    await loader.close();
  }
});

test("what cannot come back from a thread is named", async () => {
  const load = (name: string) => collected(new DataLoader<unknown>(numbers(4), { numWorkers: 1, collateFn: { filename, name } }));
  assert.match(String((await load("own")).error?.message), /the batch holds a Own, which cannot travel between threads \(numWorkers\): list\[0\]/);
  assert.match(String((await load("mapped")).error?.message), /the batch holds a tensor in a Map, which cannot travel/);
  const { batches, error } = await load("constant");
  assert.deepEqual([batches.length, error?.code], [1, "ERR_BATCH_MOVED"]);
  assert.equal((await load("nothing")).error?.code, "ERR_MODULE_EXPORT");
  const rows = [{ f: () => 1 }];
  assert.equal((await collected(new DataLoader(rows as never, { numWorkers: 1 }))).error?.code, "ERR_LOADER_TRAVEL");
});

test("a program ends by itself: after whole epochs, after a loop that was left, and with a thread that hangs", async (t) => {
  const index = new URL("../../src/data/index.js", import.meta.url).href;
  const folder = await folderOf(t, {
    "main.mjs": `import { DataLoader } from ${JSON.stringify(index)};
      import { Squares } from ${JSON.stringify(new URL("./programs/loader-exports.js", import.meta.url).href)};
      const whole = new DataLoader(new Squares(8), { batchSize: 2, numWorkers: 2 });
      for await (const _ of whole);
      for await (const _ of whole) break;
      const hangs = new DataLoader(new Squares(8, { row: 5, what: "hang" }), { batchSize: 2, numWorkers: 1, timeoutMs: 400 });
      try { for await (const _ of hangs) break; } catch {} // a busy machine may need longer to start the thread
      console.log("end");`,
  });
  const { stdout, status, stderr } = spawnSync(process.execPath, [join(folder, "main.mjs")], { encoding: "utf8", timeout: 180_000 });
  assert.deepEqual({ status, stderr, stdout }, { status: 0, stderr: "", stdout: "end\n" });
});

test("threads of a loader that nobody holds end", { skip: !existsSync("/proc/self/task") && "threads are counted in /proc" }, async (t) => {
  const index = new URL("../../src/data/index.js", import.meta.url).href;
  const folder = await folderOf(t, {
    "main.mjs": `import { readdirSync } from "node:fs";
      import { DataLoader } from ${JSON.stringify(index)};
      const threads = () => readdirSync("/proc/self/task").length;
      const use = async () => {
        const loader = new DataLoader([1, 2, 3], { numWorkers: 3 });
        for await (const _ of loader);
        return [threads(), loader.length][0];
      };
      const before = await use();
      const end = Date.now() + 90_000;
      while (threads() > before - 3 && Date.now() < end) { globalThis.gc(); await new Promise((r) => setTimeout(r, 20)); }
      console.log(threads() <= before - 3);`,
  });
  const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", join(folder, "main.mjs")], { encoding: "utf8", timeout: 180_000 });
  assert.deepEqual({ stderr, stdout }, { stderr: "", stdout: "true\n" });
});
