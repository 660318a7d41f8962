// Exported models, run by ONNX Runtime itself and in WebAssembly: the same numbers as ours for any number of rows and tokens.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { fromOnnx } from "../../src/graph/onnx/read.js";
import {
  AutoModel,
  AutoModelForCausalLM,
  AutoModelForMaskedLM,
  AutoModelForSequenceClassification,
  AutoModelForTokenClassification,
  type PreTrainedModelBase,
  type RawConfig,
  trainWordPiece,
} from "../../src/models/index.js";
import { dropout, Linear, Module } from "../../src/nn/index.js";
import { type ExportOnnxOptions, exportOnnx } from "../../src/onnx/index.js";
import { cat, setSeed, type Tensor, tensor, zeros } from "../../src/tensor/index.js";
import { int64Batch, near } from "../models/golden-support.js";
import type { Columns, OnnxJob, OnnxRun } from "./programs/run-onnx.js";

const folder = mkdtempSync(join(tmpdir(), "export-"));
after(() => rmSync(folder, { recursive: true }));

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const program = fileURLToPath(new URL("./programs/run-onnx.js", import.meta.url));
async function runWith(engine: string, jobs: readonly OnnxJob[]): Promise<readonly OnnxRun[]> {
  const child = spawn(process.execPath, [program, engine], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(jobs));
  return JSON.parse(await text(child.stdout)) as readonly OnnxRun[];
}

const sizes = { vocab_size: 60, hidden_size: 24, num_hidden_layers: 2, num_attention_heads: 3, intermediate_size: 40, max_position_embeddings: 16 };
const gpt2 = { vocab_size: 60, n_embd: 24, n_layer: 2, n_head: 3, n_positions: 16, pad_token_id: 0, bos_token_id: 1, eos_token_id: 1 };
const configs = {
  bert: { model_type: "bert", ...sizes },
  roberta: { model_type: "roberta", ...sizes, pad_token_id: 0 },
  distilbert: { model_type: "distilbert", vocab_size: 60, dim: 24, n_layers: 2, n_heads: 3, hidden_dim: 40, max_position_embeddings: 16 },
  gpt2: { model_type: "gpt2", ...gpt2 },
} satisfies Record<string, RawConfig>;
type Family = keyof typeof configs;
const all: readonly Family[] = ["bert", "roberta", "distilbert", "gpt2"];
const encoders: readonly Family[] = ["bert", "roberta", "distilbert"];
const autos: readonly (readonly [name: string, auto: { fromConfig(config: RawConfig): PreTrainedModelBase }, families: readonly Family[], output: string])[] = [
  ["AutoModel", AutoModel, all, "last_hidden_state"],
  ["AutoModelForSequenceClassification", AutoModelForSequenceClassification, all, "logits"],
  ["AutoModelForTokenClassification", AutoModelForTokenClassification, encoders, "logits"],
  ["AutoModelForMaskedLM", AutoModelForMaskedLM, encoders, "logits"],
  ["AutoModelForCausalLM", AutoModelForCausalLM, ["gpt2"], "logits"],
];

/** Rows of tokens, each one shorter than the one before it and padded with 0. */
function batchOf(rows: number, length: number): Columns {
  const ids = Array.from({ length: rows }, (_, row) => Array.from({ length }, (_, at) => (at < Math.max(1, length - row) ? 2 + ((row * 7 + at * 5) % 50) : 0)));
  const each = (value: (id: number, at: number) => number) => ids.map((row) => row.map(value));
  return { input_ids: ids, attention_mask: each((id) => Number(id > 0)), token_type_ids: each((_, at) => Number(at > 2)) };
}
const batches = [batchOf(1, 1), batchOf(3, 14), batchOf(1, 9)];

const inputsOf = (family: Family): readonly string[] => ["input_ids", "attention_mask", ...(family === "bert" ? ["token_type_ids"] : [])];
/** What our model makes of the columns that a file asks for. */
async function ownOutput(model: PreTrainedModelBase, family: Family, batch: Columns) {
  const given = int64Batch(Object.fromEntries(inputsOf(family).map((name) => [name, batch[name]!])));
  const call = model as unknown as (batch: object) => { readonly logits?: Tensor; readonly last_hidden_state: Tensor };
  const output = call(given);
  const tensor = output.logits ?? output.last_hidden_state;
  return { dims: tensor.shape, data: (await tensor.data()) as Float32Array };
}

