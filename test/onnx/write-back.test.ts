// Trained weights in the file that they came from: all other bytes stay, and others' engines compute what we compute.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromOnnx } from "../../src/graph/index.js";
import { Linear, Module } from "../../src/nn/index.js";
import { exportOnnx, importOnnx, type OnnxModel } from "../../src/onnx/index.js";
import { SGD } from "../../src/optim/index.js";
import type { Tensor } from "../../src/tensor/index.js";
import { near } from "../models/golden-support.js";
import { goldenLoss, goldenModel, inputsOf, modelFile, modelFolder } from "./golden-models.js";
import type { Feeds, NamedJob, NamedRun } from "./programs/run-named.js";

const folder = mkdtempSync(join(tmpdir(), "write-back-"));
after(() => rmSync(folder, { recursive: true }));

const program = fileURLToPath(new URL("./programs/run-named.js", import.meta.url));
async function runWith(engine: string, jobs: readonly NamedJob[]): Promise<readonly NamedRun[]> {
  const child = spawn(process.execPath, [program, engine], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(jobs));
  return JSON.parse(await text(child.stdout)) as readonly NamedRun[];
}

type Any = OnnxModel<Readonly<Record<string, Tensor>>, Readonly<Record<string, Tensor>>>;
/** One step, which moves all weights. */
async function trained(name: string): Promise<Any> {
  const model = ((await importOnnx(modelFile(name))) as Any).train();
  const optimizer = new SGD(model.parameters(), { lr: 0.05 });
  await goldenLoss(model(inputsOf(goldenModel(name)))).backward();
  await optimizer.step();
  return model.eval();
}
const feedsOf = (name: string): Feeds => goldenModel(name).inputs as Feeds;

const names = ["mlp", "cnn", "vit-dynamo", "distilbert", "gpt2", "bert-fused", "functions", "squeeze-if"];

test("files with trained weights give in other engines what the models give here", async () => {
  const jobs: NamedJob[] = [];
  const expected: Record<string, Float32Array>[] = [];
  for (const name of names) {
    const model = await trained(name);
    const file = join(folder, `${name}.onnx`);
    await exportOnnx(model, file);
    jobs.push({ file, feeds: feedsOf(name) });
    expected.push({ logits: (await model(inputsOf(goldenModel(name))).logits!.data()) as Float32Array });
    const [before, after] = [readFileSync(modelFile(name)), readFileSync(file)];
    assert.equal(before.length, after.length, name);
    // What differs are numbers of weights: as many bytes at most.
    const { parameters, turned, buffers } = model.original;
    const held = [...parameters.values(), ...[...turned.values()].map((name) => parameters.get(name)!), ...buffers.values()];
    const weights = held.reduce((sum, p) => sum + 4 * p.shape.reduce((a, b) => a * b, 1), 0);
    const changed = before.reduce((sum, byte, i) => sum + Number(byte !== after[i]), 0);
    assert.ok(changed > 0 && changed <= weights, `${name}: ${changed} bytes of ${weights}`);
  }
  for (const engine of ["onnxruntime-node", "onnxruntime-web"]) {
    const runs = await runWith(engine, jobs);
    for (const [i, run] of runs.entries()) near(run.logits!, expected[i]!.logits!, 2e-5, `${names[i]} in ${engine}`);
  }
});

test("nothing changes in a file whose weights were not trained", async () => {
  for (const name of names) {
    const file = join(folder, "same.onnx");
    await exportOnnx(await importOnnx(modelFile(name), { trainable: () => false }), file);
    assert.deepEqual(readFileSync(file), readFileSync(modelFile(name)), name);
  }
});

test("weights beside the model are written beside it, as they lay there", async () => {
  const to = mkdtempSync(join(folder, "to-"));
  const model = await trained("external");
  await exportOnnx(model, join(to, "external.onnx"));
  assert.deepEqual(readdirSync(to).sort(), ["external.onnx", "external.onnx.data"]);
  assert.deepEqual(readFileSync(join(to, "external.onnx")), readFileSync(modelFile("external")));
  assert.equal(readFileSync(join(to, "external.onnx.data")).length, readFileSync(join(modelFolder, "external.onnx.data")).length);
  const again = (await importOnnx(join(to, "external.onnx"))).eval();
  const golden = goldenModel("external");
  assert.deepEqual(await again(inputsOf(golden)).logits!.toArray(), await model(inputsOf(golden)).logits!.toArray());
  const [run] = await runWith("onnxruntime-node", [{ file: join(to, "external.onnx"), feeds: feedsOf("external") }]);
  near(run!.logits!, (await model(inputsOf(golden)).logits!.data()) as Float32Array, 2e-5, "external");
});

