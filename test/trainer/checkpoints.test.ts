// Checkpoints of the Trainer: what is in them, which are kept, which is the best, and what a training goes on from.
import assert from "node:assert/strict";
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { CheckpointError } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer, trainWordPiece } from "accelerate-ts/models";
import {
  getLastCheckpoint,
  Trainer,
  TrainerCallback,
  TrainerState,
  TrainingArguments,
  type TrainingArgumentsOptions,
  type TrainOptions,
} from "accelerate-ts/trainer";
import { sortCheckpoints } from "../../src/trainer/checkpoints/rotation.js";
import { inTmpfs, tmpfsMissing } from "../checkpoint/tmpfs.js";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

const folder = temporaryFolder();
const place = (): string => mkdtempSync(join(folder, "run-"));

/** 24 rows in batches of 4: 6 steps an epoch. */
function make(outputDir: string, options: TrainingArgumentsOptions = {}, more: object = {}) {
  return new Trainer({
    model: tinyBert({ dropout: 0.2 }),
    args: quietArguments(outputDir, { saveStrategy: "steps", saveSteps: 2, loggingSteps: 1, maxSteps: 6, ...options }),
    trainDataset: tinyDataset(24),
    dataCollator: tinyCollate,
    ...more,
  });
}
const checkpointsIn = (outputDir: string): string[] =>
  readdirSync(outputDir)
    .filter((name) => name.startsWith("checkpoint-"))
    .sort();
const read = (file: string): Record<string, unknown> => JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
const weightsOf = (trainer: Trainer<never> | Trainer): number[] => [...trainer.model.parameters()].flatMap((p) => [...p.values()]);
const fails =
  (code: string, ...texts: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.equal(error.code, code, error.message);
    for (const text of texts) assert.match(`${error.message} ${error.hint ?? ""}`, text);
    return true;
  };
/** What is said on stderr meanwhile. */
function said(t: TestContext): string[] {
  const lines: string[] = [];
  t.mock.method(console, "error", (line: unknown) => lines.push(String(line)));
  return lines;
}

/** A run of 6 steps with a checkpoint every other one. */
const done = (() => {
  let run: Promise<{ readonly outputDir: string; readonly trainer: Trainer<never> }> | undefined;
  return () => {
    run ??= (async () => {
      const outputDir = place();
      const trainer = make(outputDir) as unknown as Trainer<never>;
      await trainer.train();
      return { outputDir, trainer };
    })();
    return run;
  };
})();
/** A copy of that run, of which some checkpoints are left. */
async function copied(steps: readonly number[]): Promise<string> {
  const outputDir = place();
  for (const step of steps) cpSync(join((await done()).outputDir, `checkpoint-${step}`), join(outputDir, `checkpoint-${step}`), { recursive: true });
  return outputDir;
}
const resume = async (outputDir: string, options: TrainOptions = { resumeFromCheckpoint: true }, args: TrainingArgumentsOptions = {}) => {
  const trainer = make(outputDir, args);
  await trainer.train(options);
  return trainer;
};

/** Metrics by evaluation in place of computed ones. */
class Scores extends Trainer {
  readonly scores: number[];
  constructor(scores: readonly number[], outputDir: string, options: TrainingArgumentsOptions) {
    super({
      model: tinyBert(),
      args: quietArguments(outputDir, {
        evalStrategy: "steps",
        evalSteps: 1,
        saveStrategy: "steps",
        saveSteps: 1,
        maxSteps: scores.length,
        metricForBestModel: "score",
        greaterIsBetter: true,
        ...options,
      }),
      trainDataset: tinyDataset(24),
      evalDataset: tinyDataset(4),
      dataCollator: tinyCollate,
    } as never);
    this.scores = [...scores];
  }
  override async evaluate(): Promise<Record<string, number>> {
    const metrics = { eval_loss: 1, eval_score: this.scores.shift()! };
    this.state.logHistory.push({ ...metrics, step: this.state.globalStep });
    this.control.shouldEvaluate = false;
    return metrics;
  }
}

