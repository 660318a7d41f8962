// All trackers as one: names, custom ones, the main process, and trackers that fail.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { tensor } from "../../src/index.js";
import { type InitKwargs, JsonlTracker, type LogOptions, type LogValues, type Tracker, Trackers } from "../../src/tracking/index.js";
import { MlflowServer } from "./mlflow-server.js";
import { temporary } from "./support.js";

class Recorder implements Tracker {
  readonly name: string;
  readonly requiresLoggingDirectory: boolean = false;
  readonly calls: unknown[] = [];
  /** The method that does this instead. */
  readonly instead: Partial<Record<"start" | "log" | "finish", () => Promise<void>>>;
  constructor(name = "recorder", instead: Recorder["instead"] = {}) {
    this.name = name;
    this.instead = instead;
  }
  async start(): Promise<void> {
    this.calls.push("start");
    await this.instead.start?.();
  }
  async storeInitConfiguration(values: Readonly<Record<string, unknown>>): Promise<void> {
    this.calls.push(["config", values]);
  }
  async log(values: LogValues, options: LogOptions): Promise<void> {
    this.calls.push(["log", values, options]);
    await this.instead.log?.();
  }
  async finish(): Promise<void> {
    this.calls.push("finish");
    await this.instead.finish?.();
  }
}
const broken = async (): Promise<void> => {
  throw new Error("the disk is full");
};

test("every tracker gets the configuration, the steps and what is meant for it alone", async () => {
  await using directory = await temporary();
  const recorder = new Recorder();
  const trackers = new Trackers({ logWith: ["tensorboard", "jsonl", "csv", "wandb", recorder], loggingDir: directory.path });
  await trackers.initTrackers("spam", { learningRate: 1e-3 }, { initKwargs: { wandb: { id: "abc", mode: "offline" }, recorder: {} } });
  const values = { loss: 0.5 };
  const first = trackers.log(values, { step: 4, logKwargs: { recorder: { commit: false } } });
  values.loss = 7;
  await first;
  await trackers.log({ loss: 0.25 });
  assert.ok(trackers.getTracker("jsonl") instanceof JsonlTracker);
  await trackers.endTraining();
  await trackers.endTraining();
  assert.deepEqual(recorder.calls, [
    "start",
    ["config", { learningRate: 1e-3 }],
    ["log", { loss: 0.5 }, { commit: false, step: 4 }],
    ["log", { loss: 0.25 }, { step: 5 }],
    "finish",
  ]);
  const files = await readdir(join(directory.path, "spam"));
  assert.equal(files.filter((name) => name.startsWith("events.out.tfevents")).length, 1);
  assert.match(await readFile(join(directory.path, "spam", "metrics.jsonl"), "utf8"), /"_step":4.*"loss":0.5\}\n.*"_step":5/);
  assert.match((await readdir(join(directory.path, "wandb"))).join(), /offline-run-.*-abc/);
  await assert.rejects(trackers.log({ loss: 1 }), { code: "ERR_TRACKER_STATE", message: /after endTraining/ });
});

test("a run that goes on counts its steps from the state of a checkpoint", async () => {
  const recorder = new Recorder();
  const [before, after] = [new Trackers({ logWith: [] }), new Trackers({ logWith: recorder })];
  assert.deepEqual(before.stateDict(), { step: -1, runs: {} });
  await before.initTrackers("p");
  await before.log({ loss: 1 }, { step: 41 });
  await after.initTrackers("p");
  after.loadStateDict(before.stateDict());
  await after.log({ loss: 0.5 });
  assert.deepEqual(recorder.calls.at(-1), ["log", { loss: 0.5 }, { step: 42 }]);
  assert.throws(() => after.loadStateDict({ step: 0.5 }), { code: "ERR_ARGUMENT" });
});

