// What a training shows: label, log lines, tables, bars; the SVG of its curves.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import {
  type CallbackContext,
  type LogEntry,
  PrinterCallback,
  ProgressCallback,
  TrainerControl,
  TrainerState,
  TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { plotHistory } from "../../src/trainer/display/index.js";
import { labelText, trainingLine } from "../../src/trainer/display/label.js";
import { logLine } from "../../src/trainer/display/log-line.js";
import { EvaluationTable, lossTable } from "../../src/trainer/display/table.js";
import { golden } from "./callbacks-golden.js";
import { temporaryFolder } from "./support.js";

/** A terminal that keeps what it is shown, with a clock that is set by hand. */
function screen(isTTY: boolean) {
  const shown: string[] = [];
  const clock = { ms: 0 };
  return { shown, clock, isTTY, columns: 100, color: false, write: (text: string) => void shown.push(text), now: () => clock.ms };
}
const cells = (line: string): string[] => line.split(/ {2,}/);
const line = { n: 63, total: 630, elapsedSeconds: 50.4, secondsLeft: 456, rate: 1.242, description: "Epoch 1/10", unit: "steps", postfix: [] };

test("the label tells steps, time spent and left, steps a second and the epoch", () => {
  assert.equal(labelText(line), "[ 63/630 00:50 < 07:36, 1.24 it/s, Epoch 1/10]");
  assert.equal(labelText({ ...line, n: 630, elapsedSeconds: 5000, secondsLeft: undefined }), "[630/630 1:23:20, Epoch 1/10]");
  assert.equal(labelText({ ...line, n: 0, rate: undefined, secondsLeft: undefined, elapsedSeconds: 0, description: "" }), "[  0/630 00:00]");
});

