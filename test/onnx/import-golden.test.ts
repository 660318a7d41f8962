// Files that torch's exporters and ONNX Runtime's optimizer wrote: their outputs and the gradients of all their parameters are torch's.
import assert from "node:assert/strict";
import { test } from "node:test";
import { importOnnx } from "../../src/onnx/index.js";
import { checkGradients, checkOutputs, goldenLoss, goldenModel, inputsOf, modelFile } from "./golden-models.js";

const models = [
  "mlp",
  "external",
  "cnn",
  "functions",
  "squeeze-if",
  "vit",
  "vit-dynamo",
  "distilbert",
  "distilbert-dynamo",
  "gpt2",
  "gpt2-dynamo",
  "bert-fused",
  "llama",
  "unet",
];

for (const name of models) {
  test(`${name}: outputs and gradients are torch's`, async () => {
    const model = await importOnnx(modelFile(name));
    const golden = goldenModel(name);
    const outputs = model(inputsOf(golden));
    await goldenLoss(outputs).backward();
    await checkOutputs(outputs, golden.outputs);
    await checkGradients(model, `${name}.safetensors`);
    assert.match(model.summary(), /ops without a gradient rule: none|known when it is called/);
  });
}

test("another branch of an If is taken where the sizes lead there", async () => {
  const model = await importOnnx(modelFile("squeeze-if"));
  const golden = goldenModel("squeeze-if");
  for (const run of [golden, golden.other!, golden]) await checkOutputs(model(inputsOf(run)), run.outputs);
});

test("in training mode batches are normalized by themselves, and the running statistics move as torch's", async () => {
  const model = (await importOnnx(modelFile("cnn"))).train();
  const golden = goldenModel("cnn");
  const outputs = model(inputsOf(golden));
  await goldenLoss(outputs).backward();
  await checkOutputs(outputs, golden.training!.outputs);
  await checkGradients(model, "cnn-training.safetensors");
  const buffers = new Map(model.namedBuffers());
  for (const [name, expected] of Object.entries(golden.training!.buffers)) {
    const found = await buffers.get(name)!.data();
    for (const [i, x] of expected.entries()) assert.ok(Math.abs(Number(found[i]) - x) < 1e-6, `${name}[${i}] is ${found[i]}, for torch ${x}`);
  }
});

test("a head that shares the table of the embeddings shares it still, though the file holds it twice", async () => {
  for (const name of ["gpt2", "gpt2-dynamo"]) {
    const model = await importOnnx(modelFile(name));
    const [[head, table] = ["", ""]] = model.original.turned;
    assert.match(table, /^model\.(transformer\.wte|lm_head)\.weight$/);
    assert.ok(!new Map(model.namedParameters()).has(head));
    assert.match(model.summary(), new RegExp(`${head} +is ${table}`));
    // Trained apart, they are two.
    const apart = await importOnnx(modelFile(name), { trainable: (parameter) => parameter === table });
    assert.ok(new Map(apart.namedParameters()).has(head));
  }
});
