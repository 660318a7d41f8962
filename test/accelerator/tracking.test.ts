// Trackers of an Accelerator: under real launches, with ranks that are slow, evaluations in between, servers that are dead, and processes that are killed.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { TrainingLoops, tokensIn } from "../../src/accelerator/tracking/tracking-loops.js";
import type { RankLoader } from "../../src/data/loader/rank-loader.js";
import { Accelerator, type Batch, tensor } from "../../src/index.js";
import { StepTimer, type Tracker } from "../../src/tracking/index.js";
import { parseCsv } from "../../src/tracking/csv-text.js";
import { launch, startLaunch } from "../support/launch.js";
import { isRunning, pidsIn } from "../launcher/support.js";
import { becomes } from "../support/timing.js";
import { temporary } from "../tracking/support.js";
import { records, rowsOf } from "../tracking/wandb-file.js";

const script = new URL("./programs/tracked.js", import.meta.url);
const offline = { WANDB_MODE: "offline", WANDB_API_KEY: undefined, WANDB_DIR: undefined };
type Row = Readonly<Record<string, number>>;
async function rowsIn(directory: string): Promise<Row[]> {
  const text = await readFile(join(directory, "first", "metrics.jsonl"), "utf8");
  assert.ok(text.endsWith("\n"));
  return text
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);
}
async function run(n: number, directory: string, special = "", every = 10, env: Readonly<Record<string, string | undefined>> = offline) {
  const done = await launch({ options: ["--num-processes", String(n)], script, args: [directory, special, String(every)], env });
  return { ...done, all: `${done.stdout}\n${done.stderr}` };
}

