// Callbacks in a training: trackers get the log once, handlers steer it and fail by name, states come back with a checkpoint.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  type CallbackContext,
  EarlyStoppingCallback,
  type ExportableState,
  rewriteLogs,
  TrackingCallback,
  Trainer,
  TrainerCallback,
  type TrainerControl,
  TrainerState,
  type TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

type Row = Readonly<Record<string, number>>;
const rowsOf = (file: string): Row[] =>
  readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Row);

function tinyTrainer(folder: string, options: TrainingArgumentsOptions, callbacks: readonly (TrainerCallback | (new () => TrainerCallback))[] = []) {
  const args = quietArguments(folder, { maxSteps: 4, logLevel: "error", ...options });
  return new Trainer({ model: tinyBert(), args, trainDataset: tinyDataset(16), evalDataset: tinyDataset(8, 3), dataCollator: tinyCollate, callbacks });
}

test("names of the log are grouped as transformers groups them for trackers", () => {
  assert.deepEqual(rewriteLogs({ loss: 1, eval_loss: 2, eval_f1: 3, test_loss: 4, train_runtime: 5, evaluation: 6 }), {
    "train/loss": 1,
    "eval/loss": 2,
    "eval/f1": 3,
    "test/loss": 4,
    "train/train_runtime": 5,
    "train/evaluation": 6,
  });
});

test("trackers get every row once, with the arguments and the model's config, also of an evaluation after the training", async () => {
  const folder = temporaryFolder("tracking");
  const options = { reportTo: ["jsonl", "tensorboard"], runName: "first", loggingSteps: 2, evalStrategy: "steps" } as const;
  const trainer = tinyTrainer(folder, options, [TrackingCallback, new TrackingCallback()]);
  await trainer.train();
  await trainer.evaluate();
  await trainer.accelerator.endTraining();
  const run = join(folder, "runs", "first");
  const rows = rowsOf(join(run, "metrics.jsonl")).filter((row) => !("perf/step_ms" in row));
  const names = rows.map((row) => [row._step, Object.keys(row).find((name) => name.endsWith("loss"))]);
  assert.deepEqual(names, [
    [2, "train/loss"],
    [2, "eval/loss"],
    [4, "train/loss"],
    [4, "eval/loss"],
    [4, "train/train_loss"],
    [4, "eval/loss"],
  ]);
  assert.equal(rows[0]!["train/learning_rate"], trainer.state.logHistory[0]!.learning_rate);
  assert.equal(readdirSync(run).filter((name) => name.startsWith("events.out.tfevents")).length, 1);
  const config = JSON.parse(readFileSync(join(run, "config.json"), "utf8")) as Record<string, unknown>;
  assert.deepEqual([config.hidden_size, config.learning_rate, config.run_name], [16, 1e-3, "first"]);
  // The program has ended the run: what comes later is of no run.
  const count = rowsOf(join(run, "metrics.jsonl")).length;
  await trainer.evaluate();
  assert.equal(rowsOf(join(run, "metrics.jsonl")).length, count);
});

test("a run without a name has a folder of its own; loggingDir says where", async () => {
  const folder = temporaryFolder("tracking");
  const trainer = tinyTrainer(folder, { reportTo: "jsonl", maxSteps: 1, loggingSteps: 1, loggingDir: join(folder, "logs") });
  await trainer.train();
  await trainer.accelerator.endTraining();
  const [run] = readdirSync(join(folder, "logs"));
  assert.match(run!, /^\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_/);
  assert.ok(existsSync(join(folder, "logs", run!, "metrics.jsonl")));
});

