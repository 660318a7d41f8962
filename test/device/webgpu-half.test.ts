// What a WebGPU adapter tells of itself: its name, and whether it computes in float16. One that does trains in fp16; another says so by name.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { Accelerator } from "../../src/accelerator/index.js";
import { Linear } from "../../src/nn/index.js";
import { SGD } from "../../src/optim/index.js";
import { computesHalf } from "../../src/tensor/half-probe.js";
import { defaultExecutor, fromData, setSeed } from "../../src/tensor/index.js";
import { testDevices } from "../support/devices.js";

const [{ device, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];

/** Losses of three steps. */
async function train(mixedPrecision: "no" | "fp16"): Promise<number[]> {
  await using accelerator = new Accelerator({ device, mixedPrecision, gradScaler: { initScale: 128 } });
  setSeed(5);
  const model = new Linear(6, 4);
  const optimizer = new SGD(model.parameters(), { lr: 0.1 });
  await accelerator.prepare(model, optimizer);
  const x = fromData(
    Float32Array.from({ length: 18 }, (_, i) => Math.sin(i)),
    [3, 6],
  );
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    const y = model(x);
    const loss = y.mul(y).mean();
    await accelerator.backward(loss);
    await optimizer.step();
    optimizer.zeroGrad();
    losses.push(await loss.item());
  }
  return losses;
}

suite("A WebGPU adapter", { skip }, () => {
  test("is called by its name, and computes in float16 or says that it does not", async () => {
    const exact = await train("no");
    const context = (await defaultExecutor().open())!;
    if (process.platform === "linux") assert.notEqual(context.name, "WebGPU");
    if (await computesHalf(context)) {
      const found = await train("fp16");
      for (const [i, loss] of found.entries()) assert.ok(Math.abs(loss - exact[i]!) < 5e-3 * Math.abs(exact[i]!), `${found} instead of ${exact}`);
    } else {
      await assert.rejects(train("fp16"), (error: Error & { code: string }) => {
        assert.equal(error.code, "ERR_DEVICE_PRECISION");
        assert.ok(error.message.includes(context.name), error.message);
        return true;
      });
      // The answer has cost nothing: it goes on in float32.
      assert.deepEqual(await train("no"), exact);
    }
  });
});
