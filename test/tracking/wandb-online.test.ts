// A W&B run that is sent: to a server on loopback that keeps to the protocol, answers badly, slowly or not at all.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { wandbSettings } from "../../src/config.js";
import { parseExtendedJson } from "../../src/tracking/extended-json.js";
import { WandbTracker, type WandbOptions } from "../../src/tracking/index.js";
import { becomes, promised } from "../support/timing.js";
import { context, temporary } from "./support.js";
import { records, rowsOf } from "./wandb-file.js";
import { WandbServer } from "./wandb-server.js";

const quick = { timeoutMs: 30_000, retryMs: 5, flushMs: 5, connectMs: 30_000, finishMs: 60_000 } satisfies WandbOptions;
const noSettings = wandbSettings({ NETRC: "/nowhere" });
const steps = (lines: readonly string[]): unknown[] => lines.map((line) => (JSON.parse(line) as { _step: unknown })._step);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function trackerOf(server: WandbServer, options: WandbOptions = {}) {
  const directory = await temporary();
  const warned: string[] = [];
  const mode = options.mode ?? "online";
  const given = { mode, baseUrl: server.url, apiKey: server.apiKey, ...quick, ...options };
  const tracker = new WandbTracker(
    context(directory.path, "spam", (text) => warned.push(text)),
    given,
    noSettings,
  );
  return { tracker, warned, ...directory, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}

test("a run is made, fed and ended on the server, and kept in a file beside it", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server, { id: "abc", name: "first", tags: ["bert"], entity: "me", group: "g" });
  const { tracker, warned } = made;
  assert.match(tracker.directory, /\/wandb\/run-\d{8}_\d{6}-abc$/);
  await tracker.start();
  assert.equal(tracker.url, `${server.url}/me/spam/runs/abc`);
  await tracker.storeInitConfiguration({ learningRate: 1e-3, layers: [1, 2] });
  await tracker.log({ loss: 0.5 }, { step: 1, wallTime: 5 });
  await tracker.log({ evalLoss: 0.7 }, { step: 1, wallTime: 6 });
  await tracker.log({ loss: Number.NaN }, { step: 2 });
  tracker.output("hello\nworld");
  await tracker.finish({ status: "failed" });

  const run = server.run("abc");
  assert.deepEqual(run.config.learningRate, { value: 1e-3 });
  assert.deepEqual(run.config.layers, { value: [1, 2] });
  assert.ok("t" in (run.config._wandb!.value as object), "so that it can be gone on with");
  assert.deepEqual([run.displayName, run.tags, run.exitcode], ["first", ["bert"], 1]);
  const rows = run.history.map((line) => parseExtendedJson(line) as Record<string, unknown>);
  assert.match(run.history[1]!, /"loss":NaN,/);
  assert.deepEqual(
    rows.map(({ _runtime, _timestamp, ...row }) => row),
    [
      { loss: 0.5, evalLoss: 0.7, _step: 1 },
      { loss: Number.NaN, _step: 2 },
    ],
    "values of one step are one row",
  );
  assert.equal((parseExtendedJson(run.summary) as Record<string, unknown>).evalLoss, 0.7);
  assert.deepEqual(
    run.output.map((line) => line.replace(/^\S+ /, "")),
    ["hello", "world"],
  );
  assert.deepEqual(
    rowsOf(records(await readFile(tracker.path))).map((row) => row._step),
    [1, 2],
  );
  assert.deepEqual(warned, []);
});

test("what fails is sent again: busy servers, cut connections, answers that never come, answers that were lost", async () => {
  await using server = await WandbServer.start();
  server.trouble.push(503, 429, "lost");
  // One answer never comes.
  await using made = await trackerOf(server, { id: "abc", timeoutMs: 300 });
  const { tracker, warned } = made;
  await tracker.start();
  for (let step = 0; step < 30; step++) {
    if (step % 5 === 0) server.trouble.push((["lost", 500, "cut", "hang", 502, "lost"] as const)[step / 5]!);
    await tracker.log({ loss: step }, { step });
    await pause(10);
  }
  await tracker.finish();
  const run = server.run("abc");
  assert.deepEqual(
    steps(run.history),
    Array.from({ length: 30 }, (_, i) => i),
    "each line once, in order",
  );
  assert.equal(run.exitcode, 0);
  assert.deepEqual(
    warned.map((text) => /it is asked again/.test(text)),
    warned.length > 0 ? [true] : [],
  );
});

test("lines go together, not one by one", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server, { flushMs: 60_000 });
  await made.tracker.start();
  for (let step = 0; step < 1000; step++) await made.tracker.log({ loss: step }, { step });
  await made.tracker.finish();
  assert.equal(server.run(made.tracker.id).history.length, 1000);
  assert.equal(server.requests.filter((name) => name === "file_stream").length, 1);
});

test("more than one request's worth is sent in pieces", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server, { flushMs: 60_000 });
  await made.tracker.start();
  const long = "x".repeat(4 << 20);
  for (let step = 0; step < 5; step++) await made.tracker.log({ long }, { step });
  await made.tracker.finish();
  assert.deepEqual(steps(server.run(made.tracker.id).history), [0, 1, 2, 3, 4]);
  assert.equal(server.requests.filter((name) => name === "file_stream").length, 3);
});

test("a quiet run shows that it is alive", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server, { heartbeatMs: 20 });
  await made.tracker.start();
  const run = server.run(made.tracker.id);
  assert.ok(await becomes(() => run.heartbeats >= 2), `${run.heartbeats}`);
  await made.tracker.log({ loss: 1 }, { step: 1 });
  await made.tracker.finish();
  assert.equal(run.exitcode, 0);
});