test('"all" means every tracker that has what it needs', async (t) => {
  await using directory = await temporary();
  const names = ["WANDB_API_KEY", "WANDB_MODE", "WANDB_DISABLED", "WANDB_BASE_URL", "NETRC", "MLFLOW_TRACKING_URI"] as const;
  const before = names.map((name) => process.env[name]);
  t.after(() => {
    for (const [i, name] of names.entries())
      if (before[i] === undefined) delete process.env[name];
      else process.env[name] = before[i];
  });
  const given = async (env: Readonly<Partial<Record<(typeof names)[number], string>>>, loggingDir: string | undefined, initKwargs: InitKwargs = {}) => {
    for (const name of names) delete process.env[name];
    Object.assign(process.env, { NETRC: "/nowhere", ...env });
    const trackers = new Trackers({ logWith: ["all", new Recorder()], loggingDir, enabled: false });
    await trackers.initTrackers("p", {}, { initKwargs });
    return trackers.names.join();
  };
  assert.equal(await given({}, undefined), "recorder");
  assert.equal(await given({}, directory.path), "recorder,tensorboard,jsonl,csv");
  assert.equal(await given({ WANDB_API_KEY: "k", MLFLOW_TRACKING_URI: "http://127.0.0.1:9" }, directory.path), "recorder,tensorboard,wandb,mlflow,jsonl,csv");
  assert.equal(await given({ WANDB_API_KEY: "k", WANDB_MODE: "disabled", MLFLOW_TRACKING_URI: "./runs" }, undefined), "recorder");
  assert.equal(await given({ WANDB_MODE: "offline" }, undefined), "recorder,wandb");
  assert.equal(await given({}, undefined, { mlflow: { trackingUri: "http://127.0.0.1:9" } }), "recorder,mlflow");
  await assert.rejects(given({}, undefined, { jsonl: {} }), { code: "ERR_ARGUMENT", message: /initKwargs names "jsonl"/ });
});

test("values that count by a clock of their own leave the user's steps alone", async () => {
  const recorder = new Recorder();
  const trackers = new Trackers({ logWith: recorder });
  await trackers.logBeside({ a: 1 }, { step: 5, axis: "clock" });
  await trackers.initTrackers("p");
  await trackers.log({ loss: 1 });
  await trackers.logBeside({ a: 1 }, { step: 500, axis: "clock" });
  await trackers.log({ loss: 2 });
  await trackers.endTraining();
  await trackers.logBeside({ a: 1 }, { step: 600, axis: "clock" });
  assert.deepEqual(
    recorder.calls.filter((call) => Array.isArray(call) && call[0] === "log").map((call) => (call as unknown[])[2]),
    [{ step: 0 }, { step: 500, axis: "clock" }, { step: 1 }],
  );
});

test("other processes than the main one write nothing, and check the same", async () => {
  await using directory = await temporary();
  await using trackers = new Trackers({ logWith: ["jsonl", "csv"], loggingDir: join(directory.path, "runs"), enabled: false });
  await trackers.initTrackers("spam", { a: 1 });
  await trackers.log({ loss: 1 }, { step: 1 });
  await trackers.getTracker("jsonl").log({ loss: 2 }, { step: 2 });
  await assert.rejects(trackers.log({ loss: undefined as unknown as number }), { code: "ERR_ARGUMENT" });
  await trackers.endTraining();
  assert.equal(existsSync(join(directory.path, "runs")), false);
});

test("a tracker that asks for it runs in every process", async () => {
  const everywhere = Object.assign(new Recorder("everywhere"), { mainProcessOnly: false });
  const trackers = new Trackers({ logWith: [everywhere, new Recorder("main")], enabled: false });
  await trackers.initTrackers("p");
  await trackers.log({ loss: 1 });
  assert.deepEqual([everywhere.calls.length, trackers.running.length], [3, 1]);
  assert.equal(trackers.getTracker("everywhere"), everywhere);
});

