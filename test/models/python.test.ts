// What we write, read by Python's own libraries. Runs where ACCELERATE_TS_TEST_PYTHON names a Python with transformers.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  GPT2LMHeadModel,
  type PreTrainedModelBase,
  type RawConfig,
} from "../../src/models/index.js";
import { saveSafetensors } from "../../src/safetensors/index.js";
import { type NestedNumbers, setSeed, type Tensor } from "../../src/tensor/index.js";
import { flatNumbers, int64Batch, near } from "./golden-support.js";

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const options = { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with transformers" };
const folder = mkdtempSync(join(tmpdir(), "python-"));
after(() => rmSync(folder, { recursive: true }));
const run = (code: string): unknown => JSON.parse(execFileSync(python!, ["-c", code], { stdio: ["ignore", "pipe", "ignore"] }).toString());

const bert = {
  vocab_size: 60,
  hidden_size: 24,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  intermediate_size: 40,
  max_position_embeddings: 14,
  initializer_range: 0.3,
};
const configs: Readonly<Record<string, RawConfig>> = {
  bert: { model_type: "bert", ...bert },
  roberta: { model_type: "roberta", ...bert, type_vocab_size: 2, pad_token_id: 0 },
  distilbert: {
    model_type: "distilbert",
    vocab_size: 60,
    dim: 24,
    n_layers: 2,
    n_heads: 3,
    hidden_dim: 40,
    max_position_embeddings: 14,
    initializer_range: 0.3,
  },
  gpt2: {
    model_type: "gpt2",
    vocab_size: 60,
    n_embd: 24,
    n_layer: 2,
    n_head: 3,
    n_positions: 14,
    initializer_range: 0.3,
    pad_token_id: 0,
    bos_token_id: 1,
    eos_token_id: 1,
  },
};
const labels = { id2label: { 0: "ham", 1: "spam", 2: "unsure" } };
const all = ["bert", "roberta", "distilbert", "gpt2"];
const autos: readonly (readonly [name: string, auto: { fromConfig(config: RawConfig): PreTrainedModelBase }, types: readonly string[]])[] = [
  ["AutoModel", AutoModel, all],
  ["AutoModelForSequenceClassification", AutoModelForSequenceClassification, all],
  ["AutoModelForTokenClassification", AutoModelForTokenClassification, ["bert", "roberta", "distilbert"]],
  ["AutoModelForMaskedLM", AutoModelForMaskedLM, ["bert", "roberta", "distilbert"]],
  ["AutoModelForCausalLM", AutoModelForCausalLM, ["gpt2"]],
];
const batch = {
  input_ids: [
    [5, 49, 17, 3, 0],
    [8, 2, 0, 0, 0],
  ],
  attention_mask: [
    [1, 1, 1, 1, 0],
    [1, 1, 0, 0, 0],
  ],
};

interface Loaded {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly wrong: number;
  readonly parameters: number;
  readonly values: NestedNumbers;
}
/** Loads folders with Auto classes, and calls the models; and a file of safetensors. One process, for what takes long is to load the libraries. */
const load = (folders: readonly (readonly [auto: string, folder: string])[], file: string) =>
  run(
    [
      "import json, torch, transformers",
      "from safetensors.numpy import load_file",
      `batch = {k: torch.tensor(v) for k, v in json.loads('${JSON.stringify(batch)}').items()}`,
      "found = []",
      `for auto, folder in json.loads('${JSON.stringify(folders)}'):`,
      "    model, info = getattr(transformers, auto).from_pretrained(folder, output_loading_info=True, attn_implementation='eager')",
      "    output = model.eval()(**batch)",
      "    values = output.logits if 'logits' in output else output.last_hidden_state",
      '    found.append({"name": type(model).__name__, "labels": model.config.id2label, "wrong": sum(len(v) for v in info.values()), "parameters": model.num_parameters(), "values": values.tolist()})',
      `tensors = load_file(${JSON.stringify(file)})`,
      "print(json.dumps({'models': found, 'tensors': {k: v.tolist() for k, v in tensors.items()}}))",
    ].join("\n"),
  ) as { readonly models: readonly Loaded[]; readonly tensors: Readonly<Record<string, NestedNumbers>> };
const valuesOf = async (model: PreTrainedModelBase): Promise<Float32Array> => {
  const output = (model.eval() as unknown as (b: object) => { logits?: Tensor; last_hidden_state: Tensor })(int64Batch(batch));
  return (await (output.logits ?? output.last_hidden_state).data()) as Float32Array;
};

describe("Python", options, () => {
  it("loads every class that we save whole, and gives the same numbers; and reads our safetensors", async () => {
    setSeed(3);
    const file = join(folder, "x.safetensors");
    await saveSafetensors(file, [
      ["x", { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
      ["odd", { dtype: "int8", shape: [3], data: Int8Array.of(1, -2, 3) }],
      ["y", { dtype: "int64", shape: [], data: BigInt64Array.of(-5n) }],
    ]);
    const saved = autos.flatMap(([auto, { fromConfig }, types]) =>
      types.map((type) => ({ auto, folder: join(folder, `${auto}-${type}`), model: fromConfig({ ...configs[type]!, ...labels }) })),
    );
    for (const { model, folder: to } of saved) await model.savePretrained(to);
    const grown = new GPT2LMHeadModel({ ...configs.gpt2, ...labels });
    grown.resizeTokenEmbeddings(67);
    await grown.savePretrained(join(folder, "grown"), { maxShardSize: "9KB" });
    saved.push({ auto: "AutoModelForCausalLM", folder: join(folder, "grown"), model: grown });
    const { models: loaded, tensors } = load(
      saved.map(({ auto, folder: from }) => [auto, from] as const),
      file,
    );
    assert.deepEqual(tensors, { x: [[1, 2], [3, 4]], odd: [1, -2, 3], y: -5 }); // biome-ignore format: rows
    for (const [i, { model, auto }] of saved.entries()) {
      const { values, ...rest } = loaded[i]!;
      assert.deepEqual(rest, { name: model.traceName, labels: { 0: "ham", 1: "spam", 2: "unsure" }, wrong: 0, parameters: model.numParameters() }, auto);
      near(await valuesOf(model), flatNumbers(values), 1e-5, model.traceName);
    }
  });
});