test("the bar gives way to the label, and the label fits", () => {
  assert.equal(trainingLine(line, 100, false), "━━╸───────────────────────  10% [ 63/630 00:50 < 07:36, 1.24 it/s, Epoch 1/10]");
  assert.match(trainingLine(line, 64, false), /^[━╸─]{6,12} {2}10% \[ 63/);
  for (let columns = 1; columns < 90; columns++) assert.ok([...trainingLine(line, columns, false)].length <= columns);
});

test("rows of the log are lines as Python prints them", () => {
  for (const { logs, line: expected } of golden.logs) {
    const values = Object.fromEntries(Object.entries(logs).map(([name, value]) => [name, value === "nan" ? Number.NaN : value]));
    assert.equal(logLine(values, 100), expected.replace("max_str_len", "maxStrLen"));
  }
});

test("evaluations are rows as in a notebook: named sets share one, a loss that was not logged is No log", () => {
  for (const { strategy, events, rows } of golden.tables.filter(({ strategy }) => strategy !== "no")) {
    const table = new EvaluationTable(new TrainingArguments("x", { evalStrategy: strategy }));
    const state = new TrainerState();
    const found: string[][] = [];
    for (const [i, { step, log, metrics }] of events.entries()) {
      [state.globalStep, state.epoch] = [step, step / 2];
      if (log) state.logHistory.push({ ...log, step });
      if (metrics) table.add(state, metrics);
      if (metrics && events[i + 1]?.step !== step) found.push(...table.take().map(cells));
    }
    assert.deepEqual([found[0], ...found.filter((_, i) => i % 2 === 1)], rows, strategy);
    assert.deepEqual(table.take(), []);
  }
});

test("without evaluations the losses are a table; of very many those at equal distances, the last among them", () => {
  const { events, rows } = golden.tables.find(({ strategy }) => strategy === "no")!;
  const losses = events.flatMap(({ step, log }) => (log ? [[step, log.loss!] as const] : []));
  assert.deepEqual(lossTable(losses).map(cells), rows);
  const many = lossTable(Array.from({ length: 130 }, (_, i) => [(i + 1) * 10, 0.5] as const));
  assert.deepEqual([many.length, cells(many[1]!), cells(many.at(-2)!)], [46, ["10", "0.500000"], ["1300", "0.500000"]]);
  assert.match(many.at(-1)!, /44 of 130 logs/);
});

/** Six steps of two epochs, each evaluated in `sets`, all shown by one callback. */
function training(isTTY: boolean, options: TrainingArgumentsOptions, { sets = ["eval"], main = true } = {}): string[] {
  const terminal = screen(isTTY);
  const callback = new ProgressCallback({ terminal });
  const args = new TrainingArguments("x", options);
  const state = new TrainerState({ maxSteps: 6, numTrainEpochs: 2, isWorldProcessZero: main });
  const control = new TrainerControl();
  let loader = { length: 2 };
  const context = (more: Partial<CallbackContext>) => ({ evalDataloader: loader, ...more }) as unknown as CallbackContext;
  const log = (logs: Record<string, number>) => {
    state.logHistory.push({ ...logs, step: state.globalStep });
    callback.onLog(args, state, control, context({ logs }));
  };
  callback.onTrainBegin(args, state);
  for (let step = 1; step <= 6; step++) {
    callback.onStepBegin();
    terminal.clock.ms += 1000;
    [state.globalStep, state.epoch] = [step, step / 3];
    callback.onStepEnd(args, state);
    if (step % 2 === 0) log({ loss: 1 / step, learning_rate: 5e-5, epoch: state.epoch });
    if (step % 3 !== 0 || args.evalStrategy === "no") continue;
    for (const set of sets) {
      loader = { length: 2 };
      for (let batch = 0; batch < 2; batch++) {
        terminal.clock.ms += 500;
        callback.onPredictionStep(args, state, control, context({}));
      }
      const metrics = { [`${set}_loss`]: 0.5, [`${set}_f1`]: 0.75, [`${set}_runtime`]: 1, epoch: state.epoch };
      log(metrics);
      callback.onEvaluate(args, state, control, context({ metrics }));
    }
    callback.onSave();
  }
  log({ train_loss: 0.3, total_flos: 5, epoch: 2 });
  callback.onTrainEnd(args);
  return terminal.shown;
}

test("without a terminal: a plain line every five seconds, lines of the log, the table's row after each epoch, and nothing twice", () => {
  assert.deepEqual(
    training(false, { evalStrategy: "epoch" }).join("").split("\n"),
    [
      "{'loss': '0.5', 'learning_rate': '5e-05', 'epoch': '0.6667'}",
      "{'eval_loss': '0.5', 'eval_f1': '0.75', 'eval_runtime': '1', 'epoch': '1'}",
      "Epoch  Training Loss  Validation Loss  F1",
      "1      0.500000       0.500000         0.750000",
      "━━━━━━━━━━━━━━━━━─────────  66% [4/6 00:05 < 00:02, 0.80 it/s, Epoch 1.33/2]",
      "{'loss': '0.25', 'learning_rate': '5e-05', 'epoch': '1.333'}",
      "{'eval_loss': '0.5', 'eval_f1': '0.75', 'eval_runtime': '1', 'epoch': '2'}",
      "Epoch  Training Loss  Validation Loss  F1",
      "2      0.166667       0.500000         0.750000",
      "{'train_loss': '0.3', 'epoch': '2'}",
      "━━━━━━━━━━━━━━━━━━━━━━━━━━ 100% [6/6 00:08, Epoch 2/2]",
      "",
    ].toSpliced(6, 0, "{'loss': '0.1667', 'learning_rate': '5e-05', 'epoch': '2'}"),
  );
});

test("named sets are one row", () => {
  const lines = training(false, { evalStrategy: "steps", evalSteps: 3 }, { sets: ["eval_a", "eval_b"] })
    .join("")
    .split("\n");
  const rows = lines.filter((text) => /^(Step|\d)/.test(text)).map(cells);
  assert.deepEqual(rows, [
    ["Step", "Training Loss", "Validation Loss", "A Loss", "A F1", "B Loss", "B F1"],
    ["3", "0.500000", "No log", "0.500000", "0.750000", "0.500000", "0.750000"],
    ["Step", "Training Loss", "Validation Loss", "A Loss", "A F1", "B Loss", "B F1"],
    ["6", "0.166667", "No log", "0.500000", "0.750000", "0.500000", "0.750000"],
  ]);
});

test("where nothing is evaluated the losses stand at the end", () => {
  const lines = training(false, {}).join("").split("\n");
  const at = lines.indexOf("Step  Training Loss");
  assert.deepEqual(lines.slice(at, at + 4).map(cells), [
    ["Step", "Training Loss"],
    ["2", "0.500000"],
    ["4", "0.250000"],
    ["6", "0.166667"],
  ]);
});

test("on a terminal lines stay above the bar, and the bar of an evaluation leaves nothing", () => {
  const shown = training(true, { evalStrategy: "epoch" });
  const clear = "\r\x1b[K";
  const logged = shown.findIndex((text) => text.startsWith(`${clear}{'loss'`));
  assert.match(shown[logged]!, /\}\n$/);
  assert.match(stripVTControlCharacters(shown[logged + 1]!), /^\r.*\[2\/6 .*Epoch 0\.67\/2\]$/);
  assert.ok(
    shown.some((text) => /\[1\/2 00:00\]/.test(text)),
    "the evaluation has a bar",
  );
  assert.ok(!shown.some((text) => /\/2 00.*\n/.test(text)), "and it does not stay");
  assert.match(stripVTControlCharacters(shown.at(-1)!), /100% \[6\/6 00:08, Epoch 2\/2\]\n$/);
});

test("a training that goes on counts neither in its time nor in its rate what was done before", () => {
  const terminal = screen(true);
  const callback = new ProgressCallback({ terminal });
  const args = new TrainingArguments("x");
  const state = new TrainerState({ maxSteps: 20, numTrainEpochs: 2, globalStep: 10 });
  callback.onTrainBegin(args, state);
  terminal.clock.ms = 2000;
  [state.globalStep, state.epoch] = [12, 1.2];
  callback.onStepEnd(args, state);
  assert.match(stripVTControlCharacters(terminal.shown.join("")), /60% \[12\/20 00:02 < 00:08, 1\.00 it\/s, Epoch 1\.20\/2\]$/);
});

