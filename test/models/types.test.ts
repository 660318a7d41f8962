// What the type checker must know of models and layers, and what it must refuse. Compiling this file is the test.
import { it } from "node:test";
import {
  AutoConfig,
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  type AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type BatchEncoding,
  type BertForMaskedLM,
  type BertModel,
  type DistilBertForSequenceClassification,
  type GPT2LMHeadModel,
  type PreTrainedModel,
  type RobertaForTokenClassification,
  type SequenceClassifierBatch,
} from "../../src/models/index.js";
import { crossEntropy, type Layer, Linear, Module, type Parameter } from "../../src/nn/index.js";
import { type Tensor, tensor } from "../../src/tensor/index.js";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(ok: Equal<A, B>): void;
type Ids = Tensor<2, "int64">;
type Good = { readonly input_ids: Ids; readonly attention_mask: Ids; readonly labels: Tensor<1, "int64"> };

class Two extends Module {
  readonly l = new Linear(1, 2);
  forward(x: Tensor, y: Tensor): { sum: Tensor } {
    return { sum: this.l(x).add(y) };
  }
}

export function models(
  model: AutoModelForSequenceClassification,
  bert: BertModel,
  good: Good,
  extra: Good & { readonly idx: Ids },
  unknown: { readonly [key: string]: Tensor },
  encoded: BatchEncoding,
): void {
  const ofTexts = model(encoded);
  same<typeof ofTexts.loss, undefined>(true);
  model({ ...encoded });
  bert(encoded);
  // @ts-expect-error an encoding is no row of labels
  model({ ...encoded, label: good.labels });
  const output = model(good);
  same<typeof output.loss, Tensor<0, "float32">>(true);
  same<typeof output.logits, Tensor<2, "float32">>(true);
  const noLoss = model({ input_ids: good.input_ids }).loss;
  same<typeof noLoss, undefined>(true);
  const trusted = model(unknown).loss;
  same<typeof trusted, Tensor<0, "float32">>(true);
  model({} as SequenceClassifierBatch).loss.backward();
  // @ts-expect-error idx is no input of the model
  model(extra);
  // @ts-expect-error no such output
  output.los;
  // @ts-expect-error labels misspelt
  model({ input_ids: good.input_ids, label: good.labels });
  // @ts-expect-error input_ids missing
  model({ attention_mask: good.attention_mask });
  // @ts-expect-error no input_ids
  bert({});
  same<ReturnType<typeof bert.forward>["last_hidden_state"], Tensor<3, "float32">>(true);
  const anyModule: Module = model;
  const anyModel: PreTrainedModel = model;
  void [anyModule, anyModel];
}

type Lines = { readonly input_ids: Ids; readonly labels: Tensor<2, "int64"> };
export async function families(
  causal: AutoModelForCausalLM,
  masked: AutoModelForMaskedLM,
  tokens: AutoModelForTokenClassification,
  lines: Lines,
  ids: Ids,
): Promise<void> {
  const output = causal(lines);
  same<typeof output.loss, Tensor<0, "float32">>(true);
  same<typeof output.logits, Tensor<3, "float32">>(true);
  const noLoss = masked({ input_ids: ids }).loss;
  same<typeof noLoss, undefined>(true);
  same<ReturnType<typeof tokens.inputEmbeddings>["paddingIdx"], number | undefined>(true);
  // @ts-expect-error labels misspelt
  tokens({ input_ids: ids, label: ids });
  const classes: readonly PreTrainedModel[] = [causal, masked, tokens];
  const base = await AutoModel.fromPretrained("folder", { config: { hidden_dropout_prob: 0 }, revision: "main" });
  same<ReturnType<typeof base>["pooler_output"], Tensor<2, "float32"> | undefined>(true);
  // @ts-expect-error an option that there is not
  await AutoModel.fromPretrained("folder", { num_labels: 2 });
  const config = await AutoConfig.fromPretrained("folder", { id2label: ["a", "b"] });
  if (config.model_type === "gpt2") same<typeof config.n_embd, number>(true);
  const made: AutoModelForCausalLM = AutoModelForCausalLM.fromConfig(config);
  void [classes, made];
}
export function concrete(a: BertForMaskedLM, b: GPT2LMHeadModel, c: RobertaForTokenClassification, d: DistilBertForSequenceClassification): void {
  const masked: AutoModelForMaskedLM = a;
  const causal: AutoModelForCausalLM = b;
  const tokens: AutoModelForTokenClassification = c;
  const sequences: AutoModelForSequenceClassification = d;
  void [masked, causal, tokens, sequences, AutoModelForMaskedLM, AutoModelForTokenClassification];
}

export function layers(x: Tensor): void {
  const two = new Two();
  same<ReturnType<typeof two.forward>, { sum: Tensor }>(true);
  // @ts-expect-error one argument missing
  two(x);
  // @ts-expect-error Two is no layer of one tensor
  const wrong: Layer = two;
  const list: Layer[] = [new Linear(1, 2)];
  same<ReturnType<typeof scalar>, Tensor<0, "float32">>(true);
  same<ReturnType<typeof rows>, Tensor<1, "float32">>(true);
  same<Parameter<2>["shape"], readonly number[]>(true);
  void [wrong, list, tensor([1])];
}
const scalar = (x: Tensor) => crossEntropy(x, x);
const rows = (x: Tensor) => crossEntropy(x, x, { reduction: "none" });

it("the types of models and layers hold", () => {});
