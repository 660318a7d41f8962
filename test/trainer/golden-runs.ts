// Trains what transformers' Trainer has trained for test/golden/trainer-runs.json (test/golden/make/trainer_runs.py makes it), and compares what came out.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Dataset, type Tensor, tensor } from "accelerate-ts";
import { BertForSequenceClassification, GPT2LMHeadModel } from "accelerate-ts/models";
import { crossEntropy } from "accelerate-ts/nn";
import {
  type ComputedLoss,
  type ComputeLossOptions,
  EarlyStoppingCallback,
  type EvalPrediction,
  type ModelInputs,
  PrinterCallback,
  type TrainableModel,
  Trainer,
  type TrainerOutput,
} from "accelerate-ts/trainer";
import {
  type CallbackContext,
  type CallbackEvent,
  type LogEntry,
  TrainerCallback,
  type TrainerControl,
  type TrainerState,
  TrainingArguments,
} from "accelerate-ts/trainer";
import { packageRoot } from "../../src/package-root.js";

const folder = join(packageRoot(), "test", "golden");
/** Of losses, norms of gradients and scores; relative where they are greater than 1. */
export const tolerance = 1e-4;
/** Of learning rates. */
const rateTolerance = 1e-9;

type Row = {
  readonly input_ids: number[];
  readonly attention_mask: number[];
  readonly token_type_ids?: number[];
  readonly label?: number;
  readonly text?: string;
};
type Columns = Readonly<Record<string, readonly number[]>>;
type Entry = Readonly<Record<string, number>>;
type Event = readonly [event: string, step: number, epoch: number, flags: readonly string[]];

/** What a run gave, as the file has it: the log with training entries by column, without times. */
export interface RunResult {
  /** t for an entry of a training step, e for another one. */
  readonly order: string;
  readonly keys: readonly string[];
  readonly train: Columns;
  readonly others: readonly Entry[];
  readonly max_steps: number;
  readonly output: { readonly global_step: number; readonly training_loss: number; readonly metrics: Entry };
  readonly weights: Columns;
  readonly events?: readonly Event[];
  /** The best metric, and its step. */
  readonly best?: readonly (number | undefined)[];
  readonly predicted?: {
    readonly shapes: readonly [readonly number[], readonly number[]];
    readonly first: readonly (readonly number[])[];
    readonly label_ids: readonly number[];
    readonly keys: readonly string[];
    readonly metrics: Entry;
  };
}
export interface GoldenCase extends RunResult {
  readonly name: string;
  readonly model: "bert" | "gpt2";
  readonly world: 1 | 2;
  /** In Python's names. */
  readonly args: Readonly<Record<string, unknown>>;
  readonly evaluated?: true | "named";
  /** The first label of a row is not counted. */
  readonly shifted?: true;
  /** A loss of the program's own: the mean over the rows of all micro-batches. */
  readonly loss_function?: true;
  /** Stops early after so many evaluations that were no better. */
  readonly patience?: number;
}
export interface GoldenFile {
  readonly data: Readonly<Record<"bert" | "gpt2", { readonly train: readonly Row[]; readonly eval: readonly Row[] }>>;
  readonly cases: readonly GoldenCase[];
}
export const goldenRuns = async (): Promise<GoldenFile> => JSON.parse(await readFile(join(folder, "trainer-runs.json"), "utf8")) as GoldenFile;

/** Pads to the longest row; labels of a language model are its ids, padding is no target. */
function collate(rows: readonly Row[]): Record<string, Tensor> {
  const width = Math.max(...rows.map((row) => row.input_ids.length));
  const padded = (key: "input_ids" | "attention_mask" | "token_type_ids", filler = 0) =>
    tensor(
      rows.map((row) => [...row[key]!, ...Array<number>(width - row[key]!.length).fill(filler)]),
      { dtype: "int64" },
    );
  assert.ok(!("text" in rows[0]!), "a column that the model does not take reaches the collator");
  const batch = { input_ids: padded("input_ids"), attention_mask: padded("attention_mask") };
  if (rows[0]!.label === undefined) return { ...batch, labels: padded("input_ids", -100) };
  const labels = tensor(
    rows.map((row) => row.label!),
    { dtype: "int64" },
  );
  return { ...batch, token_type_ids: padded("token_type_ids"), labels };
}

