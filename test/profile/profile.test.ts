// The profiler: what it measures of real steps, what the report adds up to, what the trace holds.
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { Accelerator } from "../../src/accelerator/index.js";
import { opCost } from "../../src/graph/cost.js";
import { crossEntropy, Linear, Module, relu } from "../../src/nn/index.js";
import { AdamW } from "../../src/optim/index.js";
import { layerOf, type ProfileReport } from "../../src/profile/report.js";
import { profileText } from "../../src/profile/report-text.js";
import { type Tensor, tensor, zeros } from "../../src/tensor/index.js";

const folder = mkdtempSync(join(tmpdir(), "profile-"));
after(() => rmSync(folder, { recursive: true, force: true }));

class Net extends Module {
  readonly layers = [new Linear(8, 16), new Linear(16, 4)] as const;
  forward(x: Tensor): Tensor {
    return this.layers[1](relu(this.layers[0](x)));
  }
}

async function train(options: { readonly steps: number; readonly skipFirst: number; readonly active: number; readonly outputTraceDir: string }) {
  const reports: ProfileReport[] = [];
  const { steps, ...profile } = options;
  {
    await using accelerator = new Accelerator({ profile: { ...profile, onTraceReady: (report) => reports.push(report) } });
    const model = new Net();
    const optimizer = new AdamW(model.parameters(), { lr: 0.01 });
    await accelerator.prepare(model, optimizer);
    const labels = tensor([0, 1, 2], { dtype: "int64" });
    for (let i = 0; i < steps; i++) {
      await accelerator.backward(crossEntropy(model(zeros([3, 8])) as Tensor<2>, labels));
      await optimizer.step();
      optimizer.zeroGrad();
    }
  }
  return reports;
}

describe("a profile", () => {
  test("measures the steps it was asked for, by op and by part of the model", async () => {
    const outputTraceDir = join(folder, "some");
    const [report, ...others] = await train({ steps: 8, skipFirst: 2, active: 3, outputTraceDir });
    assert.equal(others.length, 0);
    assert.ok(report);
    assert.equal(report.steps, 3);
    const names = report.layers.map(({ name }) => name);
    assert.ok(names.includes("layers.0") && names.includes("layers.1"), names.join());
    // Forward: 3 x 8 x 16 and 3 x 16 x 4 products of two operations; backward: the weights' both, and the one between the layers.
    assert.equal(report.products.flops, 2 * (2 * 3 * 8 * 16) + 3 * (2 * 3 * 16 * 4));
    const { total, graph, update, rest } = report.times;
    assert.ok(graph > 0 && update > 0 && graph + update + rest <= total * 1.001, JSON.stringify(report.times));
    assert.ok(report.peak!.gflops > 0 && report.utilisation! > 0 && report.utilisation! < 1);
    assert.ok(report.memory.peakRss > 0 && report.memory.arena >= report.memory.peakValues && report.memory.peakValues > 0);
    const text = profileText(report);
    assert.match(text, /profile of rank 0: 3 steps, [\d.]+ ms each/);
    assert.match(text, /layers\.0 +[\d.]+ +[\d.]+ +\d+ %/);
  });

  test("writes a Chrome trace, and leaves no other file", async () => {
    const outputTraceDir = join(folder, "trace");
    await train({ steps: 5, skipFirst: 1, active: 2, outputTraceDir });
    assert.deepEqual(readdirSync(outputTraceDir), ["trace-rank0.json"]);
    const { traceEvents } = JSON.parse(readFileSync(join(outputTraceDir, "trace-rank0.json"), "utf8")) as {
      traceEvents: { name: string; ph: string; tid: number; ts: number; dur: number }[];
    };
    const spans = traceEvents.filter(({ ph }) => ph === "X");
    const steps = spans.filter(({ tid }) => tid === 0);
    assert.equal(steps.length, 2);
    const graphs = spans.filter(({ tid }) => tid === 1);
    const nodes = spans.filter(({ tid }) => tid === 2);
    assert.equal(graphs.length, 2);
    assert.ok(nodes.some(({ name }) => name.startsWith("layers.0/")) && nodes.some(({ name }) => name.startsWith("backward/layers.1/")));
    // Each node lies in the run that it belongs to, to a millisecond.
    for (const node of nodes)
      assert.ok(
        graphs.some(({ ts, dur }) => node.ts >= ts - 1000 && node.ts + node.dur <= ts + dur + 1000),
        node.name,
      );
  });

  test("that begins behind the program's last step measures nothing", async () => {
    const outputTraceDir = join(folder, "none");
    assert.deepEqual(await train({ steps: 2, skipFirst: 50, active: 2, outputTraceDir }), []);
    assert.ok(!existsSync(outputTraceDir));
  });

  test("is not mixed with what an ended program left in the folder", async () => {
    const outputTraceDir = join(folder, "left");
    mkdirSync(outputTraceDir);
    for (const number of [0, 1, 2, 3]) writeFileSync(join(outputTraceDir, `.nodes-rank0-${number}_2020-01-01_00-00-00_000.json`), "[");
    const reports = await train({ steps: 5, skipFirst: 1, active: 2, outputTraceDir });
    assert.equal(reports.length, 1);
    assert.deepEqual(readdirSync(outputTraceDir), ["trace-rank0.json"]);
  });

  test("says which folder it cannot write to", async () => {
    const file = join(folder, "a-file");
    writeFileSync(file, "");
    await assert.rejects(train({ steps: 3, skipFirst: 1, active: 1, outputTraceDir: join(file, "traces") }), {
      code: "ERR_PROFILE_WRITE",
      message: /a-file.traces \(ENOTDIR\): a part of the path is a file, give another place/,
    });
  });

  test("refuses a folder and a function that are none", () => {
    assert.throws(() => new Accelerator({ profile: { outputTraceDir: "" } }), /outputTraceDir is "": give the name of a folder/);
    assert.throws(() => new Accelerator({ profile: { onTraceReady: 5 as never } }), /onTraceReady is 5: give a function/);
  });

  test("refuses numbers of steps that are none", () => {
    assert.throws(() => new Accelerator({ profile: { active: 0 } }), /profile: active is 0/);
    assert.throws(() => new Accelerator({ profile: { skipFirst: -1 } }), /profile: skipFirst is -1/);
  });
});