describe("a checkpoint", () => {
  it("is a folder of the model, its arguments, the state of the training and all that goes on with it", async () => {
    const { outputDir, trainer } = await done();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-2", "checkpoint-4", "checkpoint-6"]);
    const directory = join(outputDir, "checkpoint-6");
    assert.deepEqual(readdirSync(directory).sort(), [
      "config.json",
      "manifest.json",
      "model.safetensors",
      "optimizer.json",
      "optimizer.safetensors",
      "position.json",
      "random_states_0.json",
      "state.json",
      "trainer_state.json",
      "training_args.json",
    ]);
    const loaded = await AutoModelForSequenceClassification.fromPretrained(directory);
    assert.deepEqual(
      [...loaded.parameters()].flatMap((p) => [...p.values()]),
      weightsOf(trainer),
    );
    const weights = readFileSync(join(directory, "model.safetensors"));
    const header = JSON.parse(weights.toString("utf8", 8, 8 + Number(weights.readBigUInt64LE(0)))) as { readonly __metadata__: unknown };
    assert.deepEqual(header.__metadata__, { format: "pt" }, "as Python's from_pretrained asks for");
    assert.equal(TrainingArguments.fromJSON(readFileSync(join(directory, "training_args.json"), "utf8")).learningRate, 1e-3);
    const state = await TrainerState.loadFromJson(join(directory, "trainer_state.json"));
    assert.deepEqual([state.globalStep, state.epoch, state.maxSteps, state.logHistory.length], [6, 1, 6, 6]);
    assert.deepEqual(read(join(directory, "position.json")).losses, { sums: [0], total: trainer.lossesLogged.total, last_step: 6 });
  });

  it("holds the tokenizer, which is the processing class or the collator's", async () => {
    const tokenizer = await trainWordPiece(["some words, and some more words"], { vocabSize: 60 });
    const outputDir = place();
    await make(outputDir, { maxSteps: 1, saveSteps: 1 }, { processingClass: tokenizer }).train();
    assert.equal((await AutoTokenizer.fromPretrained(join(outputDir, "checkpoint-1"))).vocabSize, tokenizer.vocabSize);
  });

  it("is the model alone with saveOnlyModel; the training goes on from its weights, and says what begins anew", async (t) => {
    const outputDir = place();
    await make(outputDir, { saveOnlyModel: true, maxSteps: 2 }).train();
    const directory = join(outputDir, "checkpoint-2");
    assert.deepEqual(readdirSync(directory).sort(), [
      "config.json",
      "manifest.json",
      "model.safetensors",
      "position.json",
      "trainer_state.json",
      "training_args.json",
    ]);
    const lines = said(t);
    const trainer = await resume(outputDir, { resumeFromCheckpoint: directory }, { maxSteps: 3 });
    assert.equal(trainer.state.globalStep, 3);
    assert.ok(
      lines.some((line) => /without optimizer and schedule, which begin anew \(it was saved with saveOnlyModel\)/.test(line)),
      lines.join("\n"),
    );
  });

  it("takes the place of one of the same step, and a subclass's saveModel counts", async () => {
    const outputDir = place();
    class Own extends Trainer {
      override async saveModel(directory?: string): Promise<void> {
        await super.saveModel(directory);
        if (directory) writeFileSync(join(directory, "own.txt"), "mine");
      }
    }
    const own = () =>
      new Own({
        model: tinyBert(),
        args: quietArguments(outputDir, { saveStrategy: "steps", saveSteps: 1, maxSteps: 1 }),
        trainDataset: tinyDataset(8),
        dataCollator: tinyCollate,
      } as never);
    await own().train();
    rmSync(join(outputDir, "checkpoint-1", "own.txt"));
    await own().train();
    assert.equal(readFileSync(join(outputDir, "checkpoint-1", "own.txt"), "utf8"), "mine");
    assert.deepEqual(readdirSync(outputDir), ["checkpoint-1"], "nothing is left over");
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-1"));
  });

  it("saveModel and saveState write into outputDir", async () => {
    const outputDir = join(place(), "deep", "out");
    const trainer = make(outputDir, { maxSteps: 1, saveStrategy: "no" });
    await trainer.train();
    await trainer.saveModel();
    await trainer.saveState();
    await trainer.createModelCard({ dataset: "tiny", finetunedFrom: "tiny-bert" });
    await assert.rejects(trainer.createModelCard({ modelname: "x" } as never), { code: "ERR_OPTIONS", message: /no option modelname/ });
    await assert.rejects(trainer.saveModel(5 as never), { code: "ERR_ARGUMENT", message: /saveModel: the folder is 5/ });
    assert.deepEqual(readdirSync(outputDir).sort(), ["README.md", "config.json", "model.safetensors", "trainer_state.json", "training_args.json"]);
    const card = readFileSync(join(outputDir, "README.md"), "utf8");
    assert.match(card, /^---\nlibrary_name: transformers\nbase_model: "tiny-bert"\n/);
    assert.match(card, /- learning_rate: 0.001\n/);
  });
});

