// TrainingArguments: defaults and rules of transformers (test/golden/training-arguments.json), names and values.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { TrainingArguments, type TrainingArgumentsOptions } from "../../src/trainer/arguments/index.js";
import { packageRoot } from "../../src/package-root.js";
import { trainingArgumentsPage } from "../../src/trainer/arguments/page.js";

const root = packageRoot(import.meta.url);
type Values = Record<string, unknown>;
const golden = JSON.parse(readFileSync(join(root, "test", "golden", "training-arguments.json"), "utf8")) as {
  readonly defaults: Values;
  readonly implied: readonly { readonly given: Values; readonly values: Values }[];
  readonly errors: readonly Values[];
  readonly warmup: readonly (readonly [warmup: number, total: number, steps: number])[];
};
/** Programs whose types are stripped give anything. */
const made = (options: Values): TrainingArguments => new TrainingArguments("out", options as TrainingArgumentsOptions);
const refusal = (code: string, message: RegExp) => ({ name: "ArgumentError", code, message });

describe("as transformers", () => {
  test("defaults are the same, under the same names", () => {
    // SIGTERM saves, unless that is switched off.
    assert.deepEqual(new TrainingArguments().toJSON(), { ...golden.defaults, enable_jit_checkpoint: true });
  });

  test("what others imply is the same", () => {
    for (const { given, values } of golden.implied) {
      const ours = TrainingArguments.fromJSON(given).toJSON();
      assert.deepEqual(Object.fromEntries(Object.keys(values).map((name) => [name, ours[name]])), values, JSON.stringify(given));
    }
  });

  test("what is an error there is one here", () => {
    for (const given of golden.errors)
      assert.throws(() => TrainingArguments.fromJSON(given), { name: "ArgumentError", code: /^ERR_TRAINING_ARGUMENT/ }, JSON.stringify(given));
  });

  test("steps of warmup are the same, of shares as well", () => {
    for (const [warmupSteps, total, steps] of golden.warmup) assert.equal(made({ warmupSteps }).getWarmupSteps(total), steps);
  });

  test("the file that transformers writes is read, and written the same", () => {
    assert.deepEqual(TrainingArguments.fromJSON(JSON.stringify(golden.defaults)).toJSON(), golden.defaults);
    assert.deepEqual(Object.keys(new TrainingArguments().toJSON()), Object.keys(golden.defaults).sort());
  });
});