test("a node belongs to the part of the model whose path it carries", () => {
  assert.equal(layerOf("bert.encoder.layer.3.attention.self/FusedMatMul"), "bert.encoder.layer.3");
  assert.equal(layerOf("backward/bert.encoder.layer.3.output.dense/FusedMatMul/MatMul"), "bert.encoder.layer.3");
  assert.equal(layerOf("bert.embeddings.word_embeddings/Gather"), "bert.embeddings");
  assert.equal(layerOf("classifier/Add"), "classifier");
  assert.equal(layerOf("LogSoftmax"), "(loss and others)");
  assert.equal(layerOf("backward/LogSoftmax/Exp"), "(loss and others)");
});

test("operations are counted by the sizes of the tensors, whatever is transposed", () => {
  const f = (...shape: number[]) => ({ shape, bytesPerElement: 4 });
  assert.equal(opCost("MatMul", [f(8, 4), f(4, 2)], [f(8, 2)]).flops, 2 * 8 * 4 * 2);
  assert.equal(opCost("FusedMatMul", [f(4, 8), f(4, 2)], [f(8, 2)]).flops, 2 * 8 * 4 * 2);
  assert.equal(opCost("FusedMatMul", [f(5, 3, 8, 4), f(5, 3, 2, 4)], [f(5, 3, 8, 2)]).flops, 2 * 15 * 8 * 4 * 2);
  assert.equal(opCost("Conv", [f(1, 3, 8, 8), f(6, 3, 3, 3)], [f(1, 6, 6, 6)]).flops, 2 * 6 * 36 * 27);
  assert.deepEqual(opCost("Reshape", [f(8, 4)], [f(32)]), { flops: 0, bytes: 0 });
  assert.deepEqual(opCost("Add", [f(8, 4), f(4)], [f(8, 4)]), { flops: 32, bytes: (32 + 4 + 32) * 4 });
});