test("other processes show nothing", () => {
  assert.deepEqual(training(true, { evalStrategy: "epoch" }, { main: false }), []);
  const printed: string[] = [];
  const printer = new PrinterCallback({ print: (text) => printed.push(text) });
  for (const isWorldProcessZero of [true, false])
    printer.onLog(new TrainingArguments("x"), new TrainerState({ isWorldProcessZero }), new TrainerControl(), {
      logs: { loss: 0.5, total_flos: 1 },
    } as unknown as CallbackContext);
  assert.deepEqual(printed, ["{'loss': '0.5'}"]);
});

test("an evaluation outside of a training has a bar that stays; one of unknown length has none", () => {
  const terminal = screen(false);
  const callback = new ProgressCallback({ terminal });
  const [args, state, control] = [new TrainingArguments("x"), new TrainerState(), new TrainerControl()];
  const step = (evalDataloader: unknown) => callback.onPredictionStep(args, state, control, { evalDataloader } as CallbackContext);
  const batches = { length: 3 };
  for (let i = 0; i < 3; i++) step(batches);
  callback.onPredict();
  step({});
  callback.onPredict();
  // This one fails after a batch; the next one begins anew.
  step({ length: 7 });
  step({ length: 2 });
  callback.onPredict();
  assert.deepEqual(
    terminal.shown.map((text) => text.replace(/^[^[]*/, "")),
    ["[3/3 00:00]\n", "[1/7 00:00]\n", "[1/2 00:00]\n"],
  );
});

const history: readonly LogEntry[] = [
  { loss: 0.7, learning_rate: 4e-5, epoch: 0.5, step: 50 },
  { eval_loss: 0.6, eval_f1: 0.7, eval_perplexity: 12, eval_runtime: 3, eval_steps_per_second: 5, epoch: 1, step: 100 },
  { loss: 0.5, learning_rate: 1e-5, epoch: 1, step: 100 },
  { eval_loss: 0.55, eval_f1: 0.75, eval_perplexity: 10, eval_runtime: 3, epoch: 2, step: 200 },
  { train_runtime: 9, train_loss: 0.6, epoch: 2, step: 200 },
];

test("the curves of a log are an SVG file that stands alone: losses, scores, other metrics, learning rate", async () => {
  const folder = temporaryFolder("plot");
  await plotHistory(history, join(folder, "run.svg"));
  const svg = await readFile(join(folder, "run.svg"), "utf8");
  assert.match(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" .*<title id="title">Training, 200 steps, 2 epochs<\/title>/);
  assert.deepEqual(
    [...svg.matchAll(/class="name"[^>]*>([^<]*)/g)].map((match) => match[1]),
    ["Loss", "Metrics", "Perplexity", "Learning rate"],
  );
  for (const name of ["Training loss", "Validation loss", "F1", "Step"]) assert.ok(svg.includes(`>${name}</text>`), name);
  assert.equal(svg.match(/<path class="curve c\d" style="fill:none" clip-path/g)?.length, 5);
  assert.match(svg, /prefers-color-scheme:dark/);
  assert.doesNotMatch(svg, /href|<script|NaN|undefined|Runtime/);
  assert.deepEqual(await readdir(folder), ["run.svg"]);
});

test("a long run's curves are as large a file as a short one's, and keep their peaks", async () => {
  const folder = temporaryFolder("plot");
  const long = Array.from({ length: 50_000 }, (_, i): LogEntry => ({ step: i + 1, loss: i === 31_234 ? 50 : Math.sin(i) }));
  await plotHistory(long, join(folder, "long.svg"));
  const text = await readFile(join(folder, "long.svg"), "utf8");
  assert.ok(text.length < 100_000, String(text.length));
  const heights = [...text.matchAll(/[ML]([\d.]+) ([\d.]+)(?=L)/g)].map(([, , y]) => Number(y));
  const sorted = [...heights].sort((a, b) => a - b);
  assert.ok(sorted[0]! < sorted[1]! - 50, "the one large loss is drawn");
});

test("plot writes SVG and nothing else, and tells when there is nothing to show", async () => {
  const folder = temporaryFolder("plot");
  await assert.rejects(plotHistory(history, join(folder, "run.png")), { code: "ERR_PLOT", message: /run\.png does not end in \.svg/ });
  await assert.rejects(plotHistory([], join(folder, "run.svg")), { code: "ERR_PLOT", message: /nothing was logged/ });
  await plotHistory([{ eval_m_loss: Number.NaN, eval_m_f1: 0.5, step: 0 }], join(folder, "one.svg"));
  assert.match(await readFile(join(folder, "one.svg"), "utf8"), /Training, 0 steps/);
  assert.deepEqual(await readdir(folder), ["one.svg"]);
  await plotHistory(history, join(folder, "not", "there", "run.svg"));
  assert.deepEqual(await readdir(join(folder, "not", "there")), ["run.svg"]);
  await assert.rejects(plotHistory(history, join(folder, "not", "there", "run.svg", "x.svg")), { code: "ERR_SAVE" });
});