describe("old checkpoints", () => {
  const stands = (outputDir: string, steps: readonly (readonly [step: number, seconds: number])[]): void => {
    for (const [step, seconds] of steps) {
      mkdirSync(join(outputDir, `checkpoint-${step}`), { recursive: true });
      utimesSync(join(outputDir, `checkpoint-${step}`), seconds, seconds);
    }
  };
  const order = (outputDir: string, best?: number): string[] =>
    sortCheckpoints(outputDir, { best: best === undefined ? undefined : join(outputDir, `checkpoint-${best}`) }).map((path) => path.split("-").at(-1)!);

  it("are sorted by their times, by their steps where these lie within a second; the best is moved before the last", () => {
    const outputDir = place();
    stands(outputDir, [
      [5, 1000],
      [10, 900],
      [15, 800],
    ]);
    mkdirSync(join(outputDir, "checkpoint-07"));
    mkdirSync(join(outputDir, "checkpoint-x"));
    assert.deepEqual(order(outputDir), ["15", "10", "5"]);
    assert.deepEqual(order(outputDir, 15), ["10", "15", "5"]);
    assert.deepEqual(order(outputDir, 5), ["15", "10", "5"]);
    stands(outputDir, [
      [5, 1000],
      [10, 999.5],
      [15, 999.1],
    ]);
    assert.deepEqual(order(outputDir), ["5", "10", "15"]);
    assert.deepEqual(order(outputDir, 5), ["10", "5", "15"]);
  });

  it("go as new ones come, so that saveTotalLimit are left", async () => {
    const outputDir = place();
    await make(outputDir, { saveSteps: 1, saveTotalLimit: 2 }).train();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-5", "checkpoint-6"]);
  });

  it("that cannot be deleted stay, which is told and ends no training", async (t) => {
    const outputDir = place();
    const lines = said(t);
    // What it would be called while it is deleted is longer than names may be.
    const stuck = `checkpoint-${"9".repeat(230)}`;
    mkdirSync(join(outputDir, stuck));
    utimesSync(join(outputDir, stuck), 1000, 1000);
    await make(outputDir, { saveTotalLimit: 1 }).train();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-6", stuck]);
    assert.ok(
      lines.some((line) => /checkpoint-9+ cannot be deleted and stays: ENAMETOOLONG/.test(line)),
      lines.join("\n"),
    );
  });

  it("may be links to folders on other disks", async () => {
    const elsewhere = await copied([2, 4]);
    const outputDir = place();
    for (const name of checkpointsIn(elsewhere)) symlinkSync(join(elsewhere, name), join(outputDir, name));
    symlinkSync(join(elsewhere, "nowhere"), join(outputDir, "checkpoint-5"));
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-4"));
    await resume(outputDir, { resumeFromCheckpoint: true }, { saveTotalLimit: 1 });
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-5", "checkpoint-6"]);
    assert.deepEqual(checkpointsIn(elsewhere), ["checkpoint-2", "checkpoint-4"]);
  });

  it("go only when the new one is whole on disk", async () => {
    const outputDir = place();
    class Damages extends Trainer {
      override async saveModel(directory?: string): Promise<void> {
        await super.saveModel(directory);
      }
    }
    const trainer = new Damages({
      model: tinyBert(),
      args: quietArguments(outputDir, { saveStrategy: "steps", saveSteps: 1, maxSteps: 3, saveTotalLimit: 1 }),
      trainDataset: tinyDataset(24),
      dataCollator: tinyCollate,
    } as never);
    trainer.accelerator.checkpoints.onPoint = (point) => {
      if (point === "renamed" && trainer.state.globalStep === 3) appendFileSync(join(outputDir, "checkpoint-3", "optimizer.safetensors"), "x");
    };
    await assert.rejects(trainer.train(), fails("ERR_CHECKPOINT_DAMAGED", /checkpoint-3.optimizer.safetensors has \d+ bytes/));
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-2", "checkpoint-3"]);
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-2"));
  });
});

