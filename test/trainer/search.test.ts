// hyperparameterSearch: which values are tried, what a trial trains with, and which are told as the best.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import {
  defaultComputeObjective,
  defaultHpSpace,
  type FinishedTrial,
  type HyperparameterSearchOptions,
  MedianPruner,
  PrinterCallback,
  Trainer,
  TrainerCallback,
  type TrainerControl,
  type TrainerState,
  type Trial,
  type TrialParams,
  type TrainingArguments,
  type TrainingArgumentsOptions,
} from "accelerate-ts/trainer";
import { gridBackend, randomBackend } from "../../src/trainer/search/backends.js";
import { bestOf } from "../../src/trainer/search/objective.js";
import { fixedTrial, Trial as TrialClass } from "../../src/trainer/search/trial.js";
import { launch } from "../support/launch.js";
import type { SearchResult } from "./programs/search.js";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

const randomTrial = (seed: number, number = 0): Trial => {
  const { suggest } = randomBackend(seed);
  return new TrialClass({ number, draw: (name, distribution) => suggest!(name, distribution, number) });
};
const space = { code: "ERR_SEARCH_SPACE" };

describe("what a trial suggests", () => {
  it("lies within its bounds and on its steps, the same for the same seed, trial and name", () => {
    const bounds = fc.record({
      low: fc.double({ min: 1e-6, max: 1, noNaN: true }),
      width: fc.double({ min: 0, max: 5, noNaN: true }),
      first: fc.integer({ min: 1, max: 50 }),
      count: fc.nat(50),
      step: fc.integer({ min: 1, max: 7 }),
      seed: fc.nat(),
      number: fc.nat(100),
    });
    fc.assert(
      fc.property(bounds, ({ low, width, first, count, step, seed, number }) => {
        const draw = (trial: Trial) => {
          for (const log of [false, true]) {
            const float = trial.suggestFloat(`float ${log}`, low, low + width, { log });
            assert.ok(low <= float && float <= low + width);
            const int = trial.suggestInt(`int ${log}`, first, first + count, { log });
            assert.ok(Number.isInteger(int) && first <= int && int <= first + count);
          }
          const stepped = trial.suggestInt("stepped", first, first + count, { step });
          assert.equal((stepped - first) % step, 0);
          assert.ok(stepped <= first + count);
          const tenths = trial.suggestFloat("tenths", 0.1, 0.1 + count / 10, { step: 0.1 });
          assert.equal(tenths, Math.round(tenths * 10) / 10);
          assert.ok(tenths <= 0.1 + count / 10 + 1e-9);
          assert.ok(["a", true, 3, null].includes(trial.suggestCategorical("one of", ["a", true, 3, null])));
          return trial.params;
        };
        assert.deepEqual(draw(randomTrial(seed, number)), draw(randomTrial(seed, number)));
        const alone = randomTrial(seed, number);
        assert.equal(alone.suggestInt("stepped", first, first + count, { step }), draw(randomTrial(seed, number)).stepped);
      }),
      // A bound that was added up lies below the step that it is.
      { examples: [[{ low: 1e-6, width: 0, first: 1, count: 48, step: 1, seed: 813580981, number: 95 }]] },
    );
  });
  it("may begin and end at bounds whose last bits no step has", () => {
    for (let number = 0; number < 50; number++) {
      const value = randomTrial(7, number).suggestFloat("hundredths", 1 / 3, 1 / 3 + 0.03, { step: 0.01 });
      assert.ok(value > 0.3333 && value < 0.3634, String(value));
    }
  });
  it("is spread evenly: by value, or by size", () => {
    const trials = Array.from({ length: 2000 }, (_, number) => randomTrial(7, number));
    const share = (values: readonly unknown[], wanted: unknown) => values.filter((value) => value === wanted).length / values.length;
    const near = (value: number, wanted: number) => assert.ok(Math.abs(value - wanted) < 0.04, `${value}, not ${wanted}`);
    const ints = trials.map((trial) => trial.suggestInt("int", 1, 4));
    for (const wanted of [1, 2, 3, 4]) near(share(ints, wanted), 0.25);
    near(
      share(
        trials.map((trial) => trial.suggestFloat("log", 1e-6, 1e-2, { log: true }) < 1e-4),
        true,
      ),
      0.5,
    );
    near(
      share(
        trials.map((trial) => trial.suggestFloat("flat", 0, 10) < 3),
        true,
      ),
      0.3,
    );
    near(
      share(
        trials.map((trial) => trial.suggestCategorical("of", ["x", "y"])),
        "x",
      ),
      0.5,
    );
    // 0.5 to 1.5 by size, of 0.5 to 10.5
    near(
      share(
        trials.map((trial) => trial.suggestInt("sizes", 1, 10, { log: true })),
        1,
      ),
      Math.log(3) / Math.log(21),
    );
  });
  it("is the same when it is asked for again, and refused from other values", () => {
    const trial = randomTrial(1);
    const value = trial.suggestFloat("rate", 0, 1);
    assert.equal(trial.suggestFloat("rate", 0, 1), value);
    assert.throws(() => trial.suggestFloat("rate", 0, 2), { ...space, message: /rate is suggested twice/ });
  });
  it("is refused for bounds that are none", () => {
    const wrong: readonly ((trial: Trial) => unknown)[] = [
      (trial) => trial.suggestFloat("x", 2, 1),
      (trial) => trial.suggestFloat("x", 0, 1, { log: true }),
      (trial) => trial.suggestFloat("x", 0, 1, { step: 0 }),
      (trial) => trial.suggestFloat("x", 1, 2, { step: 0.5, log: true }),
      (trial) => trial.suggestFloat("x", 0, Number.POSITIVE_INFINITY),
      (trial) => trial.suggestFloat("", 0, 1),
      (trial) => trial.suggestInt("x", 0.5, 3),
      (trial) => trial.suggestInt("x", 1, 3, { step: 0.5 }),
      (trial) => trial.suggestInt("x", 1, 9, { step: 2, log: true }),
      (trial) => trial.suggestCategorical("x", []),
      (trial) => trial.suggestCategorical("x", [Number.NaN]),
    ];
    for (const suggest of wrong) assert.throws(() => suggest(randomTrial(0)), space);
    assert.throws(() => fixedTrial(3, { x: 5 }, "").suggestInt("x", 1, 4), { ...space, message: /x is to be 5/ });
  });
  it("is transformers' space for optuna where nothing is said", () => {
    const { learningRate, numTrainEpochs, seed, perDeviceTrainBatchSize } = defaultHpSpace(randomTrial(0));
    assert.ok(learningRate >= 1e-6 && learningRate <= 1e-4 && numTrainEpochs >= 1 && numTrainEpochs <= 5 && seed >= 1 && seed <= 40);
    assert.ok([4, 8, 16, 32, 64].includes(perDeviceTrainBatchSize));
  });
});

