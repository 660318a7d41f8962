// Whole training steps on WebGPU: every node of a lowered graph has a kernel there. Their numbers are in webgpu-training.test.ts.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { toOnnx } from "../../src/graph/onnx/write.js";
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
