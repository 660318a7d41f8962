// d2l.ai 16.7 over pairs of RTE in the form of SNLI: what each step of the book prints and gives.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { Adam, DataLoader, type Tensor } from "accelerate-ts";
import { Animator, BERTModel, getDataLoaderWorkers, readSnli, SNLIBERTDataset, tokenize, trainCh13, tryAllGpus, Vocab } from "accelerate-ts/d2l";
import { crossEntropy, LazyLinear, Module } from "accelerate-ts/nn";
import { folderOf, needs, shared } from "../data/files.js";
import { printed } from "./support.js";

class BERTClassifier extends Module {
  readonly encoder: BERTModel["encoder"];
  readonly hidden: BERTModel["hidden"];
  readonly output = new LazyLinear(3);
  constructor(bert: BERTModel) {
    super();
    this.encoder = bert.encoder;
    this.hidden = bert.hidden;
  }
  forward([tokens, segments, validLens]: [Tensor, Tensor, Tensor]): Tensor {
    return this.output(this.hidden(this.encoder(tokens, segments, validLens).at(":", 0)));
  }
}

/** The corpus's file: a label, two parses with brackets, more columns; "-" is a row without a label. */
function snliFile(from: number, to: number): string {
  const lines = readFileSync(join(shared, "data/rte/train.jsonl"), "utf8").trim().split("\n").slice(from, to);
  const parse = (text: string) => `( ${text.split(/\s+/).join(" ( ")} ) )`;
  const rows = lines.map((line, i) => {
    const { sentence1, sentence2, label } = JSON.parse(line) as { sentence1: string; sentence2: string; label: number };
    return [i % 10 === 9 ? "-" : ["entailment", "neutral"][label], parse(sentence1), parse(sentence2), "", "pair"].join("\t");
  });
  return `${["gold_label", "sentence1_binary_parse", "sentence2_binary_parse", "x", "y"].join("\t")}\n${rows.join("\n")}\n`;
}

describe("natural language inference as in the book", needs("data/rte"), () => {
  it("reads, encodes, trains and prints as the book does", async (t) => {
    const folder = await folderOf(t, { "snli_1.0_train.txt": snliFile(0, 200), "snli_1.0_test.txt": snliFile(200, 240) });
    const examples = await readSnli(folder, true);
    assert.deepEqual([examples[0].length, [...new Set(examples[2])].sort()], [180, [0, 2]]);
    assert.doesNotMatch(examples[0].join(""), /[()]| {2}/);
    const vocab = new Vocab(tokenize([...examples[0], ...examples[1]].map((text) => text.toLowerCase())), {
      minFreq: 2,
      reservedTokens: ["<pad>", "<mask>", "<cls>", "<sep>"],
    });
    const options = { maxLen: 32, vocab };
    const many = await printed("log", () => SNLIBERTDataset.create(examples, { ...options, numWorkers: 4 }));
    const one = await printed("log", () => SNLIBERTDataset.create(examples, { ...options, numWorkers: 0 }));
    assert.deepEqual([many.lines, one.lines], [["read 180 examples"], ["read 180 examples"]]);
    for (const row of [0, 90, 179]) assert.deepEqual(many.value.at(row), one.value.at(row));
    const [[tokens, segments, validLen], label] = many.value.at(0);
    assert.deepEqual([tokens.length, segments.length, label], [32, 32, 2]);
    const words = vocab.toTokens(tokens);
    assert.deepEqual([words[0], words[validLen - 1], words.indexOf("<sep>") + 1], ["<cls>", "<sep>", segments.indexOf(1)]);
    const ratio = await printed("log", () => SNLIBERTDataset.create(examples, { ...options, truncation: "ratio" }));
    assert.ok(examples[0].some((_, i) => ratio.value.at(i)[0][1].indexOf(1) !== many.value.at(i)[0][1].indexOf(1)));

    assert.deepEqual([getDataLoaderWorkers(), `${tryAllGpus()}`], [4, "cpu"]);
    const { value: testSet } = await printed("log", async () => SNLIBERTDataset.create(await readSnli(folder, false), options));
    const trainIter = new DataLoader(many.value, { batchSize: 32, shuffle: true, seed: 1, numWorkers: 2 });
    const testIter = new DataLoader(testSet, { batchSize: 32 });
    assert.deepEqual([trainIter.length, testIter.length], [6, 2]);
    for await (const [[ids, types, lens], y] of testIter) {
      assert.deepEqual([ids.shape, types.shape, lens.shape, y.shape], [[32, 32], [32, 32], [32], [32]]);
      break;
    }
    const bert = new BERTModel(vocab.length, { numHiddens: 16, ffnNumHiddens: 16, numHeads: 2, numBlks: 1, dropout: 0.1, maxLen: 32 });
    const net = new BERTClassifier(bert);
    const trainer = new Adam(net.parameters(), { lr: 1e-3 });
    for await (const [x] of testIter) {
      assert.deepEqual(net(x).shape, [32, 3]);
      break;
    }
    assert.ok([...net.namedParameters()].every(([name]) => !/mlm|nsp/.test(name)));
    const loss = (predicted: Tensor, y: Tensor) => crossEntropy(predicted, y, { reduction: "none" });
    const told: string[] = [];
    const screen = { isTTY: false, columns: 80, color: false, write: (text: string) => void told.push(text) };
    const animator = new Animator({ xlabel: "epoch", xlim: [1, 2], legend: ["train loss", "train acc", "test acc"], screen });
    const { value, lines } = await printed("log", () => trainCh13(net, trainIter, testIter, loss, trainer, { numEpochs: 2, animator }));
    assert.match(lines[0]!, /^loss \d\.\d{3}, train acc [01]\.\d{3}, test acc [01]\.\d{3}$/);
    assert.match(lines[1]!, /^\d+\.\d examples\/sec on \[device\(type='cpu'\)\]$/);
    assert.equal(lines[0], `loss ${value.loss.toFixed(3)}, train acc ${value.trainAcc.toFixed(3)}, test acc ${value.testAcc.toFixed(3)}`);
    assert.equal(told.length, 2);
    for (const name of ["train loss", "train acc", "test acc"]) assert.ok(animator.svg().includes(name));
  });
});