describe("a grid", () => {
  it("holds all combinations of lists and of ranges with steps", async () => {
    const grid = gridBackend({ a: [1, 2], b: ["x", "y"], c: { low: 0.1, high: 0.3, step: 0.1 } });
    assert.equal(grid.size, 12);
    const all = await Promise.all(Array.from({ length: 13 }, (_, number) => grid.ask!(number, [])));
    assert.deepEqual(all.slice(0, 4), [
      { a: 1, b: "x", c: 0.1 },
      { a: 1, b: "x", c: 0.2 },
      { a: 1, b: "x", c: 0.3 },
      { a: 1, b: "y", c: 0.1 },
    ]);
    assert.equal(new Set(all.slice(0, 12).map((values) => JSON.stringify(values))).size, 12);
    assert.equal(all[12], undefined);
  });
  it("is refused without values", () => {
    for (const lists of [{}, { a: [] }, { a: { low: 0, high: 1 } }, { a: { low: 0, high: 1, step: -1 } }, { a: 3 as never }, [] as never])
      assert.throws(() => gridBackend(lists), space);
  });
});

const finished = (number: number, values: readonly number[], more: Partial<FinishedTrial> = {}): FinishedTrial => ({
  number,
  outcome: "complete",
  values,
  params: {},
  intermediateValues: {},
  ...more,
});

