// parseArgs: command lines and files become arguments; properties of reading and writing all of them.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { argument, argumentHelp, defineArguments, parseArgs, TrainingArguments, type TrainingArgumentsOptions } from "../../src/trainer/arguments/index.js";
import { fc } from "../support/properties.js";
import { flagOf, snakeCase } from "../../src/trainer/arguments/names.js";
import { oldNames } from "../../src/trainer/arguments/old-names.js";
import { trainingArgumentTable } from "../../src/trainer/arguments/table/index.js";
import type { Argument } from "../../src/trainer/arguments/argument.js";

const script = defineArguments({
  task: argument.choice(["mrpc", "sst2"], { default: "mrpc", help: "What to train on." }),
  maxLength: argument.number({ default: 128, min: 1, whole: true }),
  files: argument.texts(),
  fast: argument.flag(),
  note: argument.text(),
});
const training = (...args: string[]): TrainingArguments => parseArgs(TrainingArguments, { args })[0];
const wrong = (args: string[], message: RegExp, code = "ERR_OPTIONS"): void =>
  assert.throws(() => parseArgs([TrainingArguments, script], { args }), { code, message });

const folder = mkdtempSync(join(tmpdir(), "parse-args-"));
after(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

describe("command lines", () => {
  test("flags are spelled with hyphens or underscores, values stand behind them or an equals sign", () => {
    for (const line of [["--learning-rate", "1e-3"], ["--learning_rate", "1e-3"], ["--learning-rate=1e-3"], ["--learning_rate=0.001"]])
      assert.equal(training(...line).learningRate, 1e-3);
    assert.equal(training("--max-steps", "-1").maxSteps, -1);
    assert.equal(training("--seed", "1", "--seed", "2").seed, 2);
    assert.equal(training("--run-name=--odd").runName, "--odd");
  });

  test("switches stand alone, with a value, or with no", () => {
    assert.equal(training("--eval-on-start").evalOnStart, true);
    assert.equal(training("--eval_on_start", "False").evalOnStart, false);
    assert.equal(training("--eval-on-start=1").evalOnStart, true);
    assert.equal(training("--no-remove-unused-columns").removeUnusedColumns, false);
    assert.equal(training("--no_remove_unused_columns").removeUnusedColumns, false);
    assert.deepEqual([training("--no_cuda").useCpu, training("--fp16", "false").fp16, training("--no-fp16").fp16], [true, false, false]);
    assert.equal(training("--group_by_length", "--seed", "1").trainSamplingStrategy, "group_by_length");
  });

  test("lists are several words, objects are JSON", () => {
    assert.deepEqual(training("--label-names", "a", "b", "--seed", "1").labelNames, ["a", "b"]);
    assert.deepEqual(training("--report_to", "csv", "jsonl").reportTo, ["csv", "jsonl"]);
    assert.deepEqual(training("--lr-scheduler-kwargs", '{"num_cycles": 2}').lrSchedulerKwargs, { numCycles: 2 });
    assert.equal(training("--accelerator-config", '{"split_batches": "true"}').acceleratorConfig.splitBatches, true);
  });

  test("tables of one's own stand beside", () => {
    const [own, args] = parseArgs([script, TrainingArguments], { args: ["--task", "sst2", "--files", "a", "b", "--seed", "3", "--fast"] });
    // The types are those of the tables.
    const task: "mrpc" | "sst2" = own.task;
    const files: readonly string[] | undefined = own.files;
    assert.deepEqual({ ...own, task, files }, { task: "sst2", maxLength: 128, files: ["a", "b"], fast: true, note: undefined });
    assert.equal(args.seed, 3);
  });

  test("what is wrong is told", () => {
    wrong(["--learing-rate", "1"], /no option --learing-rate \(did you mean --learning-rate\?\)/);
    wrong(["--max-lenth", "1"], /did you mean --max-length\?/);
    wrong(["--no-learning-rate"], /no option --no-learning-rate/);
    wrong(["--no-fast=1"], /--no-fast takes no value/);
    wrong(["-x"], /no option -x/);
    wrong(["--seed"], /--seed has no value/);
    wrong(["--seed", "--fast"], /--seed has no value/);
    wrong(["--files"], /--files has no value/);
    wrong(["word"], /word belongs to no option/);
    wrong(["--seed", "1", "2"], /2 belongs to no option/);
    wrong(["--seed", "one"], /seed is "one"/, "ERR_TRAINING_ARGUMENTS");
    wrong(["--task", "cola"], /Script: task is "cola", not one of mrpc, sst2/, "ERR_TRAINING_ARGUMENTS");
    wrong(["--fp16-full-eval"], /products of evaluations in float16/, "ERR_TRAINING_ARGUMENT_REFUSED");
    wrong(["--fp16", "--bf16"], /fp16 and bf16 were both given/, "ERR_TRAINING_ARGUMENTS");
    wrong(["--deepspeed", "ds.json"], /not sharded/, "ERR_TRAINING_ARGUMENT_REFUSED");
    const clash = defineArguments({ seed: argument.number() }, { title: "Own" });
    assert.throws(() => parseArgs([TrainingArguments, clash], { args: [] }), { message: /seed stands in two tables, Training and Own/ });
    const needs = defineArguments({ model: argument.text({ required: true, help: "The model to start from." }) });
    assert.throws(() => parseArgs(needs, { args: [] }), { message: /model is missing: The model to start from/ });
  });
});

describe("files", () => {
  test("JSON and YAML, alone or before options, which count", () => {
    const yaml = file("a.yaml", "learning_rate: 5e-3\nevaluation_strategy: epoch\nmax_length: 7\nlabel_names: [a]\n");
    const [args, own] = parseArgs([TrainingArguments, script], { args: [yaml, "--seed", "9"] });
    assert.deepEqual([args.learningRate, args.evalStrategy, args.labelNames, args.seed, own.maxLength], [5e-3, "epoch", ["a"], 9, 7]);
    const json = file("a.json", JSON.stringify({ learningRate: 1, save_steps: 3 }));
    assert.deepEqual([training(json).learningRate, training(json, "--learning-rate", "2").learningRate, training(json).saveSteps], [1, 2, 3]);
  });

  test("what is wrong with them is told with their name", () => {
    wrong([file("b.yaml", "learning_rat: 1\n")], /b\.yaml has an argument learning_rat that is not known \(did you mean learningRate\?\)/);
    wrong([file("c.json", "{")], /c\.json cannot be read/, "ERR_TRAINING_ARGUMENTS");
    wrong([file("d.yml", "- 1\n")], /d\.yml holds no arguments by name/, "ERR_TRAINING_ARGUMENTS");
    wrong([join(folder, "none.json")], /none\.json cannot be read/, "ERR_TRAINING_ARGUMENTS");
    wrong([file("e.json", '{"seed": 1, "save_steps": 1, "saveSteps": 2}')], /says saveSteps twice/);
    wrong(["--seed", "1", file("f.json", "{}")], /f\.json belongs to no option/);
  });
});

describe("help", () => {
  test("it lists what can be given, and no more", () => {
    const help = argumentHelp([script, TrainingArguments], "train.ts");
    assert.match(help, /^Usage: train\.ts /);
    assert.match(help, /--task NAME +What to train on\. \(one of mrpc, sst2; default: mrpc\)/);
    assert.match(help, /--learning-rate X +The learning rate after warmup\. \(default: 5e-5\)/);
    assert.match(help, /--no-remove-unused-columns/);
    for (const absent of ["--fsdp", "--fp16-full-eval", "--logging-dir", "undefined"]) assert.ok(!help.includes(absent), absent);
    for (const line of help.split("\n")) assert.ok(line.length <= 100, line);
  });

  test("--help shows it and ends the program", () => {
    const index = new URL("../../src/trainer/arguments/index.js", import.meta.url).href;
    const program = `import { parseArgs, TrainingArguments } from "${index}"; parseArgs(TrainingArguments); console.log("ran on");`;
    const { status, stdout, stderr } = spawnSync(process.execPath, [file("train.mjs", program), "--help"], { encoding: "utf8" });
    assert.deepEqual([status, stderr], [0, ""]);
    assert.match(stdout, /--output-dir FOLDER/);
    assert.doesNotMatch(stdout, /ran on/);
  });
});

describe("any legal values", () => {
  const words = fc.stringMatching(/^[a-z][a-z0-9_/ .é-]{0,8}$/).filter((text) => text.trim() === text && !/^(true|false|yes|no|on|off|y|n|t|f)$/.test(text));
  const numbers = fc.oneof(fc.nat(1000), fc.double({ min: 0, max: 1, noNaN: true }), fc.constant(-1));
  /** Values that the kind takes. */
  function valuesOf({ kind }: Argument): fc.Arbitrary<unknown> {
    const one: fc.Arbitrary<unknown> =
      kind.placeholder === undefined
        ? fc.boolean()
        : kind.choices
          ? fc.constantFrom(...kind.choices)
          : ["N", "X"].includes(kind.placeholder)
            ? numbers
            : kind.placeholder === "JSON"
              ? fc.dictionary(fc.stringMatching(/^[a-z]{1,4}(_[a-z]{1,4})?$/), fc.oneof(fc.nat(), fc.boolean(), fc.constant("linear")), {
                  noNullPrototype: true,
                })
              : kind.placeholder === "JSON|FILE"
                ? fc.record({ splitBatches: fc.boolean(), dispatchBatches: fc.boolean(), evenBatches: fc.boolean() }, { requiredKeys: [] })
                : words;
    return (kind.many ? fc.array(one, { minLength: 1, maxLength: 3 }) : one).filter((value) => kind.read(value) !== undefined);
  }
  const given = fc.record(
    Object.fromEntries(
      Object.entries<Argument>(trainingArgumentTable)
        .filter(([, { refused, old }]) => refused === undefined && old === undefined)
        .map(([name, entry]) => [name, valuesOf(entry)]),
    ),
    { requiredKeys: [] },
  );
  /** undefined: they cannot be together. */
  function made(options: unknown): TrainingArguments | undefined {
    try {
      return new TrainingArguments(options as TrainingArgumentsOptions);
    } catch (error) {
      assert.equal((error as { code?: string }).code, "ERR_TRAINING_ARGUMENTS");
      return undefined;
    }
  }

  test("are the same after they were written and read", () => {
    fc.assert(
      fc.property(given, (options) => {
        const args = made(options);
        fc.pre(args !== undefined);
        for (const again of [TrainingArguments.fromJSON(args.toJsonString()), TrainingArguments.fromJSON({ ...args }), args.with({}), args.with({ ...args })]) {
          assert.deepEqual(again.toJSON(), args.toJSON());
          assert.deepEqual({ ...again }, { ...args });
        }
      }),
      { numRuns: 150 },
    );
  });

  test("are the same on a command line", () => {
    const spelling = fc.record({ underscores: fc.boolean(), equals: fc.boolean(), alone: fc.boolean() });
    fc.assert(
      fc.property(given, fc.array(spelling, { minLength: 1, maxLength: 5 }), (options, spellings) => {
        const args = made(options);
        fc.pre(args !== undefined);
        const line = Object.entries(options).flatMap(([name, value], index) => {
          const { underscores, equals, alone } = spellings[index % spellings.length]!;
          const flag = underscores ? `--${snakeCase(name)}` : flagOf(name);
          if (Array.isArray(value)) return [flag, ...value.map(String)];
          if (typeof value === "boolean" && alone) return [value ? flag : `--no-${flag.slice(2)}`];
          const text = typeof value === "object" ? JSON.stringify(value) : String(value);
          return equals ? [`${flag}=${text}`] : [flag, text];
        });
        assert.deepEqual(training(...line).toJSON(), args.toJSON());
      }),
      { numRuns: 150 },
    );
  });
});

test("any JSON and any words are arguments, or an error that names what is wrong", () => {
  const codes = ["ERR_OPTIONS", "ERR_TRAINING_ARGUMENTS", "ERR_TRAINING_ARGUMENT_REFUSED"];
  const fails = (make: () => unknown): void => {
    try {
      make();
    } catch (error) {
      const { name, code, message } = error as Error & { code?: string };
      assert.ok(name === "ArgumentError" && codes.includes(code!), `${name} ${message}`);
    }
  };
  const names = fc.constantFrom(...Object.keys(trainingArgumentTable), ...Object.keys(oldNames), "__proto__", "constructor", "x");
  // A text could be the path of a file that there is.
  const values = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom("", "none", "steps", "1e3", " ", "\u0000"));
  fc.assert(
    fc.property(fc.array(fc.tuple(names, values), { maxLength: 4 }), (entries) =>
      fails(() => TrainingArguments.fromJSON(Object.fromEntries(entries) as Record<string, unknown>)),
    ),
    { numRuns: 500 },
  );
  const words = fc.oneof(
    names.map((name) => `--${snakeCase(name)}`),
    names.map((name) => `--no-${snakeCase(name)}`),
    fc.tuple(names, fc.string({ maxLength: 5 })).map(([name, text]) => `${flagOf(name)}=${text}`),
    fc.constantFrom("1", "-1", "true", "--", "-", "=", "--=", "--no-", "{}", '{"a":1}', "no.json", ""),
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 6 }), (args) => fails(() => parseArgs([TrainingArguments, script], { args }))),
    { numRuns: 500 },
  );
});
