// Our side of the MRPC job; bench/peers/mrpc.py is Python's, with the same arguments and the same JSON line at the end. One process, or each worker of a launch:
//   accelerate-ts launch --num-processes 2 dist/bench/mrpc.js --threads 1 ...      --batch and --threads are those of one worker; figures are those of all
//   node dist/bench/mrpc.js --weights DIR --data train.jsonl --threads 2 [--batch 16] [--steps 20] [--warmup 3] [--order order.json]
//   node dist/bench/mrpc.js --vocab vocab.txt --layers 6 --hidden 384 --heads 12 --ffn 1536 --dropout 0.1 --data train.jsonl     random weights
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { Accelerator, AdamW, DataCollatorWithPadding, DataLoader, Engine, loadDataset } from "accelerate-ts";
import { AutoModelForSequenceClassification, AutoTokenizer, BertForSequenceClassification, bertConfig } from "accelerate-ts/models";

const { values: args } = parseArgs({
  options: {
    data: { type: "string" }, // JSON lines with sentence1, sentence2, label
    weights: { type: "string" }, // a BERT directory; random weights of the sizes below without it
    vocab: { type: "string" },
    layers: { type: "string", default: "6" },
    hidden: { type: "string", default: "384" },
    heads: { type: "string", default: "12" },
    ffn: { type: "string", default: "1536" },
    dropout: { type: "string", default: "0.1" },
    batch: { type: "string", default: "16" },
    "max-length": { type: "string", default: "128" },
    pad: { type: "string", default: "longest" },
    steps: { type: "string", default: "20" },
    warmup: { type: "string", default: "3" },
    lr: { type: "string", default: "5e-5" },
    threads: { type: "string", default: "2" },
    seed: { type: "string", default: "42" },
    precision: { type: "string", default: "no" }, // or bf16
    without: { type: "string", default: "" }, // passes of the compiler to turn off, by commas
    order: { type: "string" }, // a JSON list of row numbers: the order in which the other side met them
  },
});
if (args.data === undefined || (args.weights ?? args.vocab) === undefined) throw new Error("--data and one of --weights and --vocab are needed");
const maxLength = Number(args["max-length"]);
const padding = args.pad === "max_length" ? "max_length" : "longest";
const warmup = Number(args.warmup);
const steps = Number(args.steps);

Engine.open({ threads: Number(args.threads) }); // the first engine of a process decides
await using accelerator = new Accelerator({
  seed: Number(args.seed),
  mixedPrecision: args.precision === "bf16" ? "bf16" : "no",
  compiler: { passes: Object.fromEntries(args.without.split(",").flatMap((name) => (name ? [[name, false]] : []))) },
});
const tokenizer = await AutoTokenizer.fromPretrained(args.weights ?? args.vocab!);
const raw = await loadDataset("json", { dataFiles: args.data, split: "train", features: { sentence1: "string", sentence2: "string", label: "int64" } });
const order = args.order === undefined ? undefined : (JSON.parse(await readFile(args.order, "utf8")) as number[]);
const mapped = await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength }), { batched: true });
const encoded = mapped.removeColumns(["sentence1", "sentence2"]).renameColumn("label", "labels");
const loader = new DataLoader(order ? encoded.select(order) : encoded, {
  batchSize: Number(args.batch),
  shuffle: order === undefined,
  collateFn: new DataCollatorWithPadding(tokenizer, { padding, maxLength }),
});

const model = args.weights
  ? await AutoModelForSequenceClassification.fromPretrained(args.weights, { numLabels: 2 })
  : new BertForSequenceClassification(
      bertConfig({
        num_hidden_layers: Number(args.layers),
        hidden_size: Number(args.hidden),
        num_attention_heads: Number(args.heads),
        intermediate_size: Number(args.ffn),
        hidden_dropout_prob: Number(args.dropout),
        attention_probs_dropout_prob: Number(args.dropout),
      }),
    );
model.train();
const optimizer = new AdamW(model.parameters(), { lr: Number(args.lr) });
await accelerator.prepare(model, optimizer, loader);

async function* endless() {
  for (;;) yield* loader;
}
const losses: number[] = [];
let [samples, tokens, step, firstStep, started] = [0, 0, 0, 0, performance.now()];
for await (const batch of endless()) {
  if (step === warmup) [samples, tokens, started] = [0, 0, performance.now()];
  const { loss } = model(batch);
  await accelerator.backward(loss);
  await optimizer.step();
  optimizer.zeroGrad();
  losses.push(await loss.item());
  firstStep ||= Date.now();
  samples += batch.labels.shape[0]!;
  for (const one of await batch.attention_mask.data()) tokens += Number(one);
  if (++step === warmup + steps) break;
}
const mine = { samples, tokens, seconds: (performance.now() - started) / 1000, losses, rss: process.resourceUsage().maxRSS / 1024, firstStep };
const all = await accelerator.gatherObject([mine]);
const sum = (value: (worker: typeof mine) => number) => all.reduce((total, worker) => total + value(worker), 0);
const seconds = Math.max(...all.map((worker) => worker.seconds));
accelerator.print(
  JSON.stringify({
    peer: "accelerate-ts",
    workers: all.length,
    threads: Number(args.threads),
    samples_per_s: round(sum((worker) => worker.samples) / seconds, 2),
    tokens_per_s: round(sum((worker) => worker.tokens) / seconds, 1),
    ms_per_step: round((seconds / steps) * 1e3, 1),
    rss_mb: Math.max(...all.map((worker) => Math.round(worker.rss))), // of the largest worker
    first_step_unix_ms: Math.max(...all.map((worker) => worker.firstStep)),
    losses: losses.map((_, i) => round(sum((worker) => worker.losses[i]!) / all.length, 6)),
  }),
);

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
