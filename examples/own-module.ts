// Trains a sentence encoder on pairs that mean the same, each pair against the others of its batch: an own Module, called twice, with the loss outside of it and a frozen part.
//   node dist/examples/own-module.js MODEL_DIR pairs.jsonl
//   accelerate-ts launch --num-processes 2 dist/examples/own-module.js MODEL_DIR pairs.jsonl --epochs 2 --batch 16 --out encoder.safetensors
// MODEL_DIR holds config.json, model.safetensors and vocab.txt or tokenizer.json; a line of the pairs is {"sentence1": "...", "sentence2": "..."}. --batch is that of one worker.
import { parseArgs } from "node:util";
import { Accelerator, AdamW, arange, DataLoader, loadDataset, type Tensor } from "accelerate-ts";
import { AutoTokenizer, BertModel } from "accelerate-ts/models";
import { crossEntropy, Linear, l2Normalize, Module } from "accelerate-ts/nn";
import { numberOptions } from "./number-options.js";

interface Text {
  readonly input_ids: Tensor; // [B, S] int64
  readonly attention_mask: Tensor; // [B, S] int64
}

class SentenceEncoder extends Module {
  readonly bert: BertModel;
  readonly project: Linear;

  constructor(bert: BertModel, size: number) {
    super();
    this.bert = bert;
    this.project = new Linear(bert.config.hidden_size, size, { bias: false });
  }

  /** Mean of the token vectors, projected to length one: [B, size]. */
  forward(text: Text): Tensor {
    const { last_hidden_state: tokens } = this.bert(text); // [B, S, H]
    const mask = text.attention_mask.to("float32").unsqueeze(-1); // [B, S, 1]
    const mean = tokens.mul(mask).sum(1).div(mask.sum(1));
    return l2Normalize(this.project(mean), -1);
  }
}

const { values, positionals } = parseArgs({
  options: {
    epochs: { type: "string", default: "1" },
    batch: { type: "string", default: "32" },
    seed: { type: "string", default: "7" },
    size: { type: "string", default: "128" },
    "max-length": { type: "string", default: "64" },
    out: { type: "string", default: "encoder.safetensors" },
  },
  allowPositionals: true,
});
const [checkpoint, pairsFile] = positionals;
if (checkpoint === undefined || pairsFile === undefined) {
  console.error("usage: node dist/examples/own-module.js MODEL_DIR pairs.jsonl [--epochs 1] [--batch 32] [--size 128] [--out encoder.safetensors]");
  process.exit(2);
}
const { epochs, batch: batchSize, seed, size, "max-length": maxLength } = numberOptions(values, ["epochs", "batch", "seed", "size", "max-length"]);

await using accelerator = new Accelerator({ seed });
const pairs = await loadDataset("json", { dataFiles: pairsFile, split: "train", features: { sentence1: "string", sentence2: "string" } });
const tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
const encode = (texts: string[]) => tokenizer(texts, { padding: true, truncation: true, maxLength, returnTensors: true });
const loader = new DataLoader(pairs, {
  batchSize,
  shuffle: true,
  dropLast: true,
  collateFn: async (rows) => ({ left: await encode(rows.map((row) => row.sentence1)), right: await encode(rows.map((row) => row.sentence2)) }),
});

const encoder = new SentenceEncoder(await BertModel.fromPretrained(checkpoint), size);
encoder.bert.embeddings.requiresGrad(false); // frozen: no gradient is computed for it, none travels
const optimizer = new AdamW(
  [
    { params: encoder.bert.parameters(), lr: 2e-5 },
    { params: encoder.project.parameters(), lr: 1e-3 },
  ],
  { weightDecay: 0.01 },
);
await accelerator.prepare(encoder, optimizer, loader);

encoder.train();
for (let epoch = 1; epoch <= epochs; epoch++) {
  for await (const { left, right } of loader) {
    const a = encoder(left);
    const b = encoder(right);
    const scores = a.matmul(b.transpose()).mul(20); // [B, B]
    const targets = arange(scores.size(0));
    const loss = crossEntropy(scores, targets).add(crossEntropy(scores.transpose(), targets)).div(2);
    const correct = scores.argmax(-1).eq(targets).to("float32").mean();
    await accelerator.backward(loss);
    const norm = await accelerator.clipGradNorm(encoder.parameters(), 1.0);
    await optimizer.step();
    optimizer.zeroGrad();
    const [l, c] = await accelerator.reduce([loss, correct], "mean");
    const numbers = [`loss ${(await l.item()).toFixed(4)}`, `in-batch accuracy ${(await c.item()).toFixed(3)}`, `grad norm ${norm.toFixed(2)}`];
    accelerator.print(`epoch ${epoch}/${epochs}  ${numbers.join("  ")}`);
  }
}
if (accelerator.isMainProcess) {
  await encoder.save(values.out);
  console.log(`saved ${values.out}`);
}