describe("making them", () => {
  test("the folder may be the first argument, an option, or left out", () => {
    const named = [
      new TrainingArguments("a"),
      new TrainingArguments({ outputDir: "a" }),
      new TrainingArguments("a", {}),
      new TrainingArguments("a", { outputDir: "a" }),
    ];
    for (const { outputDir } of named) assert.equal(outputDir, "a");
    assert.equal(new TrainingArguments().outputDir, "trainer_output");
    assert.equal(new TrainingArguments("~/runs").outputDir, join(homedir(), "runs"));
    assert.throws(() => new TrainingArguments("a", { outputDir: "b" }), refusal("ERR_TRAINING_ARGUMENTS", /two output folders, a and b/));
    assert.throws(() => new TrainingArguments(5 as never), refusal("ERR_TRAINING_ARGUMENTS", /the output folder is 5/));
    assert.throws(() => new TrainingArguments("a", 5 as never), refusal("ERR_OPTIONS", /number in the place of options/));
    assert.throws(() => new TrainingArguments("a", null as never), refusal("ERR_OPTIONS", /null in the place of options/));
  });

  test("undefined is the default", () => {
    assert.equal(made({ learningRate: undefined, saveTotalLimit: undefined }).learningRate, 5e-5);
  });

  test("they never change, but others are made of them", () => {
    const args = made({ evalStrategy: "steps", loggingSteps: 10 });
    assert.throws(() => Object.assign(args, { seed: 1 }), TypeError);
    const changed = args.with({ loggingSteps: 20, seed: 7 });
    assert.deepEqual([changed.evalSteps, changed.loggingSteps, changed.seed, changed.outputDir], [20, 20, 7, "out"]);
    assert.deepEqual([args.evalSteps, args.seed], [10, 42]);
    class Own extends TrainingArguments {}
    assert.ok(new Own("x").with({ seed: 2 }) instanceof Own);
    assert.ok(Own.fromJSON({ seed: 2 }) instanceof Own);
  });

  test("changes count under old names and after them", () => {
    const old = made({ evaluationStrategy: "epoch", warmupRatio: 0.1, splitBatches: true });
    assert.equal(old.with({ evalStrategy: "no" }).evalStrategy, "no");
    assert.equal(old.with({ evalStrategy: "steps", warmupSteps: 10 }).warmupSteps, 10);
    assert.equal(old.with({ evalStrategy: undefined }).evalStrategy, "no");
    assert.equal(made({ evalStrategy: "steps", warmupSteps: 10 }).with({ warmupRatio: 0.5, evaluationStrategy: "epoch" }).warmupSteps, 0.5);
    const { splitBatches, dispatchBatches } = old.with({ dispatchBatches: true }).acceleratorConfig;
    assert.deepEqual([splitBatches, dispatchBatches], [true, true]);
    assert.equal(old.with({ acceleratorConfig: {} }).acceleratorConfig.splitBatches, false);
    assert.throws(() => old.with(5 as never), refusal("ERR_OPTIONS", /number in the place of options/));
    assert.throws(() => old.with({ learningrate: 1 } as never), refusal("ERR_OPTIONS", /did you mean learningRate/));
  });

  test("what no file can hold is no value", () => {
    const ring: Values = {};
    ring.ring = ring;
    assert.throws(
      () => made({ lrSchedulerKwargs: ring }),
      refusal("ERR_TRAINING_ARGUMENTS", /lrSchedulerKwargs is \[object Object\], not an object of options/),
    );
    assert.throws(() => made({ seed: ring }), refusal("ERR_TRAINING_ARGUMENTS", /seed is \[object Object\]/));
    assert.throws(() => made({ seed: 5n }), refusal("ERR_TRAINING_ARGUMENTS", /seed is 5n, not a whole number/));
    assert.throws(() => made({ acceleratorConfig: { splitBatches: ring } }), refusal("ERR_TRAINING_ARGUMENTS", /acceleratorConfig/));
  });

  test("which worker logs and saves", () => {
    const [first, host, other] = [
      { isMainProcess: true, isLocalMainProcess: true },
      { isMainProcess: false, isLocalMainProcess: true },
      { isMainProcess: false, isLocalMainProcess: false },
    ] as const;
    const args = made({ logLevel: "info", logLevelReplica: "passive" });
    assert.deepEqual(
      [first, host, other].map((place) => [args.shouldLog(place), args.shouldSave(place), args.getProcessLogLevel(place)]),
      [
        [true, true, "info"],
        [true, false, "info"],
        [false, false, undefined],
      ],
    );
    const other2 = made({ logOnEachNode: false, saveOnEachNode: true });
    assert.deepEqual([other2.shouldLog(host), other2.shouldSave(host)], [false, true]);
  });
});

