// The Trainer here and in Python's transformers on MRPC: the same weights and head, the same batches, each its own dropout. One JSON line per epoch, then the means over the seeds.
//   node dist/bench/trainer-mrpc.js --model DIR --train train.jsonl --eval validation.jsonl [--python python3] [--seeds 42,1,2] [--epochs 3] [--steps 20] [--batch 8] [--threads 2] [--loop]
// Without --python ours alone, with a head of its own. --steps ends runs early. --loop adds the hand-written loop on the same batches, for samples/s.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { AdamW, DataCollatorWithPadding, Engine, getScheduler, loadDataset, loadMetric, setSeed } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer } from "accelerate-ts/models";
import { type EvalPrediction, PrinterCallback, Trainer, TrainerCallback, TrainingArguments } from "accelerate-ts/trainer";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    model: { type: "string" },
    train: { type: "string" },
    eval: { type: "string" },
    python: { type: "string" },
    seeds: { type: "string", default: "42,1,2" },
    epochs: { type: "string", default: "3" },
    steps: { type: "string", default: "-1" },
    batch: { type: "string", default: "8" },
    lr: { type: "string", default: "5e-5" },
    threads: { type: "string", default: "2" },
    loop: { type: "boolean", default: false },
  },
});
if (args.model === undefined || args.train === undefined || args.eval === undefined) throw new Error("--model, --train and --eval are needed");
Engine.open({ threads: Number(args.threads) }); // the first engine of a process decides
const here = dirname(fileURLToPath(import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), "trainer-mrpc-"));
const tokenizer = await AutoTokenizer.fromPretrained(args.model);
const raw = await loadDataset("json", {
  dataFiles: { train: args.train, validation: args.eval },
  features: { sentence1: "string", sentence2: "string", label: "int64" },
});
const data = await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength: 128 }), { batched: true });

interface Line {
  readonly peer: string;
  readonly seed: number;
  readonly epoch: number;
  readonly train_loss: number;
  readonly accuracy: number;
  readonly f1: number;
  readonly samples_per_s: number;
}
const show = (line: Line): Line => {
  console.log(JSON.stringify(line, (_, value) => (typeof value === "number" ? Number(value.toFixed(4)) : value)));
  return line;
};

/** Python's run; leaves the weights that it began with in `out`/start. */
function python(seed: number, out: string): Line[] {
  const options = Object.entries({
    model: args.model,
    train: args.train,
    eval: args.eval,
    out,
    seed,
    epochs: args.epochs,
    steps: args.steps,
    batch: args.batch,
  });
  const more = Object.entries({ lr: args.lr, threads: args.threads });
  const script = join(here, "..", "..", "bench", "peers", "trainer_mrpc.py");
  const text = execFileSync(args.python!, [script, ...[...options, ...more].flatMap(([key, value]) => [`--${key}`, String(value)])], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => show(JSON.parse(line) as Line));
}

async function computeMetrics({ predictions, labelIds }: EvalPrediction): Promise<{ accuracy: number; f1: number }> {
  const metric = loadMetric("glue", "mrpc");
  await metric.addBatch({ predictions: predictions.argmax(-1), references: labelIds });
  return metric.compute() as { accuracy: number; f1: number };
}
/** Milliseconds of the steps alone, without evaluations. */
class Clock extends TrainerCallback {
  total = 0;
  #started = 0;
  override onEpochBegin(): void {
    this.#started = performance.now();
  }
  override onEpochEnd(): void {
    this.total += performance.now() - this.#started;
  }
}

