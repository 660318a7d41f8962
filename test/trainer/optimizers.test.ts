// Optimizers and schedules that the Trainer makes of its arguments, beside transformers' (test/golden/make/trainer_optimizers.py).
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Adagrad, type Optimizer, RMSprop, SGD } from "accelerate-ts";
import {
  BertForSequenceClassification,
  bertConfig,
  DistilBertForSequenceClassification,
  GPT2LMHeadModel,
  RobertaForSequenceClassification,
} from "accelerate-ts/models";
import { Linear, type Module } from "accelerate-ts/nn";
import { type OptimizerChoice, Trainer, TrainingArguments } from "accelerate-ts/trainer";
import { LayerNorm } from "../../src/nn/index.js";
import { decayedNames, parameterGroups } from "../../src/optim/index.js";
import { packageRoot } from "../../src/package-root.js";
import { optimizerNames, schedulerTypes } from "../../src/trainer/arguments/index.js";
import { otherOptimizers } from "../../src/trainer/arguments/table/other-optimizers.js";
import { parseOptimArgs } from "../../src/trainer/optimizers/optim-args.js";
import { schedulerOptions } from "../../src/trainer/optimizers/schedule-options.js";
import { quietArguments, temporaryFolder, tinyBert, tinyCollate, tinyDataset } from "./support.js";

type Fields = Readonly<Record<string, unknown>>;
interface Golden {
  readonly optimizers: readonly string[];
  readonly schedulers: readonly string[];
  readonly choices: readonly { readonly args: Fields; readonly optimizer: string; readonly options: Fields }[];
  readonly decayed: Readonly<Record<string, readonly string[]>>;
  readonly schedules: readonly { readonly args: Fields; readonly lrs: readonly number[] }[];
}
const golden = JSON.parse(readFileSync(join(packageRoot(), "test", "golden", "trainer-optimizers.json"), "utf8")) as Golden;
const folder = temporaryFolder("trainer-optimizers");
const camelCase = (name: string): string => name.replaceAll(/_([a-z])/g, (_, c: string) => c.toUpperCase());
const camel = (fields: Fields): Fields => Object.fromEntries(Object.entries(fields).map(([key, value]) => [camelCase(key), value]));
const argumentsOf = (fields: Fields): TrainingArguments => TrainingArguments.fromJSON({ output_dir: folder, ...fields });
const groupOf = (optimizer: Optimizer): Fields => optimizer.paramGroups[0] as unknown as Fields;
const refusal = (code: string, message: RegExp) => ({ code, message });

describe("optim", () => {
  it("knows every name of transformers: it is there, or refused with the reason", () => {
    for (const name of golden.optimizers) {
      if ((optimizerNames as readonly string[]).includes(name)) {
        const { optimizerClass } = Trainer.getOptimizerClsAndKwargs(argumentsOf({ optim: name }));
        assert.equal(typeof optimizerClass, "function");
      } else {
        assert.match(otherOptimizers[name] ?? "", /; (adamw_torch|adafactor|sgd|rmsprop|lion_32bit) is the (nearest|same)$/, name);
        assert.throws(() => argumentsOf({ optim: name }), refusal("ERR_TRAINING_ARGUMENT_REFUSED", new RegExp(name)));
      }
    }
    for (const name of ["adamw_torch", "adamw_torch_fused", "adafactor", "sgd", "adagrad", "rmsprop", "lion_32bit"])
      assert.ok((optimizerNames as readonly string[]).includes(name));
  });

  for (const { args, optimizer, options } of golden.choices) {
    it(`${JSON.stringify(args)} makes what it makes in Python`, () => {
      const choice = Trainer.getOptimizerClsAndKwargs(argumentsOf(args));
      const { fused: _, ...wanted } = camel(options);
      assert.deepEqual([choice.optimizerClass.name, choice.options], [optimizer, wanted]);
    });
  }

  it("lion has the betas of the arguments", () => {
    const { optimizerClass, options } = Trainer.getOptimizerClsAndKwargs(argumentsOf({ optim: "lion_32bit", adam_beta2: 0.99 }));
    assert.deepEqual([optimizerClass.name, options], ["Lion", { lr: 5e-5, betas: [0.9, 0.99] }]);
  });

  it("optimArgs that are none, or that the optimizer does not have, are refused", () => {
    const names = { momentum: "number", nesterov: "boolean" } as const;
    assert.deepEqual(parseOptimArgs("momentum = 0.9, nesterov=1", names, "sgd"), { momentum: 0.9, nesterov: true });
    assert.deepEqual(parseOptimArgs(undefined, names, "sgd"), {});
    for (const [text, message] of [
      ["momentum", /"momentum" is not name=value/],
      ["momentum=0.9,", /"" is not name=value/],
      ["momentum=1=2", /is not name=value/],
      ["momentum=much", /momentum is "much": give a number/],
      ["momentum=", /momentum is "": give a number/],
      ["nesterov=perhaps", /give true or false/],
      ["momentum=1,momentum=2", /given twice/],
      ["alpha=1", /sgd takes no alpha: it takes momentum, nesterov/],
      ["weight_decay=0.1", /sgd takes no weight_decay: the argument weightDecay says it/],
      ["__proto__=1", /sgd takes no __proto__/],
    ] as const)
      assert.throws(() => parseOptimArgs(text, names, "sgd"), refusal("ERR_OPTIM_ARGS", message), text);
    assert.throws(() => Trainer.getOptimizerClsAndKwargs(argumentsOf({ optim: "adamw_torch", optim_args: "betas=1" })), /adamBeta1 and adamBeta2 say it/);
  });
});

