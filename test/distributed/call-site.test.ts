// Where calls are said to come from.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { callSite } from "../../src/distributed/call-site.js";
import { SingleGroup } from "../../src/distributed/single-group.js";
import { promised } from "../support/timing.js";

const mapped = process.sourceMapsEnabled ?? process.execArgv.includes("--enable-source-maps");

describe("the site of a call", () => {
  const folder = mkdtempSync(join(tmpdir(), "call-site-"));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it("is the line of the source that the user wrote", () => {
    const site = callSite();
    assert.match(site!, mapped ? /^test\/distributed\/call-site\.test\.ts:20:\d+$/ : /call-site\.test\.js:\d+:\d+$/);
  });

  it("is found behind an await of the user", async () => {
    async function own(): Promise<string | undefined> {
      await new Promise((resolve) => setImmediate(resolve));
      return callSite();
    }
    assert.match((await own())!, /call-site\.test\.[jt]s:\d+:\d+$/);
  });

  it("is found through frames of the package, also in code outside the working folder", () => {
    // A program beside the package's own: its stack runs through our files.
    const program = join(folder, "train.mjs");
    const own = pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), "..", "..", "src", "distributed"));
    writeFileSync(
      program,
      `import { SingleGroup } from "${own}/single-group.js";
import { CallOrder } from "${own}/call-order.js";
import { callSite } from "${own}/call-site.js";
const order = new CallOrder();
await order.one(async () => console.log(callSite()));
function collate() {
  return callSite();
}
console.log(collate());
await new SingleGroup().barrier();
`,
    );
    const inside = spawnSync(process.execPath, [program], { cwd: folder, encoding: "utf8" });
    assert.equal(inside.stdout, "train.mjs:5:41\ntrain.mjs:7:10\n", inside.stderr);
    const deep = join(folder, "a", "b");
    mkdirSync(deep, { recursive: true });
    assert.equal(spawnSync(process.execPath, [program], { cwd: deep, encoding: "utf8" }).stdout, "train.mjs:5:41\ntrain.mjs:7:10\n");
  });

  it("costs microseconds and leaves the formatting of stacks alone", () => {
    const { prepareStackTrace, stackTraceLimit } = Error;
    const calls = 2000;
    for (let i = 0; i < 200; i++) callSite();
    const started = performance.now();
    for (let i = 0; i < calls; i++) callSite();
    const microseconds = ((performance.now() - started) * 1000) / calls;
    promised(microseconds, 100, "us");
    assert.equal(Error.prepareStackTrace, prepareStackTrace);
    assert.equal(Error.stackTraceLimit, stackTraceLimit);
    assert.match(new Error("text").stack!, /^Error: text\n {4}at /);
  });
});

describe("a group of one", () => {
  it("gives copies, checks what every group checks, and counts its calls", async () => {
    await using group = new SingleGroup({ jobRank: 3 });
    const data = Float32Array.of(1, 2, 3);
    await group.allReduce({ dtype: "float32", data }, "mean");
    assert.deepEqual([...data], [1, 2, 3]);
    const out = new Float32Array(3);
    await group.reduceScatter({ dtype: "float32", data }, { dtype: "float32", data: out }, "sum");
    assert.deepEqual([...out], [1, 2, 3]);
    await group.allGather({ dtype: "float32", data }, { dtype: "float32", data: data.subarray(0) }, { site: "a.ts:1:1" });
    const [{ forMs, ...status } = { forMs: undefined }] = group.status();
    assert.ok(forMs! >= 0);
    assert.deepEqual(status, { rank: 3, sequence: 3, waiting: false, op: "all-gather", dtype: "float32", count: 3, site: "a.ts:1:1" });
    const value = { a: [1n], b: new Map([[1, "x"]]) };
    const [copy] = await group.allGatherObject(value);
    assert.deepEqual(copy, value);
    assert.notEqual(copy, value);
    await assert.rejects(
      group.broadcastObject(() => 1, 0),
      { code: "ERR_ARGUMENT", message: /rank 3/ },
    );
    await assert.rejects(group.allReduce({ dtype: "int32", data: new Int32Array(1) }, "mean"), { code: "ERR_ARGUMENT" });
    await assert.rejects(group.broadcast({ dtype: "float32", data }, 1), { code: "ERR_ARGUMENT" });
    await assert.rejects(group.allReduce({ dtype: "float32", data: new Float32Array(new SharedArrayBuffer(8)) }, "sum"), { code: "ERR_ARGUMENT" });
    const memory = await group.allocate(100);
    assert.equal(memory.byteLength, 100);
    assert.ok(new Uint8Array(memory).every((byte) => byte === 0));
  });

  it("stays aborted, and says when it is closed", async () => {
    const group = new SingleGroup();
    await assert.rejects(group.barrier({ signal: AbortSignal.abort(new Error("enough")) }), {
      code: "ERR_COLLECTIVE_ABORTED",
      message: /rank 0.*enough/,
      ranks: [0],
    });
    await assert.rejects(group.barrier(), { code: "ERR_COLLECTIVE_ABORTED" });
    const other = new SingleGroup();
    await other.close();
    await assert.rejects(other.barrier(), { code: "ERR_GROUP_CLOSED" });
    assert.equal(other.status()[0]!.gone, true);
  });
});
