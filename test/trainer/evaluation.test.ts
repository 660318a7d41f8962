// evaluate and predict: what is computed and how often, who is told, what models may give.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Dataset, IterableDataset, Tensor, tensor } from "accelerate-ts";
import {
  type CallbackContext,
  EvalPrediction,
  type ModelInputs,
  type PredictionStepOptions,
  type Predictions,
  type TrainableModel,
  Trainer,
  TrainerCallback,
  type TrainerControl,
  type TrainerState,
  type TrainingArguments,
} from "accelerate-ts/trainer";
import { defaultExecutor } from "../../src/tensor/index.js";
import { concatenated } from "../../src/trainer/evaluation/nested.js";
import { tinyDataset, tinyRows } from "./support.js";
import { accuracy, args, collated, floats, giving, made, options, silent } from "./tiny-evaluations.js";

describe("EvalPrediction", () => {
  const [predictions, labelIds] = [tensor([[1, 2]]), tensor([1], { dtype: "int64" })];
  it("is taken apart by name and by place, with what was asked for behind", () => {
    const plain = new EvalPrediction(predictions, labelIds);
    const [first, second]: [typeof predictions, typeof labelIds] = [plain[0], plain[1]];
    const [one, two, ...none] = plain;
    const [logits, labels]: [typeof predictions, typeof labelIds] = [one, two];
    assert.deepEqual([first, second, logits, labels, none], [predictions, labelIds, predictions, labelIds, []]);
    assert.deepEqual([...new EvalPrediction(predictions, labelIds, { losses: predictions })], [predictions, labelIds, predictions]);
    const { inputs, losses } = new EvalPrediction(predictions, labelIds, { inputs: labelIds, losses: predictions });
    assert.deepEqual([inputs, losses], [labelIds, predictions]);
    assert.ok(plain instanceof EvalPrediction && Array.isArray(plain));
    assert.equal(plain.map((part) => part).constructor, Array);
  });
});