test("a run goes on under its id: lines behind those that are there, summary and configuration kept", async () => {
  await using server = await WandbServer.start();
  {
    await using first = await trackerOf(server, { id: "abc" });
    await first.tracker.start();
    await first.tracker.storeInitConfiguration({ learningRate: 1e-3, old: true });
    for (const step of [0, 1, 2]) await first.tracker.log({ loss: step, best: 0.1 }, { step });
    await first.tracker.finish();
  }
  await using second = await trackerOf(server, { id: "abc" });
  await second.tracker.start();
  await second.tracker.storeInitConfiguration({ learningRate: 2e-3 });
  for (const step of [3, 4]) await second.tracker.log({ loss: step }, { step });
  await second.tracker.finish();
  const run = server.run("abc");
  assert.deepEqual(steps(run.history), [0, 1, 2, 3, 4]);
  assert.deepEqual([run.config.learningRate, run.config.old], [{ value: 2e-3 }, { value: true }]);
  const { loss, best } = JSON.parse(run.summary) as Record<string, unknown>;
  assert.deepEqual([loss, best], [4, 0.1]);
  assert.deepEqual(second.warned, []);
});

test("a run that must or must not be there is told once, and kept in its file", async () => {
  await using server = await WandbServer.start();
  for (const [resume, message] of [
    ["must", /there is no run abc to go on with/],
    ["never", /there is a run abc already/],
  ] as const) {
    await using made = await trackerOf(server, { id: "abc", resume });
    await made.tracker.start();
    await made.tracker.log({ loss: 1 }, { step: 1 });
    await made.tracker.finish();
    assert.equal(made.warned.length, 1);
    assert.match(made.warned[0]!, message);
    assert.equal(rowsOf(records(await readFile(made.tracker.path))).length, 1);
    if (resume === "never") continue;
    await using other = await trackerOf(server, { id: "abc", resume: "allow" });
    await other.tracker.start();
    await other.tracker.finish();
  }
});

test("a key that is refused is told once, with the way to upload the file", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server, { apiKey: "wrong" });
  await made.tracker.start();
  for (let step = 0; step < 5; step++) await made.tracker.log({ loss: step }, { step });
  await made.tracker.finish();
  assert.equal(made.warned.length, 1);
  assert.match(made.warned[0]!, /W&B refused graphql with 401 \(user is not logged in\).*wandb sync .*\/run-/);
  assert.ok(!made.warned[0]!.includes("wrong"), "the key is not shown");
  assert.equal(rowsOf(records(await readFile(made.tracker.path))).length, 5);
});

test("a server that is dead from the start holds nothing up: told once, all in the file", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server, { connectMs: 50, finishMs: 200 });
  server.trouble.push(...Array.from({ length: 10_000 }, () => "cut" as const));
  const began = performance.now();
  await made.tracker.start();
  for (let step = 0; step < 50; step++) await made.tracker.log({ loss: step }, { step });
  await made.tracker.finish();
  promised(performance.now() - began, 2000);
  assert.equal(made.warned.length, 1, made.warned.join("\n"));
  assert.match(made.warned[0]!, /wandb: 127\.0\.0\.1:\d+ does not answer .*The training goes on.*wandb sync/);
  assert.equal(rowsOf(records(await readFile(made.tracker.path))).length, 50);
});

test("a server that comes late gets everything", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server, { connectMs: 20 });
  server.trouble.push(...Array.from({ length: 5 }, () => "cut" as const));
  await made.tracker.start();
  await made.tracker.storeInitConfiguration({ a: 1 });
  for (let step = 0; step < 20; step++) {
    await made.tracker.log({ loss: step }, { step });
    await pause(10);
  }
  await made.tracker.finish();
  const run = server.run(made.tracker.id);
  assert.equal(run.history.length, 20);
  assert.deepEqual(run.config.a, { value: 1 });
  assert.equal(run.exitcode, 0);
});

test("values of a clock of their own go to the row of the user's last step, and are drawn over that clock", async () => {
  await using server = await WandbServer.start();
  await using made = await trackerOf(server);
  const beside = (step: number) => made.tracker.log({ "perf/step_ms": step / 10 }, { step, axis: "perf/step" });
  await made.tracker.start();
  await beside(50);
  await made.tracker.log({ loss: 1 }, { step: 1 });
  await made.tracker.log({ loss: 2 }, { step: 2 });
  await beside(100);
  await beside(150);
  await made.tracker.log({ accuracy: 0.5 }, { step: 2 });
  await made.tracker.log({ loss: 3 }, { step: 3 });
  await made.tracker.finish();
  const run = server.run(made.tracker.id);
  const rows = run.history.map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    rows.map((row) => [row._step, row["perf/step"], row["perf/step_ms"], row.loss, row.accuracy]),
    [
      [0, 50, 5, undefined, undefined],
      [1, undefined, undefined, 1, undefined],
      [2, 150, 15, 2, 0.5],
      [3, undefined, undefined, 3, undefined],
    ],
  );
  const { m } = run.config._wandb!.value as { m: object[] };
  assert.deepEqual(m, [
    { "1": "perf/step", "6": [3], "7": [] },
    { "1": "perf/step_ms", "5": 1, "6": [1, 3], "7": [] },
  ]);
  assert.deepEqual(made.warned, [], "the user's steps have not gone back");
});
