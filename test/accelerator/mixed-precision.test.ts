// mixedPrecision: products in bfloat16 with float32 around them, exceptions by autocast, and what is said where it cannot be.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Accelerator, SGD, setSeed, tensor } from "../../src/index.js";
import { Linear, Module } from "../../src/nn/index.js";
import { nativePath } from "../../src/native/binding.js";
import { compilerPrecision } from "../../src/accelerator/precision.js";
import { parseDevice } from "../../src/runtime/index.js";
import { gemmEngine, gemmEnginePath } from "../../src/runtime/gemm-engine.js";
import { defaultExecutor, type Tensor } from "../../src/tensor/index.js";
import { TrainingArguments } from "../../src/trainer/arguments/index.js";
import { acceleratorOf } from "../../src/trainer/training/setup.js";

const found = gemmEngine();
const skip = !found ? `oneDNN's addon is not built (no ${gemmEnginePath()})` : found.bfloat16 === "none" ? "oneDNN has no bfloat16 for this processor" : false;
const library = new URL("../../src/index.js", import.meta.url).href;

const [rows, width] = [128, 128];
const wave = (count: number, step: number): number[][] =>
  Array.from({ length: rows }, (_, i) => Array.from({ length: count }, (_, j) => Math.sin(step * (i * count + j))));

class Net extends Module {
  readonly first = new Linear(width, width);
  readonly second = new Linear(width, width);
  forward(x: Tensor): { loss: Tensor; y: Tensor } {
    const y = this.second(this.first(x).relu() as Tensor) as Tensor;
    return { loss: y.mul(y).mean(), y };
  }
}

/** Losses of some steps, and the first gradient. */
async function train(accelerator: Accelerator, steps = 5): Promise<{ losses: number[]; gradient: Float32Array }> {
  setSeed(3);
  const model = new Net();
  const optimizer = new SGD(model.parameters(), { lr: 0.5 });
  await accelerator.prepare(model, optimizer);
  const losses: number[] = [];
  let gradient = new Float32Array();
  for (let step = 0; step < steps; step++) {
    const { loss } = model(tensor(wave(width, 0.37 + step))) as { loss: Tensor };
    await accelerator.backward(loss);
    if (step === 0) gradient = Float32Array.from(((await model.first.weight.grad!.toArray()) as number[][]).flat());
    losses.push((await loss.item()) as number);
    await optimizer.step();
    optimizer.zeroGrad();
  }
  return { losses, gradient };
}