describe("an evaluation", () => {
  it("runs every batch once, brings out nothing but losses where nobody scores, and leaves the model in eval mode", async () => {
    const trainer = made({});
    trainer.model.train();
    await trainer.evaluate();
    const { runs } = defaultExecutor();
    const metrics = await trainer.evaluate();
    assert.equal(defaultExecutor().runs - runs, 3);
    assert.equal(trainer.model.training, false);
    assert.deepEqual(Object.keys(metrics), ["eval_loss", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "epoch"]);
    const scored = made({ computeMetrics: async () => ({}) });
    await scored.evaluate();
    const before = defaultExecutor().runs;
    await scored.evaluate();
    assert.equal(defaultExecutor().runs - before, 3);
    const untouched: string[] = [];
    const watched = giving((logits, labels) => ({ loss: logits.mean().add(labels!.to("float32").mean()), logits }));
    const call = new Proxy(watched, {
      apply: (target, self, given) => {
        const outputs = Reflect.apply(target as never, self, given) as object;
        return new Proxy(outputs, {
          get: (of, key) => {
            untouched.push(String(key));
            return Reflect.get(of, key) as unknown;
          },
        });
      },
    });
    const losses = made({ model: watched, evalDataset: floats(4), ...collated });
    await losses.predictionStep(call as TrainableModel, { x: tensor([[1]]), labels: tensor([1], { dtype: "int64" }) }, { predictionLossOnly: true });
    assert.deepEqual(new Set(untouched), new Set(["loss"]));
  });

  it("is logged and told of: entries of the log, one event for each batch, the metrics at the end", async () => {
    const events: [string, ...unknown[]][] = [];
    class Watch extends TrainerCallback {
      override onPredictionStep(_args: TrainingArguments, _state: TrainerState, _control: TrainerControl, { evalDataloader }: CallbackContext): void {
        events.push(["step", evalDataloader!.length]);
      }
      override onLog(_args: TrainingArguments, _state: TrainerState, _control: TrainerControl, { logs }: CallbackContext): void {
        events.push(["log", Object.keys(logs!)]);
      }
      override onEvaluate(_args: TrainingArguments, _state: TrainerState, _control: TrainerControl, { metrics }: CallbackContext): void {
        events.push(["evaluate", Object.keys(metrics!)]);
      }
      override onPredict(_args: TrainingArguments, _state: TrainerState, _control: TrainerControl, { metrics }: CallbackContext): void {
        events.push(["predict", Object.keys(metrics!)]);
      }
    }
    const trainer = made({ callbacks: [Watch], computeMetrics: accuracy });
    const metrics = await trainer.evaluate();
    const keys = ["eval_loss", "eval_accuracy", "eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "epoch"];
    const steps: [string, number][] = [3, 3, 3].map((length) => ["step", length]);
    assert.deepEqual(events.splice(0), [...steps, ["log", keys], ["evaluate", keys]]);
    const { step, ...entry } = trainer.state.logHistory.at(-1)!;
    assert.deepEqual([step, entry], [0, metrics]);
    await trainer.predict(options.evalDataset);
    assert.deepEqual(events, [...steps, ["predict", keys.slice(0, -1).map((key) => key.replace("eval", "test"))]]);
  });

  it("of sets by name, of one of them, and of other data under another prefix", async () => {
    const evalDataset = { even: tinyDataset(4, 2), odd: tinyDataset(6, 3) };
    const trainer = made({ evalDataset, computeMetrics: accuracy });
    const metrics = await trainer.evaluate();
    const names = ["loss", "accuracy", "runtime", "samples_per_second", "steps_per_second"];
    const keys = (prefix: string) => names.map((name) => `${prefix}_${name}`);
    assert.deepEqual(Object.keys(metrics), [...keys("eval_even"), "epoch", ...keys("eval_odd")]);
    assert.equal((await trainer.evaluate({ evalDataset: "odd" })).eval_loss, metrics.eval_odd_loss);
    assert.equal((await trainer.evaluate({ evalDataset: evalDataset.odd, metricKeyPrefix: "mine" })).mine_loss, metrics.eval_odd_loss);
    assert.deepEqual(Object.keys(await trainer.evaluate({ evalDataset: { a: evalDataset.odd }, metricKeyPrefix: "x" })), [...keys("x_a"), "epoch"]);
    await assert.rejects(trainer.evaluate({ evalDataset: "none" }), { code: "ERR_TRAINER_DATASET" });
    await assert.rejects(trainer.predict(undefined as never), { code: "ERR_TRAINER_DATASET" });
  });

  it("of a stream counts its rows as they come", async () => {
    const rows = tinyRows(10);
    const stream = IterableDataset.fromGenerator(async function* () {
      yield* rows;
    });
    const known = await made({ evalDataset: Dataset.fromRows(rows), computeMetrics: accuracy }).evaluate();
    const trainer = made({ computeMetrics: accuracy, evalDataset: stream });
    const { predictions } = await trainer.predict(stream);
    assert.deepEqual(predictions.shape, [10, 2]);
    const { eval_loss, eval_accuracy, eval_runtime, eval_samples_per_second } = await trainer.evaluate();
    assert.deepEqual([eval_loss, eval_accuracy], [known.eval_loss, known.eval_accuracy]);
    assert.ok(Math.abs(eval_samples_per_second! * eval_runtime! - 10) < 0.5);
    let calls = 0;
    const byBatch = made(
      { evalDataset: stream, computeMetrics: (_, { computeResult }) => ({ calls: ++calls, last: Number(computeResult) }) },
      { batchEvalMetrics: true },
    );
    const { eval_calls, eval_last } = await byBatch.evaluate();
    assert.deepEqual([eval_calls, eval_last], [3, 1]);
  });

  it("of nothing, and of data without labels, has no loss and no metrics", async () => {
    const empty = made({ evalDataset: [] as never, computeMetrics: accuracy });
    const { predictions, metrics } = await empty.predict([]);
    assert.equal(predictions, undefined);
    assert.deepEqual(
      Object.keys(metrics).filter((key) => key === "test_loss"),
      [],
    );
    const unlabelled = tinyRows(5).map(({ input_ids, attention_mask }) => ({ input_ids: input_ids.slice(0, 3), attention_mask: attention_mask.slice(0, 3) }));
    const trainer = made({ ...collated, evalDataset: unlabelled, computeMetrics: accuracy });
    assert.equal("eval_loss" in (await trainer.evaluate()), false);
    const predicted = await trainer.predict(unlabelled);
    assert.deepEqual([predicted.predictions.shape, predicted.labelIds], [[5, 2], undefined]);
  });
});

describe("what a model gives", () => {
  const structure = (value: unknown): unknown =>
    value instanceof Tensor
      ? [...value.shape]
      : Array.isArray(value)
        ? value.map(structure)
        : Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, structure(item)]));
  const loss = (logits: Tensor, labels: Tensor | undefined) => logits.mean().add(labels!.to("float32").mean());
  const cases: readonly (readonly [string, (logits: Tensor, labels: Tensor | undefined) => object, unknown])[] = [
    ["one output", (y, l) => ({ loss: loss(y, l), logits: y }), [5, 2]],
    ["several by name", (y, l) => ({ loss: loss(y, l), a: y, b: y.sum(1) }), [[5, 2], [5]]],
    [
      "a list, the loss first",
      (y, l) => [loss(y, l), y, [y.sum(1), y.sum(-1)]],
      [
        [5, 2],
        [[5], [5]],
      ],
    ],
    ["objects within", (y, l) => ({ loss: loss(y, l), inner: { a: y, b: [y.sum(1)] } }), { a: [5, 2], b: [[5]] }],
    ["a number for each batch", (y, l) => ({ loss: loss(y, l), total: y.sum() }), [2]],
    ["what is no tensor, left out", (y, l) => ({ loss: loss(y, l), logits: y, none: null, kind: "text", size: 3, past_key_values: [y] }), [5, 2]],
  ];
  for (const [what, give, wanted] of cases)
    it(`${what}: comes back for all rows`, async () => {
      const { predictions, labelIds } = await made({ model: giving(give), ...collated }).predict(floats(5));
      assert.deepEqual(structure(predictions), wanted);
      assert.deepEqual(await labelIds.toArray(), [0, 1, 0, 1, 0]);
    });
  it("of another size in the third place is refused, and is let alone where batches are not put together", async () => {
    let width = 1;
    const growing = giving((y, l) => ({
      loss: loss(y, l),
      logits: y
        .unsqueeze(1)
        .expand([-1 as never, 1 as never, 2 as never])
        .at(":", ":", `:${width}`),
    }));
    const step = async (concat: boolean): Promise<Predictions> => {
      class Growing extends Trainer {
        override async predictionStep(model: TrainableModel, inputs: ModelInputs, more: PredictionStepOptions) {
          const { loss: own, labels } = await super.predictionStep(model, inputs, more);
          width = width === 1 ? 2 : 1;
          return { loss: own, labels, logits: tensor([[Array<number>(width).fill(1)]]) };
        }
      }
      return (await silent(new Growing({ model: growing, args: args({ evalDoConcatBatches: concat }) })).predict(floats(8))).predictions as Predictions;
    };
    await assert.rejects(step(true), { code: "ERR_SHAPE", message: /ignoreKeys|evalDoConcatBatches/ });
    assert.deepEqual((structure(await step(false)) as unknown[]).length, 2);
  });
  it("is put together with -100 behind what is shorter, whole numbers widened where others are not", async () => {
    const of = (values: number[][], dtype: "float32" | "int64") => tensor(values, { dtype }) as Tensor;
    const joined = concatenated([of([[1, 2, 3]], "int64"), of([[4]], "int64"), of([[5, 6]], "int64")], "x") as Tensor;
    assert.deepEqual(
      [joined.dtype, await joined.toArray()],
      [
        "int64",
        [
          [1, 2, 3],
          [4, -100, -100],
          [5, 6, -100],
        ],
      ],
    );
    const wide = concatenated([of([[1]], "int64"), of([[0.5, 1.5]], "float32")], "x") as Tensor;
    assert.deepEqual(
      [wide.dtype, await wide.toArray()],
      [
        "float32",
        [
          [1, -100],
          [0.5, 1.5],
        ],
      ],
    );
    assert.throws(() => concatenated([joined, [joined]], "x"), { code: "ERR_EVALUATION_OUTPUTS" });
    assert.throws(() => concatenated([{ a: joined }, { b: joined }], "x"), { code: "ERR_EVALUATION_OUTPUTS" });
    assert.throws(() => concatenated([joined, tensor([1])], "x"), { code: "ERR_SHAPE" });
  });
});
