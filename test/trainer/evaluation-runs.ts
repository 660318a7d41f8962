// Evaluates and predicts what transformers' Trainer did for test/golden/trainer-evaluation.json (test/golden/make/trainer_evaluation.py makes it), and compares what came out.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Dataset, Tensor, tensor } from "accelerate-ts";
import { BertForSequenceClassification, BertForTokenClassification } from "accelerate-ts/models";
import { crossEntropy } from "accelerate-ts/nn";
import { type EvalPrediction, type ModelInputs, type Predictions, PrinterCallback, Trainer, TrainingArguments } from "accelerate-ts/trainer";
import { packageRoot } from "../../src/package-root.js";

const folder = join(packageRoot(), "test", "golden");
/** Of losses and logits; relative where they are greater than 1. */
const tolerance = 2e-5;

interface Row {
  readonly input_ids: number[];
  readonly attention_mask: number[];
  readonly tags: number[];
  readonly label: number;
  readonly text: string;
}
type Value = number | string;
/** A tensor: all of its numbers, or the first ones and a sum. */
interface Shown {
  readonly shape: readonly number[];
  readonly values?: readonly Value[];
  readonly first?: readonly Value[];
  readonly sum?: Value;
}
export type ShownAll = Shown | readonly ShownAll[] | null;
interface Measured {
  readonly keys: readonly string[];
  readonly metrics: Readonly<Record<string, Value>>;
}
export interface EvaluationResult {
  readonly evaluated: Measured;
  /** What computeMetrics was given. */
  readonly seen: readonly {
    readonly count: number;
    readonly predictions: ShownAll;
    readonly labels: ShownAll;
    readonly inputs: ShownAll;
    readonly losses: ShownAll;
  }[];
  readonly predicted: Measured & { readonly predictions: ShownAll; readonly labels: ShownAll };
}
export interface EvaluationCase extends EvaluationResult {
  readonly name: string;
  readonly task: "token" | "sequence";
  readonly world: 1 | 2;
  /** In Python's names. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly metrics?: false;
  readonly preprocess?: true;
  readonly states?: true;
  readonly ignore?: readonly string[];
  readonly own_loss?: true;
  readonly named?: true;
  readonly unlabelled?: true;
}
export interface EvaluationGolden {
  readonly rows: readonly Row[];
  readonly cases: readonly EvaluationCase[];
  readonly texts: readonly {
    readonly split: string;
    readonly metrics: Readonly<Record<string, unknown>>;
    readonly printed: string;
    readonly own: string;
    readonly all: string;
  }[];
}
export const evaluationGolden = async (): Promise<EvaluationGolden> =>
  JSON.parse(await readFile(join(folder, "trainer-evaluation.json"), "utf8")) as EvaluationGolden;

const written = (value: number): Value => (Number.isFinite(value) ? value : Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");
async function shown(value: Predictions | undefined): Promise<ShownAll> {
  if (value === undefined) return null;
  if (!(value instanceof Tensor)) return Promise.all(Object.values(value).map((item: Predictions) => shown(item)));
  const numbers = [...((await value.data()) as ArrayLike<number | bigint> & Iterable<number | bigint>)].map(Number);
  return {
    shape: [...value.shape],
    values: numbers.map(written),
    first: numbers.slice(0, 6).map(written),
    sum: written(numbers.reduce((sum, x, i) => sum + x * ((i % 13) + 1), 0)),
  };
}

/** Pads to the longest row: tags with -100. */
const collateFor =
  (tokens: boolean) =>
  (rows: readonly Partial<Row>[]): ModelInputs => {
    const width = Math.max(...rows.map((row) => row.input_ids!.length));
    const padded = (key: "input_ids" | "attention_mask" | "tags", filler: number): Tensor =>
      tensor(
        rows.map((row) => [...row[key]!, ...Array<number>(width - row[key]!.length).fill(filler)]),
        { dtype: "int64" },
      );
    const inputs = { input_ids: padded("input_ids", 0), attention_mask: padded("attention_mask", 0) };
    if (tokens) return { ...inputs, labels: padded("tags", -100) };
    if (rows[0]!.label === undefined) return inputs;
    const labels = rows.map((row) => row.label!);
    return { ...inputs, labels: tensor(labels, { dtype: "int64" }) };
  };

const timed = /_(runtime|per_second)$/;
const measured = (metrics: Readonly<Record<string, number>>): Measured => ({
  keys: Object.keys(metrics),
  metrics: Object.fromEntries(Object.entries(metrics).flatMap(([key, value]) => (timed.test(key) ? [] : [[key, written(value)]]))),
});

/** One case, in a folder of its own. */
export async function runEvaluation({ rows }: EvaluationGolden, wanted: EvaluationCase, outputDir: string): Promise<EvaluationResult> {
  const tokens = wanted.task === "token";
  const cls = tokens ? BertForTokenClassification : BertForSequenceClassification;
  const model = await cls.fromPretrained(join(folder, "models", "families", cls.name), { config: { output_hidden_states: wanted.states ?? false } } as never);
  const kept = ["input_ids", "attention_mask", "text", ...(wanted.unlabelled ? [] : [tokens ? "tags" : "label"])] as const as readonly (keyof Row)[];
  const dataset = Dataset.fromRows(rows.map((row) => Object.fromEntries(kept.map((key) => [key, row[key]])) as never));
  const seen: EvaluationResult["seen"][number][] = [];
  let [right, counted] = [0, 0];

  const computeMetrics = async (prediction: EvalPrediction<Predictions, Predictions>, { computeResult }: { readonly computeResult: boolean }) => {
    const { predictions, labelIds, inputs, losses } = prediction;
    const elements = [...prediction];
    assert.deepEqual(
      elements,
      [predictions, labelIds, inputs, losses].filter((element) => element !== undefined),
    );
    seen.push({
      count: elements.length,
      predictions: await shown(predictions),
      labels: await shown(labelIds),
      inputs: await shown(inputs),
      losses: await shown(losses),
    });
    const batches: [Predictions, Predictions][] =
      wanted.args.eval_do_concat_batches === false
        ? (predictions as readonly Predictions[]).map((batch, i) => [batch, (labelIds as readonly Predictions[])[i]!])
        : [[predictions, labelIds]];
    for (const [logits, labels] of batches) {
      const first = (Array.isArray(logits) ? logits[0] : logits) as Tensor;
      const guesses = [...((await (wanted.preprocess ? first : first.argmax(-1)).data()) as BigInt64Array)];
      const targets = [...((await (labels as Tensor).data()) as BigInt64Array)];
      counted += targets.filter((label) => label !== -100n).length;
      right += targets.filter((label, i) => label !== -100n && label === guesses[i]).length;
    }
    if (!computeResult) return {};
    const result = { accuracy: right / counted, counted, eval_seen: seen.length };
    [right, counted] = [0, 0];
    return result;
  };

  const alternate = (first: number) => dataset.select(Array.from({ length: 10 }, (_, i) => first + 2 * i));
  const trainer = new Trainer({
    model,
    args: TrainingArguments.fromJSON({
      ...wanted.args,
      output_dir: outputDir,
      use_cpu: true,
      report_to: "none",
      disable_tqdm: true,
      remove_unused_columns: false,
      log_level: "error",
    }),
    evalDataset: wanted.named ? { even: alternate(0), odd: alternate(1) } : dataset,
    dataCollator: collateFor(tokens),
    ...(wanted.metrics === false ? {} : { computeMetrics }),
    ...(wanted.preprocess && { preprocessLogitsForMetrics: (logits) => (logits as Tensor).argmax(-1) }),
    ...(wanted.own_loss && {
      computeLossFunc: ({ logits }, labels, { numItemsInBatch }) => crossEntropy(logits, labels!, { reduction: "sum" }).div(numItemsInBatch!),
    }),
  });
  trainer.removeCallback(PrinterCallback);
  const options = wanted.ignore ? { ignoreKeys: wanted.ignore } : {};
  const evaluated = await trainer.evaluate(options);
  const given = seen.splice(0);
  const predicted = await trainer.predict(dataset, options);
  const result: EvaluationResult = {
    evaluated: measured(evaluated),
    seen: given,
    predicted: { ...measured(predicted.metrics), predictions: await shown(predicted.predictions), labels: await shown(predicted.labelIds) },
  };
  await trainer.accelerator.close();
  return result;
}

function close(actual: Value | undefined, expected: Value, what: string): void {
  if (typeof actual !== "number" || typeof expected !== "number") assert.equal(actual, expected, what);
  else assert.ok(Math.abs(actual - expected) <= tolerance * Math.max(1, Math.abs(expected)), `${what} is ${actual}, Python has ${expected}`);
}
function closeAll(actual: ShownAll, expected: ShownAll, what: string): void {
  if (expected === null || actual === null) {
    assert.equal(actual, expected, what);
    return;
  }
  if (Array.isArray(expected)) {
    assert.ok(
      Array.isArray(actual) && actual.length === expected.length,
      `${what} are ${JSON.stringify(actual).slice(0, 80)}, Python has a list of ${expected.length}`,
    );
    expected.forEach((item: ShownAll, i) => {
      closeAll((actual as readonly ShownAll[])[i]!, item, `${what}[${i}]`);
    });
    return;
  }
  const [own, wanted] = [actual as Shown, expected as Shown];
  assert.deepEqual(own.shape, wanted.shape, `shape of ${what}`);
  wanted.values?.forEach((value, i) => {
    close(own.values![i], value, `${what}[${i}]`);
  });
  wanted.first?.forEach((value, i) => {
    close(own.first![i], value, `${what}[${i}]`);
  });
  // A sum of as many numbers as there are.
  if (wanted.sum !== undefined && typeof own.sum === "number" && typeof wanted.sum === "number") {
    const size = wanted.shape.reduce((a, b) => a * b, 1);
    assert.ok(Math.abs(own.sum - wanted.sum) <= tolerance * 7 * Math.max(1, size), `sum of ${what} is ${own.sum}, Python has ${wanted.sum}`);
  } else if (wanted.sum !== undefined) assert.equal(own.sum, wanted.sum, what);
}
function closeMeasured(actual: Measured, expected: Measured, what: string): void {
  assert.deepEqual(actual.keys, expected.keys, what);
  assert.deepEqual(Object.keys(actual.metrics), Object.keys(expected.metrics), what);
  for (const [key, value] of Object.entries(expected.metrics)) close(actual.metrics[key], value, `${what}: ${key}`);
}

/** Fails with the first number that is not Python's. */
export function assertEvaluation(actual: EvaluationResult, expected: EvaluationCase): void {
  closeMeasured(actual.evaluated, expected.evaluated, "evaluate()");
  assert.equal(actual.seen.length, expected.seen.length, "calls of computeMetrics");
  for (const [i, wanted] of expected.seen.entries()) {
    const own = actual.seen[i]!;
    assert.equal(own.count, wanted.count);
    for (const key of ["predictions", "labels", "inputs", "losses"] as const) closeAll(own[key], wanted[key], `${key} of call ${i}`);
  }
  closeMeasured(actual.predicted, expected.predicted, "predict()");
  closeAll(actual.predicted.predictions, expected.predicted.predictions, "predictions");
  closeAll(actual.predicted.labels, expected.predicted.labels, "labels");
}
