// Convolutional networks out and in: exported, run by ONNX Runtime, imported again and trained on, running statistics included.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { fromOnnx } from "../../src/graph/onnx/read.js";
import * as nn from "../../src/nn/index.js";
import { exportOnnx, importOnnx } from "../../src/onnx/index.js";
import { SGD } from "../../src/optim/index.js";
import { setSeed, type Tensor, tensor } from "../../src/tensor/index.js";
import type { OnnxJob, OnnxRun } from "./programs/run-onnx.js";

const folder = mkdtempSync(join(tmpdir(), "convolutions-"));
after(() => rmSync(folder, { recursive: true }));
const program = fileURLToPath(new URL("./programs/run-onnx.js", import.meta.url));
async function run(jobs: readonly OnnxJob[]): Promise<readonly OnnxRun[]> {
  const child = spawn(process.execPath, [program, "onnxruntime-node"], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(JSON.stringify(jobs));
  return JSON.parse(await text(child.stdout)) as readonly OnnxRun[];
}

/** Takes rows of pixels: [n, 162]. */
class Network extends nn.Module {
  readonly layers = new nn.Sequential(
    new nn.Conv2d(2, 4, 3, { padding: 1 }),
    new nn.BatchNorm2d(4),
    new nn.ReLU(),
    new nn.MaxPool2d(2, { ceilMode: true }),
    new nn.Conv2d(4, 6, 3, { stride: 2, padding: 1, groups: 2, bias: false }),
    new nn.BatchNorm2d(6),
    new nn.GroupNorm(3, 6),
    new nn.SiLU(),
    new nn.AvgPool2d(3, { stride: 1, padding: 1 }),
    new nn.Upsample({ scaleFactor: 2, mode: "bilinear" }),
    new nn.Conv2d(6, 4, 1),
    new nn.InstanceNorm2d(4, { affine: true }),
    new nn.AdaptiveAvgPool2d(1),
    new nn.Flatten(),
    new nn.Linear(4, 3),
  );
  forward(x: Tensor): Tensor {
    return this.layers(x.reshape([-1, 2, 9, 9]));
  }
}
const near = (a: ArrayLike<number>, b: ArrayLike<number>, what: string, bound = 2e-5) => {
  assert.equal(a.length, b.length, what);
  for (let i = 0; i < a.length; i++) assert.ok(Math.abs(Number(a[i]) - Number(b[i])) <= bound, `${what}: ${a[i]} and ${b[i]} in place ${i}`);
};
const floats = (x: Tensor) => x.data() as Promise<Float32Array>;

test("a network that was exported computes what it did, and trains on as the same network when it is imported", async () => {
  setSeed(3);
  const model = new Network();
  const images = (n: number) => nn.init.normal([n, 162]) as Tensor<2>;
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  await model(images(5)).sum().backward();
  await optimizer.step();
  optimizer.zeroGrad();

  const file = join(folder, "network.onnx");
  const [two, three] = [images(2), images(3)];
  await exportOnnx(model, file, { example: [two] });
  const names = fromOnnx(readFileSync(file)).graph.constants.map(({ name }) => name);
  for (const [name] of [...model.namedParameters(), ...model.namedBuffers()]) if (!name.endsWith("tracked")) assert.ok(names.includes(name), name);

  model.eval();
  const batches = await Promise.all([two, three].map(async (x) => ({ x: await x.toArray() })));
  const job: OnnxJob = { file, batches, float: true };
  const [{ outputs }] = (await run([job])) as [OnnxRun];
  for (const [i, x] of [two, three].entries()) near(outputs[i]!.output!.data, await floats(model(x)), "onnxruntime");

  const imported = await importOnnx(file);
  const outOf = (x: Tensor): Tensor => (imported({ x }) as Record<string, Tensor>).output!;
  imported.eval();
  near(await floats(outOf(three)), await floats(model(three)), "imported, evaluated");
  imported.train();
  model.train();
  const labels = tensor([0, 2, 1], { dtype: "int64" });
  for (const [step, forward] of [[new SGD(imported.parameters(), { lr: 0.1 }), outOf] as const, [optimizer, model] as const]) {
    for (let i = 0; i < 2; i++) {
      await nn.crossEntropy(forward(three), labels).backward();
      await step.step();
      step.zeroGrad();
    }
  }
  const buffers = new Map(imported.namedBuffers());
  for (const [name, x] of model.namedBuffers()) if (!name.endsWith("tracked")) near(await floats(buffers.get(name)!), await floats(x), name);
  const parameters = new Map(imported.namedParameters());
  for (const [name, p] of model.namedParameters()) {
    const own = parameters.get(name)!;
    // The file holds the weight of the last layer as it is multiplied, [in, out].
    const values = own.shape.join() === p.shape.join() ? p.values() : await floats(p.transpose());
    near(own.values(), values, name, 1e-4);
  }

  const back = join(folder, "trained.onnx");
  await exportOnnx(imported, back);
  const [trained] = (await run([{ ...job, file: back }])) as [OnnxRun];
  near(trained.outputs[1]!.output!.data, await floats(model.eval()(three)), "trained and written back", 1e-4);
});