describe("names", () => {
  test("a name that is not known is refused with the nearest one", () => {
    assert.throws(() => made({ learningrate: 1 }), refusal("ERR_OPTIONS", /no option learningrate \(did you mean learningRate\?\)/));
    assert.throws(() => made({ learning_rate: 1 }), refusal("ERR_OPTIONS", /no option learning_rate: write learningRate/));
    assert.throws(() => made({ evaluation_strategy: "no" }), refusal("ERR_OPTIONS", /write evaluationStrategy/));
    assert.throws(() => TrainingArguments.fromJSON({ learing_rate: 1 }), refusal("ERR_OPTIONS", /did you mean learningRate/));
    assert.throws(() => made({ constructor: 1 }), refusal("ERR_OPTIONS", /no option constructor/));
    assert.throws(
      () => made({ acceleratorConfig: { splitBatch: true } }),
      refusal("ERR_OPTIONS", /acceleratorConfig has no option splitBatch \(did you mean splitBatches\?\)/),
    );
  });

  test("files have both spellings, but not at once", () => {
    assert.equal(TrainingArguments.fromJSON({ learning_rate: 1 }).learningRate, 1);
    assert.equal(TrainingArguments.fromJSON({ learningRate: 1 }).learningRate, 1);
    assert.throws(() => TrainingArguments.fromJSON({ learningRate: 1, learning_rate: 1 }), refusal("ERR_TRAINING_ARGUMENTS", /learningRate is given twice/));
    for (const text of ["{", "[]", "3", "null"]) assert.throws(() => TrainingArguments.fromJSON(text), refusal("ERR_TRAINING_ARGUMENTS", /JSON/));
  });

  test("old names are taken, with one warning each", async () => {
    const told: string[] = [];
    const listen = (warning: Error & { code?: string }): void => void (warning.name === "DeprecationWarning" && told.push(warning.code!));
    process.on("warning", listen);
    const seen: readonly (readonly [given: Values, name: keyof TrainingArguments, value: unknown])[] = [
      [{ evaluationStrategy: "epoch" }, "evalStrategy", "epoch"],
      [{ evaluateDuringTraining: true }, "evalStrategy", "steps"],
      [{ warmupRatio: 0.25 }, "warmupSteps", 0.25],
      [{ groupByLength: true }, "trainSamplingStrategy", "group_by_length"],
      [{ noCuda: true }, "useCpu", true],
      [{ perGpuTrainBatchSize: 3 }, "perDeviceTrainBatchSize", 3],
      [{ perGpuEvalBatchSize: 3 }, "perDeviceEvalBatchSize", 3],
      [{ adafactor: true }, "optim", "adafactor"],
      [{ includeInputsForMetrics: true }, "includeForMetrics", ["inputs"]],
      [{ overwriteOutputDir: true }, "outputDir", "out"],
      [{ loggingDir: "logs" }, "loggingDir", "logs"],
      [
        { splitBatches: true, acceleratorConfig: { evenBatches: false } },
        "acceleratorConfig",
        { ...made({}).acceleratorConfig, splitBatches: true, evenBatches: false },
      ],
      [{ dispatchBatches: true }, "acceleratorConfig", { ...made({}).acceleratorConfig, dispatchBatches: true }],
    ];
    for (const [given, name, value] of [...seen, ...seen]) assert.deepEqual(made(given)[name], value);
    // A ratio of 1 is not one step.
    assert.equal(made({ warmupRatio: 1 }).getWarmupSteps(630), 630);
    await new Promise(setImmediate);
    process.off("warning", listen);
    assert.equal(told.length, seen.length, told.join());
    assert.equal(new Set(told).size, seen.length);
  });

  test("old files say nothing by their defaults, and are not warned of", async () => {
    let told = 0;
    const listen = (): void => void told++;
    process.on("warning", listen);
    const old = {
      evaluation_strategy: null,
      warmup_ratio: 0,
      warmup_steps: 0,
      no_cuda: false,
      group_by_length: false,
      fp16_opt_level: "O1",
      past_index: -1,
      save_safetensors: true,
      _n_gpu: 1,
    };
    TrainingArguments.fromJSON({ ...old, push_to_hub_token: "<PUSH_TO_HUB_TOKEN>", hub_token: "<HUB_TOKEN>" });
    await new Promise(setImmediate);
    process.off("warning", listen);
    assert.equal(told, 0);
  });

  test("an old name against its new one is an error", () => {
    assert.throws(
      () => made({ evaluationStrategy: "epoch", evalStrategy: "steps" }),
      refusal("ERR_TRAINING_ARGUMENTS", /evaluationStrategy and evalStrategy were both given/),
    );
    assert.throws(() => made({ warmupRatio: 1.5 }), refusal("ERR_TRAINING_ARGUMENTS", /warmupRatio is 1.5/));
    assert.equal(made({ warmupRatio: 0.5, warmupSteps: 0 }).warmupSteps, 0.5);
  });
});

