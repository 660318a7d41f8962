// accelerator.saveModel: one file or shards, as Python's save_model writes them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Accelerator } from "../../src/accelerator/index.js";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { init, Linear, Module } from "../../src/nn/index.js";
import { mergeShards } from "../../src/safetensors/index.js";
import { Parameter, type Tensor, tensor, zeros } from "../../src/tensor/index.js";

const root = mkdtempSync(join(tmpdir(), "save-model-"));
after(() => rmSync(root, { recursive: true }));
const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const withPython = { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with transformers" };

/** The numbers that torch's BatchNorm1d keeps. */
class BatchNorm extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  constructor(features: number) {
    super();
    this.weight = new Parameter(init.ones([features]));
    this.bias = new Parameter(init.zeros([features]));
    this.registerBuffer("running_mean", zeros([features]));
    this.registerBuffer("running_var", init.ones([features]));
    this.registerBuffer("num_batches_tracked", tensor(0, { dtype: "int64" }));
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.weight).add(this.bias);
  }
}
class Net extends Module {
  readonly layers = [new Linear(3, 4), new BatchNorm(4), new Linear(4, 5)] as const;
  forward(x: Tensor): Tensor {
    return this.layers.reduce((y: Tensor, layer) => layer(y), x);
  }
}

const bert = () =>
  new BertForSequenceClassification({
    vocab_size: 120,
    hidden_size: 48,
    num_hidden_layers: 3,
    num_attention_heads: 6,
    intermediate_size: 96,
    max_position_embeddings: 20,
    initializer_range: 0.3,
  });

describe("saveModel", () => {
  it("writes a linear, a batch norm and a linear of at most 100 bytes as Python does: 3 shards, 236 bytes", async () => {
    await using accelerator = new Accelerator();
    const folder = join(root, "net");
    const net = new Net();
    await accelerator.prepare(net);
    await accelerator.saveModel(net, folder, { maxShardSize: 100 });
    const [one, two, three] = [1, 2, 3].map((i) => `model-0000${i}-of-00003.safetensors`);
    assert.deepEqual(readdirSync(folder).sort(), [one, two, three, "model.safetensors.index.json"]);
    const expected = {
      metadata: { total_size: 236 },
      weight_map: {
        "layers.0.bias": one,
        "layers.0.weight": one,
        "layers.1.bias": one,
        "layers.1.num_batches_tracked": two,
        "layers.1.running_mean": two,
        "layers.1.running_var": two,
        "layers.1.weight": one,
        "layers.2.bias": three,
        "layers.2.weight": three,
      },
    };
    assert.equal(readFileSync(join(folder, "model.safetensors.index.json"), "utf8"), `${JSON.stringify(expected, null, 2)}\n`);
  });

  it("writes a pretrained model in shards that fromPretrained loads, and merging gives the one file", async () => {
    await using accelerator = new Accelerator();
    const model = bert();
    const [sharded, whole] = [join(root, "sharded"), join(root, "whole")];
    await accelerator.saveModel(model, sharded, { maxShardSize: "50KB" });
    await accelerator.saveModel(model, whole);
    assert.ok(readdirSync(sharded).filter((name) => name.endsWith(".safetensors")).length > 4);
    assert.deepEqual(readdirSync(whole).sort(), ["config.json", "model.safetensors"]);
    const again = await BertForSequenceClassification.fromPretrained(sharded);
    const parameters = new Map(model.namedParameters());
    for (const [name, p] of again.namedParameters()) assert.deepEqual(p.values(), parameters.get(name)!.values(), name);
    await mergeShards(sharded, join(root, "merged.safetensors"));
    assert.ok(readFileSync(join(root, "merged.safetensors")).equals(readFileSync(join(whole, "model.safetensors"))));
  });

  it("refuses a size that is none before anything is written", async () => {
    await using accelerator = new Accelerator();
    await assert.rejects(accelerator.saveModel(new Linear(2, 2), join(root, "none"), { maxShardSize: "10 apples" }), /maxShardSize is "10 apples"/);
    assert.ok(!readdirSync(root).includes("none"));
  });

  it("writes shards that Python's transformers loads", withPython, async () => {
    await using accelerator = new Accelerator();
    const folder = join(root, "python");
    const model = bert();
    await accelerator.saveModel(model, folder, { maxShardSize: "50KB" });
    const code = `import json; from transformers import AutoModelForSequenceClassification as A; m, info = A.from_pretrained(${JSON.stringify(folder)}, output_loading_info=True)
print(json.dumps([sorted(info["missing_keys"]), sorted(info["unexpected_keys"]), {k: float(v.double().sum()) for k, v in m.named_parameters()}]))`;
    const [missing, unexpected, sums] = JSON.parse(execFileSync(python!, ["-c", code], { stdio: ["ignore", "pipe", "ignore"] }).toString());
    assert.deepEqual([missing, unexpected], [[], []]);
    for (const [name, p] of model.namedParameters()) assert.ok(Math.abs(sums[name] - p.values().reduce((a, b) => a + b, 0)) < 1e-6, name);
  });
});
