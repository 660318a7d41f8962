// Gradients on WebGPU where the functions of its shading language are too inexact for training.
import { suite, test } from "node:test";
import { Engine } from "../../src/runtime/index.js";
import { testDevices } from "../support/devices.js";
import { assertNear, bare, losses, lowered, numbersOf } from "./lowered.js";

const [{ device: place, skip }] = (await testDevices(["webgpu"])) as [Awaited<ReturnType<typeof testDevices>>[number]];

suite("on WebGPU gradients are the processor's", { skip }, () => {
  test("gradients of a Llama, whose queries and keys are turned by them", async () => {
    await using device = await Engine.default().openDevice(place);
    const loss = await losses["the file llama"]!();
    const [own, there] = [lowered(loss), lowered(loss, { target: bare("webgpu") })];
    const names = ["the loss", ...own.gradients.map((i) => own.plan.parameters[i]!.name)];
    assertNear(await numbersOf(there, there.plan, device), await numbersOf(own, own.plan), names);
  });
});