suite("mixedPrecision bf16", { skip }, () => {
  test("trains as float32 does, to bfloat16's rounding, and weights and gradients stay float32", async () => {
    await using plain = new Accelerator({ mixedPrecision: "no" });
    const exact = await train(plain);
    await using mixed = new Accelerator({ mixedPrecision: "bf16" });
    assert.equal(mixed.mixedPrecision, "bf16");
    const rounded = await train(mixed);
    assert.notDeepEqual(rounded.losses, exact.losses);
    for (const [i, loss] of exact.losses.entries())
      assert.ok(Math.abs(rounded.losses[i]! - loss) < 2e-3 * Math.abs(loss), `step ${i}: ${rounded.losses[i]}, not ${loss}`);
    const largest = Math.max(...exact.gradient.map(Math.abs));
    for (const [i, g] of exact.gradient.entries()) assert.ok(Math.abs(rounded.gradient[i]! - g) < 0.03 * largest);
  });

  test("an Accelerator without it computes in float32 again", async () => {
    await using _ = new Accelerator({ mixedPrecision: "bf16" });
    await using plain = new Accelerator();
    assert.equal(plain.mixedPrecision, "no");
    assert.equal(defaultExecutor().compiler.precision, "no");
  });

  test("a body of autocast computes in float32 where it is not enabled, and only that", async () => {
    await using plain = new Accelerator();
    setSeed(5);
    const model = new Net();
    const x = () => tensor(wave(width, 0.11));
    const outputs = async () => (await ((model(x()) as { y: Tensor }).y.toArray() as Promise<number[][]>)).flat();
    const exact = await plain.autocast(outputs);
    assert.deepEqual(await outputs(), exact);
    await using mixed = new Accelerator({ mixedPrecision: "bf16" });
    const [inside, outside, enabled] = await Promise.all([mixed.autocast(outputs, { enabled: false }), outputs(), mixed.autocast(outputs)]);
    assert.deepEqual(inside, exact);
    assert.notDeepEqual(outside, exact);
    assert.deepEqual(enabled, outside);
  });

  test("is what the Trainer's bf16 means", async () => {
    await using accelerator = acceleratorOf(new TrainingArguments({ bf16: true, reportTo: [] }));
    assert.equal(accelerator.mixedPrecision, "bf16");
  });

  test("rounds each weight and activation once, for forward and backward", async () => {
    await using accelerator = new Accelerator({ mixedPrecision: "bf16" });
    const executor = defaultExecutor();
    const before = executor.compiler;
    const counts: number[] = [];
    executor.compiler = {
      ...before,
      watch: ({ name }, graph) => name === "gemm" && counts.push(graph.nodes.filter((node) => node.op === "ToBfloat16").length),
    };
    await train(accelerator, 1);
    executor.compiler = before;
    // Two activations, two weights, two gradients of outputs.
    assert.deepEqual(counts, [6]);
  });
});

suite("mixedPrecision that cannot be", () => {
  const program = `import { Accelerator } from ${JSON.stringify(library)};
try { new Accelerator({ mixedPrecision: process.argv[1] }); } catch (error) { console.log(error.code, error.message); }`;
  const told = (precision: string, native: string) =>
    execFileSync(process.execPath, ["--input-type=module", "-e", program, precision], {
      encoding: "utf8",
      env: { ...process.env, ACCELERATE_TS_NATIVE: native },
    });

  test("bf16 without oneDNN says so, and how to get it", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "no-dnnl-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const copy = join(folder, "accelerate_ts.node");
    copyFileSync(nativePath()!, copy);
    const text = told("bf16", copy);
    assert.match(text, /^ERR_DNNL_MISSING mixedPrecision "bf16" on the CPU computes with oneDNN: its addon is not built/);
    assert.match(text, /apt-get install libdnnl-dev.*npx accelerate-ts build-native/);
  });

  test("bf16 with an addon that does not load says why", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "bad-dnnl-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const copy = join(folder, "accelerate_ts.node");
    copyFileSync(nativePath()!, copy);
    copyFileSync(new URL(import.meta.url), join(folder, "accelerate_ts_dnnl.node"));
    assert.match(told("bf16", copy), /^ERR_DNNL_MISSING .*its addon does not load \(.*(invalid ELF header|mach-o)/);
  });

  test("bf16 on WebGPU says what to take instead", () => {
    assert.throws(() => compilerPrecision("bf16", () => {}, parseDevice("webgpu")), {
      code: "ERR_DEVICE_PRECISION",
      message: /WebGPU has no bfloat16.*give "fp16"/,
    });
  });

  test("reaches a program through the launcher's flag", { skip }, (t) => {
    const folder = mkdtempSync(join(tmpdir(), "bf16-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const script = join(folder, "train.mjs");
    writeFileSync(
      script,
      `import { Accelerator } from ${JSON.stringify(library)};\nawait using accelerator = new Accelerator();\naccelerator.print(accelerator.mixedPrecision);\n`,
    );
    const cli = fileURLToPath(new URL("../../launcher/cli.js", import.meta.url));
    const { stdout, stderr } = spawnSync(process.execPath, [cli, "launch", "--num-processes", "1", "--mixed-precision", "bf16", script], { encoding: "utf8" });
    assert.match(stdout, /bf16/, stderr);
  });
});