describe("decay groups", () => {
  const sizes = { vocab_size: 40, hidden_size: 16, num_hidden_layers: 1, num_attention_heads: 2, intermediate_size: 32, max_position_embeddings: 20 };
  const models: Readonly<Record<string, () => Module>> = {
    BertForSequenceClassification: () => new BertForSequenceClassification(bertConfig(sizes)),
    RobertaForSequenceClassification: () => new RobertaForSequenceClassification(sizes),
    DistilBertForSequenceClassification: () =>
      new DistilBertForSequenceClassification({ vocab_size: 40, dim: 16, n_layers: 1, n_heads: 2, hidden_dim: 32, max_position_embeddings: 20 }),
    GPT2LMHeadModel: () => new GPT2LMHeadModel({ vocab_size: 40, n_embd: 16, n_layer: 1, n_head: 2, n_positions: 20 }),
  };
  for (const [name, make] of Object.entries(models))
    it(`of ${name} are Python's`, () => assert.deepEqual([...decayedNames(make())].sort(), [...golden.decayed[name]!].sort()));

  it("go by names only where the model is a LayerNorm itself", () => {
    assert.deepEqual([...decayedNames(new LayerNorm(4))], ["weight"]);
  });
  it("leave out what is frozen, and go by getDecayParameterNames", () => {
    class Own extends Trainer {
      override getDecayParameterNames(): string[] {
        return ["classifier.bias"];
      }
    }
    const model = tinyBert();
    model.bert.embeddings.requiresGrad(false);
    const [decayed, others] = new Own({ model, args: quietArguments(folder, { weightDecay: 0.1 }) }).createOptimizer().paramGroups;
    assert.deepEqual([decayed!.params.map((p) => p.name), (decayed as unknown as Fields).weightDecay], [["classifier.bias"], 0.1]);
    assert.ok(others!.params.length > 0 && others!.params.every((p) => !p.name.startsWith("bert.embeddings")));
    assert.equal((others as unknown as Fields).weightDecay, 0);
  });
  it("of a list of names of one's own", () => {
    const layer = new Linear(2, 2);
    const groups = parameterGroups(layer, { weightDecay: 0.5, decayed: () => ["bias"], includes: (p) => p.shape.length === 1 });
    assert.deepEqual(
      groups.map((g) => [...g.params].map((p) => p.name)),
      [["bias"], []],
    );
  });
});

describe("lrSchedulerType", () => {
  for (const { args, lrs } of golden.schedules) {
    it(`${JSON.stringify(args)} gives Python's rates`, async () => {
      const trainer = new Trainer({ model: tinyBert(), args: argumentsOf({ ...args, disable_tqdm: true }) });
      const optimizer = trainer.createOptimizer();
      const scheduler = trainer.createScheduler(20, optimizer);
      assert.equal(trainer.lrScheduler, scheduler);
      for (const lr of lrs) {
        assert.ok(Math.abs(scheduler.getLastLr()[0]! - lr) < 1e-12, `${scheduler.getLastLr()[0]} instead of ${lr}`);
        await optimizer.step();
        (scheduler as { step(): void }).step();
      }
    });
  }
  it("knows every name of transformers but greedy, which is refused", () => {
    assert.deepEqual([...schedulerTypes, "greedy"].sort(), [...golden.schedulers].sort());
    assert.throws(() => argumentsOf({ lr_scheduler_type: "greedy" }), refusal("ERR_TRAINING_ARGUMENT_REFUSED", /greedy/));
  });
  it("refuses options that the schedule does not have", () => {
    assert.deepEqual(schedulerOptions("polynomial", { lr_end: 1e-6, power: null }), { lrEnd: 1e-6 });
    assert.throws(() => schedulerOptions("linear", { num_cycles: 1 }), refusal("ERR_SCHEDULER_OPTION", /linear takes no num_cycles: it takes none/));
    assert.throws(() => schedulerOptions("cosine", { numWarmupSteps: 1 }), /the argument warmupSteps says it/);
    assert.throws(() => schedulerOptions("cosine", { power: 1 }), /it takes numCycles/);
  });
});

