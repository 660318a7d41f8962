// Whole training steps on WebGPU: every node of a lowered graph has a kernel there. Their numbers are in webgpu-training.test.ts.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Builder } from "../../src/graph/builder.js";
import { Graph } from "../../src/graph/graph.js";
import { toOnnx } from "../../src/graph/onnx/write.js";
import { lowerFor } from "../../src/graph/passes/lower/index.js";
import { Engine } from "../../src/runtime/index.js";
import { testDevices } from "../support/devices.js";
import { bare, losses, lowered } from "./lowered.js";

const [{ device: place, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];

suite("on WebGPU nothing is left to the host", { skip }, () => {
  for (const [name, lossOf] of Object.entries(losses)) {
    test(name, async () => {
      const engine = Engine.default();
      await using device = await engine.openDevice(place);
      const { graph } = lowered(await lossOf(), { target: bare("webgpu") });
      await using session = await engine.createSession(toOnnx(graph), { device, hostNodes: "refuse" });
      const providers = new Set(session.placement.map(({ provider }) => provider));
      assert.deepEqual([...providers], ["WebGpuExecutionProvider"]);
    });
  }
});

/** Elements from -limit to limit, in no order. */
const spread = (limit: number): Float32Array => Float32Array.from({ length: 4096 }, (_, i) => limit * (2 * ((i * 0.6180339887498949) % 1) - 1));

suite("on WebGPU numbers are as exact as elsewhere", { skip }, () => {
  test("sines and cosines, whose own in WGSL are not", async () => {
    await using device = await Engine.default().openDevice(place);
    for (const limit of [3.2, 8000]) {
      const x = spread(limit);
      const graph = new Graph();
      const b = new Builder(graph);
      const input = graph.input("x", "float32", [x.length]);
      for (const op of ["Sin", "Cos"]) graph.output(b.unary(op, input));
      lowerFor(graph, bare("webgpu"));
      await using session = await Engine.default().createSession(toOnnx(graph), { device, hostNodes: "refuse" });
      const binding = session.createBinding();
      binding.bindInput(0, x, [x.length]);
      const found = [x.slice(), x.slice()];
      for (const [i, data] of found.entries()) binding.bindOutput(i, data, [x.length]);
      await binding.run();
      for (const [i, exact] of [Math.sin, Math.cos].entries())
        for (const [k, value] of x.entries()) assert.ok(Math.abs(found[i]![k]! - exact(value)) < 1.5e-7, `${exact.name}(${value}) is ${found[i]![k]}`);
    }
  });
});
