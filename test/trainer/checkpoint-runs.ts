// Runs with checkpoints for the tests of them: a training of six steps, copies of what it left, evaluations with metrics that were given.
import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { CheckpointError } from "accelerate-ts";
import { Trainer, type TrainingArgumentsOptions, type TrainOptions } from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

const folder = temporaryFolder();
export const place = (): string => mkdtempSync(join(folder, "run-"));

/** 24 rows in batches of 4: 6 steps an epoch. */
export function make(outputDir: string, options: TrainingArgumentsOptions = {}, more: object = {}) {
  return new Trainer({
    model: tinyBert({ dropout: 0.2 }),
    args: quietArguments(outputDir, { saveStrategy: "steps", saveSteps: 2, loggingSteps: 1, maxSteps: 6, ...options }),
    trainDataset: tinyDataset(24),
    dataCollator: tinyCollate,
    ...more,
  });
}
export const checkpointsIn = (outputDir: string): string[] =>
  readdirSync(outputDir)
    .filter((name) => name.startsWith("checkpoint-"))
    .sort();
export const read = (file: string): Record<string, unknown> => JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
export const weightsOf = (trainer: Trainer<never> | Trainer): number[] => [...trainer.model.parameters()].flatMap((p) => [...p.values()]);
export const fails =
  (code: string, ...texts: RegExp[]) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof CheckpointError, String(error));
    assert.equal(error.code, code, error.message);
    for (const text of texts) assert.match(`${error.message} ${error.hint ?? ""}`, text);
    return true;
  };
/** What is said on stderr meanwhile. */
export function said(t: TestContext): string[] {
  const lines: string[] = [];
  t.mock.method(console, "error", (line: unknown) => lines.push(String(line)));
  return lines;
}

/** A run of 6 steps with a checkpoint every other one. */
export const done = (() => {
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
export async function copied(steps: readonly number[]): Promise<string> {
  const outputDir = place();
  for (const step of steps) cpSync(join((await done()).outputDir, `checkpoint-${step}`), join(outputDir, `checkpoint-${step}`), { recursive: true });
  return outputDir;
}
export const resume = async (outputDir: string, options: TrainOptions = { resumeFromCheckpoint: true }, args: TrainingArgumentsOptions = {}) => {
  const trainer = make(outputDir, args);
  await trainer.train(options);
  return trainer;
};

/** Metrics by evaluation in place of computed ones. */
export class Scores extends Trainer {
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