describe("the best trials", () => {
  it("are the first of the best, or all that no other one is better than in everything", () => {
    const one = [finished(0, [3]), finished(1, [1]), finished(2, [1]), finished(3, [-9], { outcome: "pruned" })];
    assert.deepEqual(bestOf(one, ["minimize"]), [one[1]]);
    assert.deepEqual(bestOf(one, ["maximize"]), [one[0]]);
    const two = [finished(0, [1, 1]), finished(1, [2, 2]), finished(2, [1.5, 1]), finished(3, [0, Number.NEGATIVE_INFINITY])];
    assert.deepEqual(bestOf(two, ["minimize", "maximize"]), [two[0], two[1], two[3]]);
    assert.deepEqual(bestOf([finished(0, [Number.NaN], { outcome: "failed" })], ["minimize"]), []);
  });
  it("are those of the scores where there are any, else of the loss", () => {
    assert.equal(defaultComputeObjective({ eval_loss: 0.5, eval_runtime: 3, eval_steps_per_second: 2, epoch: 1 }), 0.5);
    assert.equal(defaultComputeObjective({ eval_loss: 0.5, eval_f1: 0.75, eval_accuracy: 0.25, eval_samples_per_second: 9, epoch: 1 }), 1);
  });
});

describe("MedianPruner", () => {
  const others = [1, 2, 3, 4].map((value, number) => finished(number, [value], { intermediateValues: { 10: value, 20: value / 2 } }));
  const prunes = (reports: Readonly<Record<number, number>>, direction: "minimize" | "maximize", options = {}, trials = others): boolean => {
    const trial = randomTrial(0, 9);
    for (const [step, value] of Object.entries(reports)) trial.report(value, Number(step));
    return new MedianPruner({ nStartupTrials: 4, ...options }).shouldPrune(trial, trials, direction);
  };
  it("compares the best so far with the median of the others at the step", () => {
    assert.equal(prunes({ 10: 2.6 }, "minimize"), true);
    assert.equal(prunes({ 10: 2.5 }, "minimize"), false);
    assert.equal(prunes({ 10: 2.4 }, "maximize"), true);
    assert.equal(prunes({ 10: 2.5 }, "maximize"), false);
    assert.equal(prunes({ 10: 1, 20: 9 }, "minimize"), false, "it was good once");
    assert.equal(prunes({ 15: 9 }, "minimize"), false, "the others were not evaluated there");
    assert.equal(prunes({ 10: Number.NaN }, "minimize"), true);
    assert.equal(prunes({}, "minimize"), false);
  });
  it("waits for trials, for steps, and from one look to the next", () => {
    assert.equal(prunes({ 10: 9 }, "minimize", { nStartupTrials: 5 }), false);
    assert.equal(prunes({ 10: 9 }, "minimize", { nWarmupSteps: 11 }), false);
    assert.equal(prunes({ 10: 9, 20: 9 }, "minimize", { nWarmupSteps: 11 }), true);
    assert.equal(prunes({ 10: 9, 20: 9 }, "minimize", { intervalSteps: 30 }), false);
    assert.equal(prunes({ 10: 9 }, "minimize", { nMinTrials: 5 }), false);
    assert.equal(prunes({ 10: 9 }, "minimize", { nStartupTrials: 0 }, []), false);
    assert.throws(() => new MedianPruner({ intervalSteps: 0 }), { code: "ERR_SEARCH_OPTIONS" });
  });
});

