// BERT against PyTorch: logits, losses and gradients of a tiny model and of the real MiniLM.
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { BertModel } from "../../src/models/bert/model.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import type { ProblemType } from "../../src/models/loading/config.js";
import { loadSafetensors } from "../../src/safetensors/index.js";
import { packageRoot } from "../../src/package-root.js";
import { type NestedNumbers, type Parameter, tensor } from "../../src/tensor/index.js";
import { flatNumbers, goldenFile, gradientBound, int64Batch, maxAbs, near, normOf, readGolden } from "./golden-support.js";

type Columns = Readonly<Record<"input_ids" | "attention_mask" | "token_type_ids", NestedNumbers>>;
interface Case {
  readonly problem_type: ProblemType | null;
  readonly labels: NestedNumbers;
  readonly loss: number;
  readonly logits: number[][];
  readonly "classifier.weight": NestedNumbers;
  readonly "bert.encoder.layer.0.attention.self.query.bias": NestedNumbers;
}
interface Tiny {
  readonly batch: Columns;
  readonly cases: Readonly<Record<"single_label" | "regression" | "multi_label", Case>>;
  readonly hidden_norms: number[];
  readonly attention_first_row: number[][];
  readonly bare: { readonly input_ids: number[][]; readonly logits: number[][]; readonly pooler_output: number[][] };
}
interface Summary {
  readonly max: number;
  readonly norm: number;
  readonly at: number[];
  readonly values: number[];
}
interface MiniLm {
  readonly batch: Columns;
  readonly labels: number[];
  readonly loss: number;
  readonly logits: number[][];
  readonly norm: number;
  readonly gradients: Readonly<Record<string, Summary>>;
}

const tiny = readGolden<Tiny>("tiny-bert.json");
const folder = goldenFile("tiny-bert");
const batch = int64Batch(tiny.batch);

async function gradients(parameters: Iterable<readonly [string, Parameter]>): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const [name, p] of parameters) {
    assert.ok(p.grad, `${name} has no gradient`);
    found.set(name, await p.grad.data());
  }
  return found;
}

describe("BertForSequenceClassification", () => {
  it("has transformers' logits, loss and every gradient on a ragged batch", async () => {
    const golden = tiny.cases.single_label;
    const model = await BertForSequenceClassification.fromPretrained(folder);
    model.train();
    const { loss, logits } = model({ ...batch, ...int64Batch({ labels: golden.labels }) });
    await loss.backward();
    near([await loss.item()], [golden.loss], 2e-6, "loss");
    near(await logits.data(), flatNumbers(golden.logits), 1e-5, "logits");
    const expected = await loadSafetensors(goldenFile("tiny-bert-gradients.safetensors"));
    const norm = normOf([...expected.values()].map((t) => t.data as Float32Array));
    const actual = await gradients(model.namedParameters());
    assert.deepEqual([...actual.keys()].sort(), [...expected.keys()].sort());
    for (const [name, gradient] of actual) {
      const reference = expected.get(name)!.data as Float32Array;
      near(gradient, reference, gradientBound(maxAbs(reference), norm), `gradient of ${name}`);
    }
  });

  for (const name of ["regression", "multi_label"] as const) {
    it(`has transformers' ${name.replace("_", "-")} loss and gradients`, async () => {
      const golden = tiny.cases[name];
      const model = await BertForSequenceClassification.fromPretrained(folder, { config: { problem_type: golden.problem_type } });
      const { loss, logits } = model({ ...batch, labels: tensor(golden.labels) });
      await loss.backward();
      near([await loss.item()], [golden.loss], 2e-6, "loss");
      near(await logits.data(), flatNumbers(golden.logits), 1e-5, "logits");
      const actual = await gradients(model.namedParameters());
      const norm = normOf(actual.values());
      for (const key of ["classifier.weight", "bert.encoder.layer.0.attention.self.query.bias"] as const) {
        const reference = flatNumbers(golden[key]);
        near(actual.get(key)!, reference, gradientBound(maxAbs(reference), norm), `gradient of ${key}`);
      }
    });
  }

  it("does without mask and sentence numbers, and has no loss without labels", async () => {
    const model = await BertForSequenceClassification.fromPretrained(folder);
    const output = model(int64Batch({ input_ids: tiny.bare.input_ids }));
    assert.equal(output.loss, undefined);
    near(await output.logits.data(), flatNumbers(tiny.bare.logits), 1e-5, "logits");
    const base = await BertModel.fromPretrained(folder);
    near(await base(int64Batch({ input_ids: tiny.bare.input_ids })).pooler_output.data(), flatNumbers(tiny.bare.pooler_output), 1e-5, "pooler_output");
  });

  it("gives hidden states and attentions when the config asks for them", async () => {
    const model = await BertForSequenceClassification.fromPretrained(folder, { config: { output_hidden_states: true, output_attentions: true } });
    const { hidden_states: hidden = [], attentions = [] } = model(batch);
    assert.equal(hidden.length, 3);
    for (const [i, h] of hidden.entries()) near([normOf([(await h.data()) as Float32Array])], [tiny.hidden_norms[i]!], 1e-4, `norm of hidden state ${i}`);
    for (const [i, a] of attentions.entries()) near((await a.at(0, 0, 0).data()) as Float32Array, tiny.attention_first_row[i]!, 1e-5, `attention ${i}`);
  });
});

describe("all-MiniLM-L6-v2", () => {
  const shared = join(packageRoot(), "../shared/models/all-MiniLM-L6-v2");
  it("has PyTorch's logits, loss and gradients on a ragged batch", { skip: existsSync(shared) ? false : `${shared} is absent` }, async (t) => {
    t.mock.method(console, "warn", () => {}); // the classifier is not in the file
    const golden = readGolden<MiniLm>("minilm.json");
    const model = await BertForSequenceClassification.fromPretrained(shared, {
      numLabels: 2,
      config: { hidden_dropout_prob: 0, attention_probs_dropout_prob: 0 },
    });
    model.train();
    model.classifier.weight.set(Float32Array.from({ length: 2 * 384 }, (_, i) => Math.sin(i) * 0.05));
    model.classifier.bias!.set(Float32Array.of(0.01, -0.02));
    const { loss, logits } = model({ ...int64Batch(golden.batch), ...int64Batch({ labels: golden.labels }) });
    await loss.backward();
    near([await loss.item()], [golden.loss], 2e-6, "loss");
    near(await logits.data(), flatNumbers(golden.logits), 2e-6, "logits");
    const actual = await gradients(model.namedParameters());
    assert.deepEqual([...actual.keys()].sort(), Object.keys(golden.gradients).sort());
    for (const [name, { max, norm, at, values }] of Object.entries(golden.gradients)) {
      const gradient = actual.get(name)!;
      const bound = gradientBound(max, golden.norm);
      near([maxAbs(gradient)], [max], bound, `max |gradient| of ${name}`);
      near([normOf([gradient])], [norm], bound * Math.sqrt(gradient.length), `norm of the gradient of ${name}`);
      near(
        at.map((i) => gradient[i]!),
        values,
        bound,
        `gradient of ${name}`,
      );
    }
  });
});
