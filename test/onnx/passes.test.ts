// Passes on models that others exported: losses and gradients stay what they are, and padding is found in all of their masks.
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { TensorData } from "../../src/graph/index.js";
import type { PassName, PassReport, PassSwitches } from "../../src/graph/passes/pipeline.js";
import { crossEntropy } from "../../src/nn/index.js";
import { importOnnx } from "../../src/onnx/index.js";
import { defaultExecutor, type Tensor, tensor } from "../../src/tensor/index.js";
import { sameGradients } from "../graph/passes/encoder.js";
import { goldenModel, inputsOf, modelFile } from "./golden-models.js";

const both = ["row-pushdown", "unpad"] as const;
const models: Readonly<Record<string, readonly PassName[]>> = {
  distilbert: both,
  "distilbert-dynamo": both,
  "bert-fused": both,
  gpt2: ["unpad"],
  "gpt2-dynamo": ["unpad"],
  vit: ["row-pushdown"],
  "vit-dynamo": ["row-pushdown"],
};

/** A label for each row, or for each token that is there. */
function labelsOf(logits: Tensor, inputs: Readonly<Record<string, Tensor>>): Tensor {
  const [rows, second] = logits.shape as [number, number];
  if (logits.rank === 2)
    return tensor(
      Array.from({ length: rows }, (_, i) => i % second),
      { dtype: "int64" },
    );
  const state = inputs.attention_mask!.state;
  const mask = state.kind === "concrete" ? state.data : [];
  return tensor(
    Array.from({ length: rows }, (_, r) => Array.from({ length: second }, (_, i) => (Number(mask[r * second + i]) === 1 ? (r + i) % 7 : -100))),
    { dtype: "int64" },
  );
}

async function train(name: string, passes: PassSwitches) {
  const model = (await importOnnx(modelFile(name))).train();
  const inputs = inputsOf(goldenModel(name));
  const executor = defaultExecutor();
  const reports: PassReport[] = [];
  executor.compiler = { passes, watch: (report) => reports.push(report) };
  try {
    const logits = Object.values(model(inputs as never) as Readonly<Record<string, Tensor>>)[0]!;
    const loss = crossEntropy(logits, labelsOf(logits, inputs));
    await loss.backward();
    const gradients = new Map<string, TensorData>();
    for (const [parameter, p] of model.namedParameters())
      if (p.grad) gradients.set(parameter, { dtype: "float32", shape: p.shape, data: Float32Array.from(await p.grad.data()) });
    return { loss: Number(await loss.item()), gradients, changed: new Set(reports.flatMap((r) => (r.changes > 0 ? [r.name] : []))) };
  } finally {
    executor.compiler = {};
  }
}

describe("row pushdown and unpadding leave an imported model's loss and gradients what they are:", () => {
  for (const [name, expected] of Object.entries(models)) {
    it(name, async () => {
      const want = await train(name, { "row-pushdown": false, unpad: false });
      for (const off of [{}, { "row-pushdown": false }] as PassSwitches[]) {
        const got = await train(name, off);
        for (const pass of expected) assert.equal(got.changed.has(pass), off[pass] !== false, `${pass} of ${name}`);
        assert.ok(Math.abs(got.loss - want.loss) <= 5e-6 * Math.abs(want.loss), `${got.loss} for ${want.loss}`);
        sameGradients(got.gradients, want.gradients);
      }
    });
  }
});