test("a tracker that fails is told of once and switched off, and the others go on", async () => {
  const reports: string[] = [];
  const [fails, works, dead] = [new Recorder("fails", { log: broken, finish: broken }), new Recorder("works"), new Recorder("dead", { start: broken })];
  const trackers = new Trackers({ logWith: [fails, works, dead], report: (text) => reports.push(text) });
  await trackers.initTrackers("p");
  for (let step = 0; step < 3; step++) await trackers.log({ loss: step }, { step });
  assert.notEqual(trackers.getTracker("fails"), fails);
  assert.equal(trackers.getTracker("works"), works);
  await trackers.endTraining();
  assert.deepEqual(reports, [
    "the tracker dead failed in start and is switched off; the training goes on without it. the disk is full",
    "the tracker fails failed in log and is switched off; the training goes on without it. the disk is full",
  ]);
  assert.equal(works.calls.length, 6);
  assert.deepEqual(
    fails.calls.map((call) => (typeof call === "string" ? call : (call as unknown[])[0])),
    ["start", "config", "log", "finish"],
    "what it holds is let go",
  );
});

test("without a report of the user's the failure stands on stderr", async (t) => {
  const error = t.mock.method(console, "error", () => {});
  const trackers = new Trackers({ logWith: new Recorder("sick", { start: broken }) });
  await trackers.initTrackers("p");
  assert.match(String(error.mock.calls[0]?.arguments[0]), /the tracker sick failed in start/);
});

test("a tracker that never comes back is left behind at its deadline", async () => {
  const reports: string[] = [];
  const trackers = new Trackers({ logWith: new Recorder("slow", { log: () => new Promise(() => {}) }), timeoutMs: 20, report: (text) => reports.push(text) });
  await trackers.initTrackers("p");
  await trackers.log({ loss: 1 });
  await trackers.endTraining();
  assert.equal(reports.length, 1);
  assert.match(reports[0]!, /slow\.log took longer than 20 ms.*ERR_TRACKER_TIMEOUT/);
});

test("a server that goes away switches its tracker off and nothing else", async () => {
  await using directory = await temporary();
  const reports: string[] = [];
  const trackers = new Trackers({ logWith: ["mlflow", "jsonl"], loggingDir: directory.path, report: (text) => reports.push(text) });
  {
    await using server = await MlflowServer.start();
    await trackers.initTrackers("p", {}, { initKwargs: { mlflow: { trackingUri: server.uri, retries: 0 } } });
  }
  await trackers.log({ loss: 1 }, { step: 1 });
  await trackers.endTraining();
  assert.equal(reports.length, 1);
  assert.match(reports[0]!, /the tracker mlflow failed in finish .* did not answer runs\/log-batch/);
  assert.match(await readFile(join(directory.path, "p", "metrics.jsonl"), "utf8"), /"loss":1/);
});

test("trackers of the user's are registered for one run, by name", async () => {
  const recorder = new Recorder("mine");
  const given: unknown[] = [];
  const trackers = new Trackers({ logWith: ["mine"], loggingDir: "runs" });
  trackers.registerTracker("mine", ({ project, loggingDir }, options: { readonly color?: string }) => {
    given.push(project, loggingDir, options);
    return recorder;
  });
  assert.throws(() => trackers.registerTracker("csv", () => recorder), { code: "ERR_ARGUMENT", message: /"csv" cannot be added/ });
  await trackers.initTrackers("p", {}, { initKwargs: { mine: { color: "red" } } });
  assert.deepEqual(given, ["p", "runs", { color: "red" }]);
  assert.throws(() => trackers.registerTracker("late", () => recorder), { code: "ERR_TRACKER_STATE" });
  await assert.rejects(new Trackers({ logWith: ["mine"] }).initTrackers("p"), {
    code: "ERR_ARGUMENT",
    message: /there is no tracker "mine": there are tensorboard, wandb, mlflow, jsonl, csv/,
  });
});