async function ours(seed: number, start: string): Promise<Line[]> {
  const clock = new Clock();
  setSeed(seed);
  const trainer = new Trainer({
    model: await AutoModelForSequenceClassification.fromPretrained(start, { numLabels: 2 }),
    args: new TrainingArguments(join(scratch, "ours"), {
      seed,
      numTrainEpochs: Number(args.epochs),
      maxSteps: Number(args.steps),
      perDeviceTrainBatchSize: Number(args.batch),
      perDeviceEvalBatchSize: 32,
      learningRate: Number(args.lr),
      evalStrategy: "epoch",
      loggingStrategy: "epoch",
      saveStrategy: "no",
      disableTqdm: true,
      logLevel: "error",
    }),
    trainDataset: data.train,
    evalDataset: data.validation,
    dataCollator: new DataCollatorWithPadding(tokenizer),
    computeMetrics,
    callbacks: [clock],
  });
  trainer.removeCallback(PrinterCallback);
  const { globalStep } = await trainer.train();
  const rows = Math.min(globalStep * Number(args.batch), data.train.length * Number(args.epochs));
  const { logHistory } = trainer.state;
  const losses = logHistory.filter((entry) => "loss" in entry);
  const evaluations = logHistory.filter((entry) => "eval_loss" in entry) as unknown as { eval_accuracy: number; eval_f1: number }[];
  return evaluations.map((entry, i) => {
    const [accuracy, f1, train_loss] = [entry.eval_accuracy, entry.eval_f1, losses[i]!.loss as number];
    return show({ peer: "accelerate-ts", seed, epoch: i + 1, train_loss, accuracy, f1, samples_per_s: (rows / clock.total) * 1000 });
  });
}

/** The loop that a user would write for the same steps, over the Trainer's own batches. */
async function loop(seed: number, start: string): Promise<number> {
  setSeed(seed);
  const model = await AutoModelForSequenceClassification.fromPretrained(start, { numLabels: 2 });
  const settings = new TrainingArguments(join(scratch, "loop"), { seed, perDeviceTrainBatchSize: Number(args.batch), disableTqdm: true, logLevel: "error" });
  const trainer = new Trainer({ model, args: settings, trainDataset: data.train, dataCollator: new DataCollatorWithPadding(tokenizer) });
  const { accelerator } = trainer;
  const loader = await trainer.getTrainDataloader();
  const optimizer = new AdamW(model.parameters(), { lr: Number(args.lr), weightDecay: 0 });
  await accelerator.prepare(model, optimizer);
  const steps = Number(args.steps) > 0 ? Number(args.steps) : Number(args.epochs) * loader.length;
  const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
  model.train();
  const started = performance.now();
  let [done, total] = [0, 0];
  while (done < steps)
    for await (const batch of loader) {
      const { loss } = model(batch);
      await accelerator.backward(loss);
      await accelerator.clipGradNorm(model.parameters(), 1);
      await optimizer.step();
      scheduler.step();
      optimizer.zeroGrad();
      total += await loss.item();
      if (++done === steps) break;
    }
  const rows = Math.min(steps * Number(args.batch), data.train.length * Number(args.epochs));
  const speed = (rows / (performance.now() - started)) * 1000;
  console.log(`hand-written loop, seed ${seed}: ${speed.toFixed(1)} samples/s, train loss ${(total / steps).toFixed(4)}`);
  return speed;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
try {
  console.log(JSON.stringify(machine(args.python)));
  const last: { readonly python: Line[]; readonly ours: Line[]; readonly loop: number[] } = { python: [], ours: [], loop: [] };
  for (const seed of args.seeds.split(",").map(Number)) {
    const out = join(scratch, String(seed));
    if (args.python) last.python.push(python(seed, out).at(-1)!);
    const start = args.python ? join(out, "start") : args.model;
    last.ours.push((await ours(seed, start)).at(-1)!);
    if (args.loop) last.loop.push(await loop(seed, start));
  }
  for (const side of ["python", "ours"] as const) {
    if (last[side].length === 0) continue;
    const of = (key: "accuracy" | "f1" | "samples_per_s", digits: number) =>
      `${mean(last[side].map((line) => line[key])).toFixed(digits)} (${last[side].map((line) => line[key].toFixed(digits)).join(", ")})`;
    console.log(
      `${side.padEnd(6)} after the last epoch, seeds ${args.seeds}: accuracy ${of("accuracy", 4)}, f1 ${of("f1", 4)}, samples/s ${of("samples_per_s", 1)}`,
    );
  }
  if (args.loop) console.log(`Trainer / loop: ${(mean(last.ours.map((line) => line.samples_per_s)) / mean(last.loop)).toFixed(3)} (bound 0.98)`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
