// What each pass of the compiler is worth: forward and backward of MRPC batches in one process, with all passes, without each of them, and without any; rounds in turn, medians.
//   node dist/bench/pass-gains.js --data train.jsonl --vocab vocab.txt [--threads 1] [--rounds 7] [--precision bf16] [--layers 6 --hidden 384 --heads 12 --ffn 1536] [--batch 16] [--pad max_length]
import { parseArgs } from "node:util";
import { Accelerator, AdamW, DataCollatorWithPadding, DataLoader, Engine, loadDataset } from "accelerate-ts";
import { AutoTokenizer, BertForSequenceClassification, bertConfig } from "accelerate-ts/models";
import { type PassName, passNames, type PassSwitches } from "../src/graph/passes/names.js";
import { measureGemmPeak } from "../src/profile/gemm-peak.js";
import { recordedGraph } from "../src/tensor/recorded-graph.js";
import { defaultExecutor } from "../src/tensor/index.js";
import { machine } from "./machine.js";

const { values: args } = parseArgs({
  options: {
    data: { type: "string" },
    vocab: { type: "string" },
    threads: { type: "string", default: "1" },
    rounds: { type: "string", default: "7" },
    precision: { type: "string", default: "no" },
    layers: { type: "string", default: "6" },
    hidden: { type: "string", default: "384" },
    heads: { type: "string", default: "12" },
    ffn: { type: "string", default: "1536" },
    batch: { type: "string", default: "16" },
    pad: { type: "string", default: "longest" },
    batches: { type: "string", default: "3" },
  },
});
if (args.data === undefined || args.vocab === undefined) throw new Error("--data (JSON lines of MRPC) and --vocab (vocab.txt) are needed");

const engine = Engine.open({ threads: Number(args.threads) });
await using accelerator = new Accelerator({ seed: 42, mixedPrecision: args.precision === "bf16" ? "bf16" : "no" });
const tokenizer = await AutoTokenizer.fromPretrained(args.vocab);
const raw = await loadDataset("json", { dataFiles: args.data, split: "train", features: { sentence1: "string", sentence2: "string", label: "int64" } });
const encoded = (await raw.map(tokenizer.mapper("sentence1", "sentence2", { truncation: true, maxLength: 128 }), { batched: true }))
  .removeColumns(["sentence1", "sentence2"])
  .renameColumn("label", "labels");
const collateFn = new DataCollatorWithPadding(tokenizer, { padding: args.pad === "max_length" ? "max_length" : "longest", maxLength: 128 });
const loader = new DataLoader(encoded, { batchSize: Number(args.batch), shuffle: true, seed: 42, collateFn });
const dropout = 0.1;
const model = new BertForSequenceClassification(
  bertConfig({
    num_hidden_layers: Number(args.layers),
    hidden_size: Number(args.hidden),
    num_attention_heads: Number(args.heads),
    intermediate_size: Number(args.ffn),
    hidden_dropout_prob: dropout,
    attention_probs_dropout_prob: dropout,
  }),
);
model.train();
const optimizer = new AdamW(model.parameters(), { lr: 5e-5 });
await accelerator.prepare(model, optimizer, loader);
const batches: (typeof loader extends AsyncIterable<infer B> ? B : never)[] = [];
for await (const batch of loader) if (batches.push(batch) === Number(args.batches)) break;

const off = (names: readonly PassName[]): PassSwitches => Object.fromEntries(names.map((name) => [name, false]));
const kept: readonly PassName[] = args.precision === "bf16" ? ["gemm"] : [];
const configurations: readonly (readonly [what: string, switches: PassSwitches])[] = [
  ["all passes", {}],
  ...passNames.filter((name) => !kept.includes(name)).map((name) => [`without ${name}`, off([name])] as const),
  ["none", off(passNames.filter((name) => !kept.includes(name)))],
];
const executor = defaultExecutor();
const { precision } = executor.compiler;

/** Milliseconds of forward and backward over all batches. */
async function once(switches: PassSwitches): Promise<number> {
  executor.compiler = { precision, passes: switches };
  let spent = 0;
  for (const batch of batches) {
    const { loss } = model(batch);
    const began = performance.now();
    await accelerator.backward(loss);
    spent += performance.now() - began;
    optimizer.zeroGrad();
  }
  return spent / batches.length;
}
const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;

console.log(JSON.stringify(machine()));
const times = configurations.map((): number[] => []);
for (const [, switches] of configurations) await once(switches); // compiles
for (let round = 0; round < Number(args.rounds); round++) for (const [i, [, switches]] of configurations.entries()) times[i]!.push(await once(switches));
const peak = await measureGemmPeak(engine, precision);
const whole = median(times[0]!);
console.log(`GEMM peak ${peak.gflops.toFixed(0)} GFLOP/s with ${peak.threads} thread(s)`);
for (const [i, [what, switches]] of configurations.entries()) {
  const ms = median(times[i]!);
  const costs = batches.map((batch) => recordedGraph(model(batch).loss, { backward: true, compiler: { precision, passes: switches } }).cost());
  const gflop = costs.reduce((sum, cost) => sum + cost.productFlops, 0) / costs.length / 1e9;
  console.log(
    `${what.padEnd(22)} ${ms.toFixed(1).padStart(7)} ms  ${(ms / whole).toFixed(2)} of all passes  ${gflop.toFixed(1).padStart(6)} GFLOP of products, ${((100 * gflop) / (ms / 1000) / peak.gflops).toFixed(0)} % of the peak`,
  );
}