class Silent extends PrinterCallback {
  override onLog(): void {}
}
interface Made {
  readonly args?: TrainingArgumentsOptions;
  readonly modelInit?: (trial: Trial | undefined) => ReturnType<typeof tinyBert>;
}
function make({ args = {}, modelInit = () => tinyBert() }: Made = {}): Trainer {
  return new Trainer({
    modelInit,
    args: quietArguments(temporaryFolder("search"), { maxSteps: 2, loggingSteps: 1, logLevel: "error", ...args }),
    trainDataset: tinyDataset(16),
    evalDataset: tinyDataset(8, 3),
    dataCollator: tinyCollate,
    callbacks: [Silent],
  }) as Trainer;
}
const lossesOf = ({ state }: Trainer): number[] => state.logHistory.flatMap((row) => row.loss ?? []);

describe("a search", () => {
  it("trains each trial anew in a folder of its own, and its best arguments make the same run again", async () => {
    const seen: (TrialParams | undefined)[] = [];
    const trainer = make({
      args: { saveStrategy: "steps", saveSteps: 2 },
      modelInit: (trial) => {
        seen.push(trial?.params);
        return tinyBert({ dropout: (trial?.params.dropout as number | undefined) ?? 0 });
      },
    });
    const own = trainer.args;
    const losses: number[][] = [];
    class Losses extends TrainerCallback {
      override onTrainEnd(_args: TrainingArguments, { logHistory }: TrainerState): void {
        losses.push(logHistory.flatMap((row) => row.loss ?? []));
      }
    }
    trainer.addCallback(Losses);
    const best = await trainer.hyperparameterSearch({
      hpSpace: { learning_rate: [1e-4, 0.05], gradientAccumulationSteps: [1], dropout: [0, 0.5] },
      backend: "grid",
    });
    assert.equal(seen.length, 5);
    assert.deepEqual(seen[0], undefined);
    assert.deepEqual(seen[2], { learning_rate: 1e-4, gradientAccumulationSteps: 1, dropout: 0.5 });
    const evals = best.runSummary.map(({ values }) => values[0]!);
    assert.equal(best.objective, Math.min(...evals));
    assert.equal(best.runId, String(evals.indexOf(best.objective)));
    assert.deepEqual(best.hyperparameters, seen[Number(best.runId) + 1]);
    assert.ok(
      losses.slice(1).some((row) => row[1] !== losses[0]![1]),
      "the trials differ",
    );

    const state = JSON.parse(readFileSync(join(own.outputDir, "run-3", "checkpoint-2", "trainer_state.json"), "utf8"));
    assert.deepEqual([state.is_hyper_param_search, state.trial_name, state.trial_params], [true, null, seen[4]]);
    assert.deepEqual(
      readdirSync(own.outputDir).sort(),
      Array.from({ length: 4 }, (_, i) => `run-${i}`),
    );
    assert.equal(trainer.args, own);
    assert.throws(() => trainer.model, { code: "ERR_TRAINER_MODEL", message: /train\(\) makes one anew/ });

    const again = make({ modelInit: () => tinyBert({ dropout: best.hyperparameters.dropout as number }) });
    again.args = best.args;
    await again.train();
    assert.equal(best.args.outputDir, own.outputDir);
    assert.deepEqual(lossesOf(again), losses[Number(best.runId)]);
    await trainer.train();
    assert.ok(existsSync(join(own.outputDir, "checkpoint-2")), "the Trainer trains as before");
  });

  it("draws arguments by either spelling, names its trials, and goes by a trial's last evaluation", async () => {
    const trainer = make({ args: { evalStrategy: "steps", evalSteps: 1, saveStrategy: "steps", saveSteps: 2, reportTo: "jsonl" } });
    const objectives: number[] = [];
    const ran: [seed: number, rows: number, windows: number][] = [];
    class Ran extends TrainerCallback {
      override onTrainBegin(args: TrainingArguments): void {
        ran.push([args.seed, trainer.trainBatchSize, trainer.accelerator.gradientAccumulationSteps]);
      }
    }
    trainer.addCallback(Ran);
    const options: HyperparameterSearchOptions<"maximize"> = {
      hpSpace: (trial) => ({
        seed: trial.suggestInt("seed", 1, 40),
        per_device_train_batch_size: trial.suggestCategorical("batch", [2, 3]),
        gradientAccumulationSteps: trial.suggestCategorical("windows", [1, 2]),
      }),
      computeObjective: ({ eval_loss }) => {
        objectives.push(eval_loss!);
        return eval_loss!;
      },
      hpName: (trial) => `seed ${trial.params.seed}`,
      nTrials: 3,
      direction: "maximize",
      seed: 5,
    };
    const best = await trainer.hyperparameterSearch(options);
    assert.equal(objectives.length, 6);
    assert.deepEqual(
      best.runSummary.map(({ values, intermediateValues }) => [...values, intermediateValues]),
      [0, 2, 4].map((at) => [objectives[at + 1], { 1: objectives[at], 2: objectives[at + 1] }]),
    );
    assert.deepEqual(
      ran,
      best.runSummary.map(({ params }) => [params.seed, params.batch, params.windows]),
    );
    assert.deepEqual([trainer.trainBatchSize, trainer.accelerator.gradientAccumulationSteps], [4, 1]);
    assert.equal(best.objective, Math.max(objectives[1]!, objectives[3]!, objectives[5]!));
    const name = `seed ${best.hyperparameters.seed}`;
    const state = JSON.parse(readFileSync(join(trainer.args.outputDir, name, "checkpoint-2", "trainer_state.json"), "utf8"));
    assert.equal(state.trial_name, name);
    const runs = join(trainer.args.outputDir, "runs");
    assert.equal(readdirSync(runs).length, 3, "each trial is a run for trackers");
    assert.match(readFileSync(join(runs, name, "metrics.jsonl"), "utf8"), /eval\/loss/);
  });

  it("ends trials that the pruner ends, leaves them out of the best, and lets go of each model before the next one is made", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const models: WeakRef<object>[] = [];
    const alive: number[] = [];
    const modelInit = () => {
      collect();
      alive.push(models.filter((model) => model.deref()).length);
      const model = tinyBert();
      models.push(new WeakRef(model));
      return model;
    };
    const trainer = make({ modelInit, args: { evalStrategy: "steps", evalSteps: 1, maxSteps: 3 } });
    const scores = [
      [3, 2, 1],
      [5, 9, 0],
      [2, 2, 0.5],
    ];
    let [trial, evaluation] = [-1, 0];
    const ends: number[] = [];
    class Counts extends TrainerCallback {
      override onTrainBegin(): void {
        [trial, evaluation] = [trial + 1, 0];
      }
      override onTrainEnd(_args: TrainingArguments, { globalStep }: TrainerState): void {
        ends.push(globalStep);
      }
    }
    trainer.addCallback(Counts);
    const best = await trainer.hyperparameterSearch({
      hpSpace: { learningRate: [1e-3] },
      computeObjective: () => scores[trial]![evaluation++]!,
      nTrials: 3,
      pruner: new MedianPruner({ nStartupTrials: 1 }),
    });
    assert.deepEqual(ends, [3, 1, 3]);
    assert.deepEqual(
      best.runSummary.map(({ outcome, values }) => [outcome, ...values]),
      [
        ["complete", 1],
        ["pruned", 5],
        ["complete", 0.5],
      ],
    );
    assert.equal(best.runId, "2");
    // That of the constructor, and then at most the one before.
    assert.equal(alive.length, 4);
    assert.ok(Math.max(...alive) <= 1, alive.join());
  });

  it("gives all runs that no other one beats where there are several directions", async () => {
    const scores = [
      [1, 1],
      [2, 3],
      [Number.NaN, 9],
    ];
    let trial = 0;
    const best = await make().hyperparameterSearch({
      hpSpace: { seed: [1, 2, 3] },
      backend: "grid",
      computeObjective: () => scores[trial++]!,
      direction: ["minimize", "maximize"],
    });
    assert.deepEqual(
      best.map(({ runId, objective }) => [runId, objective]),
      [
        ["0", [1, 1]],
        ["1", [2, 3]],
      ],
    );
    assert.deepEqual(
      best[0]!.runSummary.map(({ outcome }) => outcome),
      ["complete", "complete", "failed"],
    );
  });

  it("asks a backend of one's own, tells it what came of it, and ends when it has no more", async () => {
    const told: [number, number][] = [];
    const best = await make().hyperparameterSearch({
      backend: {
        ask: async (number, finished) => {
          assert.equal(finished.length, number);
          return number < 2 ? { learningRate: number === 0 ? 1e-3 : told[0]![1] / 100 } : undefined;
        },
        tell: ({ number, values: [loss] }) => void told.push([number, loss!]),
      },
    });
    assert.deepEqual(
      best.runSummary.map(({ number, values: [loss] }) => [number, loss]),
      told,
    );
    assert.equal(best.runSummary[1]!.params.learningRate, told[0]![1] / 100);
    const asked = await make().hyperparameterSearch({
      backend: (number) => ({ learningRate: 1e-3 * (number + 1) }),
      hpSpace: (trial) => ({ learningRate: trial.suggestFloat("learningRate", 0, 1), weightDecay: 0.1 }),
      nTrials: 1,
    });
    assert.deepEqual([asked.hyperparameters, asked.args.weightDecay], [{ learningRate: 1e-3 }, 0.1]);
  });

  it("ends by its signal after the step that runs, and the Trainer has its own arguments again", async () => {
    const stop = new AbortController();
    const trainer = make({ args: { maxSteps: 5 } });
    const own = trainer.args;
    class Stops extends TrainerCallback {
      override onStepEnd(_args: TrainingArguments, { globalStep }: TrainerState, _control: TrainerControl): void {
        if (globalStep === 2) stop.abort(new Error("enough"));
      }
    }
    trainer.addCallback(Stops);
    await assert.rejects(trainer.hyperparameterSearch({ hpSpace: { learningRate: [0.5] }, signal: stop.signal }), { message: "enough" });
    assert.deepEqual([trainer.state.globalStep, trainer.args], [2, own]);
    await assert.rejects(trainer.hyperparameterSearch({ signal: AbortSignal.abort() }), { name: "AbortError" });
    assert.equal((await trainer.train()).globalStep, 5);
  });
});