describe("values", () => {
  test("what is no value is named with what is one", () => {
    const wrong: readonly (readonly [Values, RegExp])[] = [
      [{ learningRate: "fast" }, /learningRate is "fast", not a number of at least 0/],
      [{ learningRate: -1 }, /learningRate is -1/],
      [{ learningRate: Number.NaN }, /learningRate is NaN/],
      [{ perDeviceTrainBatchSize: 0 }, /a whole number of at least 1/],
      [{ perDeviceTrainBatchSize: 1.5 }, /perDeviceTrainBatchSize is 1.5/],
      [{ seed: null }, /seed is null/],
      [{ adamBeta1: 1 }, /at least 0 and below 1/],
      [{ evalStrategy: "epochs" }, /not one of no, steps, epoch/],
      [{ evalStrategy: false }, /evalStrategy is false/],
      [{ removeUnusedColumns: "perhaps" }, /not true or false/],
      [{ includeForMetrics: ["inputs", "labels"] }, /a list, each one of inputs, loss/],
      [{ lrSchedulerKwargs: 3 }, /not an object of options/],
      [{ reportTo: ["all", "csv"] }, /reportTo is \["all","csv"\]/],
      [{ acceleratorConfig: "no/such.json" }, /no\/such.json cannot be read/],
    ];
    for (const [given, message] of wrong) assert.throws(() => made(given), refusal("ERR_TRAINING_ARGUMENTS", message));
  });

  test("values of several spellings", () => {
    assert.equal(made({ learningRate: "5e-5" }).learningRate, 5e-5);
    assert.equal(TrainingArguments.fromJSON({ max_grad_norm: null }).maxGradNorm, 0);
    assert.deepEqual(TrainingArguments.fromJSON({ report_to: null }).reportTo, []);
    assert.deepEqual(made({ reportTo: ["csv", "csv", "jsonl"] }).reportTo, ["csv", "jsonl"]);
    assert.deepEqual(made({ labelNames: "labels" }).labelNames, ["labels"]);
    assert.deepEqual(TrainingArguments.fromJSON({ lr_scheduler_kwargs: '{"num_cycles": "2"}' }).lrSchedulerKwargs, { numCycles: 2 });
    assert.deepEqual(made({ lrSchedulerKwargs: { numCycles: 2 } }).toJSON().lr_scheduler_kwargs, { num_cycles: 2 });
    assert.equal(made({ acceleratorConfig: { gradientAccumulationKwargs: { numSteps: 4 } } }).gradientAccumulationSteps, 4);
    assert.throws(() => made({ acceleratorConfig: { gradientAccumulationKwargs: { numSteps: 4 } }, gradientAccumulationSteps: 2 }), /both given/);
  });

  test("acceleratorConfig may be a file", () => {
    const folder = mkdtempSync(join(tmpdir(), "arguments-"));
    try {
      const file = join(folder, "accelerator.json");
      writeFileSync(file, '{"split_batches": true}');
      assert.equal(made({ acceleratorConfig: file }).acceleratorConfig.splitBatches, true);
      writeFileSync(file, "[]");
      assert.throws(() => made({ acceleratorConfig: file }), /no JSON object/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("docs/training-arguments.md tells what the table says (npm run docs:arguments writes it)", () => {
  const page = readFileSync(join(root, "docs", "training-arguments.md"), "utf8");
  assert.ok(page === trainingArgumentsPage(), "run npm run docs:arguments");
});