async function classScores({ predictions, labelIds }: EvalPrediction): Promise<Record<string, number>> {
  const [guesses, labels] = [await predictions.argmax(-1).toArray(), await labelIds.toArray()];
  return { accuracy: labels.filter((label, i) => label === guesses[i]).length / labels.length, counted: labels.length };
}
async function tokenScores({ predictions, labelIds }: EvalPrediction): Promise<Record<string, number>> {
  const guesses = (await (predictions as Tensor).argmax(-1).toArray()) as number[][];
  const labels = (await (labelIds as Tensor).toArray()) as number[][];
  const pairs = labels.flatMap((row, i) => row.slice(1).map((label, j) => [guesses[i]![j], label] as const)).filter(([, label]) => label !== -100);
  return { accuracy: pairs.filter(([guess, label]) => guess === label).length / pairs.length, counted: pairs.length };
}

/** transformers 5.23 takes a BERT with a head for one that divides its loss by the labels of all micro-batches, on all workers; it does not, so the loss is the sum of the means. */
class AsInstalled extends Trainer<Row> {
  override lossIsScaledForGa = true;
  override async computeLoss(model: TrainableModel, inputs: ModelInputs, options: ComputeLossOptions = {}): Promise<ComputedLoss> {
    const computed = await super.computeLoss(model, inputs, options);
    if (!model.training || this.accelerator.numProcesses === 1) return computed;
    const loss = "loss" in computed ? computed.loss : computed;
    return loss.mul(this.accelerator.numProcesses);
  }
}

const snakeCase = (name: string) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
/** Notes every event with the flags that it meets. */
class Events extends TrainerCallback {
  readonly met: Event[] = [];
  constructor() {
    super();
    const events: readonly CallbackEvent[] = [
      ...(["onInitEnd", "onTrainBegin", "onTrainEnd", "onEpochBegin", "onEpochEnd", "onStepBegin", "onSubstepEnd", "onPreOptimizerStep"] as const),
      ...(["onOptimizerStep", "onStepEnd", "onEvaluate", "onPredict", "onSave", "onLog", "onPredictionStep"] as const),
    ];
    for (const event of events)
      this[event] = (_args: TrainingArguments, state: TrainerState, control: TrainerControl, _context: CallbackContext) => this.#note(event, state, control);
  }
  #note(event: string, state: TrainerState, control: TrainerControl): void {
    const flags = ["shouldLog", "shouldEvaluate", "shouldSave", "shouldEpochStop", "shouldTrainingStop"] as const;
    const set = flags.filter((flag) => control[flag]).map((flag) => snakeCase(flag).replace("should_", ""));
    this.met.push([snakeCase(event), state.globalStep, state.epoch ?? 0, set]);
  }
}

const timed = /_(runtime|per_second)$/;
const untimed = (entry: LogEntry | Entry): Entry => Object.fromEntries(Object.entries(entry).filter(([key]) => !timed.test(key))) as Entry;