describe("a search is refused", () => {
  const refused = (options: object, code: string, message: RegExp) => assert.rejects(make().hyperparameterSearch(options), { code, message });
  it("without modelInit or evaluations, before a trial begins", async () => {
    const options = { args: quietArguments(temporaryFolder("search")), trainDataset: tinyDataset(8), dataCollator: tinyCollate };
    await assert.rejects(new Trainer({ ...options, model: tinyBert() }).hyperparameterSearch(), { code: "ERR_SEARCH_OPTIONS", message: /modelInit/ });
    await assert.rejects(new Trainer({ ...options, modelInit: () => tinyBert() }).hyperparameterSearch(), {
      code: "ERR_SEARCH_OPTIONS",
      message: /evalDataset/,
    });
  });
  it("with the backends of Python, by name and reason, and with what is none", async () => {
    for (const [backend, reason] of Object.entries({ optuna: "Python library", ray: "Python library", wandb: "Python agent", sigopt: "has ended" }))
      await refused({ backend }, "ERR_SEARCH_BACKEND", new RegExp(`"${backend}" is not supported: .*${reason}.*ask and tell`));
    await refused({ backend: "rnadom" }, "ERR_SEARCH_BACKEND", /did you mean random/);
    await refused({ backend: "grid" }, "ERR_SEARCH_BACKEND", /needs lists/);
    await refused({ backend: {} }, "ERR_SEARCH_BACKEND", /neither ask nor suggest/);
    await refused({ backend: () => 3 }, "ERR_SEARCH_BACKEND", /ask gave 3/);
    await refused({ backend: () => ({}), hpSpace: { seed: [1] } }, "ERR_SEARCH_BACKEND", /has given no seed for trial 0/);
  });
  it("with options that are none", async () => {
    await refused({ n_trials: 3 }, "ERR_OPTIONS", /write nTrials/);
    await refused({ nTrials: 0 }, "ERR_SEARCH_OPTIONS", /nTrials is 0/);
    await refused({ direction: "up" }, "ERR_SEARCH_OPTIONS", /direction is "up"/);
    await refused({ direction: [] }, "ERR_SEARCH_OPTIONS", /direction is/);
    await refused({ pruner: "hyperband" }, "ERR_SEARCH_OPTIONS", /"median"/);
    await refused({ pruner: "median", direction: ["minimize", "maximize"] }, "ERR_SEARCH_OPTIONS", /several directions/);
    await refused({ hpName: "run" }, "ERR_SEARCH_OPTIONS", /hpName/);
    await refused({ signal: {} }, "ERR_SEARCH_OPTIONS", /AbortSignal/);
    await refused({ hpName: () => "../elsewhere" }, "ERR_SEARCH_OPTIONS", /name of a folder/);
  });
  it("never for names that are no arguments, which are told of once", async (t) => {
    const lines: string[] = [];
    t.mock.method(console, "error", (line: string) => lines.push(line));
    await make({ args: { logLevel: "warning" } }).hyperparameterSearch({
      hpSpace: (trial) => ({ learningrate: trial.suggestCategorical("learningrate", [1]), lr: 1 }),
      nTrials: 2,
    });
    const told = lines.filter((line) => line.includes("no training argument"));
    assert.equal(told.length, 2);
    assert.match(told[0]!, /learningrate.*did you mean learningRate\?.*trial\.params\.learningrate/);
    assert.match(told[1]!, /gives lr, .*nobody reads it/);
  });
  it("with values that no training can have", async () => {
    await refused({ hpSpace: { learningRate: [-1] } }, "ERR_TRAINING_ARGUMENTS", /trial 0: .*learningRate is -1/);
    await refused({ hpSpace: () => ({ seed: 1, outputDir: "x" }) }, "ERR_SEARCH_SPACE", /cannot change outputDir/);
    await refused({ hpSpace: () => ({ maxSteps: 1, max_steps: 2 }) }, "ERR_SEARCH_SPACE", /maxSteps is there twice/);
    await refused({ hpSpace: () => undefined }, "ERR_SEARCH_SPACE", /return the values/);
    await refused({ hpSpace: { seed: [1] }, computeObjective: (metrics: { f1?: number }) => metrics.f1 }, "ERR_SEARCH_OBJECTIVE", /eval_loss/);
    await refused({ hpSpace: { seed: [1] }, computeObjective: () => Number.NaN, nTrials: 1 }, "ERR_SEARCH_NO_TRIAL", /none of 1 trials/);
    await refused({ backend: () => undefined }, "ERR_SEARCH_NO_TRIAL", /no trial/);
  });
});

