// Natural language inference, d2l.ai 16.7: the book's pretrained BERT, fine-tuned on SNLI, on one worker or several.
//   accelerate-ts launch --num-processes 2 dist/examples/snli-bert.js
//   node dist/examples/snli-bert.js --data rte --new-model --epochs 3 --batch-size 32
// Without options it downloads the book's weights and the corpus to ../data. --data FOLDER reads snli_1.0_{train,test}.txt there, or {train,validation}.jsonl with sentence1, sentence2 and label, as GLUE's RTE has them.
// --model is bert.small, bert.base (exercise 1; more memory and time) or a folder with pretrained.params and vocab.json. --new-model takes weights that nobody has trained, and a vocabulary of the data.
// --truncation ratio cuts pairs in proportion (exercise 2).
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Accelerator, Adam, DataLoader, loadDataset, type Tensor } from "accelerate-ts";
import {
  Animator,
  BERTModel,
  downloadExtract,
  getDataLoaderWorkers,
  loadPretrainedModel,
  readSnli,
  SNLIBERTDataset,
  type SnliExamples,
  tokenize,
  trainCh13,
  Vocab,
} from "accelerate-ts/d2l";
import { crossEntropy, LazyLinear, Module } from "accelerate-ts/nn";
import { numberOptions } from "./number-options.js";

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    model: { type: "string", default: "bert.small" },
    "new-model": { type: "boolean", default: false },
    epochs: { type: "string", default: "5" },
    "batch-size": { type: "string", default: "512" },
    "max-len": { type: "string", default: "128" },
    lr: { type: "string", default: "1e-4" },
    dropout: { type: "string", default: "0.1" },
    seed: { type: "string", default: "42" },
    limit: { type: "string", default: "0" },
    workers: { type: "string", default: String(getDataLoaderWorkers()) },
    truncation: { type: "string", default: "longest" },
    out: { type: "string", default: "snli.svg" },
  },
});
const numbers = numberOptions(values, ["epochs", "batch-size", "max-len", "lr", "dropout", "seed", "limit", "workers"]);
const { epochs, "batch-size": batchSize, "max-len": maxLen, lr, dropout, seed, limit, workers: numWorkers } = numbers;
const { truncation } = values;
if (truncation !== "longest" && truncation !== "ratio") {
  console.error(`--truncation ${truncation}: give longest or ratio`);
  process.exit(2);
}

class BERTClassifier extends Module {
  readonly encoder: BERTModel["encoder"];
  readonly hidden: BERTModel["hidden"];
  readonly output: LazyLinear;

  constructor(bert: BERTModel, classes: number) {
    super();
    this.encoder = bert.encoder; // shared with bert, not copied
    this.hidden = bert.hidden;
    this.output = new LazyLinear(classes);
  }

  forward([tokens, segments, validLens]: [Tensor, Tensor, Tensor]): Tensor {
    return this.output(this.hidden(this.encoder(tokens, segments, validLens).at(":", 0)));
  }
}

/** Sizes of the book's models, and of one that is trained from nothing. */
const sizes = {
  "bert.small": { numHiddens: 256, ffnNumHiddens: 512, numHeads: 4, numBlks: 2, maxLen: 512 },
  "bert.base": { numHiddens: 768, ffnNumHiddens: 3072, numHeads: 12, numBlks: 12, maxLen: 512 },
  new: { numHiddens: 128, ffnNumHiddens: 256, numHeads: 4, numBlks: 2, maxLen: Math.max(maxLen, 128) },
};

const head = ([premises, hypotheses, labels]: SnliExamples): SnliExamples =>
  limit > 0 ? [premises.slice(0, limit), hypotheses.slice(0, limit), labels.slice(0, limit)] : [premises, hypotheses, labels];
/** The pairs of a folder: SNLI's own files, or JSON lines. */
async function readPairs(folder: string, isTrain: boolean): Promise<SnliExamples> {
  const lines = join(folder, isTrain ? "train.jsonl" : "validation.jsonl");
  if (!existsSync(lines)) return head(await readSnli(folder, isTrain));
  const rows = await loadDataset("json", {
    dataFiles: lines,
    split: "train",
    features: { sentence1: "string", sentence2: "string", label: "int64", idx: "int64" },
  });
  return head([rows.column("sentence1"), rows.column("sentence2"), rows.column("label")]);
}

await using accelerator = new Accelerator({ seed });
const dataDir = values.data ?? (await accelerator.mainProcessFirst(() => downloadExtract("SNLI")));
const [train, test] = [await readPairs(dataDir, true), await readPairs(dataDir, false)];

/** A model without a past; the special tokens are those of the book's pretraining. */
function newModel(): { bert: BERTModel; vocab: Vocab } {
  const texts = [...train[0], ...train[1]].map((text) => text.toLowerCase());
  const vocab = new Vocab(tokenize(texts), { minFreq: 2, reservedTokens: ["<pad>", "<mask>", "<cls>", "<sep>"] });
  accelerator.print(`a new model: ${vocab.length} tokens, weights that nobody has trained`);
  return { bert: new BERTModel(vocab.length, { ...sizes.new, dropout }), vocab };
}
const { bert, vocab } = values["new-model"]
  ? newModel()
  : await accelerator.mainProcessFirst(() =>
      loadPretrainedModel(values.model, { ...(values.model === "bert.base" ? sizes["bert.base"] : sizes["bert.small"]), dropout }),
    );

const trainSet = await SNLIBERTDataset.create(train, { maxLen, vocab, truncation });
const testSet = await SNLIBERTDataset.create(test, { maxLen, vocab, truncation });
const trainIter = new DataLoader(trainSet, { batchSize, shuffle: true, numWorkers });
const testIter = new DataLoader(testSet, { batchSize, numWorkers });

const net = new BERTClassifier(bert, new Set(train[2]).size);
const trainer = new Adam(net.parameters(), { lr });
const loss = (predicted: Tensor, y: Tensor) => crossEntropy(predicted, y, { reduction: "none" });
const animator = new Animator({ xlabel: "epoch", xlim: [1, epochs], legend: ["train loss", "train acc", "test acc"] });
await trainCh13(net, trainIter, testIter, loss, trainer, { numEpochs: epochs, accelerator, animator });
if (accelerator.isMainProcess) await animator.save(values.out);
