// The NSMC tutorial's own data set class and loop, over real reviews and the vocabulary of multilingual BERT.
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { AdamW, DataLoader, Dataset, loadDataset, type MapDataset, progress, type Scalar, type Tensor, tensor } from "accelerate-ts";
import { accuracy, f1 } from "accelerate-ts/metrics";
import { AutoModelForSequenceClassification, AutoTokenizer, type BatchEncoding, type PreTrainedTokenizer } from "accelerate-ts/models";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { needs, shared } from "../data/files.js";
import { printed, tinyBert } from "./support.js";

/** As the tutorial writes it: tensors taken out of tensors, row by row. */
class NsmcDataset implements MapDataset<Record<string, Tensor>> {
  readonly encodings: BatchEncoding;
  readonly labels: readonly number[];
  constructor(encodings: BatchEncoding, labels: readonly number[]) {
    this.encodings = encodings;
    this.labels = labels;
  }
  get length(): number {
    return this.labels.length;
  }
  at(index: number): Record<string, Tensor> {
    const { input_ids, token_type_ids, attention_mask } = this.encodings;
    const row = { input_ids: input_ids.at(index), token_type_ids: token_type_ids.at(index), attention_mask: attention_mask.at(index) };
    return { ...row, labels: tensor(this.labels[index]!, { dtype: "int64" }) };
  }
}

describe("the reviews of NSMC", needs("data/nsmc"), () => {
  const root = mkdtempSync(join(tmpdir(), "acceptance-"));
  const features = { id: "string", document: "string", label: "int64" } as const;
  const file = (split: string) => join(shared, "data/nsmc", `ratings_${split}.txt`);
  let checkpoint: string;
  let tokenizer: PreTrainedTokenizer;
  before(async () => {
    checkpoint = await tinyBert(root, "bert-base-multilingual-cased");
    tokenizer = await AutoTokenizer.fromPretrained(checkpoint);
  });
  after(() => rmSync(root, { recursive: true }));

  it("are drawn as numpy draws them, from the numbers of rows that the original has", () => {
    const drawn = (rows: number) =>
      Dataset.fromColumns({ row: Array.from({ length: rows }, (_, i) => i) })
        .shuffle({ seed: 42 })
        .select([0, 1, 2, 3, 4])
        .column("row");
    assert.deepEqual(drawn(150_000), [149993, 68942, 66075, 118888, 44265]);
    assert.deepEqual(drawn(50_000), [712, 24774, 45142, 27119, 21139]);
    assert.deepEqual(drawn(3668), [3550, 3311, 3524, 435, 2027]);
  });

  it("keep their case and their syllables", async () => {
    const [long, short] = ["For Carl.칼 세이건으로 시작해서 칼 세이건으로 끝난다.", "how boring!"] as const;
    assert.equal((await tokenizer.tokenize(long)).join(" "), "For Carl . 칼 세 ##이 ##건 ##으로 시 ##작 ##해서 칼 세 ##이 ##건 ##으로 끝 ##난 ##다 .");
    const ids = (await tokenizer([long, short], { padding: true, truncation: true, returnTensors: true })).input_ids;
    assert.deepEqual(
      (await ids.toArray()).map((row) => row.slice(0, 22)),
      [
        [101, 11399, 12225, 119, 9788, 9435, 10739, 71439, 11467, 9485, 38709, 70146, 9788, 9435, 10739, 71439, 11467, 8977, 33305, 11903, 119, 102],
        [101, 14796, 27728, 10230, 106, 102, ...Array<number>(16).fill(0)],
      ],
    );
  });

  it("show an output without a loss", async () => {
    const { value: model } = await printed("warn", () => AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }));
    const output = model(await tokenizer("안녕하세요", { returnTensors: true }));
    assert.equal(output.loss, undefined);
    await output.logits.data();
    assert.match(
      inspect(output, { breakLength: 1000 }),
      /^\{ loss: undefined, logits: Tensor float32 \[1, 2\] \[ \[ -?0\.\d+(e-\d+)?, -?0\.\d+(e-\d+)? \] \] \}$/,
    );
  });

  it("go through the tutorial's loop: losses are added up as tensors, and values read after the step", async () => {
    const raw = await loadDataset("csv", { dataFiles: { train: file("train"), test: file("test") }, delimiter: "\t", features, cacheDir: root });
    // Quotes of the reviews are read as Python's csv builder reads them.
    assert.deepEqual(raw.numRows, { train: 19672, test: 5000 });
    const train = raw.train.shuffle({ seed: 42 }).select(Array.from({ length: 96 }, (_, i) => i));
    const encodings = await tokenizer(train.column("document"), { padding: true, truncation: true, maxLength: 32, returnTensors: true });
    const loader = new DataLoader(new NsmcDataset(encodings, train.column("label")), { batchSize: 32 });
    assert.equal(loader.length, 3);
    const { value: model } = await printed("warn", () => AutoModelForSequenceClassification.fromPretrained(checkpoint, { numLabels: 2 }));
    const optimizer = new AdamW(model.parameters(), { lr: 1e-2, weightDecay: 0.01 });
    const means: number[] = [];
    let scores = { accuracy: 0, f1: 0 };
    for (let epoch = 0; epoch < 8; epoch++) {
      let total: Scalar | undefined;
      const [predictions, references]: [number[], number[]] = [[], []];
      for await (const batch of epoch === 0 ? progress(loader, { description: "TRAIN - EPOCH 1" }) : loader) {
        const { loss, logits } = model(batch);
        optimizer.zeroGrad();
        await loss.backward();
        await optimizer.step();
        total = total ? total.add(loss.detach()) : loss.detach();
        predictions.push(...(await logits.argmax(-1).toArray()));
        references.push(...((await batch.labels!.toArray()) as number[]));
      }
      means.push((await total!.item()) / loader.length);
      assert.deepEqual(references, train.column("label"));
      scores = { ...accuracy({ predictions, references }), ...f1({ predictions, references }) };
    }
    assert.ok(Math.abs(means[0]! - Math.LN2) < 0.1, String(means[0]));
    assert.ok(means.at(-1)! < means[0]! - 0.1, means.join(" "));
    assert.ok(scores.accuracy > 0.7 && scores.f1 > 0.6, JSON.stringify(scores));
  });
});