describe("the best model", () => {
  it("survives rotation, is loaded at the end, and with saveTotalLimit 1 stays alone", async () => {
    const outputDir = place();
    const kept: string[][] = [];
    const trainer = new Scores([0.5, 0.9, 0.7, 0.8], outputDir, { saveTotalLimit: 1, loadBestModelAtEnd: true });
    trainer.addCallback(
      new (class extends TrainerCallback {
        override onSave(): void {
          kept.push(checkpointsIn(outputDir));
        }
      })(),
    );
    const { globalStep } = await trainer.train();
    assert.equal(globalStep, 4);
    assert.deepEqual(kept, [["checkpoint-1"], ["checkpoint-2"], ["checkpoint-2", "checkpoint-3"], ["checkpoint-2", "checkpoint-4"]]);
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-2"]);
    const { bestMetric, bestGlobalStep, bestModelCheckpoint } = trainer.state;
    assert.deepEqual([bestMetric, bestGlobalStep, bestModelCheckpoint], [0.9, 2, join(outputDir, "checkpoint-2")]);
    const best = await AutoModelForSequenceClassification.fromPretrained(join(outputDir, "checkpoint-2"));
    assert.deepEqual(
      weightsOf(trainer),
      [...best.parameters()].flatMap((p) => [...p.values()]),
    );
  });

  it("is known by any path, and where somebody has deleted it the others stay", async (t) => {
    const outputDir = place();
    await new Scores([0.9, 0.7], outputDir, { saveTotalLimit: 2 }).train();
    const link = join(place(), "link");
    symlinkSync(outputDir, link);
    // The state names the folder itself.
    await new Scores([0.5], link, { saveTotalLimit: 1, maxSteps: 3 }).train({ resumeFromCheckpoint: true });
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-1"]);

    const lines = said(t);
    const other = place();
    const trainer = new Scores([0.9, 0.7], other, { saveTotalLimit: 1, loadBestModelAtEnd: true });
    trainer.addCallback({
      onSave: (_args, { globalStep }) => {
        if (globalStep === 2) rmSync(join(other, "checkpoint-1"), { recursive: true });
      },
    });
    await trainer.train();
    assert.deepEqual(checkpointsIn(other), ["checkpoint-2"]);
    assert.ok(
      lines.some((line) => /best model is not in .*checkpoint-1 any more/.test(line)),
      lines.join("\n"),
    );
  });

  it("is all that saveStrategy best saves", async () => {
    const outputDir = place();
    await new Scores([0.5, 0.4, 0.7, 0.7], outputDir, { saveStrategy: "best" }).train();
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-1", "checkpoint-3"]);
    const { best_metric, best_global_step, best_model_checkpoint } = read(join(outputDir, "checkpoint-3", "trainer_state.json"));
    assert.deepEqual([best_metric, best_global_step, best_model_checkpoint], [0.7, 3, join(outputDir, "checkpoint-3")]);
  });

  it("can have the least metric, and names one that there is", async () => {
    const outputDir = place();
    const trainer = new Scores([0.5, 0.4, 0.7], outputDir, { greaterIsBetter: false, metricForBestModel: "eval_score" });
    await trainer.train();
    assert.equal(trainer.state.bestGlobalStep, 2);
    await assert.rejects(new Scores([1], place(), { metricForBestModel: "f1" }).train(), /metricForBestModel is "f1", and the evaluation gave no eval_f1/);
    await assert.rejects(new Scores(["0.5" as never], place(), {}).train(), {
      code: "ERR_METRIC_NAME",
      message: /metricForBestModel is "score", but the evaluation gave "0.5" for eval_score/,
    });
  });

  it("is found where the folder of the run was moved to, and is forgotten where it is gone", async (t) => {
    const outputDir = place();
    await new Scores([0.5, 0.9, 0.7], outputDir, {}).train();
    const moved = place();
    cpSync(outputDir, moved, { recursive: true });
    rmSync(outputDir, { recursive: true });
    const lines = said(t);
    const goes = async () => {
      const trainer = new Scores([0.6], moved, { maxSteps: 4 });
      await trainer.train({ resumeFromCheckpoint: join(moved, "checkpoint-3") });
      return trainer.state.bestModelCheckpoint;
    };
    assert.equal(await goes(), join(moved, "checkpoint-2"));
    rmSync(join(moved, "checkpoint-2"), { recursive: true });
    assert.equal(await goes(), undefined);
    assert.ok(
      lines.some((line) => /best checkpoint .*checkpoint-2 of the resumed state is not there any more/.test(line)),
      lines.join("\n"),
    );
  });
});

