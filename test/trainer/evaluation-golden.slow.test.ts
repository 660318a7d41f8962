// Evaluations and predictions of Python's Trainer, number by number, on one process and on two.
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, mock } from "node:test";
import { Trainer, TrainingArguments } from "accelerate-ts/trainer";
import { launch } from "../support/launch.js";
import { assertEvaluation, type EvaluationCase, type EvaluationResult, evaluationGolden, runEvaluation } from "./evaluation-runs.js";
import { temporaryFolder, tinyBert } from "./support.js";

const golden = await evaluationGolden();
const named = (name: string): EvaluationCase => golden.cases.find((wanted) => wanted.name === name)!;

describe("evaluations and predictions are those of Python's Trainer", () => {
  const folder = temporaryFolder("evaluation");
  for (const wanted of golden.cases) {
    if (wanted.world !== 1) continue;
    it(wanted.name, async () => {
      const result = await runEvaluation(golden, wanted, folder);
      // Predictions come in the order of the rows; transformers gives them in that of the lengths.
      if (wanted.name.includes("grouped")) assertEvaluation(result, { ...wanted, predicted: named("sequences").predicted });
      else assertEvaluation(result, wanted);
    });
  }
});

describe("evaluations and predictions are those of Python's Trainer on two processes", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "evaluation-workers-"));
    const script = new URL("./programs/evaluation.js", import.meta.url);
    const { code, stdout, stderr } = await launch({ options: ["--cpu", "--num-processes", "2"], script, args: [folder] });
    assert.equal(code, 0, stdout + stderr);
    assert.doesNotMatch(stderr, /gatherForMetrics/);
  });
  after(() => rm(folder, { recursive: true, force: true }));
  for (const [i, wanted] of golden.cases.entries())
    if (wanted.world === 2)
      it(wanted.name, async () => assertEvaluation(JSON.parse(await readFile(join(folder, `${i}.json`), "utf8")) as EvaluationResult, wanted));
});

describe("predictions are the dataset's rows in their order", () => {
  it("on three workers, by every rule and of every kind of data", async () => {
    const script = new URL("./programs/evaluation-rules.js", import.meta.url);
    const { code, stdout, stderr } = await launch({ options: ["--cpu", "--num-processes", "3"], script });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /ok/);
  });
});

describe("metrics are printed and written as Python does", () => {
  const outputDir = temporaryFolder("metrics");
  const trainer = new Trainer({ model: tinyBert(), args: new TrainingArguments(outputDir, { reportTo: "none", disableTqdm: true }) });
  const numbers = (metrics: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(
      Object.entries(metrics).map(([name, value]) => [name, value === "nan" ? Number.NaN : value === "-inf" ? Number.NEGATIVE_INFINITY : value]),
    ) as Record<string, number>;
  for (const { split, metrics, printed, own, all } of golden.texts)
    it(`of ${split}`, async () => {
      const print = mock.method(console, "log", () => {});
      trainer.logMetrics(split, numbers(metrics));
      print.mock.restore();
      assert.equal(`${print.mock.calls.map((call) => call.arguments.join(" ")).join("\n")}\n`, printed);
      await trainer.saveMetrics(split, numbers(metrics));
      assert.equal(await readFile(join(outputDir, `${split}_results.json`), "utf8"), own);
      assert.equal(await readFile(join(outputDir, "all_results.json"), "utf8"), all);
    });
  it("and a file that holds something else is told of, not overwritten", async () => {
    const { writeFile } = await import("node:fs/promises");
    await writeFile(join(outputDir, "all_results.json"), "[1]");
    await assert.rejects(trainer.saveMetrics("eval", { eval_loss: 1 }), { code: "ERR_METRICS_FILE" });
    await trainer.saveMetrics("eval", { eval_loss: 1 }, { combined: false });
    assert.equal(await readFile(join(outputDir, "all_results.json"), "utf8"), "[1]");
  });
});
