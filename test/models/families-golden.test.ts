// Every model class against transformers: names and shapes of weights, logits on padded and unpadded batches, loss and gradients.
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, it } from "node:test";
import {
  BertForMaskedLM,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertModel,
  DistilBertForMaskedLM,
  DistilBertForSequenceClassification,
  DistilBertForTokenClassification,
  DistilBertModel,
  type FromPretrainedOptions,
  GPT2ForSequenceClassification,
  GPT2LMHeadModel,
  GPT2Model,
  type PreTrainedModelBase,
  RobertaForMaskedLM,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaModel,
} from "../../src/models/index.js";
import { namesOf } from "../../src/models/loading/parameter-names.js";
import { loadSafetensors } from "../../src/safetensors/index.js";
import type { NestedNumbers, Tensor } from "../../src/tensor/index.js";
import { flatNumbers, goldenFile, gradientBound, int64Batch, maxAbs, near, normOf, readGolden } from "./golden-support.js";

type Columns = Readonly<Record<string, NestedNumbers>>;
interface Golden {
  readonly batch: Columns;
  readonly labels?: NestedNumbers;
  /** Names and shapes of Python's state dict, tied ones under each of their names. */
  readonly state: Readonly<Record<string, readonly number[]>>;
  readonly loss: number;
  readonly values: NestedNumbers;
  readonly pooler_output?: number[][];
  readonly hidden_norms: number[];
  readonly attention_row: number[][];
  readonly bare: Columns & { readonly values: NestedNumbers };
  readonly left?: Columns & { readonly values: NestedNumbers };
}
interface Output {
  readonly loss?: Tensor<0>;
  readonly logits?: Tensor;
  readonly last_hidden_state?: Tensor;
  readonly pooler_output?: Tensor;
  readonly hidden_states?: readonly Tensor[];
  readonly attentions?: readonly Tensor[];
}
interface ModelClass {
  readonly name: string;
  fromPretrained(folder: string, options?: FromPretrainedOptions): Promise<PreTrainedModelBase>;
}
const classes: readonly ModelClass[] = [
  BertModel,
  BertForSequenceClassification,
  BertForTokenClassification,
  BertForMaskedLM,
  DistilBertModel,
  DistilBertForSequenceClassification,
  DistilBertForTokenClassification,
  DistilBertForMaskedLM,
  RobertaModel,
  RobertaForSequenceClassification,
  RobertaForTokenClassification,
  RobertaForMaskedLM,
  GPT2Model,
  GPT2LMHeadModel,
  GPT2ForSequenceClassification,
];

const call = (model: PreTrainedModelBase, columns: Columns): Output => (model as unknown as (batch: object) => Output)(int64Batch(columns));
const valuesOf = (output: Output): Tensor => (output.logits ?? output.last_hidden_state)!;
async function compare(output: Output, expected: NestedNumbers, what: string): Promise<void> {
  near((await valuesOf(output).data()) as Float32Array, flatNumbers(expected), 1e-5, what);
}
/** What the goldens' script differentiates. */
function lossOf(output: Output): Tensor<0> {
  if (output.loss) return output.loss;
  const hidden = output.last_hidden_state!;
  const cubes: Tensor = hidden.mul(hidden).mul(hidden);
  return (output.pooler_output ? cubes.mean().add(output.pooler_output.mean()) : cubes.mean()) as Tensor<0>;
}

for (const model of classes) {
  describe(model.name, () => {
    const folder = goldenFile(join("families", model.name));
    const golden = readGolden<Golden>(join("families", model.name, "golden.json"));

    it("has the names and shapes of Python's state dict", async () => {
      const loaded = await model.fromPretrained(folder);
      const shapes = new Map([...loaded.namedParameters()].map(([name, p]) => [name, p.shape]));
      const ours = namesOf(loaded).flatMap((names) => names.map((name) => [name, shapes.get(names[0])!] as const));
      assert.deepEqual(Object.fromEntries(ours), golden.state);
      assert.equal(ours.length, Object.keys(golden.state).length);
      const saved = [...(await loadSafetensors(join(folder, "model.safetensors"))).keys()];
      assert.deepEqual([...shapes.keys()].sort(), saved.sort());
    });

    it("has transformers' outputs on a padded batch and without a mask", async () => {
      const loaded = await model.fromPretrained(folder, { config: { output_hidden_states: true, output_attentions: true } });
      const output = call(loaded, golden.batch);
      await compare(output, golden.values, "outputs");
      if (golden.pooler_output) near((await output.pooler_output!.data()) as Float32Array, flatNumbers(golden.pooler_output), 1e-5, "pooler_output");
      assert.equal(output.hidden_states!.length, golden.hidden_norms.length);
      for (const [i, h] of output.hidden_states!.entries())
        near([normOf([(await h.data()) as Float32Array])], [golden.hidden_norms[i]!], 1e-4, `norm of hidden state ${i}`);
      for (const [i, a] of output.attentions!.entries()) near((await a.at(1, 1, 1).data()) as Float32Array, golden.attention_row[i]!, 1e-5, `attention ${i}`);
      for (const { values, ...columns } of [golden.bare, golden.left].filter((c) => c !== undefined))
        await compare(call(loaded, columns), values, columns.attention_mask ? "outputs with padding on the left" : "outputs without a mask");
    });

    it("has transformers' loss and every gradient", async () => {
      const loaded = await model.fromPretrained(folder);
      loaded.train();
      const loss = lossOf(call(loaded, golden.labels ? { ...golden.batch, labels: golden.labels } : golden.batch));
      await loss.backward();
      near([await loss.item()], [golden.loss], 2e-6 * Math.max(1, golden.loss), "loss");
      const expected = await loadSafetensors(join(folder, "gradients.safetensors"));
      const norm = normOf([...expected.values()].map((t) => t.data as Float32Array));
      const parameters = new Map(loaded.namedParameters());
      assert.deepEqual([...parameters.keys()].sort(), [...expected.keys()].sort());
      for (const [name, { data }] of expected) {
        const reference = data as Float32Array;
        const gradient = parameters.get(name)!.grad;
        assert.ok(gradient, `${name} has no gradient`);
        near(await gradient.data(), reference, gradientBound(maxAbs(reference), norm), `gradient of ${name}`);
      }
    });
  });
}