describe("a training that goes on", () => {
  it("from any of its checkpoints ends with the same weights and the same log, bit for bit", async () => {
    const { trainer: whole } = await done();
    const losses = ({ state }: Trainer<never> | Trainer) => state.logHistory.filter((row) => "loss" in row);
    for (const step of [2, 4]) {
      const trainer = await resume(await copied([step]));
      assert.deepEqual(weightsOf(trainer), weightsOf(whole), `from ${step}`);
      assert.deepEqual(losses(trainer), losses(whole), `from ${step}`);
    }
    const over = await resume(await copied([6]));
    assert.deepEqual([over.state.globalStep, weightsOf(over)], [6, weightsOf(whole)], "nothing is left to do");
  });

  it("takes the newest that is whole, and tells of those that are not", async (t) => {
    const { trainer: whole } = await done();
    const outputDir = await copied([2, 4, 6]);
    truncateSync(join(outputDir, "checkpoint-6", "model.safetensors"), 1000);
    rmSync(join(outputDir, "checkpoint-4", "manifest.json"));
    mkdirSync(join(outputDir, "checkpoint-8.tmp-00000000-1-1-00000000"));
    const lines = said(t);
    assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-2"));
    const trainer = await resume(outputDir);
    assert.deepEqual(weightsOf(trainer), weightsOf(whole));
    assert.match(lines[0]!, /checkpoint-6 was passed over: .*model.safetensors has 1000 bytes/);
    assert.match(lines[1]!, /checkpoint-4 was passed over: .*has no manifest.json/);
    assert.match(lines[2]!, /continuing training from .*checkpoint-2: epoch 0, global step 2/);
  });

  it("says what is wrong where there is none, or none that is whole, or not the one that was named", async (t) => {
    const lines = said(t);
    const empty = place();
    await assert.rejects(resume(empty), fails("ERR_CHECKPOINT_NOT_FOUND", /there is no checkpoint in/, /leave resumeFromCheckpoint out/));
    await assert.rejects(resume(join(empty, "none")), fails("ERR_CHECKPOINT_NOT_FOUND"));
    const outputDir = await copied([2, 4]);
    await assert.rejects(
      resume(outputDir, { resumeFromCheckpoint: join(outputDir, "checkpoint-3") }),
      fails("ERR_CHECKPOINT_NOT_FOUND", /there is no .*checkpoint-3/, /there are checkpoint-2, checkpoint-4 beside it/),
    );
    for (const step of [2, 4]) writeFileSync(join(outputDir, `checkpoint-${step}`, "optimizer.json"), "{}");
    await assert.rejects(
      resume(outputDir, { resumeFromCheckpoint: join(outputDir, "checkpoint-4") }),
      fails("ERR_CHECKPOINT_DAMAGED", /optimizer.json has 2 bytes/),
    );
    await assert.rejects(resume(outputDir), fails("ERR_CHECKPOINT_DAMAGED", /none of the 2 checkpoints in .* can be loaded/));
    assert.equal(lines.filter((line) => line.includes("passed over")).length, 2);
    mkdirSync(join(empty, "other"));
    await assert.rejects(resume(empty, { resumeFromCheckpoint: join(empty, "other") }), fails("ERR_CHECKPOINT_DAMAGED", /has no trainer_state.json/));
  });

  it("goes on in the next epoch where a callback has broken off the one that was saved", async () => {
    class Breaks extends TrainerCallback {
      override onStepEnd(_args: unknown, state: { readonly globalStep: number }, control: { shouldEpochStop: boolean }): void {
        if (state.globalStep === 2) control.shouldEpochStop = true;
      }
    }
    const outputDir = place();
    const whole = make(outputDir, {}, { callbacks: [new Breaks()] });
    await whole.train();
    const second = make(place(), {}, { callbacks: [new Breaks()] });
    await second.train({ resumeFromCheckpoint: join(outputDir, "checkpoint-2") });
    assert.deepEqual(weightsOf(second), weightsOf(whole));
    assert.equal(second.state.epoch, whole.state.epoch);
  });

  it("with other batches takes the rows that are left, tells of other rows and seeds, and refuses what names no checkpoint", async (t) => {
    const lines = said(t);
    t.mock.method(console, "warn", () => {});
    const outputDir = await copied([4]);
    // 16 of 24 rows are done: 8 are left, in batches of 3.
    const trainer = await resume(outputDir, { resumeFromCheckpoint: true }, { perDeviceTrainBatchSize: 3, maxSteps: -1, numTrainEpochs: 1, seed: 7 });
    assert.deepEqual([trainer.state.globalStep, trainer.state.maxSteps, trainer.state.epoch], [7, 7, 1]);
    assert.ok(
      lines.some((line) => /shuffled with the seed 42 before and with 7 now/.test(line)),
      lines.join("\n"),
    );
    const fewer = make(outputDir, {}, { trainDataset: tinyDataset(20) });
    await fewer.train({ resumeFromCheckpoint: join(outputDir, "checkpoint-4") });
    assert.ok(
      lines.some((line) => /had 24 rows when the checkpoint was made and have 20 now/.test(line)),
      lines.join("\n"),
    );
    for (const wrong of ["", 3 as never]) await assert.rejects(resume(outputDir, { resumeFromCheckpoint: wrong }), /resumeFromCheckpoint is (""|3)/);
  });

  it("tells which arguments differ from the checkpoint's", async (t) => {
    const lines = said(t);
    await resume(await copied([4]), { resumeFromCheckpoint: true }, { perDeviceTrainBatchSize: 8, loggingSteps: 5, saveSteps: 3 });
    const text = lines.find((line) => line.includes("do not match"));
    assert.match(text!, /\n\tloggingSteps: 5 \(from args\) != 1 .*\n\tsaveSteps: 3 \(from args\) != 2 .*\n\tperDeviceTrainBatchSize: 8 \(from args\) != 4/);
  });

  it("from its end makes no step, and tells nothing that is not so", async () => {
    const outputDir = place();
    // Two losses wait for a log that never comes.
    const whole = make(outputDir, { maxSteps: 5, saveSteps: 5, loggingSteps: 3, lrSchedulerType: "constant" });
    await whole.train();
    const trainer = make(outputDir, { maxSteps: 5, saveSteps: 5, loggingSteps: 3, lrSchedulerType: "constant" });
    const { globalStep, trainingLoss } = await trainer.train({ resumeFromCheckpoint: true });
    assert.deepEqual([globalStep, trainingLoss, trainer.state.maxSteps], [5, 0, 5]);
    assert.deepEqual(checkpointsIn(outputDir), ["checkpoint-5"]);
    assert.deepEqual(weightsOf(trainer), weightsOf(whole));
    assert.deepEqual(await resume(outputDir, { resumeFromCheckpoint: true }, { maxSteps: 3 }).then(({ state }) => [state.globalStep, state.maxSteps]), [5, 5]);
  });
  it("begins the epoch anew with ignoreDataSkip", async (t) => {
    const lines = said(t);
    const trainer = await resume(await copied([4]), { resumeFromCheckpoint: true }, { ignoreDataSkip: true, maxSteps: 10 });
    assert.equal(trainer.state.globalStep, 10);
    assert.ok(
      lines.some((line) => line.includes("ignoreDataSkip")),
      lines.join("\n"),
    );
  });

  it("of another model, or with another optimizer, says so", async () => {
    const outputDir = await copied([4]);
    const other = make(outputDir, {}, { model: tinyBert({ labels: 5 }) });
    await assert.rejects(other.train({ resumeFromCheckpoint: true }), /classifier.(weight|bias) is \[2/);
    await assert.rejects(
      resume(outputDir, { resumeFromCheckpoint: true }, { optim: "sgd" }),
      fails("ERR_CHECKPOINT_MISMATCH", /optimizer 0 \(SGD\): it is AdamW there/),
    );
  });
});

describe("SIGTERM", () => {
  it("behind the last step is told, since the program goes on", async (t) => {
    const lines = said(t);
    const before = process.listenerCount("SIGTERM");
    const onTrainEnd = () => {
      assert.equal(process.listenerCount("SIGTERM"), before + 1);
      (process.listeners("SIGTERM").at(-1) as () => void)();
    };
    const { globalStep } = await make(place(), { maxSteps: 1, saveStrategy: "no" }, { callbacks: [{ onTrainEnd }] }).train();
    assert.equal(globalStep, 1);
    assert.equal(process.listenerCount("SIGTERM"), before);
    assert.ok(
      lines.some((line) => /SIGTERM came when the last step was made: the training is over, and the program goes on/.test(line)),
      lines.join("\n"),
    );
    // Without it the signal ends the program, as always.
    await make(
      place(),
      { maxSteps: 1, saveStrategy: "no", enableJitCheckpoint: false },
      { callbacks: [{ onTrainEnd: () => assert.equal(process.listenerCount("SIGTERM"), before) }] },
    ).train();
  });
});

describe("a folder that takes no checkpoint", () => {
  it("that is a file is an error that says so", async () => {
    const file = join(place(), "file");
    writeFileSync(file, "");
    await assert.rejects(make(file).train(), fails("ERR_CHECKPOINT_WRITE", /outputDir .*file is a file/, /give the path of a folder/));
    await assert.rejects(make(file, { saveStrategy: "no", maxSteps: 1 }).saveModel(), /file.*cannot be written/);
    await assert.rejects(make(join(file, "deep")).train(), fails("ERR_CHECKPOINT_WRITE", /ENOTDIR/, /a part of the path is a file/));
  });

  it("that is full leaves what was there before", { skip: tmpfsMissing() }, async () => {
    await inTmpfs(1, async (outputDir) => {
      await make(outputDir, { maxSteps: 2 }).train();
      // Room for a part of the weights, and for those but not for the rest.
      for (const kilobytes of [8, 48]) {
        writeFileSync(join(outputDir, "filler"), "");
        const { bavail, bsize } = statfsSync(outputDir);
        writeFileSync(join(outputDir, "filler"), Buffer.alloc(Number(bavail) * Number(bsize) - (kilobytes << 10)));
        await assert.rejects(resume(outputDir), fails("ERR_CHECKPOINT_DISK_FULL", /checkpoint-4.* cannot be written: no space is left/, /saveTotalLimit/));
        assert.deepEqual(readdirSync(outputDir).sort(), ["checkpoint-2", "filler"]);
        assert.equal(await getLastCheckpoint(outputDir), join(outputDir, "checkpoint-2"));
      }
    });
  });
});