test("options that a tracker does not have are errors that name what was meant, on every process", async () => {
  await using directory = await temporary();
  for (const enabled of [true, false]) {
    const make = () => new Trackers({ logWith: ["tensorboard", "wandb", "mlflow", "jsonl", "csv"], loggingDir: directory.path, enabled });
    const refused = (initKwargs: object, message: RegExp) =>
      assert.rejects(make().initTrackers("p", {}, { initKwargs: initKwargs as InitKwargs }), { code: "ERR_OPTIONS", message });
    await refused({ jsonl: { bogus: 1 } }, /^the tracker jsonl has no option bogus: it has none$/);
    await refused({ csv: { filenameSuffix: "x" } }, /^the tracker csv has no option filenameSuffix: it belongs to tensorboard: \{ filenameSuffix \}$/);
    await refused({ tensorboard: { filename_suffix: "x" } }, /^the tracker tensorboard has no option filename_suffix: write filenameSuffix$/);
    await refused({ wandb: { nmae: "x" } }, /^the tracker wandb has no option nmae: its options are mode, apiKey, .*, name, /);
    await refused({ mlflow: { tracking_uri: "x" } }, /^the tracker mlflow has no option tracking_uri: write trackingUri$/);
    const outside = make().initTrackers("p", {}, { jsonl: {} } as object);
    await assert.rejects(outside, { code: "ERR_OPTIONS", message: "initTrackers has no option jsonl: it belongs to initKwargs: { jsonl }" });
  }
  assert.deepEqual(await readdir(directory.path), []);
});

test("what cannot be is said before anything is written", async () => {
  const recorder = new Recorder();
  const make = () => new Trackers({ logWith: recorder });
  await assert.rejects(make().log({ loss: 1 }), { code: "ERR_TRACKER_STATE", message: /before initTrackers/ });
  await assert.rejects(make().initTrackers(""), { code: "ERR_ARGUMENT" });
  await assert.rejects(make().initTrackers("p", {}, { initKwargs: { wandb: {} } }), { code: "ERR_ARGUMENT", message: /initKwargs names "wandb"/ });
  await assert.rejects(new Trackers({ logWith: ["jsonl"] }).initTrackers("p"), { code: "ERR_ARGUMENT", message: /give loggingDir/ });
  await assert.rejects(new Trackers({ logWith: ["csv", "csv"], loggingDir: "x" }).initTrackers("p"), { code: "ERR_ARGUMENT", message: /twice/ });
  assert.throws(() => new Trackers({ logWith: [], timeoutMs: 0 }), { code: "ERR_ARGUMENT" });
  const ring: Record<string, unknown> = {};
  ring.ring = ring;
  await assert.rejects(make().initTrackers("p", ring), { code: "ERR_ARGUMENT", message: /levels deep/ });
  for (const [config, path] of [
    [{ optim: { rate: tensor(0.1) } }, "optim/rate"],
    [{ layers: [1, { w: tensor([1, 2]) }] }, "layers"],
  ] as const)
    await assert.rejects(make().initTrackers("p", config), (error: Error) => {
      assert.ok(
        error.message.startsWith(`the configuration's "${path}" has no JSON (a tensor was used as JSON: write await x.item() or await x.toArray())`),
        error.message,
      );
      return true;
    });

  const trackers = make();
  await trackers.initTrackers("p");
  await assert.rejects(trackers.initTrackers("p"), { code: "ERR_TRACKER_STATE" });
  const bad = (values: unknown) => trackers.log(values as LogValues);
  await assert.rejects(bad({ train: { loss: new Float32Array(1) } }), { code: "ERR_ARGUMENT", message: /"train\/loss" is of type Float32Array.*tensor.item/ });
  await assert.rejects(bad({ a: { b: 1 }, "a/b": 2 }), { code: "ERR_ARGUMENT", message: /"a\/b" is given twice/ });
  await assert.rejects(bad({ _step: 1 }), { code: "ERR_ARGUMENT", message: /trackers use themselves/ });
  await assert.rejects(bad({ "": 1 }), { code: "ERR_ARGUMENT", message: /empty name/ });
  await assert.rejects(bad(null), { code: "ERR_ARGUMENT" });
  for (const step of [-1, 0.5, Number.NaN]) await assert.rejects(trackers.log({ loss: 1 }, { step }), { code: "ERR_ARGUMENT", message: /step is/ });
  await assert.rejects(trackers.log({ loss: 1 }, { logKwargs: { other: {} } }), { code: "ERR_ARGUMENT", message: /logKwargs names "other"/ });
  assert.throws(() => trackers.getTracker("other"), { code: "ERR_ARGUMENT", message: /there is no tracker "other": the trackers are recorder/ });
  assert.deepEqual(recorder.calls, ["start", ["config", {}]]);
});
