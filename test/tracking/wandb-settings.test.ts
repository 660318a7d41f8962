// What a W&B run is told from outside: settings of its own client, JSON as its server writes it, an id out of a checkpoint.
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import { wandbSettings } from "../../src/config.js";
import { extendedJson, parseExtendedJson } from "../../src/tracking/extended-json.js";
import { Trackers, WandbTracker, type WandbOptions } from "../../src/tracking/index.js";
import { findApiKey, netrcPassword } from "../../src/tracking/wandb-login.js";
import { context, temporary } from "./support.js";
import { WandbServer } from "./wandb-server.js";

const quick = { timeoutMs: 30_000, retryMs: 5, flushMs: 5, connectMs: 30_000, finishMs: 60_000 } satisfies WandbOptions;
const noSettings = wandbSettings({ NETRC: "/nowhere" });
const steps = (lines: readonly string[]): unknown[] => lines.map((line) => (JSON.parse(line) as { _step: unknown })._step);

test("JSON with bare NaN and infinities comes back as it was", () => {
  const number = fc.oneof(fc.double(), fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0));
  const value = fc.letrec((tie) => ({
    any: fc.oneof(
      { depthSize: "small" },
      number,
      fc.string(),
      fc.constantFrom("NaN", "-Infinity", 'a "NaN" b', "\\"),
      fc.boolean(),
      fc.array(tie("any")),
      fc.dictionary(fc.string(), tie("any")),
    ),
  })).any;
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (record) => {
      const plain = (x: unknown): unknown =>
        Object.is(x, -0) ? 0 : Array.isArray(x) ? x.map(plain) : typeof x === "object" && x !== null ? Object.entries(x).map(([k, v]) => [k, plain(v)]) : x;
      assert.deepEqual(plain(parseExtendedJson(extendedJson(record))), plain(record));
    }),
  );
});

test("the mode, the key and the rest come from the variables of W&B's own client", async () => {
  await using directory = await temporary();
  const netrc = join(directory.path, "netrc");
  await writeFile(netrc, "# mine\nmachine other.org login a password no\nmachine api.wandb.ai\n  login user\n  password from-netrc\n");
  const of = (env: Readonly<Record<string, string>>, options: WandbOptions = {}) => new WandbTracker(context(directory.path), options, wandbSettings(env));
  assert.equal(of({ NETRC: netrc }).mode, "online");
  assert.equal(of({ NETRC: "/nowhere" }).mode, "offline");
  assert.equal(of({ NETRC: "/nowhere", WANDB_API_KEY: "k" }).mode, "online");
  assert.equal(of({ WANDB_API_KEY: "k", WANDB_MODE: "dryrun" }).mode, "offline");
  assert.equal(of({ WANDB_API_KEY: "k", WANDB_MODE: "offline" }, { mode: "online" }).mode, "online");
  assert.equal(of({ WANDB_API_KEY: "k", WANDB_DISABLED: "true" }).mode, "disabled");
  assert.equal(of({ WANDB_RUN_ID: "r1", NETRC: "/nowhere" }).id, "r1");
  assert.throws(() => wandbSettings({ WANDB_MODE: "loud" }), { code: "ERR_ARGUMENT", message: /WANDB_MODE is "loud".*online, run, offline/ });
  assert.equal(findApiKey({ baseUrl: "https://wandb.example.org" }, wandbSettings({ NETRC: netrc })), undefined);
  assert.equal(netrcPassword("default login x password all", "any.org"), "all");
  assert.throws(() => of({ WANDB_API_KEY: "k", WANDB_BASE_URL: "ftp://x" }), { code: "ERR_ARGUMENT", message: /the address of W&B is "ftp:\/\/x"/ });
  const warned: string[] = [];
  const keyless = new WandbTracker(
    context(directory.path, "p", (text) => warned.push(text)),
    { mode: "online" },
    noSettings,
  );
  assert.deepEqual([keyless.mode, warned.length], ["offline", 1]);
  const off = of({ WANDB_MODE: "disabled" });
  await off.start();
  await off.log({ a: 1 }, { step: 1 });
  await off.finish();
  await assert.rejects(readFile(off.path), { code: "ENOENT" });
});

test("a checkpoint keeps the id of the run, which is gone on with when it is loaded before initTrackers", async () => {
  await using server = await WandbServer.start();
  await using directory = await temporary();
  const reports: string[] = [];
  const options = { mode: "online", baseUrl: server.url, apiKey: server.apiKey, ...quick } as const;
  const make = () => new Trackers({ logWith: "wandb", loggingDir: directory.path, report: (text) => reports.push(text) });
  const first = make();
  await first.initTrackers("p", {}, { initKwargs: { wandb: options } });
  await first.log({ loss: 1 });
  const state = first.stateDict();
  await first.endTraining();
  await using second = make();
  second.loadStateDict(JSON.parse(JSON.stringify(state)) as typeof state);
  await second.initTrackers("p", {}, { initKwargs: { wandb: options } });
  await second.log({ loss: 0.5 });
  await second.endTraining();
  assert.equal(server.runs.size, 1);
  assert.deepEqual(steps([...server.runs.values()][0]!.history), [0, 1]);
  await using third = make();
  await third.initTrackers("p", {}, { initKwargs: { wandb: options } });
  third.loadStateDict(state);
  assert.match(reports.join(), /the checkpoint was tracked in run \w+ of wandb.*before initTrackers/);
});
