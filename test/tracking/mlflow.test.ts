// The MLflow tracker against a server on loopback that speaks the protocol.
import assert from "node:assert/strict";
import { test } from "node:test";
import { MlflowTracker } from "../../src/tracking/index.js";
import { MlflowServer } from "./mlflow-server.js";
import { becomes } from "../support/timing.js";
import { context } from "./support.js";

test("a run is made in a new experiment, gets everything, and ends", async () => {
  await using server = await MlflowServer.start();
  const warned: string[] = [];
  const tracker = new MlflowTracker(
    context(undefined, "spam", (text) => warned.push(text)),
    {
      trackingUri: `${server.uri}/`,
      runName: "first",
      tags: { team: "a" },
      token: "secret",
    },
  );
  await tracker.start();
  await tracker.storeInitConfiguration({ learningRate: 1e-3, model: { name: "bert" }, long: "x".repeat(7000) });
  await tracker.log({ train: { loss: 0.5 }, "odd:näme!": 1, ok: true, note: "one" }, { step: 1, wallTime: 1700000000.1234 });
  await tracker.log({ "train/loss": Number.NaN, note: "two" }, { step: 2 });
  await tracker.finish();
  assert.deepEqual(server.requests, [
    "GET experiments/get-by-name",
    "POST experiments/create",
    "POST runs/create",
    "POST runs/log-batch",
    "POST runs/log-batch",
    "POST runs/update",
  ]);
  assert.deepEqual([...server.authorizations], ["Bearer secret"]);
  const run = server.runs.get("run0")!;
  assert.equal(run.experiment, server.experiments.get("spam"));
  assert.deepEqual([run.name, run.status], ["first", "FINISHED"]);
  assert.ok(run.endTime! >= run.startTime);
  assert.deepEqual(
    run.metrics.map(({ key, value, step }) => [key, value, step]),
    [
      ["train/loss", 0.5, 1],
      ["odd_näme_", 1, 1],
      ["ok", 1, 1],
      ["train/loss", Number.NaN, 2],
    ],
  );
  assert.equal(run.metrics[0]!.timestamp, 1700000000123);
  assert.deepEqual(
    [...run.tags],
    [
      ["team", "a"],
      ["note", "two"],
    ],
  );
  assert.equal(run.params.get("learningRate"), "0.001");
  assert.equal(run.params.get("model/name"), "bert");
  assert.equal(run.params.get("long")!.length, 6000);
  assert.match(warned.join(), /"long" has 7000 characters/);
});

test("an experiment that is there is used, values go out while the training goes on, and a failed run is told", async () => {
  await using server = await MlflowServer.start();
  server.experiments.set("mine", "42");
  const tracker = new MlflowTracker(context(undefined), { trackingUri: server.uri, experimentName: "mine", flushMs: 5, username: "u", password: "p" });
  await tracker.start();
  const run = server.runs.get(tracker.runId!)!;
  for (let step = 0; step < 2500; step++) await tracker.log({ loss: step }, { step });
  await becomes(() => run.metrics.length >= 2500);
  assert.deepEqual(
    run.metrics.map(({ value }) => value),
    Array.from({ length: 2500 }, (_, i) => i),
  );
  await tracker.finish({ status: "failed" });
  assert.deepEqual([run.experiment, run.status], ["42", "FAILED"]);
  assert.deepEqual([...server.authorizations], [`Basic ${Buffer.from("u:p").toString("base64")}`]);
});

test("a busy server is asked again; one that refuses is not", async () => {
  await using server = await MlflowServer.start();
  server.trouble.push(503);
  const tracker = new MlflowTracker(context(undefined), { trackingUri: server.uri, retries: 1 });
  await tracker.start();
  assert.equal(server.requests.length, 4);
  server.trouble.push(401);
  await tracker.log({ loss: 1 }, { step: 0 });
  await assert.rejects(tracker.finish(), { code: "ERR_TRACKER", message: /MLflow refused runs\/log-batch with 401 \(<html>busy<\/html>\): check the address/ });
});

test("a run goes on under its id, and one whose values were refused is ended all the same", async () => {
  await using server = await MlflowServer.start();
  const first = new MlflowTracker(context(undefined), { trackingUri: server.uri });
  await first.start();
  const runId = first.runId!;
  await first.finish();
  const second = new MlflowTracker(context(undefined), { trackingUri: server.uri, runId });
  await second.start();
  assert.equal(server.runs.get(runId)!.status, "RUNNING");
  await second.log({ "a: b": 1 }, { step: 5 });
  server.trouble.push(400);
  await assert.rejects(second.finish({ status: "failed" }), { code: "ERR_TRACKER", message: /refused runs\/log-batch with 400/ });
  assert.equal(server.runs.get(runId)!.status, "FAILED");
  assert.equal(server.runs.size, 1);
  const unknown = new MlflowTracker(context(undefined), { trackingUri: server.uri, runId: "none" });
  await assert.rejects(unknown.start(), { code: "ERR_TRACKER", message: /404 RESOURCE_DOES_NOT_EXIST/ });
});

test("a server that is not there is named", async () => {
  const { uri } = await (async () => {
    await using server = await MlflowServer.start();
    return { uri: server.uri };
  })();
  const tracker = new MlflowTracker(context(undefined), { trackingUri: uri, retries: 0 });
  await assert.rejects(tracker.start(), {
    code: "ERR_TRACKER",
    message: new RegExp(`${uri} did not answer experiments/get-by-name \\(.*ECONNREFUSED.*is the MLflow server running`),
  });
  assert.throws(() => new MlflowTracker(context(undefined), { trackingUri: "mlruns" }), { code: "ERR_ARGUMENT", message: /trackingUri is "mlruns"/ });
});