/** One case, in a folder of its own. */
export async function runGolden(golden: GoldenFile, wanted: GoldenCase, outputDir: string): Promise<RunResult> {
  const model =
    wanted.model === "bert"
      ? await BertForSequenceClassification.fromPretrained(join(folder, "models", "tiny-bert"))
      : await GPT2LMHeadModel.fromPretrained(join(folder, "models", "families", "GPT2LMHeadModel"));
  if (wanted.shifted) Object.assign(model, { shiftsLabels: true });
  const rows = golden.data[wanted.model];
  const [train, evaluation] = [Dataset.fromRows(rows.train as Row[]), Dataset.fromRows(rows.eval as Row[])];
  const alternate = (first: number) => evaluation.select(Array.from({ length: 10 }, (_, i) => first + 2 * i));
  const events = new Events();
  const trainer = new (wanted.name.endsWith("as installed") ? AsInstalled : Trainer<Row>)({
    model,
    args: TrainingArguments.fromJSON({ ...wanted.args, output_dir: outputDir, use_cpu: true, report_to: "none", disable_tqdm: true }),
    trainDataset: train,
    dataCollator: collate,
    ...(wanted.evaluated && {
      evalDataset: wanted.evaluated === "named" ? { even: alternate(0), odd: alternate(1) } : evaluation,
      computeMetrics: wanted.model === "bert" ? classScores : tokenScores,
    }),
    ...(wanted.loss_function && {
      computeLossFunc: (outputs: TrainerOutput, labels: Tensor | undefined, { numItemsInBatch }: { readonly numItemsInBatch: number | undefined }) =>
        crossEntropy(outputs.logits, labels!, { reduction: "sum" }).div(numItemsInBatch ?? labels!.shape[0]!),
    }),
    callbacks: [...(wanted.events ? [events] : []), ...(wanted.patience ? [new EarlyStoppingCallback({ earlyStoppingPatience: wanted.patience })] : [])],
  });
  trainer.removeCallback(PrinterCallback);
  const output = await trainer.train();
  const { logHistory, maxSteps } = trainer.state;
  const steps = logHistory.filter((entry) => "loss" in entry) as Entry[];
  const keys = Object.keys(steps[0]!);
  const weights: Record<string, number[]> = {};
  for (const [name, parameter] of model.namedParameters()) if (name in wanted.weights) weights[name] = [...(await parameter.data())].map(Number);
  const predicted = wanted.predicted && (await trainer.predict(evaluation));
  await trainer.accelerator[Symbol.asyncDispose]();
  return {
    order: logHistory.map((entry) => ("loss" in entry ? "t" : "e")).join(""),
    keys,
    train: Object.fromEntries(keys.map((key) => [key, steps.map((entry) => entry[key]!)])),
    others: logHistory.filter((entry) => !("loss" in entry)).map(untimed),
    max_steps: maxSteps,
    output: { global_step: output.globalStep, training_loss: output.trainingLoss, metrics: untimed(output.metrics) },
    weights,
    ...(wanted.best && { best: [trainer.state.bestMetric, trainer.state.bestGlobalStep] }),
    ...(wanted.events && { events: events.met }),
    ...(predicted && {
      predicted: {
        shapes: [predicted.predictions.shape, predicted.labelIds.shape],
        first: (await predicted.predictions.toArray()).slice(0, 3),
        label_ids: await predicted.labelIds.toArray(),
        keys: Object.keys(predicted.metrics),
        metrics: untimed(predicted.metrics),
      },
    }),
  };
}

function close(actual: readonly number[], expected: readonly number[], what: string, allowed = tolerance): void {
  assert.equal(actual.length, expected.length, `${what}: ${actual.length} numbers, Python has ${expected.length}`);
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(actual[i]! - value) <= allowed * Math.max(1, Math.abs(value)), `${what}[${i}] is ${actual[i]}, Python has ${value}`);
}
function closeEntry(actual: Entry, expected: Entry, what: string): void {
  assert.deepEqual(Object.keys(actual), Object.keys(expected), what);
  close(Object.values(actual), Object.values(expected), `${what}: ${Object.keys(expected).join(", ")}`);
}

/** Fails with the first number that is not Python's. */
export function assertGolden(actual: RunResult, expected: GoldenCase): void {
  assert.equal(actual.order, expected.order, "the order of training and other entries of the log");
  assert.deepEqual(actual.keys, expected.keys);
  for (const [key, values] of Object.entries(expected.train))
    if (!timed.test(key)) close(actual.train[key]!, values, key, key === "learning_rate" ? rateTolerance : tolerance);
  for (const [i, entry] of expected.others.entries()) closeEntry(actual.others[i]!, entry, `entry ${i} beside those of steps`);
  assert.equal(actual.max_steps, expected.max_steps);
  assert.equal(actual.output.global_step, expected.output.global_step);
  close([actual.output.training_loss], [expected.output.training_loss], "training_loss");
  // Python's printer takes total_flos out of what train() returns; the log has it.
  closeEntry(actual.output.metrics, { total_flos: expected.others.at(-1)!.total_flos!, ...expected.output.metrics }, "metrics");
  for (const [name, values] of Object.entries(expected.weights)) close(actual.weights[name]!, values, `${name} at the end`);
  if (expected.best) close(actual.best as number[], expected.best as number[], "the best metric and its step");
  if (expected.events) {
    const rounded = ([event, step, epoch, flags]: Event): Event => [event, step, Math.round(epoch * 1e6) / 1e6, flags];
    assert.deepEqual(actual.events!.map(rounded), expected.events.map(rounded));
  }
  if (!expected.predicted) return;
  assert.deepEqual(actual.predicted!.shapes, expected.predicted.shapes);
  close(actual.predicted!.first.flat(), expected.predicted.first.flat(), "predictions");
  assert.deepEqual(actual.predicted!.label_ids, expected.predicted.label_ids);
  assert.deepEqual(actual.predicted!.keys, expected.predicted.keys);
  closeEntry(actual.predicted!.metrics, expected.predicted.metrics, "metrics of the prediction");
}