describe("exported models", () => {
  setSeed(11);
  const models = autos.flatMap(([name, { fromConfig }, families, output]) =>
    families.map((family) => ({
      family,
      output,
      file: join(folder, `${name}-${family}.onnx`),
      model: fromConfig({ ...configs[family], initializer_range: 0.3, num_labels: 3 }),
    })),
  );
  // One of them with its weights in a second file; onnxruntime-web would have to be given that one.
  const outside = { ...models[0]!, file: join(folder, "outside.onnx") };
  const written = (async () => {
    for (const { model, file } of models) await exportOnnx(model, file);
    await exportOnnx(outside.model, outside.file, { externalData: true });
    for (const { model } of models) assert.ok(model.training, "exporting leaves the mode as it was");
  })();
  const runs = {
    "onnxruntime-node": [...models, outside],
    // It takes longer, and runs the same kernels.
    "onnxruntime-web": models.filter(({ file }) => /Sequence|Causal/.test(file)),
  };
  const expected = new Map<PreTrainedModelBase, Promise<readonly { dims: readonly number[]; data: Float32Array }[]>>();
  const ownOutputs = ({ model, family }: (typeof models)[number]) => {
    const found = expected.get(model) ?? Promise.all(batches.map((batch) => ownOutput(model.eval(), family, batch)));
    expected.set(model, found);
    return found;
  };

  for (const [engine, run] of Object.entries(runs)) {
    it(`give in ${engine} what they give here, padded or not`, async () => {
      await written;
      const jobs = run.map(({ file }) => ({ file, batches }));
      for (const [i, { inputs, outputs }] of (await runWith(engine, jobs)).entries()) {
        const { family, output, file } = run[i]!;
        assert.deepEqual(inputs, inputsOf(family));
        for (const [k, { dims, data }] of (await ownOutputs(run[i]!)).entries()) {
          assert.deepEqual(Object.keys(outputs[k]!), [output], file);
          assert.deepEqual(outputs[k]![output]!.dims, dims, file);
          near(outputs[k]![output]!.data, data, 1e-5, `${file} batch ${k}`);
        }
      }
    });
  }

  it("hold ONNX's own ops alone, sizes by name, and weights under their names, transposed where products read them so", async () => {
    await written;
    for (const { file, model, output } of models) {
      const { graph, opset } = fromOnnx(readFileSync(file));
      assert.equal(opset, 21);
      assert.deepEqual([...new Set(graph.nodes.map(({ domain }) => domain))], [""]);
      for (const input of graph.inputs) assert.deepEqual([input.dtype, input.shape], ["int64", ["batch_size", "sequence_length"]]);
      assert.deepEqual([graph.outputs[0]!.name, graph.outputs[0]!.shape[0]], [output, "batch_size"]);
      const shapes = new Map(graph.constants.map(({ name, shape }) => [name, shape]));
      const [name, parameter] = [...model.namedParameters()].find(([path]) => /(intermediate\.dense|ffn\.lin1|c_fc)\.weight/.test(path))!;
      assert.deepEqual(shapes.get(name), name.includes("c_fc") ? parameter.shape : [...parameter.shape].reverse());
    }
  });

  it("pass the checker of Python's onnx", { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with onnx" }, async () => {
    await written;
    const files = [...models, outside].map(({ file }) => file);
    const code = "import onnx, sys; [onnx.checker.check_model(f, full_check=True) for f in sys.argv[1:]]; print(len(sys.argv) - 1)";
    assert.equal(Number(execFileSync(python!, ["-c", code, ...files], { encoding: "utf8" })), files.length);
  });

  it("are the same bytes each time, and are read back with their second file", async () => {
    await written;
    const { model, file } = models[0]!;
    await exportOnnx(model, join(folder, "again.onnx"));
    assert.deepEqual(readFileSync(join(folder, "again.onnx")), readFileSync(file));
    const read = (from: string) => fromOnnx(readFileSync(from), { externalData: (location) => readFileSync(join(folder, location)) });
    const numbers = (from: string) => read(from).graph.constants.map(({ name, constant }) => [name, constant]);
    assert.deepEqual(numbers(outside.file), numbers(file));
    const begins = [...readFileSync(outside.file, "latin1").matchAll(/offset[\s\S]{2}(\d+)/g)].map(([, offset]) => Number(offset));
    assert.ok(begins.length > 10 && begins.every((offset) => offset % 4096 === 0));
  });

  it("leave no second file of an earlier export, and nothing else", async () => {
    const to = mkdtempSync(join(folder, "to-"));
    const { model } = models[0]!;
    await exportOnnx(model, join(to, "m.onnx"), { externalData: true });
    assert.deepEqual(readdirSync(to).sort(), ["m.onnx", "m.onnx_data"]);
    await exportOnnx(model, join(to, "m.onnx"));
    assert.deepEqual(readdirSync(to), ["m.onnx"]);
  });
});

