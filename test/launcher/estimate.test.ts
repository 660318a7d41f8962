// accelerate-ts estimate-memory: the figures of Accelerate's own tool, what a step takes, and what it says of models that it cannot read.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { findSubject } from "../../launcher/estimate/find.js";
import { type EstimateReport, optimizers } from "../../launcher/estimate/report.js";
import { Graph } from "../../src/graph/graph.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { Linear } from "../../src/nn/index.js";
import { Adagrad, Adam, AdamW, Lion, RMSprop, SGD } from "../../src/optim/index.js";
import { saveSafetensors } from "../../src/safetensors/index.js";
import { commandOf } from "./call-command.js";

const root = mkdtempSync(join(tmpdir(), "estimate-"));
after(() => rmSync(root, { recursive: true }));

const call = commandOf("estimate-memory");
async function json(...args: string[]): Promise<EstimateReport> {
  const { code, stdout, stderr } = await call(...args, "--json");
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as EstimateReport;
}
function folder(name: string, config: object): string {
  const path = join(root, name);
  mkdirSync(path);
  writeFileSync(join(path, "config.json"), JSON.stringify(config));
  return path;
}

const bertBase = folder("bert-base-cased", {
  architectures: ["BertForMaskedLM"],
  model_type: "bert",
  hidden_size: 768,
  intermediate_size: 3072,
  max_position_embeddings: 512,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  vocab_size: 28996,
});
const tiny = { hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 64, vocab_size: 100, max_position_embeddings: 64 };
const classifier = folder("classifier", { architectures: ["BertForSequenceClassification"], model_type: "bert", ...tiny });

