// What the Trainer adds to the steps of the loop that it replaces: the same model, batches and steps, in pairs of runs in turn.
//   node dist/bench/trainer-overhead.js [--pairs 7] [--steps 300] [--warmup 40] [--size tiny|small] [--logging 10] [--threads 1]
// tiny: 2 layers of 32, so that what is added is not lost in what the model costs (bound: 1 ms a step). small: 6 layers of 384 at 64 tokens, batch 8 (bound: 0.98 of the loop's throughput).
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Accelerator, AdamW, DataLoader, Dataset, defaultDataCollator, Engine, getScheduler, setSeed } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { PrinterCallback, Trainer, TrainerCallback, type TrainerState, TrainingArguments } from "accelerate-ts/trainer";
import { machine } from "./machine.js";

const { values } = parseArgs({
  options: {
    pairs: { type: "string", default: "7" },
    steps: { type: "string", default: "300" },
    warmup: { type: "string", default: "40" },
    size: { type: "string", default: "tiny" },
    logging: { type: "string", default: "10" },
    threads: { type: "string", default: "1" },
  },
});
const [pairs, timed, warmup, logging] = [Number(values.pairs), Number(values.steps), Number(values.warmup), Number(values.logging)];
const steps = warmup + timed;
const sizes = {
  tiny: { vocab: 100, hidden: 32, layers: 2, heads: 2, tokens: 16, batch: 4 },
  small: { vocab: 2000, hidden: 384, layers: 6, heads: 12, tokens: 64, batch: 8 },
};
const size = sizes[values.size as keyof typeof sizes];
if (size === undefined) throw new Error("--size tiny or --size small");
Engine.open({ threads: Number(values.threads) });
const folder = mkdtempSync(join(tmpdir(), "trainer-overhead-"));

const rows = Array.from({ length: size.batch * steps }, (_, i) => ({
  input_ids: Array.from({ length: size.tokens }, (_, k) => 1 + ((i * 7 + k * 13) % (size.vocab - 1))),
  attention_mask: Array<number>(size.tokens).fill(1),
  label: i % 2,
}));
const data = Dataset.fromRows(rows);
function newModel(): BertForSequenceClassification {
  setSeed(1);
  const { vocab, hidden, layers, heads, tokens } = size!;
  const config = { vocab_size: vocab, hidden_size: hidden, num_hidden_layers: layers, num_attention_heads: heads, intermediate_size: 4 * hidden };
  return new BertForSequenceClassification(bertConfig({ ...config, max_position_embeddings: tokens }));
}

/** Milliseconds per step of the loop that a user would write: clipped, scheduled, its loss shown as often as the Trainer logs. */
async function loop(): Promise<number> {
  await using accelerator = new Accelerator({ seed: 42 });
  const model = newModel();
  const optimizer = new AdamW(model.parameters(), { lr: 5e-5, weightDecay: 0 });
  const loader = new DataLoader(data, { batchSize: size!.batch, shuffle: true, seed: 42, collateFn: defaultDataCollator });
  await accelerator.prepare(model, optimizer, loader);
  const scheduler = getScheduler("linear", optimizer, { numWarmupSteps: 0, numTrainingSteps: steps });
  const shown: number[] = [];
  let [done, total, started] = [0, 0, 0];
  model.train();
  for await (const batch of loader) {
    const { loss } = model(batch);
    await accelerator.backward(loss);
    await accelerator.clipGradNorm(model.parameters(), 1);
    await optimizer.step();
    scheduler.step();
    optimizer.zeroGrad();
    total += await loss.item();
    if (++done % logging === 0) shown.push(total / done);
    if (done === warmup) started = performance.now();
  }
  return (performance.now() - started) / timed;
}

class Clock extends TrainerCallback {
  started = 0;
  ended = 0;
  override onStepEnd(_args: TrainingArguments, { globalStep }: TrainerState): void {
    if (globalStep === warmup) this.started = performance.now();
    if (globalStep === steps) this.ended = performance.now();
  }
}
async function trainer(): Promise<number> {
  const clock = new Clock();
  const args = new TrainingArguments(folder, {
    numTrainEpochs: 1,
    perDeviceTrainBatchSize: size!.batch,
    loggingSteps: logging,
    saveStrategy: "no",
    disableTqdm: true,
    logLevel: "error",
  });
  const trainer = new Trainer({ model: newModel(), args, trainDataset: data, callbacks: [clock] });
  trainer.removeCallback(PrinterCallback);
  await trainer.train();
  await trainer.accelerator[Symbol.asyncDispose]();
  return (clock.ended - clock.started) / timed;
}

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;
try {
  console.log(JSON.stringify(machine()));
  const runs = { loop: [] as number[], trainer: [] as number[] };
  await loop();
  await trainer();
  for (let i = 0; i < pairs; i++) {
    // Who goes first takes turns.
    for (const side of i % 2 ? (["trainer", "loop"] as const) : (["loop", "trainer"] as const))
      runs[side].push(side === "loop" ? await loop() : await trainer());
    console.log(`pair ${i + 1}: loop ${runs.loop[i]!.toFixed(3)} ms a step, Trainer ${runs.trainer[i]!.toFixed(3)} ms`);
  }
  const [added, ratios] = [runs.trainer.map((ms, i) => ms - runs.loop[i]!), runs.loop.map((ms, i) => ms / runs.trainer[i]!)];
  console.log(
    `${values.size}: loop ${Math.min(...runs.loop).toFixed(3)} ms, Trainer ${Math.min(...runs.trainer).toFixed(3)} ms a step (best); added per step, median of ${pairs} pairs: ${median(added).toFixed(3)} ms (bound 1)`,
  );
  console.log(`throughput of the Trainer / the loop, median: ${median(ratios).toFixed(3)} (bound 0.98 where steps are no toys)`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