describe("a tracked training", () => {
  for (const n of [1, 2]) {
    it(`logs the program's values and its own speed, on ${n} worker${n > 1 ? "s" : ""}, once`, async () => {
      await using directory = await temporary();
      const { code, all } = await run(n, directory.path);
      assert.equal(code, 0, all);
      assert.match(all, /done jsonl,csv,tensorboard,wandb/);
      const rows = await rowsIn(directory.path);
      const steps = 400 / 4 / n;
      const losses = rows.filter((row) => "train/loss" in row);
      assert.deepEqual(
        losses.map((row) => row._step),
        Array.from({ length: steps }, (_, i) => i + 1),
      );
      const speeds = rows.filter((row) => "perf/step_ms" in row);
      // The first step is not measured, then every tenth is a report.
      assert.deepEqual(
        speeds.map((row) => row._step),
        Array.from({ length: Math.floor((steps - 1) / 10) }, (_, i) => 11 + 10 * i),
      );
      for (const row of speeds) {
        const perStep = (row["perf/samples_per_second"]! * row["perf/step_ms"]!) / 1000;
        assert.ok(Math.abs(perStep - 4 * n) < 0.5 * n, `${perStep} samples per step`);
        assert.ok(Math.abs(row["perf/tokens_per_second"]! / row["perf/samples_per_second"]! - 1.5) < 1e-6, "three tokens in two rows");
        for (const name of ["data", "compute", "communication"]) assert.ok(row[`perf/${name}_share`]! >= 0 && row[`perf/${name}_share`]! <= 1);
        assert.ok(row["perf/step_ms"]! <= row["perf/step_ms_p95"]! * 2 && row["perf/step_ms_p95"]! <= row["perf/step_ms_max"]!);
        assert.equal("perf/slowest_rank" in row, n > 1);
      }
      const table = parseCsv(await readFile(join(directory.path, "first", "metrics.csv"), "utf8"));
      assert.equal(table.length, rows.length + 1);
      const files = await readdir(join(directory.path, "first"));
      assert.equal(files.filter((name) => name.startsWith("events.out")).length, 1);
      const [folder] = await readdir(join(directory.path, "wandb"));
      const wandb = rowsOf(records(await readFile(join(directory.path, "wandb", folder!, `run-${folder!.split("-").at(-1)}.wandb`))));
      assert.deepEqual(
        wandb.filter((row) => "perf/step" in row).map((row) => row["perf/step"]),
        speeds.map((row) => row._step),
      );
    });
  }
  it("names the rank that the others wait for", async () => {
    await using directory = await temporary();
    const { code, all } = await run(2, directory.path, "uneven");
    assert.equal(code, 0, all);
    const reports = (await rowsIn(directory.path)).filter((r) => "perf/step_ms" in r);
    // What else the machine does makes steps of either rank slower, but not in all reports the same one's.
    const uneven = reports.filter((row) => row["perf/slowest_rank"] === 1 && row["perf/rank_skew"]! > 1.3 && row["perf/communication_share"]! > 0.1);
    assert.ok(uneven.length > reports.length / 2, JSON.stringify(reports));
    for (const row of reports) assert.ok(row["perf/rank_ms_max"]! >= 9.5, JSON.stringify(row));
  });
  it("counts neither evaluations nor checkpoints as time of steps", async () => {
    await using directory = await temporary();
    const { code, all } = await run(1, directory.path, "evaluates");
    assert.equal(code, 0, all);
    const longest = Math.max(...(await rowsIn(directory.path)).map((row) => row["perf/step_ms_max"] ?? 0));
    const own = Number(/longest step (\d+)/.exec(all)?.[1]);
    assert.ok(longest > 0 && longest < own + 200, `${longest} ms, of which the evaluation alone takes 300; the longest step took ${own}`);
  });
  it("is made by workers that report after the same steps", async () => {
    await using directory = await temporary();
    const { code, all } = await run(2, directory.path, "differ");
    assert.notEqual(code, 0);
    assert.match(all, /performanceEvery: 10\b.* on rank 0 and .*performanceEvery: 11\b.* on rank 1/);
  });
  it("whose program does not close the Accelerator ends the runs all the same", async () => {
    await using directory = await temporary();
    const { code, all } = await run(1, directory.path, "open");
    assert.equal(code, 0, all);
    const [folder] = await readdir(join(directory.path, "wandb"));
    const found = records(await readFile(join(directory.path, "wandb", folder!, `run-${folder!.split("-").at(-1)}.wandb`)));
    assert.ok(
      found.some((record) => record.has(18)),
      "the record of its end",
    );
  });
  it("is not held up by a server that is dead: told once, and the run is in its file", async () => {
    await using directory = await temporary();
    const env = { WANDB_MODE: "online", WANDB_API_KEY: "k", WANDB_BASE_URL: "http://127.0.0.1:9" };
    const { code, all } = await run(2, directory.path, "", 10, env);
    assert.equal(code, 0, all);
    assert.equal(all.match(/wandb: 127\.0\.0\.1:9 does not answer/g)?.length, 1, all);
    assert.match(all, /wandb sync .*\/run-/);
    assert.equal((await rowsIn(directory.path)).filter((row) => "train/loss" in row).length, 50);
  });
  it("that is killed leaves whole lines, and goes on in the same files", async () => {
    await using directory = await temporary();
    const launching = startLaunch({
      options: ["--num-processes", "1"],
      script,
      args: [directory.path, "endless"],
      env: offline,
    });
    while (!/step 20/.test(launching.output()) && launching.child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    // The launcher and its workers, as a host that loses power.
    launching.child.kill("SIGKILL");
    await launching.done;
    const [pid] = pidsIn(launching.output());
    assert.ok(pid !== undefined && (await becomes(() => !isRunning(pid))));
    const before = await rowsIn(directory.path);
    const losses = before.filter((row) => "train/loss" in row).length;
    assert.ok(losses >= 20, `${losses}`);
    const { code, all } = await run(1, directory.path);
    assert.equal(code, 0, all);
    const after = await rowsIn(directory.path);
    assert.deepEqual(after.slice(0, before.length), before);
    assert.ok(after.length > before.length + 100);
    const table = parseCsv(await readFile(join(directory.path, "first", "metrics.csv"), "utf8"));
    assert.ok(
      table.every((row) => row.length === table[0]!.length),
      "every row has all columns",
    );
  });
});

describe("trackers of an Accelerator", () => {
  const quiet = { name: "mine", requiresLoggingDirectory: false, start: async () => {}, storeInitConfiguration: async () => {}, finish: async () => {} };
  it("of the program's own get what is logged, and are given out as they are, or as what they stand before", async () => {
    const logged: unknown[] = [];
    const library = { writer: true };
    const mine: Tracker = { ...quiet, tracker: library, log: async (values, options) => void logged.push([values, options]) };
    await using accelerator = new Accelerator({ logWith: mine });
    await assert.rejects(accelerator.log({ loss: 1 }), { code: "ERR_TRACKER_STATE" });
    await accelerator.initTrackers("p", { a: 1 });
    await accelerator.log({ loss: 0.5 }, { step: 7, logKwargs: { mine: { commit: true } } });
    assert.deepEqual(logged, [[{ loss: 0.5 }, { step: 7, commit: true }]]);
    assert.equal(accelerator.getTracker("mine"), mine);
    assert.equal(accelerator.getTracker("mine", { unwrap: true }), library);
    assert.deepEqual(accelerator.trackers, [mine]);
    assert.throws(() => accelerator.getTracker("other"), { code: "ERR_ARGUMENT" });
    await accelerator.endTraining();
    await accelerator.endTraining();
    await assert.rejects(accelerator.log({ loss: 1 }), { message: /after endTraining/ });
  });
  it("are none when none are asked for: log does nothing harmful", async () => {
    await using accelerator = new Accelerator();
    await accelerator.initTrackers("p");
    await accelerator.log({ loss: 1 });
    assert.deepEqual(accelerator.trackers, []);
  });
  it("write into loggingDir where one is given", async () => {
    await using directory = await temporary();
    const accelerator = new Accelerator({ logWith: "jsonl", projectDir: directory.path, projectConfig: { loggingDir: join(directory.path, "logs") } });
    await accelerator.initTrackers("p");
    await accelerator.log({ loss: 1 });
    await accelerator.close();
    assert.deepEqual(await readdir(directory.path), ["logs"]);
  });
  it("refuse options that make no sense", () => {
    assert.throws(() => new Accelerator({ logWith: "jsonl", trackPerformance: { everySteps: 0.5 } }), { code: "ERR_ARGUMENT", message: /everySteps is 0.5/ });
  });
});

describe("a checkpoint of a tracked training", () => {
  it("keeps the step, and a run that goes on counts from there", async () => {
    await using directory = await temporary();
    const steps: unknown[] = [];
    const mine: Tracker = {
      name: "mine",
      requiresLoggingDirectory: false,
      runId: "r1",
      start: async () => {},
      storeInitConfiguration: async () => {},
      log: async (_, { step }) => void steps.push(step),
      finish: async () => {},
    };
    {
      await using accelerator = new Accelerator({ logWith: mine, projectDir: directory.path });
      await accelerator.initTrackers("p");
      await accelerator.log({ loss: 1 }, { step: 41 });
      await accelerator.saveState();
    }
    await using accelerator = new Accelerator({ logWith: mine, projectDir: directory.path });
    await accelerator.initTrackers("p");
    assert.ok(await accelerator.loadState());
    await accelerator.log({ loss: 0.5 });
    assert.deepEqual(steps, [41, 42]);
  });
});

describe("time of steps", () => {
  const loader = (): RankLoader<unknown> => ({}) as RankLoader<unknown>;
  const made = () => {
    const clock = { now: 0 };
    const timer = new StepTimer({ interval: 1000, now: () => clock.now, memory: () => 0 });
    return { clock, timer, loops: new TrainingLoops(timer) };
  };
  it("is that of loops that train: evaluations within or between them, and what lies between loops, are left out", () => {
    const { clock, timer, loops } = made();
    const [train, evaluate] = [loader(), loader()];
    for (let epoch = 0; epoch < 2; epoch++) {
      loops.begin(train);
      for (let step = 0; step < 3; step++) {
        clock.now += 2;
        loops.batch(train, {}, 2);
        loops.backward(8);
        loops.backward(8);
        clock.now += 8;
        timer.step();
        loops.step();
        if (step === 1) {
          loops.begin(evaluate);
          loops.batch(evaluate, {}, 50);
          clock.now += 100;
          loops.end(evaluate);
        }
      }
      loops.end(train);
      clock.now += 1000;
      loops.begin(evaluate);
      clock.now += 100;
      loops.end(evaluate);
      clock.now += 1000;
    }
    const { totalMs, slowestMs, steps, samples, phases } = timer.flush()!;
    assert.deepEqual([totalMs, slowestMs, steps, samples, phases.data], [60, 10, 6, 48, 12]);
  });
  it("is also that of loops whose backward is the tensor's own", () => {
    const { clock, timer, loops } = made();
    const train = loader();
    loops.begin(train);
    clock.now += 10;
    timer.step();
    loops.step();
    loops.end(train);
    clock.now += 5;
    timer.step();
    assert.equal(timer.flush()!.totalMs, 10);
  });
});

describe("tokens of a batch", () => {
  it("are the ones of its attention mask, in the rows that count", () => {
    const masks = fc
      .tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 6 }))
      .chain(([rows, width]) =>
        fc.array(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: width, maxLength: width }), { minLength: rows, maxLength: rows }),
      );
    fc.assert(
      fc.property(masks, fc.constantFrom("int64", "int32", "float32", "bool"), fc.nat(5), (mask, dtype, dropped) => {
        const real = Math.max(0, mask.length - dropped);
        const expected = mask
          .slice(0, real)
          .flat()
          .reduce((a, b) => a + b, 0);
        const batch: Batch = { attention_mask: tensor(mask, { dtype: dtype as "int64" }), input_ids: tensor(mask, { dtype: "int64" }) };
        assert.equal(tokensIn(batch, real), expected);
        assert.equal(tokensIn({ input_ids: batch.input_ids }, real), real * mask[0]!.length);
      }),
    );
    for (const other of [undefined, null, 3, {}, { input_ids: [1, 2] }]) assert.equal(tokensIn(other, 1), undefined);
  });
});