test("W&B knows a run by its project and name", async () => {
  const folder = temporaryFolder("tracking");
  const before = { ...process.env };
  Object.assign(process.env, { WANDB_MODE: "offline", WANDB_PROJECT: "of-the-shell" });
  try {
    const told = [];
    for (const project of [undefined, "reviews"]) {
      const trainer = tinyTrainer(join(folder, project ?? "any"), { reportTo: "wandb", maxSteps: 1, runName: "first", ...(project && { project }) });
      await trainer.train();
      await trainer.accelerator.endTraining();
      const wandb = join(folder, project ?? "any", "runs", "wandb");
      const run = readdirSync(wandb).find((name) => name.startsWith("offline-run-"))!;
      const file = readFileSync(join(wandb, run, readdirSync(join(wandb, run)).find((name) => name.endsWith(".wandb"))!), "latin1");
      told.push(["first", "of-the-shell", "reviews"].filter((name) => file.includes(name)));
    }
    assert.deepEqual(told, [
      ["first", "of-the-shell"],
      ["first", "reviews"],
    ]);
  } finally {
    for (const name of ["WANDB_MODE", "WANDB_PROJECT"]) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
});

test("a run that the program has begun itself goes on with the Trainer's rows", async () => {
  const folder = temporaryFolder("tracking");
  const trainer = tinyTrainer(folder, { reportTo: "jsonl", maxSteps: 1, loggingSteps: 1 });
  await trainer.accelerator.initTrackers("mine");
  await trainer.train();
  await trainer.accelerator.endTraining();
  assert.deepEqual(readdirSync(join(folder, "runs")), ["mine"]);
  assert.ok(rowsOf(join(folder, "runs", "mine", "metrics.jsonl")).some((row) => "train/loss" in row));
});

test("a training ends with the error of a handler, which names the callback, the event and the step", async () => {
  class Broken extends TrainerCallback {
    override async onStepEnd(_args: TrainingArguments, state: TrainerState): Promise<void> {
      await null;
      if (state.globalStep === 2) throw new RangeError("enough");
    }
  }
  const trainer = tinyTrainer(temporaryFolder(), {}, [Broken]);
  await assert.rejects(trainer.train(), (error: Error) => {
    assert.equal(error.message, "the callback Broken failed in onStepEnd at step 2: enough");
    assert.ok(error.cause instanceof RangeError);
    return true;
  });
});

class Steering extends TrainerCallback implements ExportableState {
  seen = 0;
  override async onStepEnd(_args: TrainingArguments, state: TrainerState, control: TrainerControl): Promise<void> {
    await null;
    this.seen++;
    if (state.globalStep === 2) [control.shouldLog, control.shouldEvaluate, control.shouldSave] = [true, true, true];
    if (state.globalStep === 3) control.shouldTrainingStop = true;
  }
  state() {
    return { args: {}, attributes: { seen: this.seen } };
  }
}

test("a callback's wishes are heard, in the order log, evaluate, save, and its state comes back with a checkpoint", async () => {
  const folder = temporaryFolder();
  const order: string[] = [];
  class Order extends TrainerCallback {
    override onLog(_args: TrainingArguments, _state: TrainerState, _control: TrainerControl, { logs }: CallbackContext): void {
      order.push(Object.keys(logs!)[0]!);
    }
    override onEvaluate(): void {
      order.push("evaluated");
    }
    override onSave(): void {
      order.push("saved");
    }
  }
  const trainer = tinyTrainer(folder, {}, [new Steering(), Order]);
  const { globalStep } = await trainer.train();
  assert.equal(globalStep, 3);
  assert.deepEqual(order, ["loss", "eval_loss", "evaluated", "saved", "train_runtime"]);
  const state = await TrainerState.loadFromJson(join(folder, "checkpoint-2", "trainer_state.json"));
  assert.deepEqual(state.statefulCallbacks.Steering, { args: {}, attributes: { seen: 2 } });

  for (const restores of [true, false]) {
    const again = new Steering();
    const other = tinyTrainer(folder, { restoreCallbackStatesFromCheckpoint: restores }, [again]);
    await other.train({ resumeFromCheckpoint: join(folder, "checkpoint-2") });
    assert.equal(again.seen, restores ? 3 : 1);
  }
});

test("EarlyStoppingCallback ends a training that gets no better", async () => {
  const options = { maxSteps: 20, learningRate: 0, evalStrategy: "steps", evalSteps: 2, metricForBestModel: "loss" } as const;
  const trainer = tinyTrainer(temporaryFolder(), options, [new EarlyStoppingCallback({ earlyStoppingPatience: 2 })]);
  // The first evaluation is the best; two more are no better.
  assert.equal((await trainer.train()).globalStep, 6);
});