describe("a model folder", () => {
  it("of bert-base-cased has the figures of Accelerate's tool, from its config alone", async () => {
    const report = await json(bertBase, "--batch-size", "1");
    assert.deepEqual(report.accelerate, { largestLayer: 90_669_056, total: 433_249_280, training: 4 * 433_249_280 });
    assert.deepEqual(report.model, { name: "BertModel", source: bertBase, parameters: 108_310_272, tensors: 199, largestLayer: "embeddings" });
    // What this library has: without Python's two buffers of positions, 8,192 bytes.
    const [float32, , float16, int8, int4] = report.dtypes;
    assert.equal(float32!.weights, 433_249_280 - 8192);
    assert.equal(float32!.largestLayer, 90_669_056 - 8192);
    assert.equal(float32!.training!.total, 4 * float32!.weights);
    assert.deepEqual([float16!.weights, int8!.weights, int4!.weights], [float32!.weights / 2, float32!.weights / 4, float32!.weights / 8]);
    assert.equal(int8!.training, undefined);
    assert.deepEqual(
      report.dtypes.map(({ exact }) => exact),
      [true, false, false, false, false],
    );
  });

  it("has the figures of Accelerate's tool where a layer is larger than the embeddings, too", async () => {
    // Made with accelerate.utils.calculate_maximum_sizes(AutoModel.from_config(...)).
    const wide = folder("wide", {
      model_type: "bert",
      hidden_size: 256,
      num_hidden_layers: 3,
      num_attention_heads: 4,
      intermediate_size: 1024,
      vocab_size: 1000,
    });
    const { accelerate, model } = await json(wide, "--batch-size", "1", "--sequence-length", "4");
    assert.deepEqual([accelerate.total, accelerate.largestLayer, model.largestLayer], [11_300_864, 3_159_040, "encoder.layer.0"]);
  });

  it("of other architectures has the figures of Accelerate's tool", async () => {
    // Made with accelerate.utils.calculate_maximum_sizes(AutoModel.from_config(...)).
    const shape = { hidden_size: 256, num_hidden_layers: 3, num_attention_heads: 4, vocab_size: 1000 };
    const cases = [
      [{ ...shape, model_type: "distilbert", hidden_dim: 1024 }, "DistilBertModel", 2_756_864, 11_031_552, 1_052_672],
      [{ ...shape, model_type: "roberta", intermediate_size: 1024 }, "RobertaModel", 2_823_168, 11_300_864, 3_159_040],
      [{ ...shape, model_type: "gpt2", n_positions: 128 }, "GPT2Model", 2_658_560, 10_634_240, 3_159_040],
      [{ ...shape, model_type: "gpt2", n_positions: 128, architectures: ["GPT2LMHeadModel"] }, "GPT2LMHeadModel", 2_658_560, 10_634_240, 3_159_040],
    ] as const;
    for (const [config, name, parameters, total, largestLayer] of cases) {
      const report = await json(folder(`${name}-figures`, config), "--batch-size", "2", "--sequence-length", "8");
      assert.deepEqual(
        [report.model.name, report.model.parameters, report.accelerate.total, report.accelerate.largestLayer],
        [name, parameters, total, largestLayer],
      );
    }
  });

  it("is estimated for sizes that no machine has", async () => {
    const { steps } = await json(classifier, "--batch-size", "65536", "--sequence-length", "64", "--dtypes", "float32");
    assert.ok(steps[0]!.machine.total > 2 ** 33);
    assert.ok(steps[0]!.activations >= steps[0]!.live);
  });

  it("counts the parameters of the model's own class", async () => {
    const report = await json(classifier, "--batch-size", "2", "--sequence-length", "8");
    const model = new BertForSequenceClassification(tiny);
    const elements = [...model.parameters()].reduce((sum, p) => sum + p.values().length, 0);
    assert.deepEqual([report.model.name, report.model.parameters, report.loss], ["BertForSequenceClassification", elements, "its own"]);
  });

  it("takes more for activations with more rows and longer ones, and less for inference", async () => {
    const flags = ["--batch-size", "4,16", "--sequence-length", "16,64", "--dtypes", "float32"];
    const [training, inference] = [await json(classifier, ...flags), await json(classifier, ...flags, "--inference")];
    const sizes = training.steps.map(({ batchSize, sequenceLength, live }) => [batchSize, sequenceLength, live] as const);
    assert.deepEqual(
      sizes.map(([b, s]) => [b, s]),
      [
        [4, 16],
        [16, 16],
        [4, 64],
        [16, 64],
      ],
    );
    const live = sizes.map(([, , bytes]) => bytes);
    assert.ok(Math.abs(live[1]! / live[0]! - 4) < 0.2, `rows count in proportion: ${live}`);
    assert.ok(Math.abs(live[2]! / live[0]! - 4) < 0.4 && live[3]! > live[2]!, `tokens count in proportion, for attention keeps no weights: ${live}`);
    for (const [i, step] of training.steps.entries()) {
      assert.ok(step.activations >= step.live, "an arena holds at least what lives");
      assert.ok(inference.steps[i]!.live < step.live / 2);
      assert.deepEqual([inference.steps[i]!.machine.gradients, inference.steps[i]!.machine.optimizer], [0, 0]);
    }
  });

  it("on GPUs gives each worker weights and gradients of its own, and over NCCL its part of the state", async () => {
    const flags = ["--batch-size", "4", "--sequence-length", "16", "--dtypes", "float32", "--device"];
    const [cuda, webgpu] = [await json(classifier, ...flags, "cuda", "-n", "4"), await json(classifier, ...flags, "webgpu", "-n", "4")];
    const bytes = 4 * cuda.model.parameters;
    const { weights, gradients, optimizer, activations, total } = cuda.steps[0]!.gpu!;
    // Gradients of its own, and the sums over all workers.
    assert.deepEqual([weights, gradients, optimizer, activations], [bytes, 2 * bytes, bytes / 2, cuda.steps[0]!.activations]);
    assert.equal(total, 3.5 * bytes + activations);
    // Nothing is updated in place there: values and states have a second buffer each.
    assert.deepEqual([webgpu.steps[0]!.gpu!.weights, webgpu.steps[0]!.gpu!.optimizer], [2 * bytes, 4 * bytes]);
    const { stdout } = await call(classifier, ...flags, "cuda", "-n", "4");
    assert.match(stdout, /^memory of one GPU of 4, by rule \(ZeRO 1: 1\/4 of the optimizer's state\); beside it what the driver, cuBLAS and cuDNN take$/m);
  });

  it("on N workers holds weights and state once, gradients N times and once as their mean", async () => {
    const flags = ["--batch-size", "4", "--sequence-length", "16", "--dtypes", "float32"];
    const [one, four, apart] = await Promise.all([
      json(classifier, ...flags),
      json(classifier, ...flags, "-n", "4"),
      json(classifier, ...flags, "-n", "4", "--zero", "0"),
    ]);
    const weights = one.dtypes[0]!.weights;
    const { machine } = four.steps[0]!;
    const alone = one.steps[0]!.machine;
    assert.deepEqual([alone.weights, alone.gradients, alone.optimizer], [weights, weights, 2 * weights]);
    assert.deepEqual([machine.weights, machine.gradients, machine.optimizer], [weights, 5 * weights, 2 * weights]);
    assert.deepEqual([machine.activations, machine.processes], [4 * alone.activations, 4 * alone.processes]);
    assert.equal(machine.total, machine.weights + machine.gradients + machine.optimizer + machine.activations + machine.processes);
    const ddp = apart.steps[0]!.machine;
    assert.deepEqual([ddp.weights, ddp.gradients, ddp.optimizer], [4 * weights, 5 * weights, 8 * weights]);
    const window = await json(classifier, ...flags, "--gradient-accumulation-steps", "2", "--optimizer", "sgd");
    assert.deepEqual([window.steps[0]!.machine.gradients, window.steps[0]!.machine.optimizer], [2 * weights, 0]);
  });

  it("counts as many states as the optimizers have", () => {
    const parameters = () => new Linear(2, 2).parameters();
    const made = {
      adamw: new AdamW(parameters(), { lr: 1 }),
      adam: new Adam(parameters(), { lr: 1 }),
      sgd: new SGD(parameters(), { lr: 1 }),
      "sgd-momentum": new SGD(parameters(), { lr: 1, momentum: 0.9 }),
      adagrad: new Adagrad(parameters()),
      lion: new Lion(parameters()),
      rmsprop: new RMSprop(parameters()),
    };
    for (const [name, optimizer] of Object.entries(made)) assert.equal(optimizer.places.names.length, optimizers[name as keyof typeof optimizers], name);
  });

  it("is told in tables for people", async () => {
    const { code, stdout } = await call(bertBase, "--batch-size", "8", "--dtypes", "float32,int8");
    assert.equal(code, 0);
    const [title, , head, float32, int8, , machine, stepHead, step] = stdout.split("\n");
    assert.match(title!, /^BertModel .*bert-base-cased: 108,310,272 parameters in 199 tensors, largest layer embeddings$/);
    assert.match(head!, /largest layer +weights +to train: weights +gradients +AdamW state +sum$/);
    assert.match(float32!, /^float32 +86\.5 MiB +413 MiB +413 MiB +413 MiB +826 MiB +1\.61 GiB$/);
    assert.match(int8!, /^int8 +21\.6 MiB +103 MiB +- +- +- +-$/);
    assert.equal(machine, "one worker, training");
    assert.match(stepHead!, /^batch x length +activations +weights +gradients +optimizer +processes +all$/);
    assert.match(step!, /^float32, 8 x 128 +\d+ MiB +413 MiB +327 MiB +826 MiB +143 MiB +2\.\d+ GiB$/);
  });

  it("says what it cannot be estimated for", async () => {
    const other = folder("other", { model_type: "llama" });
    const empty = join(root, "empty");
    mkdirSync(empty);
    const cases: readonly (readonly [args: readonly string[], code: number, stderr: RegExp])[] = [
      [[classifier, "--sequence-length", "65"], 2, /^--sequence-length 65: the model has 64 positions/],
      [[classifier, "--batch-size", "8,none"], 2, /^--batch-size none: not a whole number from 1/],
      [[classifier, "--dtypes", "float33"], 2, /^--dtypes float33: not one of float32, bfloat16, .* \(did you mean float32\?\)\n$/],
      [[classifier, "--batch-size", "1,,2"], 2, /^--batch-size "": not a whole number from 1/],
      [[classifier, "--zero", "2"], 2, /2 is invalid\. Allowed choices are 0, 1/],
      [[classifier, "--train", "--inference"], 2, /contradict each other/],
      [[other], 1, /the library has no model of model_type "llama": there is one for bert, roberta, distilbert, gpt2/],
      [[empty], 2, /no model folder/],
      [[join(root, "nowhere")], 2, /nowhere: no such file or folder\n$/],
      [["some-org/some-model"], 2, /not among the downloads in .*\n {2}hf download some-org\/some-model config\.json --local-dir some-model\n$/],
      [[], 2, /^missing required argument model/],
    ];
    for (const [args, code, stderr] of cases) {
      const found = await call(...args);
      assert.match(found.stderr, stderr);
      assert.deepEqual([found.code, found.stdout], [code, ""], found.stderr);
    }
  });
});

describe("other models", () => {
  it("of the hub are found where Python has put them", async () => {
    const cache = join(root, "cache");
    const snapshot = join(cache, "models--org--tiny", "snapshots", "abc");
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(cache, "models--org--tiny", "refs"));
    writeFileSync(join(cache, "models--org--tiny", "refs", "main"), "abc");
    writeFileSync(join(snapshot, "config.json"), JSON.stringify({ model_type: "bert", ...tiny }));
    assert.equal((await findSubject("org/tiny", { HF_HUB_CACHE: cache })).source, snapshot);
    await assert.rejects(findSubject("org/tiny", { HF_HOME: join(root, "elsewhere") }), /not among the downloads in .*elsewhere/);
  });

  it("that are weights alone have sizes and no activations", async () => {
    const file = join(root, "weights.safetensors");
    await saveSafetensors(file, [
      ["a.weight", { dtype: "float32", shape: [10, 10], data: new Float32Array(100) }],
      ["a.bias", { dtype: "float32", shape: [10], data: new Float32Array(10) }],
      ["b.weight", { dtype: "float16", shape: [3], data: new Uint16Array(3) }],
    ]);
    const report = await json(file);
    assert.deepEqual([report.model.parameters, report.model.largestLayer, report.dtypes[0]!.weights, report.dtypes[0]!.largestLayer], [113, "a", 452, 440]);
    assert.match(report.noSteps!, /holds weights alone: activations need a model/);
    assert.deepEqual(report.steps, []);
    assert.match((await call(file)).stdout, /no activations: .*holds weights alone/);
  });

  it("that are graphs are differentiated, or say why not", async () => {
    const graph = (op: string): Uint8Array => {
      const g = new Graph();
      const x = g.input("x", "float32", ["batch", 32]);
      const weight = g.constant({ dtype: "float32", shape: [32, 16], data: new Float32Array(512) }, "weight");
      g.output(g.add(op, [g.add("MatMul", [x, weight])[0]!])[0]!, "y");
      return toOnnx(g);
    };
    const good = join(root, "good.onnx");
    writeFileSync(good, graph("Tanh"));
    const report = await json(good, "--batch-size", "8", "--dtypes", "float32");
    assert.deepEqual([report.model.parameters, report.dtypes[0]!.weights], [512, 2048]);
    // What tanh and the loss leave: at least tanh's [8, 16].
    assert.ok(report.steps[0]!.live >= 8 * 16 * 4);
    const inference = await json(good, "--batch-size", "8", "--dtypes", "float32", "--inference");
    assert.equal(inference.steps[0]!.live, 8 * 16 * 4);
    writeFileSync(join(root, "cut.onnx"), graph("Tanh").subarray(0, 40));
    const cut = await call(join(root, "cut.onnx"));
    assert.deepEqual([cut.code, cut.stdout], [1, ""]);
    assert.match(cut.stderr, /cut\.onnx: .*\(at byte \d+\): no ONNX model, or a damaged one; download it again\n$/);
  });
});