it("a search on two workers: the first one draws, prunes and fails for both, and a signal on either ends both", async () => {
  const folder = temporaryFolder("search");
  const script = new URL("./programs/search.js", import.meta.url);
  const out = join(folder, "out");
  const { code, stderr } = await launch({ script, options: ["--num-processes", "2"], args: [JSON.stringify({ out, outputDir: join(folder, "run") })] });
  assert.equal(code, 0, stderr);
  const [first, second] = [0, 1].map((rank) => JSON.parse(readFileSync(`${out}-${rank}.json`, "utf8")) as SearchResult);
  assert.deepEqual(second!.best, first!.best);
  assert.deepEqual(second!.rates, first!.rates);
  assert.deepEqual(first!.rates.slice(0, 3), [1e-4, 1e-4 + 0.1 * (1e-2 - 1e-4), 1e-4 + 0.2 * (1e-2 - 1e-4)]);
  assert.deepEqual(
    first!.best.runSummary.map(({ outcome }) => outcome),
    ["complete", "pruned", "complete"],
  );
  assert.deepEqual([first!.drawnHere, second!.drawnHere, first!.told, second!.told], [3, 0, [0, 1, 2], []]);
  assert.match(first!.failed, /nothing to draw/);
  assert.match(second!.failed, /nothing to draw/);
  assert.deepEqual([first!.ended, second!.ended], ["the search was ended on another worker (step 3)", "enough (step 3)"]);
});
