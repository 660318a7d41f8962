// The book's BERT equals PyTorch's: outputs of all heads, gradients of every parameter, weights of both file formats.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { before, test } from "node:test";
import { BERTModel, loadPretrainedModel, maskedSoftmax } from "../../src/d2l/index.js";
import { fromData, type Tensor, tensor } from "../../src/index.js";
import { crossEntropy } from "../../src/nn/index.js";
import { pythonFixed } from "../../src/python-numbers.js";
import { loadTorchState } from "../../src/d2l/pretrained.js";
import { packageRoot } from "../../src/package-root.js";
import { gradientBound } from "../models/golden-support.js";
import { inFolder } from "./support.js";

interface Numbers {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}
interface Golden {
  readonly sizes: { vocab: number; numHiddens: number; ffnNumHiddens: number; numHeads: number; numBlks: number; maxLen: number };
  readonly inputs: { tokens: number[][]; segments: number[][]; validLens: number[]; positions: number[][]; mlmY: number[][]; nspY: number[] };
  readonly outputs: Record<"encoded" | "mlm" | "nsp" | "unmasked" | "loss", Numbers>;
  readonly gradients: Record<string, Numbers>;
  readonly softmax: Record<"scores" | "plain" | "perRow" | "perQuery", Numbers>;
  readonly percent: readonly (readonly [value: number, three: string, one: string])[];
}
const folder = join(packageRoot(import.meta.url), "test", "golden", "d2l");
const golden = JSON.parse(readFileSync(join(folder, "bert.json"), "utf8")) as Golden;
const { sizes, inputs } = golden;
const whole = (values: number[] | number[][]): Tensor => tensor(values as number[], { dtype: "int64" });
const floats = ({ shape, data }: Numbers): Tensor => fromData(Float32Array.from(data), shape);

function near(found: ArrayLike<number>, wanted: readonly number[], bound: number, what: string): void {
  assert.equal(found.length, wanted.length, what);
  for (let i = 0; i < wanted.length; i++) assert.ok(Math.abs(found[i]! - wanted[i]!) <= bound, `${what}[${i}]: ${found[i]}, not ${wanted[i]}`);
}

let bert: BERTModel;
before(async () => {
  bert = new BERTModel(sizes.vocab, { ...sizes, dropout: 0.1 }).eval();
  await loadTorchState(bert, join(folder, "tiny.zip.params"));
});
const call = () => bert(whole(inputs.tokens), whole(inputs.segments), whole(inputs.validLens), whole(inputs.positions));

test("names and shapes are those of the book's state dict", () => {
  assert.deepEqual(
    [...bert.namedParameters()].map(([name, { shape }]) => `${name} ${shape}`).sort(),
    Object.entries(golden.gradients)
      .map(([name, { shape }]) => `${name} ${shape}`)
      .sort(),
  );
});

test("encoded tokens, masked tokens and next sentences equal PyTorch's", async () => {
  const [encoded, mlm, nsp] = call();
  for (const [name, x] of Object.entries({ encoded, mlm: mlm!, nsp })) {
    const { shape, data } = golden.outputs[name as "encoded"];
    assert.deepEqual(x.shape, shape);
    near((await x.data()) as Float32Array, data, 1e-5, name);
  }
  const [unmasked, none] = bert(whole(inputs.tokens), whole(inputs.segments));
  assert.equal(none, undefined);
  near((await unmasked.data()) as Float32Array, golden.outputs.unmasked.data, 1e-5, "unmasked");
});

test("gradients of the pretraining loss equal PyTorch's", async () => {
  const [, mlm, nsp] = call();
  const loss = crossEntropy(mlm!.reshape([-1, sizes.vocab]), whole(inputs.mlmY).reshape([-1])).add(crossEntropy(nsp, whole(inputs.nspY)));
  await loss.backward();
  assert.ok(Math.abs((await loss.item()) - golden.outputs.loss.data[0]!) <= 1e-5);
  const norm = Math.sqrt(Object.values(golden.gradients).reduce((sum, { data }) => sum + data.reduce((a, b) => a + b * b, 0), 0));
  for (const [name, parameter] of bert.namedParameters()) {
    const { data } = golden.gradients[name]!;
    const max = data.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
    near(await parameter.grad!.data(), data, gradientBound(max, norm), name);
  }
});

test("masked softmax sets scores to -1e6: a row without a valid position weighs all alike", async () => {
  const { scores, plain, perRow, perQuery } = golden.softmax;
  const lengths = tensor(
    [
      [1, 2, 3],
      [4, 0, 1],
    ],
    { dtype: "int64" },
  );
  near((await maskedSoftmax(floats(scores)).data()) as Float32Array, plain.data, 1e-6, "plain");
  near((await maskedSoftmax(floats(scores), tensor([2, 0], { dtype: "int64" })).data()) as Float32Array, perRow.data, 1e-6, "per row");
  near((await maskedSoftmax(floats(scores), lengths).data()) as Float32Array, perQuery.data, 1e-6, "per query");
});

test("numbers are printed as Python prints them", () => {
  for (const [value, three, one] of golden.percent) assert.deepEqual([pythonFixed(value, 3), pythonFixed(value, 1)], [three, one], String(value));
});

test("a pretrained model is loaded with the sizes that are given, from both formats", () =>
  inFolder(async (data) => {
    for (const format of ["zip", "legacy"]) {
      const model = join(data, format);
      await mkdir(model);
      await copyFile(join(folder, `tiny.${format}.params`), join(model, "pretrained.params"));
      const tokens = Array.from({ length: sizes.vocab }, (_, i) => (i === 0 ? "<unk>" : `t${i}`));
      await writeFile(join(model, "vocab.json"), JSON.stringify(tokens));
      const { bert: loaded, vocab } = await loadPretrainedModel(model, { ...sizes, dropout: 0.3 });
      assert.equal(vocab.length, sizes.vocab);
      assert.equal(loaded.encoder.blks[0]!.attention.dropout.p, 0.3);
      for (const [name, { shape }] of loaded.namedParameters()) assert.deepEqual(shape, golden.gradients[name]!.shape);
      const [encoded] = loaded.eval()(whole(inputs.tokens), whole(inputs.segments), whole(inputs.validLens));
      near((await encoded.data()) as Float32Array, golden.outputs.encoded.data, 1e-5, format);
      await assert.rejects(loadPretrainedModel(model, { ...sizes, dropout: 0, numBlks: 3 }), {
        code: "ERR_WEIGHTS_MISMATCH",
        message: /lacks encoder\.blks\.2\.attention\.W_q\.weight.*numBlks/,
      });
      await assert.rejects(loadPretrainedModel(model, { ...sizes, dropout: 0, maxLen: 12 }), {
        code: "ERR_WEIGHTS_MISMATCH",
        message: /pos_embedding is \[1, 10, 8\] in the file and \[1, 12, 8\]/,
      });
    }
  }));

test("rows that are too long, and heads that do not divide the units, are refused", () => {
  const long = Array<number>(11).fill(1);
  assert.throws(() => bert(whole([long]), whole([long]), whole([11])), { code: "ERR_SHAPE", message: /11 tokens, there are 10 positions/ });
  assert.throws(() => new BERTModel(9, { ...sizes, numHeads: 3, dropout: 0 }), /8 hidden units cannot be split into 3 heads/);
});