test("under another name in the same folder, the weights of the original stay what they are", async () => {
  const beside = mkdtempSync(join(folder, "beside-"));
  for (const file of ["external.onnx", "external.onnx.data"]) copyFileSync(join(modelFolder, file), join(beside, file));
  const model = (await importOnnx(join(beside, "external.onnx"))) as Any;
  for (const p of model.parameters()) p.set(p.values().map((x) => x + 1));
  await exportOnnx(model, join(beside, "tuned.onnx"));
  assert.deepEqual(readdirSync(beside).sort(), ["external.onnx", "external.onnx.data", "tuned.onnx", "tuned.onnx.data"]);
  for (const file of ["external.onnx", "external.onnx.data"]) assert.deepEqual(readFileSync(join(beside, file)), readFileSync(join(modelFolder, file)), file);
  const tuned = (await importOnnx(join(beside, "tuned.onnx"))).eval();
  const golden = goldenModel("external");
  assert.deepEqual(await tuned(inputsOf(golden)).logits!.toArray(), await model.eval()(inputsOf(golden)).logits!.toArray());
  // Over itself, it is replaced.
  await exportOnnx(model, join(beside, "external.onnx"));
  assert.notDeepEqual(readFileSync(join(beside, "external.onnx.data")), readFileSync(join(modelFolder, "external.onnx.data")));
  assert.deepEqual(readFileSync(join(beside, "external.onnx")), readFileSync(modelFile("external")));
});

test("the original may be gone when the weights are written, and options for other exports are refused", async () => {
  const gone = mkdtempSync(join(folder, "gone-"));
  copyFileSync(modelFile("mlp"), join(gone, "mlp.onnx"));
  const model = await importOnnx(join(gone, "mlp.onnx"));
  rmSync(join(gone, "mlp.onnx"));
  await assert.rejects(exportOnnx(model, join(gone, "a.onnx"), { outputs: ["logits"] }), { code: "ERR_EXPORT_TARGET", message: /outputs/ });
  await exportOnnx(model, join(gone, "deep/b.onnx"));
  assert.ok(existsSync(join(gone, "deep/b.onnx")));
  assert.deepEqual(readFileSync(join(gone, "deep/b.onnx")), readFileSync(modelFile("mlp")));
});

test("a module that holds an imported one is exported like any other, fused ops by their parts", async () => {
  class Headed extends Module {
    readonly body: Any;
    readonly head: Linear;
    constructor(body: Any, classes: number) {
      super();
      this.body = body;
      this.head = new Linear(classes, 2);
    }
    forward(batch: Readonly<Record<string, Tensor>>): { scores: Tensor } {
      return { scores: this.head(this.body(batch).logits!) };
    }
  }
  for (const [name, classes] of [
    ["bert-fused", 3],
    ["llama", 20],
  ] as const) {
    const model = new Headed((await importOnnx(modelFile(name))) as Any, classes);
    const inputs = inputsOf(goldenModel(name));
    const file = join(folder, `${name}-inside.onnx`);
    await exportOnnx(model, file, { example: [inputs] });
    assert.deepEqual([...new Set(fromOnnx(readFileSync(file)).graph.nodes.map(({ domain }) => domain))], [""]);
    const [run] = await runWith("onnxruntime-node", [{ file, feeds: feedsOf(name) }]);
    near(run!.scores!, (await model.eval()(inputs).scores.data()) as Float32Array, 2e-5, name);
  }
});

test("a place that cannot take the file is named before anything is written", async () => {
  const model = (await importOnnx(modelFile("mlp"))) as Any;
  const taken = mkdtempSync(join(folder, "taken-"));
  const target = join(taken, "model.onnx");
  mkdirSync(target);
  await assert.rejects(exportOnnx(model, target), { code: "ERR_EXPORT_TARGET", message: /is a folder/ });
  assert.deepEqual(readdirSync(taken), ["model.onnx"]);
  const file = join(taken, "file");
  copyFileSync(modelFile("mlp"), file);
  await assert.rejects(exportOnnx(model, join(file, "model.onnx")), { code: "ERR_EXPORT_WRITE", message: /could not be written/ });
  await assert.rejects(exportOnnx(model, undefined as never), { code: "ERR_EXPORT_TARGET" });
});
