// What we write, read by Python's own libraries. Runs where ACCELERATE_TS_TEST_PYTHON names a Python with transformers.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { BertForSequenceClassification } from "../../src/models/bert/for-sequence-classification.js";
import { saveSafetensors } from "../../src/safetensors/index.js";
import { setSeed } from "../../src/tensor/index.js";
import { flatNumbers, int64Batch, near } from "./golden-support.js";

const python = process.env.ACCELERATE_TS_TEST_PYTHON;
const options = { skip: python ? false : "ACCELERATE_TS_TEST_PYTHON names no Python with transformers" };
const folder = mkdtempSync(join(tmpdir(), "python-"));
after(() => rmSync(folder, { recursive: true }));
const run = (code: string): unknown => JSON.parse(execFileSync(python!, ["-c", code], { stdio: ["ignore", "pipe", "ignore"] }).toString());

describe("Python", options, () => {
  it("reads our safetensors", async () => {
    const file = join(folder, "x.safetensors");
    await saveSafetensors(file, [
      ["x", { dtype: "float32", shape: [2, 2], data: Float32Array.of(1, 2, 3, 4) }],
      ["odd", { dtype: "int8", shape: [3], data: Int8Array.of(1, -2, 3) }],
      ["y", { dtype: "int64", shape: [], data: BigInt64Array.of(-5n) }],
    ]);
    const code = `import json; from safetensors.numpy import load_file; t = load_file(${JSON.stringify(file)}); print(json.dumps([t["x"].tolist(), t["odd"].tolist(), int(t["y"])]))`;
    assert.deepEqual(run(code), [
      [
        [1, 2],
        [3, 4],
      ],
      [1, -2, 3],
      -5,
    ]);
  });

  it("loads a saved model whole and gives the same logits", async () => {
    setSeed(3);
    const model = new BertForSequenceClassification({
      vocab_size: 120,
      hidden_size: 48,
      num_hidden_layers: 3,
      num_attention_heads: 6,
      intermediate_size: 96,
      max_position_embeddings: 20,
      initializer_range: 0.3,
      id2label: { 0: "ham", 1: "spam", 2: "unsure" },
    });
    await model.savePretrained(folder);
    const batch = {
      input_ids: [
        [5, 99, 17, 3, 0],
        [8, 2, 0, 0, 0],
      ],
      attention_mask: [
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 0],
      ],
      token_type_ids: [
        [0, 0, 1, 1, 0],
        [0, 0, 0, 0, 0],
      ],
    };
    const code = [
      "import json, torch",
      "from transformers import AutoModelForSequenceClassification",
      `model, info = AutoModelForSequenceClassification.from_pretrained(${JSON.stringify(folder)}, output_loading_info=True)`,
      `batch = {k: torch.tensor(v) for k, v in json.loads('${JSON.stringify(batch)}').items()}`,
      'print(json.dumps({"name": type(model).__name__, "labels": model.config.id2label, "wrong": sum(len(v) for v in info.values()), "logits": model.eval()(**batch).logits.tolist()}))',
    ].join("\n");
    const { logits, ...rest } = run(code) as { logits: number[][]; name: string; labels: object; wrong: number };
    assert.deepEqual(rest, { name: "BertForSequenceClassification", labels: { 0: "ham", 1: "spam", 2: "unsure" }, wrong: 0 });
    near(await model.eval()(int64Batch(batch)).logits.data(), flatNumbers(logits), 1e-5, "logits");
  });
});