describe("a folder for transformers.js", () => {
  it("has the model, its config and the tokenizer", async () => {
    const tokenizer = await trainWordPiece(["see you at the meeting on monday"], { vocabSize: 80 });
    const to = join(folder, "for-js");
    const model = AutoModelForSequenceClassification.fromConfig({ ...configs.bert, vocab_size: tokenizer.length, id2label: { 0: "ham", 1: "spam" } });
    const config = async (options: ExportOnnxOptions): Promise<Record<string, unknown>> => {
      await exportOnnx(model, to, options);
      return JSON.parse(readFileSync(join(to, "config.json"), "utf8")) as Record<string, unknown>;
    };
    const { model_type, architectures, id2label, ...rest } = await config({ tokenizer });
    assert.deepEqual([model_type, architectures, id2label], ["bert", ["BertForSequenceClassification"], { 0: "ham", 1: "spam" }]);
    // Else it would look for quantized weights in browsers.
    assert.deepEqual(rest["transformers.js_config"], { dtype: "fp32" });
    for (const name of ["onnx/model.onnx", "tokenizer.json", "tokenizer_config.json"]) assert.ok(existsSync(join(to, name)), name);
    assert.deepEqual((await config({ externalData: true }))["transformers.js_config"], { dtype: "fp32", use_external_data_format: true });
    assert.deepEqual(readdirSync(join(to, "onnx")).sort(), ["model.onnx", "model.onnx_data"]);
  });

  it("is refused where it could not be used", async () => {
    const bert = AutoModel.fromConfig(configs.bert);
    const tokenizer = { savePretrained: () => Promise.resolve() };
    await assert.rejects(exportOnnx(bert, join(folder, "x.onnx"), { tokenizer }), { code: "ERR_EXPORT_TARGET" });
    await assert.rejects(exportOnnx(new Linear(2, 2), join(folder, "x"), { example: [zeros([1, 2])] }), { code: "ERR_EXPORT_TARGET" });
    const unpadded = AutoModelForSequenceClassification.fromConfig({ ...configs.gpt2, pad_token_id: null });
    await assert.rejects(exportOnnx(unpadded, join(folder, "x.onnx")), { code: "ERR_PAD_TOKEN" });
    assert.ok(!existsSync(join(folder, "x.onnx")));
  });
});

describe("a module of one's own", () => {
  class Scored extends Module {
    readonly hidden = new Linear(4, 6);
    readonly offset = this.registerBuffer("offset", tensor([1, 2, 3, 4, 5, 6]));
    forward(batch: { readonly left: Tensor; readonly right: Tensor }) {
      const hidden = this.hidden(cat([batch.left, batch.right], 1)).add(this.offset);
      return { scores: hidden.sum(-1), inner: [hidden, dropout(hidden, { p: 0.5, training: this.training })], note: "static" };
    }
  }
  const example = [{ left: zeros([3, 3]), right: zeros([3, 1]) }];

  it("is exported with its own inputs and outputs", async () => {
    const module = new Scored();
    const file = join(folder, "own.onnx");
    await exportOnnx(module, file, { example });
    const batch = {
      left: [
        [1, 2, 3],
        [4, 5, 6],
      ],
      right: [[7], [8]],
    }; // prettier-ignore
    const [run] = await runWith("onnxruntime-web", [{ file, batches: [batch], float: true }]);
    assert.deepEqual(run!.inputs, ["left", "right"]);
    const outputs = run!.outputs[0]!;
    assert.deepEqual(Object.keys(outputs), ["scores", "inner.0", "inner.1"]);
    const own = module.eval()({ left: tensor(batch.left), right: tensor(batch.right) });
    near(outputs.scores!.data, (await own.scores.data()) as Float32Array, 1e-5, "scores");
    assert.deepEqual(outputs["inner.0"], outputs["inner.1"]);
  });

  it("may keep some outputs, and is told what is missing or cannot be written", async () => {
    const file = join(folder, "some.onnx");
    await exportOnnx(new Scored(), file, { example, outputs: ["scores"] });
    assert.deepEqual(
      fromOnnx(readFileSync(file)).graph.outputs.map(({ name }) => name),
      ["scores"],
    );
    await assert.rejects(exportOnnx(new Scored(), file, { example, outputs: ["logits"] }), {
      code: "ERR_EXPORT_OUTPUT",
      message: /no logits: its outputs are scores, inner\.0, inner\.1/,
    });
    await assert.rejects(exportOnnx(new Scored(), file), { code: "ERR_EXPORT_EXAMPLE" });
    class Drawn extends Module {
      forward(x: Tensor): Tensor {
        return dropout(x, { p: 0.5 });
      }
    }
    await assert.rejects(exportOnnx(new Drawn(), file, { example: [zeros([2, 2])] }), { code: "ERR_EXPORT_RANDOM" });
  });
});
