// How long a training step keeps the JS thread busy outside the engine, for a structure that was seen before (6 layers, 384 hidden, the
// loss outside the model).
//   node dist/bench/step-overhead.js [--layers 6] [--hidden 384] [--steps 60]
// js_ms_per_step: time in JavaScript and its garbage collection, by V8's sampling profiler (all but idle and native program code).
// thread_ms_per_step: time of the JS thread on a core (Linux's schedstat), with the calls into the engine and the event loop's own.
import { readFileSync } from "node:fs";
import { type Profiler, Session } from "node:inspector/promises";
import { parseArgs } from "node:util";
import { AdamW, arange, fromData, type Tensor } from "accelerate-ts";
import { BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { crossEntropy } from "accelerate-ts/nn";

const { values } = parseArgs({
  options: { layers: { type: "string", default: "6" }, hidden: { type: "string", default: "384" }, steps: { type: "string", default: "60" } },
});
const [layers, hidden, steps] = [Number(values.layers), Number(values.hidden), Number(values.steps)];
const model = new BertForSequenceClassification(
  bertConfig({
    vocab_size: 1000,
    num_hidden_layers: layers,
    hidden_size: hidden,
    num_attention_heads: 12,
    intermediate_size: 4 * hidden,
    num_labels: 2,
  }),
);
model.train();
const optimizer = new AdamW(model.parameters(), { lr: 1e-4 });

const [rows, tokens] = [4, 16];
const ids = (limit: number): Tensor =>
  fromData(
    BigInt64Array.from({ length: rows * tokens }, (_, i) => BigInt(i % limit)),
    [rows, tokens],
    "int64",
  );
const batch = { input_ids: ids(1000), attention_mask: ids(1).add(1), token_type_ids: ids(1) };
await batch.attention_mask.data();
const labels = arange(rows).eq(1).to("int64");
await labels.data();

async function step(): Promise<void> {
  const { logits } = model(batch);
  const loss = crossEntropy(logits, labels);
  await loss.backward();
  await optimizer.step();
  optimizer.zeroGrad();
}

const rounds = 10;
/** Milliseconds per step, best of ten rounds; `time` gives the milliseconds that a round took of what is measured. */
async function best(time: (round: () => Promise<void>) => Promise<number>): Promise<number> {
  const all: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const total = await time(async () => {
      for (let k = 0; k < steps; k++) await step();
    });
    all.push(total / steps);
  }
  return Number(Math.min(...all).toFixed(3));
}

const notJavaScript = new Set(["(idle)", "(program)"]);
function inJavaScript({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): number {
  const outside = new Set(nodes.filter((n) => notJavaScript.has(n.callFrame.functionName)).map((n) => n.id));
  let microseconds = 0;
  for (const [i, id] of samples.entries()) if (!outside.has(id)) microseconds += timeDeltas[i] ?? 0;
  return microseconds / 1000;
}

const onCore = (): number => Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
for (let i = 0; i < 50; i++) await step();
const thread = await best(async (round) => {
  const before = onCore();
  await round();
  return onCore() - before;
});
const inspector = new Session();
inspector.connect();
await inspector.post("Profiler.enable");
await inspector.post("Profiler.setSamplingInterval", { interval: 100 });
const js = await best(async (round) => {
  await inspector.post("Profiler.start");
  await round();
  return inJavaScript((await inspector.post("Profiler.stop")).profile);
});
console.log(JSON.stringify({ bench: "step-overhead", layers, hidden, steps, js_ms_per_step: js, thread_ms_per_step: thread }));