describe("a Trainer", () => {
  const parts = () => ({ model: tinyBert(), trainDataset: tinyDataset(16), evalDataset: tinyDataset(8, 2), dataCollator: tinyCollate as never });
  for (const [optim, more] of Object.entries({ adafactor: {}, sgd: { optimArgs: "momentum=0.9" }, adagrad: {}, rmsprop: {}, lion: {} } as const)) {
    it(`trains with ${optim}`, async () => {
      const args = quietArguments(folder, {
        optim: optim as "sgd",
        ...more,
        maxSteps: 6,
        weightDecay: 0.01,
        loggingSteps: 1,
        learningRate: 1e-2,
        lrSchedulerType: "constant",
      });
      const trainer = new Trainer({ ...parts(), args });
      const before = [...trainer.model.parameters()].map((p) => p.values().slice());
      await trainer.train();
      const losses = trainer.state.logHistory.flatMap((entry) => ("loss" in entry ? [entry.loss as number] : []));
      assert.equal(losses.length, 6);
      assert.ok(losses.every(Number.isFinite));
      assert.ok([...trainer.model.parameters()].some((p, i) => p.values().some((v, k) => v !== before[i]![k])));
      assert.equal(trainer.optimizer!.stepCount, 6);
    });
  }

  it("refuses an optimizer of another model, which would train nothing", async () => {
    const given = { model: tinyBert(), args: quietArguments(folder, { maxSteps: 1 }), trainDataset: tinyDataset(8), dataCollator: tinyCollate };
    const other = new SGD(tinyBert().parameters(), { lr: 0.1 });
    await assert.rejects(new Trainer({ ...given, optimizers: [other, undefined] }).train(), {
      code: "ERR_TRAINER_OPTIMIZER",
      message: /none of the model's parameters/,
    });
    const some = new SGD([...given.model.parameters()].slice(-1), { lr: 0.1 });
    assert.equal((await new Trainer({ ...given, optimizers: [some, undefined] }).train()).globalStep, 1);
  });
  it("takes an optimizer and its scheduler, or a class with its options", async () => {
    const own = parts();
    const optimizer = new SGD(own.model.parameters(), { lr: 0.5 });
    const given = new Trainer({ ...own, args: quietArguments(folder, { maxSteps: 4 }), optimizers: [optimizer, undefined] });
    await given.train();
    assert.equal(given.optimizer, optimizer);
    assert.deepEqual([optimizer.stepCount, groupOf(optimizer).initialLr, groupOf(optimizer).lr], [4, 0.5, 0]);

    const choice: OptimizerChoice = { optimizerClass: Adagrad, options: { lr: 0.25, lrDecay: 0.5 } };
    const chosen = new Trainer({ ...parts(), args: quietArguments(folder, { maxSteps: 2, weightDecay: 0.125 }), optimizerClsAndKwargs: choice });
    await chosen.train();
    assert.ok(chosen.optimizer instanceof Adagrad);
    const { weightDecay, lrDecay, initialLr } = groupOf(chosen.optimizer);
    assert.deepEqual([weightDecay, lrDecay, initialLr], [0.125, 0.5, 0.25]);
    assert.throws(() => new Trainer({ ...parts(), optimizers: [optimizer, undefined], optimizerClsAndKwargs: choice }), { code: "ERR_TRAINER_OPTIONS" });
  });

  for (const options of [
    { optim: "adafactor" },
    { optim: "rmsprop", optimArgs: "momentum=0.9,centered=true" },
    { optim: "adagrad" },
    { optim: "lion" },
  ] as const) {
    it(`goes on with ${options.optim} from a checkpoint, bit for bit`, async () => {
      const args = (name: string) =>
        quietArguments(join(folder, name), { ...options, maxSteps: 6, saveStrategy: "steps", saveSteps: 3, weightDecay: 0.01, learningRate: 1e-2 });
      const whole = new Trainer({ ...parts(), args: args(`${options.optim}-whole`) });
      await whole.train();
      const resumed = new Trainer({ ...parts(), args: args(`${options.optim}-resumed`) });
      await resumed.train({ resumeFromCheckpoint: join(folder, `${options.optim}-whole`, "checkpoint-3") });
      const values = (trainer: Trainer<never>) => [...trainer.model.parameters()].map((p) => [...p.values()]);
      assert.deepEqual(values(resumed as Trainer<never>), values(whole as Trainer<never>));
    });
  }

  it("asks a subclass which optimizer it is", () => {
    class Own extends Trainer {
      static override getOptimizerClsAndKwargs(args: TrainingArguments): OptimizerChoice {
        return { optimizerClass: RMSprop, options: { lr: 2 * args.learningRate } };
      }
    }
    const optimizer = new Own({ ...parts(), args: quietArguments(folder, { learningRate: 0.5 }) }).createOptimizer();
    assert.ok(optimizer instanceof RMSprop);
    assert.equal(groupOf(optimizer).lr, 1);
  });

  it("lowers the rate by reduce_lr_on_plateau with the metric of each evaluation", async () => {
    const args = quietArguments(folder, {
      lrSchedulerType: "reduce_lr_on_plateau",
      // No loss is lower by a factor of 10: every evaluation but the first is a bad one.
      lrSchedulerKwargs: { patience: 0, factor: 0.5, threshold: 0.9 },
      evalStrategy: "steps",
      evalSteps: 2,
      maxSteps: 6,
      loggingSteps: 2,
      learningRate: 1e-4,
    });
    const trainer = new Trainer({ ...parts(), args });
    await trainer.train();
    assert.equal(groupOf(trainer.optimizer!).lr, 2.5e-5);
  });
});
