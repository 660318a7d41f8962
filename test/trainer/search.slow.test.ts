// hyperparameterSearch: what a trial trains with, and what is told of it.
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  type HyperparameterSearchOptions,
  MedianPruner,
  type Trainer,
  TrainerCallback,
  type TrainerControl,
  type TrainerState,
  type TrialParams,
  type TrainingArguments,
} from "accelerate-ts/trainer";
import { launch } from "../support/launch.js";
import type { SearchResult } from "./programs/search.js";
import { temporaryFolder, tinyBert } from "./support.js";
import { make } from "./tiny-search.js";

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
