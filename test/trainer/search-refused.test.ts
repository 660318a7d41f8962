// Searches that are refused, with the reason.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Trainer } from "accelerate-ts/trainer";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";
import { make } from "./tiny-search.js";

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
