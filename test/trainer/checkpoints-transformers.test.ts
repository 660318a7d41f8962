// A training goes on from a checkpoint that transformers' Trainer wrote: test/golden/transformers-checkpoint, made by test/golden/make/transformers_checkpoint.py.
import assert from "node:assert/strict";
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { AutoModelForSequenceClassification } from "accelerate-ts/models";
import { getLastCheckpoint, Trainer, TrainingArguments, type TrainingArgumentsOptions } from "accelerate-ts/trainer";
import { packageRoot } from "../../src/package-root.js";
import { temporaryFolder } from "./support.js";

const golden = join(packageRoot(import.meta.url), "test", "golden", "transformers-checkpoint");
const folder = temporaryFolder();
const rows = Array.from({ length: 24 }, (_, i) => ({
  input_ids: Array.from({ length: 5 }, (_, j) => ((i * 7 + j * 3) % 63) + 1),
  attention_mask: [1, 1, 1, 1, 1],
  labels: i % 2,
}));
interface Row {
  readonly step: number;
  readonly [name: string]: number;
}

describe("a checkpoint of transformers", () => {
  const resumed = async (name: string, options: TrainingArgumentsOptions = {}, change: (directory: string) => void = () => {}) => {
    const outputDir = join(folder, name);
    const directory = join(outputDir, "checkpoint-4");
    cpSync(golden, directory, { recursive: true });
    change(directory);
    assert.equal(await getLastCheckpoint(outputDir), directory);
    const args = new TrainingArguments(outputDir, {
      perDeviceTrainBatchSize: 4,
      numTrainEpochs: 2,
      learningRate: 1e-2,
      weightDecay: 0.1,
      warmupSteps: 2,
      loggingSteps: 2,
      optim: "adamw_torch",
      reportTo: "none",
      disableTqdm: true,
      saveStrategy: "no",
      ...options,
    });
    const trainer = new Trainer({ model: await AutoModelForSequenceClassification.fromPretrained(directory), args, trainDataset: rows });
    await trainer.train({ resumeFromCheckpoint: true });
    return trainer;
  };

  it("is gone on from in the middle of its epoch as transformers would: rows, optimizer, schedule, log", async () => {
    const whole = JSON.parse(readFileSync(join(golden, "whole.json"), "utf8")) as { readonly log: readonly Row[]; readonly classifier: readonly number[] };
    const { state, model } = await resumed("whole");
    const log = state.logHistory.filter((row) => "loss" in row);
    assert.equal(log.length, whole.log.length);
    for (const [i, row] of whole.log.entries())
      for (const [name, value] of Object.entries(row))
        assert.ok(Math.abs(log[i]![name]! - value) < 1e-5, `step ${row.step}: ${name} is ${log[i]![name]}, not ${value}`);
    const [, classifier] = [...model.namedParameters()].find(([name]) => name === "classifier.weight")!;
    for (const [i, value] of whole.classifier.entries()) assert.ok(Math.abs(classifier.values()[i]! - value) < 1e-5);
  });

  it("gives its weights and its place where its optimizer cannot be taken over, and says so", async (t) => {
    const lines: string[] = [];
    t.mock.method(console, "error", (line: unknown) => lines.push(String(line)));
    const told = (text: RegExp): void =>
      assert.ok(
        lines.splice(0).some((line) => text.test(line)),
        String(text),
      );
    assert.equal((await resumed("sgd", { optim: "sgd", optimArgs: "momentum=0.9" })).state.globalStep, 12);
    told(/optimizer.pt is not taken over: it has no momentum_buffer of /);
    await resumed("none", {}, (directory) => rmSync(join(directory, "optimizer.pt")));
    told(/holds the model without optimizer and schedule, which begin anew/);
    await resumed("unsafe", {}, (directory) => writeFileSync(join(directory, "scheduler.pt"), Buffer.from("\x80\x02cos\nsystem\n.", "latin1")));
    told(/is not taken over: .*scheduler.pt/);
  });
});
